"""Writing the record. Call it inside the transaction of the act: both stand, or neither."""

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
    """Somebody who acts: a member, or anything with a partner, an id and a name."""

    partner_id: UUID
    pk: UUID | None
    name: str


@dataclass(frozen=True)
class System:
    """
    The portal itself, where no member acts: beat, or a user at /my/.

    The database takes these names only: "system", "one-time link", and that of the user
    the event is about.
    """

    partner_id: UUID
    name: str = "system"
    pk: UUID | None = None


class Subject(NamedTuple):
    """What was acted on, with what changed; secrets never stand here."""

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
    """Record one act on one subject."""
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
    Record the same act on many subjects, one event each, in one statement.

    Name and address of a member are the database's; each event also carries the address that the
    running request comes from (audit.client).
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
                as_texts([one.before for one in subjects]),
                as_texts([one.after for one in subjects]),
                by.pk,
            ],
        )


def as_texts(details: Sequence[Mapping]) -> list[str]:
    """Each of these as JSON; what is one and the same object for many is written out once."""
    # By what they are, not by what is in them: the list keeps them alive meanwhile.
    known = {id(one): one for one in details}
    texts = {key: json.dumps(one) if one else "{}" for key, one in known.items()}
    return [texts[id(one)] for one in details]
