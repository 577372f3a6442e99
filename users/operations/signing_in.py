"""A user at /my/: signing in, going on, choosing a password, signing out."""

import functools
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners import tenancy
from users import names, passwords
from users.models import CustomerUser, UserSession
from users.queries import get_home_of_domain

from .batches import UsersError

TRIES = 5
TRIES_WITHIN = timedelta(minutes=15)
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
# So often at most it is written down that a session is in use.
SEEN_EVERY = timedelta(minutes=1)


class WrongPassword(UsersError):
    """No such user, a wrong password, or too many of them: one answer, which gives nothing away."""

    message = _(
        "The user name or the password is wrong. After five wrong tries, signing in is stopped"
        " for a quarter of an hour."
    )


class PasswordExpired(UsersError):
    """It is the right temporary password, but its time is over."""

    message = _(
        "This temporary password has expired. Ask your administrator to reset your password."
    )


class SignInBlocked(UsersError):
    """It is the right password, but the user may not sign in."""

    message = _("Signing in is blocked for you. Ask your administrator.")


class SignedOut(UsersError):
    """There is no such session, its time is over, or its user may not go on."""

    message = _("You have been signed out. Sign in again.")


class PasswordRefused(UsersError):
    """The password that the user wants is not good enough; `problems` says why."""

    def __init__(self, problems: list):
        super().__init__()
        self.problems = problems


@dataclass(frozen=True)
class SignedIn:
    """A session that has just begun; only its token's hash is stored."""

    partner_id: UUID
    token: str


def sign_in(*, user_name: str, password: str, old_token: str = "") -> SignedIn:
    """
    Begin a session for the user of this name and password, and end the browser's old one.

    The try is counted and committed before the password is looked at, so that guesses in
    parallel cannot exceed the limit. Whoever is refused costs the same work.

    :raises WrongPassword: where any of it is wrong, or it was wrong too often.
    :raises PasswordExpired: where the right temporary password came too late.
    :raises SignInBlocked: where the right password is a blocked user's.
    """
    local, domain = names.split_user_name(user_name.strip())
    home = get_home_of_domain(_as_stored(domain))
    if home is None:
        _is_right(password, "", "")
        raise WrongPassword
    partner_id, customer_id = home
    with tenancy.tenant(partner_id):
        counted = _count_try(
            "customer_id = %s AND user_name = %s", [customer_id, f"{local}@{_as_stored(domain)}"]
        )
        # A row that was never read: the work is done all the same.
        pk, stored, state, tries = counted or (None, "", "", 0)
        if not _is_right(password, stored, state) or tries > TRIES:
            raise WrongPassword
        with transaction.atomic():
            user = CustomerUser.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
            return _begin(user, stored, old_token)


def _begin(user: CustomerUser, verified: str, old_token: str) -> SignedIn:
    # Between the look at the password and the lock, it may have been reset.
    if user.password != verified or user.deleted_at:
        raise WrongPassword
    if user.is_blocked:
        raise SignInBlocked
    if _is_expired(user):
        raise PasswordExpired
    CustomerUser.objects.filter(pk=user.pk).update(
        tries=0, tries_since=None, signed_in_at=timezone.now()
    )
    UserSession.objects.filter(token_hash=_hash(old_token)).delete()
    UserSession.objects.filter(user=user, created_at__lte=timezone.now() - LONGEST).delete()
    return _open_session(user)


def _as_stored(domain: str) -> str:
    """A domain as the customers' domains are written: its A-label."""
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def _count_try(where: str, parameters: list) -> tuple | None:
    """Count a try of the active user and read what to verify, in one committed statement."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {CustomerUser._meta.db_table} SET
                tries = CASE WHEN tries_since > %s THEN least(tries + 1, 100) ELSE 1 END,
                tries_since = CASE WHEN tries_since > %s THEN tries_since ELSE %s END
            WHERE {where} AND deleted_at IS NULL
            RETURNING id, password, password_state, tries
            """,
            [timezone.now() - TRIES_WITHIN] * 2 + [timezone.now(), *parameters],
        )
        return cursor.fetchone()


