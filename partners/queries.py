"""Reads members and invitations."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from partners.models import Invitation, Member, Partner, Tries
from partners.postgres import call_function

FACTORS = {
    Authenticator.Type.TOTP: _("Authenticator app"),
    Authenticator.Type.WEBAUTHN: _("Security key"),
}


def find_members(*, partner_id: UUID) -> QuerySet[Member]:
    """The partner's members; use it always, because their table has no row security."""
    return Member.objects.filter(partner_id=partner_id)


def is_address_taken(email: str) -> bool:
    """Whether a member of any partner signs in with this address; no page may reveal it."""
    return Member.objects.filter(email=email.lower()).exists()


def get_member_by_address(email: str) -> Member | None:
    """The member of any partner with this address; for the operator."""
    return Member.objects.filter(email=email.lower()).first()


def is_within_reach(member: Member, *, by: Member) -> bool:
    """Whether `by` sees every customer that the member sees."""
    if not by.is_limited:
        return True
    # `scopes` are rows of the customers app above.
    unseen = member.scopes.exclude(customer__in=by.scopes.values("customer"))
    return member.is_limited and not unseen.exists()


def count_factors(member: Member) -> list[tuple[str, int]]:
    """The member's second factors: the label of each kind, and their number."""
    found = member.authenticator_set.exclude(type=Authenticator.Type.RECOVERY_CODES)
    counted = found.values_list("type").annotate(n=Count("pk")).order_by("type")
    return [(FACTORS[kind], number) for kind, number in counted]


def find_staff(*, partner_id: UUID) -> QuerySet[Member]:
    """The members by name, active ones first, with the number of `chosen` customers."""
    members = find_members(partner_id=partner_id).annotate(chosen=Count("scopes"))
    return members.order_by("-is_active", "name", "pk")


def get_member(member_id: UUID, *, partner_id: UUID) -> Member | None:
    return find_staff(partner_id=partner_id).filter(pk=member_id).first()


def find_invitations(*, partner_id: UUID) -> QuerySet[Invitation]:
    """Invitations that were neither accepted nor withdrawn, latest first."""
    waiting = Invitation.objects.filter(accepted_at=None, withdrawn_at=None)
    return waiting.filter(partner_id=partner_id).order_by("-pk")


def get_invitation(invitation_id: UUID, *, partner_id: UUID) -> Invitation | None:
    return find_invitations(partner_id=partner_id).filter(pk=invitation_id).first()


def find_open_invitations(token_hash: str, *, partner_id: UUID) -> QuerySet[Invitation]:
    """The invitation of this token if it can still be accepted."""
    waiting = find_invitations(partner_id=partner_id)
    return waiting.filter(token_hash=token_hash, expires_at__gt=timezone.now())


def get_partner_of_invitation(token_hash: str) -> UUID | None:
    """The partner whose invitation has this token, or None; asked before any tenant is known."""
    return call_function("find_invitation", token_hash)[0][0]


def find_partners() -> list[UUID]:
    """Every partner of the installation, for scheduled work."""
    return list(Partner.objects.order_by("pk").values_list("pk", flat=True))


def find_tries(*parts: object) -> Tries | None:
    """The current count of these parts, or None."""
    return Tries.objects.filter(key=Tries.key_of(*parts), expires_at__gt=timezone.now()).first()


def get_deserted_partner(*, name: str, slug: str) -> Partner | None:
    """The partner of these names without members, or None."""
    return Partner.objects.filter(name=name, slug=slug, members=None).first()
