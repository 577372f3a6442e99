"""Changes members' own settings."""

from django.db import transaction

import audit.operations as audit
from partners.models import Member

PROFILE = ("name", "language", "time_zone", "theme", "has_shortcuts")


@transaction.atomic
def change_profile(*, by: Member, **fields) -> None:
    """Change the settings in PROFILE; rights and address are not among them."""
    _change({name: fields[name] for name in PROFILE}, by=by)


@transaction.atomic
def change_language(*, language: str, by: Member) -> None:
    _change({"language": language}, by=by)


def _change(fields: dict, *, by: Member) -> None:
    """Write and record the values that differ, if any."""
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