def _is_right(password: str, stored: str, state: str) -> bool:
    """Whether it is the password; one keyed and one slow hash whatever it is, or if it is none."""
    is_temporary = state == CustomerUser.PasswordState.TEMPORARY
    is_chosen = state == CustomerUser.PasswordState.CHOSEN
    temporary = passwords.verify_temporary(password, stored if is_temporary else "")
    chosen = passwords.verify_chosen(password[:256], stored if is_chosen else _nobodys_hash())
    return (is_temporary and temporary) or (is_chosen and chosen and len(password) <= 256)


@functools.cache
def _nobodys_hash() -> str:
    return passwords.hash_chosen(secrets.token_urlsafe(32))


def _is_expired(user: CustomerUser) -> bool:
    return (
        user.password_state == CustomerUser.PasswordState.TEMPORARY
        and user.password_expires_at <= timezone.now()
    )


def _open_session(user: CustomerUser) -> SignedIn:
    token = secrets.token_urlsafe(32)
    UserSession.objects.create(user=user, customer_id=user.customer_id, token_hash=_hash(token))
    return SignedIn(user.partner_id, token)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@transaction.atomic
def continue_session(*, token: str) -> UserSession:
    """
    Let the user of this session go on, and note that it is in use.

    :raises SignedOut: half an hour after it was last used, twelve hours after it began, and at
        once where its user was blocked or deleted or holds an expired temporary password.
    """
    now = timezone.now()
    session = (
        UserSession.objects.select_related("user", "customer")
        .filter(
            token_hash=_hash(token),
            seen_at__gt=now - IDLE,
            created_at__gt=now - LONGEST,
            user__deleted_at=None,
            user__is_blocked=False,
        )
        .first()
    )
    if session is None or _is_expired(session.user):
        raise SignedOut
    if session.seen_at < now - SEEN_EVERY:
        UserSession.objects.filter(pk=session.pk).update(seen_at=now)
    return session


def choose_password(*, session: UserSession, password: str, current: str = "") -> SignedIn:
    """
    Replace the user's password by one of their choice, and end all their sessions but a new one.

    Who has chosen one before proves it by typing it; that counts as a try.

    :raises WrongPassword: where `current` is wrong, or was wrong too often.
    :raises PasswordRefused: where the password is not good enough; nothing has changed.
    :raises SignedOut: where the password was reset, or the user blocked, a moment ago.
    """
    user = session.user
    if user.password_state == CustomerUser.PasswordState.CHOSEN:
        _prove(user, current)
    problems = passwords.check_chosen(
        password,
        user_name=user.user_name,
        names=[user.first_name, user.last_name, user.display_name],
        temporary_hash=user.password,
    )
    if problems:
        raise PasswordRefused(problems)
    return _replace_password(session, passwords.hash_chosen(password))


def _prove(user: CustomerUser, current: str) -> None:
    counted = _count_try("id = %s", [user.pk])
    pk, stored, state, tries = counted or (None, "", "", 0)
    if not _is_right(current, stored, state) or tries > TRIES:
        raise WrongPassword(
            _("The present password is wrong. After five wrong tries, wait a quarter of an hour.")
        )


@transaction.atomic
def _replace_password(session: UserSession, hashed: str) -> SignedIn:
    user = CustomerUser.objects.select_for_update(of=("self",), no_key=True).get(pk=session.user_id)
    # A reset replaces the password and ends the sessions; whoever is second must not undo it.
    is_open = UserSession.objects.filter(pk=session.pk).exists()
    if not is_open or user.deleted_at or user.is_blocked or _is_expired(user):
        raise SignedOut
    CustomerUser.objects.filter(pk=user.pk).update(
        password=hashed,
        password_state=CustomerUser.PasswordState.CHOSEN,
        password_expires_at=None,
        password_batch=None,
        tries=0,
        tries_since=None,
    )
    UserSession.objects.filter(user=user).delete()
    audit.record(
        "user.password_chosen",
        subject=audit.Subject(user.pk, user.user_name),
        customer_id=user.customer_id,
        by=audit.System(user.partner_id, name=user.user_name),
    )
    return _open_session(user)


@transaction.atomic
def sign_out(*, session: UserSession) -> None:
    """End the session; its cookie is worth nothing from now on."""
    UserSession.objects.filter(pk=session.pk).delete()
