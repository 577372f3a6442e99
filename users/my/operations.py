"""What users do at /my/: sign in, choose a password, sign out."""

import functools
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import UsersError
from partners import hashers, tenancy
from partners.models import Tries
from partners.operations import tries
from users import passwords
from users.models import CustomerUser, UserSession
from users.my.routes import get_home_of_domain
from users.queries.failures import FAILURES_WITHIN, failures_of
from users.rules import names

IDLE = timedelta(minutes=30)
MAX_AGE = timedelta(hours=12)
# The use of a session is recorded no more often than this.
TOUCH_INTERVAL = timedelta(minutes=1)


class WrongPassword(UsersError):
    """No such user, a wrong password, or too many of them: one answer, which reveals nothing."""

    message = _(
        "Wrong user name or password. After 5 wrong attempts, you can’t sign in for 15 minutes."
    )


class TooBusy(UsersError):
    """More passwords are being checked than a process takes on at once; nothing was done."""

    message = hashers.Busy.message


class PasswordExpired(UsersError):
    """The right temporary password, after its time."""

    reason = "expired"
    message = _(
        "This temporary password has expired. Ask your administrator to reset your password."
    )


class SignInBlocked(UsersError):
    """The right password of a blocked user."""

    reason = "blocked"
    message = _("Your account is blocked. Contact your administrator.")


class SignedOut(UsersError):
    """There is no such session, its time is over, or its user is blocked, deleted or expired."""

    message = _("You have been signed out. Sign in again.")


class PasswordRefused(UsersError):
    """The new password is not good enough, for the reasons in `problems`."""

    def __init__(self, problems: list):
        super().__init__()
        self.problems = problems


@dataclass(frozen=True)
class SignedIn:
    """A new session; only the hash of its token is stored."""

    partner_id: UUID
    user_id: UUID
    token: str


def sign_in(
    *,
    user_name: str,
    password: str,
    old_token: str = "",
    browser: tuple[str, str] = ("", ""),
) -> SignedIn:
    """
    Begin a session for the user of this name and password, and end the browser's old one.

    The attempt is counted and committed before the password is checked, so that parallel guesses
    cannot exceed the limits. What the limits refuse is not hashed; anything else costs the same
    work, also where there is no such user.

    :param browser: the user's id and the browser's, where a user has signed in there before.
    :raises WrongPassword: where any of it is wrong, or it was wrong too often.
    :raises PasswordExpired: where the right temporary password has expired.
    :raises SignInBlocked: where the user is blocked, and the password right.
    :raises TooBusy: where too many passwords are being checked; the attempt has not counted.
    """
    local, domain = names.split_user_name(user_name.strip())
    with suppress(UnicodeError):
        # Customers' domains are stored as A-labels.
        domain = domain.encode("idna").decode("ascii")
    name, home = f"{local}@{domain}", get_home_of_domain(domain)
    if home is None:
        _try_unknown(name, password)
        raise WrongPassword
    partner_id, customer_id = home
    with tenancy.tenant(partner_id):
        with transaction.atomic():
            found = CustomerUser.objects.filter(user_name=name, deleted_at=None)
            user = found.filter(customer=customer_id).select_related("customer").first()
        if user is None:
            _try_unknown(name, password, customer=customer_id)
            raise WrongPassword
        attempt = _begin_attempt(user, "sign-in", browser[1] if browser[0] == str(user.pk) else "")
        _check(user, password, attempt)
        try:
            return _begin(user, old_token, attempt)
        except (SignInBlocked, PasswordExpired) as error:
            if attempt.number == 1:
                _record_failure("user.sign_in_failed", user, {"reason": error.reason})
            raise


