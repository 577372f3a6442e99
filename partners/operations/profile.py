"""What members decide about themselves."""

from django.db import transaction

import audit.operations as audit
from partners.models import Member

PROFILE = ("name", "language", "time_zone", "theme", "has_shortcuts")


@transaction.atomic
def change_profile(*, by: Member, **fields) -> None:
    """Change what members decide about themselves; rights and address are not among it."""
    _change({name: fields[name] for name in PROFILE}, by=by)


@transaction.atomic
def change_language(*, language: str, by: Member) -> None:
    """Remember the language the member reads the portal in."""
    _change({"language": language}, by=by)


def _change(fields: dict, *, by: Member) -> None:
    """Write what is different, and record it; where nothing is, nothing happens."""
    before = {name: getattr(by, name) for name in fields if getattr(by, name) != fields[name]}
    if not before:
        return
    for name in before:
        setattr(by, name, fields[name])
    by.save(update_fields=list(before))
    after = {name: fields[name] for name in before}
    audit.record(
        "member.profile_changed", subject=audit.Subject(by.pk, by.name, before, after), by=by
    )
