"""Counts and records sign-ins of members, and changes of their passwords."""

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
    count_one,
    fail_attempt,
    record_failure,
)

# Wrong codes of a second factor until allauth locks it: settings.ACCOUNT_RATE_LIMITS.
MAX_FACTOR_TRIES = 5


def begin_member_attempt(*, email: str, browser: tuple[str, str], session: str = "") -> Attempt:
    """
    Count a member's try before the password is checked.

    :param browser: ids of the account that signed in with this browser before, and of the browser.
    :param session: the session of a signed-in member, for another proof of identity.
    :raises TooManyTries: beyond a limit; a lock of the account is recorded.
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
    """Count a wrong password; record the first and the last, but none of unknown accounts."""
    fail_attempt(attempt)
    member = find_by_email(email)
    if member is None:
        return
    if attempt.number == 1:
        _record_failure("member.sign_in_failed", member, {})
    if attempt.is_last:
        _record_failure("member.locked_out", member, {"failed": attempt.number})


def fail_factor(*, member: Member) -> None:
    """Count a wrong code of a second factor, and record the first and the last."""
    number = count_one(Tries.key_of("factor", member.pk))
    if number == 1:
        _record_failure("member.sign_in_failed", member, {"way": "factor"})
    if number == MAX_FACTOR_TRIES:
        _record_failure("member.locked_out", member, {"way": "factor", "failed": number})


def record_own(action: str, *, member: Member, after: Mapping = audit.NOTHING) -> None:
    """Record an action of a member on their own account; joins the caller's transaction."""
    with tenancy.tenant(member.partner_id), transaction.atomic():
        subject = audit.Subject(member.pk, member.name, after=after)
        audit.record(action, subject=subject, by=member)


def change_password(*, member: Member, password: str, is_recovered: bool) -> None:
    """
    Replace the member's password.

    :param is_recovered: whether it was chosen with a mailed link, without the old one.
    """
    action = "member.password_recovered" if is_recovered else "member.password_changed"
    with transaction.atomic():
        member.set_password(password)
        member.save(update_fields=["password"])
        record_own(action, member=member)


def find_by_email(email: str) -> Member | None:
    """The active member with this address, at any partner."""
    # The same look-up as in allauth's backend: the limits must be those of the same account.
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