@transaction.atomic
def _begin(found: CustomerUser, old_token: str, attempt: tries.Attempt) -> SignedIn:
    user = CustomerUser.objects.select_for_update(of=("self",), no_key=True).get(pk=found.pk)
    # Since the password was checked, it may have been reset.
    if user.password != found.password or user.deleted_at:
        raise WrongPassword
    tries.clear_attempt(attempt)
    if user.is_blocked:
        raise SignInBlocked
    if _is_expired(user):
        raise PasswordExpired
    CustomerUser.objects.filter(pk=user.pk).update(locked_until=None, signed_in_at=timezone.now())
    UserSession.objects.filter(token_hash=_hash(old_token)).delete()
    UserSession.objects.filter(user=user, created_at__lte=timezone.now() - MAX_AGE).delete()
    failed = {"failed": attempt.number - 1} if attempt.number > 1 else {}
    _record("user.signed_in", user, after=failed)
    return _open_session(user)


def _record(action: str, user: CustomerUser, after: dict | None = None) -> None:
    audit.record(
        action,
        subject=audit.Subject(user.pk, user.user_name, after=after or {}),
        customer_id=user.customer_id,
        by=audit.System(user.partner_id, name=user.user_name),
    )


def _try_unknown(name: str, password: str, **around: UUID) -> None:
    """Count and work as for an existing user, against a random password."""
    try:
        attempt = tries.begin_attempt(("user", name), around=around)
    except tries.TooManyTries:
        return
    _hash_within(attempt, password, "", "")
    tries.fail_attempt(attempt)


def _begin_attempt(user: CustomerUser, way: str, browser: str) -> tries.Attempt:
    """Count an attempt of this user; record where that locks the user everywhere."""
    try:
        return tries.begin_attempt(
            ("user", way, user.pk, user.password),
            browser=browser,
            around={"customer": user.customer_id},
        )
    except tries.TooManyTries as error:
        if error.is_new:
            _record_failure("user.locked_out", user, {"everywhere": True})
        raise WrongPassword from error


def _check(user: CustomerUser, password: str, attempt: tries.Attempt, **way: str) -> None:
    """
    Check a password after its attempt was counted; record the first and the last wrong one.

    :raises WrongPassword: where it is wrong.
    """
    if _hash_within(attempt, password, user.password, user.password_state):
        return
    tries.fail_attempt(attempt)
    tries.count_one(Tries.key_of(*failures_of(user.customer_id)), within=FAILURES_WITHIN)
    if attempt.number == 1:
        _record_failure("user.sign_in_failed", user, way)
    if attempt.is_last:
        _record_failure("user.locked_out", user, {**way, "failed": attempt.number})
    raise WrongPassword


def _hash_within(attempt: tries.Attempt, password: str, stored: str, state: str) -> bool:
    try:
        with hashers.without_waiting(attempt.is_suspicious):
            return _is_right(password, stored, state)
    except hashers.Busy as error:
        tries.withdraw_attempt(attempt)
        raise TooBusy from error


@transaction.atomic
def _record_failure(action: str, user: CustomerUser, after: dict) -> None:
    if action == "user.locked_out":
        CustomerUser.objects.filter(pk=user.pk).update(locked_until=timezone.now() + tries.WITHIN)
    tries.record_failure(
        action,
        subject=audit.Subject(user.pk, user.user_name, after=after),
        around=audit.Subject(user.customer_id, user.customer.name),
        too_many="customer.sign_ins_attacked",
        customer_id=user.customer_id,
        # Not known to be the user.
        by=audit.System(user.partner_id),
    )


def _is_right(password: str, stored: str, state: str) -> bool:
    """Whether it is the password; one keyed and one slow hash, also where there is no password."""
    is_temporary = state == CustomerUser.PasswordState.TEMPORARY
    is_chosen = state == CustomerUser.PasswordState.CHOSEN
    temporary = passwords.verify_temporary(password, stored if is_temporary else "")
    chosen = passwords.verify_chosen(password[:256], stored if is_chosen else _unused_hash())
    return (is_temporary and temporary) or (is_chosen and chosen and len(password) <= 256)


@functools.cache
def _unused_hash() -> str:
    return passwords.hash_chosen(secrets.token_urlsafe(32))


