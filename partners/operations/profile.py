"""What members decide about themselves."""

from django.db import transaction

import audit.operations as audit
from partners.models import Member


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
