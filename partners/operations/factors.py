"""Resets lost second factors."""

from functools import partial

from django.db import transaction

import audit.operations as audit
from partners import mails, queries, tenancy
from partners.errors import Refusal
from partners.models import Member
from partners.operations.members import (
    lock_member,
    record,
    refuse_oneself,
    require_reach,
)


@transaction.atomic
def reset_factor(*, member: Member, by: Member) -> Member:
    """
    Remove all second factors of the member, recovery codes included, and end all their sessions.

    The member gets a mail.

    :raises OwnRights: if it is the member themselves.
    :raises BeyondOwnRights: if the member sees customers that `by` does not see.
    """
    member, _owners = lock_member(member, by)
    refuse_oneself(member, by)
    require_reach(member, by)
    return _reset(member, by)


def reset_factor_by_operator(*, email: str) -> Member:
    """
    Do the same for a partner's only owner; for the operator.

    :raises Refusal: if no member has this address.
    """
    member = queries.get_member_by_address(email)
    if member is None:
        raise Refusal(f"No member has the address {email}.")
    with tenancy.tenant(member.partner_id), transaction.atomic():
        return _reset(member, audit.System(member.partner_id))


def _reset(member: Member, by: audit.Actor) -> Member:
    removed, _by_table = member.authenticator_set.all().delete()
    if not removed:
        return member
    member.session_number += 1
    member.save(update_fields=["session_number"])
    record("member.factor_reset", member.pk, member.name, by=by)
    letter = mails.write_notice(member, "factor_reset")
    transaction.on_commit(partial(mails.send, letter), robust=True)
    return member