def _is_expired(user: CustomerUser) -> bool:
    return (
        user.password_state == CustomerUser.PasswordState.TEMPORARY
        and user.password_expires_at <= timezone.now()
    )


def _open_session(user: CustomerUser) -> SignedIn:
    token = secrets.token_urlsafe(32)
    UserSession.objects.create(user=user, customer_id=user.customer_id, token_hash=_hash(token))
    return SignedIn(user.partner_id, user.pk, token)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@transaction.atomic
def continue_session(*, token: str) -> UserSession:
    """
    Return the session, and record that it is in use.

    :raises SignedOut: half an hour after it was last used, twelve hours after it began, and at
        once where its user was blocked or deleted or has an expired temporary password.
    """
    now = timezone.now()
    session = (
        UserSession.objects.select_related("user", "customer")
        .filter(
            token_hash=_hash(token),
            seen_at__gt=now - IDLE,
            created_at__gt=now - MAX_AGE,
            user__deleted_at=None,
            user__is_blocked=False,
        )
        .first()
    )
    if session is None or _is_expired(session.user):
        raise SignedOut
    if session.seen_at < now - TOUCH_INTERVAL:
        UserSession.objects.filter(pk=session.pk).update(seen_at=now)
    return session


def choose_password(*, session: UserSession, password: str, current: str = "") -> SignedIn:
    """
    Replace the user's password by a chosen one, end all sessions, and begin a new one.

    :param current: the password so far, unless it is temporary; it counts as an attempt.
    :raises WrongPassword: where `current` is wrong, or was wrong too often.
    :raises PasswordRefused: where the password is not good enough; nothing has changed.
    :raises SignedOut: where the password was reset or the user blocked meanwhile.
    :raises TooBusy: where too many passwords are being checked.
    """
    user = session.user
    if user.password_state == CustomerUser.PasswordState.CHOSEN:
        _require_current(session, current)
    problems = passwords.check_chosen(
        password,
        user_name=user.user_name,
        names=[user.first_name, user.last_name, user.display_name],
        temporary_hash=user.password,
    )
    if problems:
        raise PasswordRefused(problems)
    try:
        hashed = passwords.hash_chosen(password)
    except hashers.Busy as error:
        raise TooBusy from error
    return _replace_password(session, hashed)


def _require_current(session: UserSession, current: str) -> None:
    # It may have been reset since the session was read.
    user = CustomerUser.objects.select_related("customer").get(pk=session.user_id)
    try:
        attempt = _begin_attempt(user, "change", str(session.pk))
        _check(user, current, attempt, way="change")
    except WrongPassword as error:
        raise WrongPassword(
            _("Wrong current password. After 5 wrong attempts, wait 15 minutes.")
        ) from error
    tries.clear_attempt(attempt)


@transaction.atomic
def _replace_password(session: UserSession, hashed: str) -> SignedIn:
    user = CustomerUser.objects.select_for_update(of=("self",), no_key=True).get(pk=session.user_id)
    # A reset replaces the password and ends the sessions; this must not undo it.
    is_open = UserSession.objects.filter(pk=session.pk).exists()
    if not is_open or user.deleted_at or user.is_blocked or _is_expired(user):
        raise SignedOut
    CustomerUser.objects.filter(pk=user.pk).update(
        password=hashed,
        password_state=CustomerUser.PasswordState.CHOSEN,
        password_expires_at=None,
        password_batch=None,
        locked_until=None,
    )
    UserSession.objects.filter(user=user).delete()
    _record("user.password_chosen", user)
    return _open_session(user)


@transaction.atomic
def sign_out(*, session: UserSession) -> None:
    UserSession.objects.filter(pk=session.pk).delete()
    _record("user.signed_out", session.user)


@transaction.atomic
def delete_old_sessions() -> None:
    """Delete the ended sessions of this tenant's users."""
    now = timezone.now()
    over = Q(seen_at__lte=now - IDLE) | Q(created_at__lte=now - MAX_AGE)
    UserSession.objects.filter(over).delete()
