"""Everything that writes partners and members."""

from dataclasses import dataclass

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

import audit.operations as audit

from . import tenancy
from .models import Member, Partner
from .roles import Role

# Only the owner of the tables may make partners (recipes a).
OWNER_CONNECTION = "owner"


class PartnersError(Exception):
    """An act on partners or members was refused; `message` says what can be done."""

    message = _("This cannot be done.")

    def __init__(self, message=None):
        super().__init__(message or self.message)
        if message:
            self.message = message


@dataclass(frozen=True)
class Created:
    """A partner, its first owner, and where the owner chooses a password."""

    partner: Partner
    owner: Member
    path: str


def create_partner(*, name: str, slug: str, email: str) -> Created:
    """
    Make a partner with its first owner, who has no password yet.

    By the operator only: it needs the connection of the tables' owner.

    :raises PartnersError: and makes nothing, where the slug or the address is taken or unusable.
    """
    partner = Partner(name=name.strip(), slug=slug)
    owner = Member(email=email.lower(), name=email.partition("@")[0], role=Role.OWNER)
    try:
        partner.full_clean()
        owner.full_clean(exclude=["partner", "password"])
    except ValidationError as error:
        raise PartnersError(" ".join(error.messages)) from error
    with transaction.atomic(using=OWNER_CONNECTION):
        partner.save(using=OWNER_CONNECTION, force_insert=True)
        owner = Member.objects.db_manager(OWNER_CONNECTION).create_user(
            owner.email, None, partner=partner, name=owner.name, role=owner.role
        )
    with tenancy.tenant(partner.pk), transaction.atomic():
        audit.record(
            "partner.created",
            subject=audit.Subject(partner.pk, partner.name, after={"owner": owner.email}),
            by=audit.System(partner.pk),
        )
    return Created(partner=partner, owner=owner, path=make_password_path(owner))


def make_password_path(member: Member) -> str:
    """Where the member chooses a new password, once, within three days."""
    return reverse(
        "account_reset_password_from_key",
        kwargs={
            "uidb36": user_pk_to_url_str(member),
            "key": default_token_generator.make_token(member),
        },
    )


@transaction.atomic
def change_language(*, language: str, by: Member) -> None:
    """Remember the language the member reads the portal in."""
    by.language = language
    by.save(update_fields=["language"])


PROFILE = ("name", "language", "time_zone", "theme", "has_shortcuts")


@transaction.atomic
def change_profile(*, by: Member, **fields) -> None:
    """Change what members decide about themselves; rights and address are not among it."""
    before = {name: getattr(by, name) for name in PROFILE if getattr(by, name) != fields[name]}
    if not before:
        return
    for name in before:
        setattr(by, name, fields[name])
    by.save(update_fields=list(before))
    after = {name: fields[name] for name in before}
    audit.record(
        "member.profile_changed", subject=audit.Subject(by.pk, by.name, before, after), by=by
    )
