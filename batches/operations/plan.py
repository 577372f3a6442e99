import json
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from batches.acts import get_act
from batches.models import Batch, Line
from customers.models import Customer
from partners.models import Member
from partners.postgres import execute

# Lines written with one statement.
LINES_PER_STATEMENT = 10_000


class PlannedLine(NamedTuple):
    """A planned line: user, input, and the problems found."""

    user_id: UUID
    input: dict
    problems: Sequence[dict] = ()
    is_valid: bool = True
    # '' for the usual act of its batch.
    act: str = ""
    # Not done unless a member includes it.
    is_skipped: bool = False


@transaction.atomic
def create_batch(
    *, customer: Customer, kind: str, state: str = Batch.State.PLANNED, by: Member, **fields
) -> Batch:
    """Create a batch without lines."""
    return Batch.objects.create(
        customer=customer, kind=kind, state=state, by=by, by_name=by.name, **fields
    )


@transaction.atomic
def save_lines(*, batch: Batch, lines: Sequence[PlannedLine], first: int = 1) -> None:
    """Write the planned lines, numbered from `first`, and the batch's new total."""
    for start in range(0, len(lines), LINES_PER_STATEMENT):
        _insert_lines(batch, lines[start : start + LINES_PER_STATEMENT], first + start)
    batch.total = first - 1 + len(lines)
    batch.save(update_fields=["total"])


def _insert_lines(batch: Batch, lines: Sequence[PlannedLine], first: int) -> None:
    default_act = get_act(batch.kind).usual_act or batch.kind
    # Not bulk_create: a BinaryField in the model makes Django send every value by itself.
    execute(
        f"""
        INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, state, act, user_id,
            input, problems, result)
        SELECT %(partner)s, %(batch)s, r.number, r.state, r.act, r.user_id, r.input::jsonb,
            r.problems::jsonb, '{{}}'
        FROM ROWS
        """,
        {
            "number integer": list(range(first, first + len(lines))),
            "state text": [_state_of(line) for line in lines],
            "act text": [line.act or default_act for line in lines],
            "user_id uuid": [line.user_id for line in lines],
            "input text": [as_json(line.input) for line in lines],
            "problems text": [as_json(line.problems) if line.problems else "[]" for line in lines],
        },
        partner=batch.partner_id,
        batch=batch.pk,
    )


def _state_of(line: PlannedLine) -> str:
    if line.is_skipped:
        return str(Line.State.LEFT_OUT)
    return str(Line.State.PLANNED if line.is_valid else Line.State.INVALID)


def as_json(value: dict | list) -> str:
    """The value as JSON that Postgres accepts, whatever the file contained."""
    text = json.dumps(value)
    if "\\u0000" not in text and "\\ud" not in text:
        return text
    # Postgres refuses NUL and half a surrogate pair, which occur in files.
    return json.dumps(_without_unstorable(value))


def _without_unstorable(value):
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _without_unstorable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_unstorable(one) for one in value]
    return value
