"""Creates partners."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

import audit.operations as audit
from partners import names, queries, tenancy
from partners.errors import Refusal
from partners.models import Member, Partner
from partners.operations.invitations import Invited, write_invitation
from partners.operations.members import record
from partners.roles import Role

# Only the owner of the tables can create partners.
OWNER_CONNECTION = "owner"


@dataclass(frozen=True)
class Created:
    partner: Partner
    owner: Invited


def create_partner(*, name: str, slug: str, email: str) -> Created:
    """
    Create a partner, and invite its first owner without mailing the invitation.

    For the operator: it needs the connection of the tables' owner. For an existing partner of these
    names without members, only a new invitation is made.

    :raises Refusal: if the slug or the address is taken or invalid.
    """
    name = names.clean_text(name)
    partner = queries.get_deserted_partner(name=name, slug=slug)
    is_new = partner is None
    partner = partner or Partner(name=name, slug=slug)
    owner = Member(email=email.lower(), name=email, role=Role.OWNER)
    try:
        partner.full_clean()
        owner.full_clean(exclude=["partner", "password", "name"])
    except ValidationError as error:
        raise Refusal(" ".join(error.messages)) from error
    if is_new:
        with transaction.atomic(using=OWNER_CONNECTION):
            partner.save(using=OWNER_CONNECTION, force_insert=True)
    by = audit.System(partner.pk)
    with tenancy.tenant(partner.pk), transaction.atomic():
        queries.find_invitations(partner_id=partner.pk).update(withdrawn_at=timezone.now())
        if is_new:
            record("partner.created", partner.pk, partner.name, after={"owner": owner.email}, by=by)
        invited = write_invitation(owner.email, Role.OWNER, is_limited=False, by=by)
    return Created(partner, invited)
