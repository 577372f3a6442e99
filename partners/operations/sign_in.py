"""The record of members who sign in, fail to, sign out, and change how they sign in."""

from collections.abc import Mapping

from allauth.account.internal.userkit import filter_users_by_email
from django.db import transaction

import audit.operations as audit
from partners import tenancy
from partners.models import Member, Tries
from partners.operations.tries import (
    Attempt,
    TooManyTries,
    begin_attempt,
    clear_attempt,
    count_one,
    fail_attempt,
    record_failure,
)

# Wrong codes of a second factor until allauth takes no more: settings.ACCOUNT_RATE_LIMITS.
MAX_FACTOR = 5


def begin_member_attempt(*, email: str, browser: tuple[str, str], session: str = "") -> Attempt:
    """
    Count a member's try with a password, before it is looked at.

    :param browser: the member's id and the browser's, where one has signed in there before.
    :param session: the session, where the member is signed in and is asked once more.
    :raises TooManyTries: beyond a limit; where that locks the account, it is on record.
    """
    member = find_by_email(email)
    if member is None:
        return begin_attempt(("member", email.lower()), around={})
    known, own = browser
    is_known = known == str(member.pk)
    try:
        return begin_attempt(
            ("member", member.pk, member.password),
            browser=session or (own if is_known else ""),
            around={"partner": member.partner_id},
        )
    except TooManyTries as error:
        if error.is_new:
            _record_failure("member.locked_out", member, {"everywhere": True})
        raise


def fail_member_attempt(*, attempt: Attempt, email: str) -> None:
    """Count a wrong password and record the first and the last; of unknown accounts, nothing."""
    fail_attempt(attempt)
    member = find_by_email(email)
    if member is None:
        return
    if attempt.number == 1:
        _record_failure("member.sign_in_failed", member, {})
    if attempt.is_last:
        _record_failure("member.locked_out", member, {"failed": attempt.number})


def succeed_member_attempt(*, attempt: Attempt) -> None:
    """Forget the wrong tries before the right password."""
    clear_attempt(attempt)


def fail_factor(*, member: Member) -> None:
    """Count a wrong code of a second factor, and record the first and the last."""
    number = count_one(Tries.key_of("factor", member.pk))
    if number == 1:
        _record_failure("member.sign_in_failed", member, {"way": "factor"})
    if number == MAX_FACTOR:
        _record_failure("member.locked_out", member, {"way": "factor", "failed": number})


def record_own(action: str, *, member: Member, after: Mapping = audit.NOTHING) -> None:
    """Record what a member did about their own sign-in, in the transaction of the caller if any."""
    with tenancy.tenant(member.partner_id), transaction.atomic():
        subject = audit.Subject(member.pk, member.name, after=after)
        audit.record(action, subject=subject, by=member)


def change_password(*, member: Member, password: str, is_recovered: bool) -> None:
    """Give the member a new password, typed after the old one or behind a link in a mail."""
    action = "member.password_recovered" if is_recovered else "member.password_changed"
    with transaction.atomic():
        member.set_password(password)
        member.save(update_fields=["password"])
        record_own(action, member=member)


def find_by_email(email: str) -> Member | None:
    """The active member with this address, at any partner."""
    # The same look-up as that of allauth's backend, or the limits would be of another account.
    found = filter_users_by_email(email, is_active=True, prefer_verified=True, for_login=True)
    return found[0] if found else None


def _record_failure(action: str, member: Member, after: Mapping) -> None:
    with tenancy.tenant(member.partner_id), transaction.atomic():
        record_failure(
            action,
            subject=audit.Subject(member.pk, member.name, after=after),
            around=audit.Subject(member.partner_id, member.partner.name),
            too_many="partner.sign_ins_attacked",
            by=audit.System(member.partner_id),
        )
