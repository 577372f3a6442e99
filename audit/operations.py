"""Writes the record. Call it inside the transaction of the recorded change."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol
from uuid import UUID

from django.db import connection

from audit import client
from audit.models import Event

NOTHING: Mapping = MappingProxyType({})


class Actor(Protocol):
    """A member, or anything else with a partner, an id and a name."""

    partner_id: UUID
    pk: UUID | None
    name: str


@dataclass(frozen=True)
class System:
    """
    The portal itself, for actions without a member: beat, or a user at /my/.

    The database accepts only the names "system", "one-time link", and that of the event's user.
    """

    partner_id: UUID
    name: str = "system"
    pk: UUID | None = None


class Subject(NamedTuple):
    """What was acted on, and its changed values. Never pass secrets."""

    id: UUID | None
    name: str
    before: Mapping = NOTHING
    after: Mapping = NOTHING


def record(
    action: str,
    *,
    subject: Subject,
    customer_id: UUID | None = None,
    batch_id: UUID | None = None,
    by: Actor,
) -> None:
    record_many(action, subjects=[subject], customer_id=customer_id, batch_id=batch_id, by=by)


def record_many(
    action: str,
    *,
    subjects: Sequence[Subject],
    customer_id: UUID | None = None,
    batch_id: UUID | None = None,
    by: Actor,
) -> None:
    """
    Record the same action on many subjects, one event each, in one statement.

    The database adds the member's name and email; each event also gets the network address of the
    running request (audit.client).
    """
    if not subjects:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Event._meta.db_table} (partner_id, by_id, by_name, by_email, action,
                customer_id, batch_id, client, subject_id, subject_name, before, after)
            SELECT %s, m.id, coalesce(m.name, %s), coalesce(m.email, ''), %s,
                %s, %s, %s::inet, s.id, s.name, s.before::jsonb, s.after::jsonb
            FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])
                AS s(id, name, before, after)
            LEFT JOIN partners_member m ON m.id = %s
            """,
            [
                by.partner_id,
                by.name,
                action,
                customer_id,
                batch_id,
                client.current(),
                [subject.id for subject in subjects],
                [subject.name for subject in subjects],
                to_json([subject.before for subject in subjects]),
                to_json([subject.after for subject in subjects]),
                by.pk,
            ],
        )


def to_json(values: Sequence[Mapping]) -> list[str]:
    """Serialize each mapping; one object that occurs many times is serialized once."""
    # Keyed by identity, which is safe as long as the list keeps the objects alive.
    unique = {id(value): value for value in values}
    texts = {key: json.dumps(value) if value else "{}" for key, value in unique.items()}
    return [texts[id(value)] for value in values]
