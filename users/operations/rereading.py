"""Repairs that outlive another reading of the file."""

from dataclasses import dataclass
from uuid import UUID

from users.importing.repair import Row, repair_again
from users.models import Batch, Line

from .overview import LEAVE, NAMED
from .reworking import load, rework, save


@dataclass(frozen=True)
class Before:
    """What members had made of the plan that was there before."""

    # Repaired or left out, by the line of the file.
    rows: dict[int, Row]
    # Those who are in no row of a complete list, and were not to leave.
    staying: frozenset[UUID]

    def __bool__(self):
        return bool(self.rows or self.staying)


def take_repairs(batch: Batch) -> Before:
    """Take what was repaired or left out from the lines of a batch, and delete these."""
    repaired = load(batch, "(l.input ? 'read' OR l.state = %s)", Line.State.LEFT_OUT)
    left_out = batch.lines.filter(input__act=LEAVE, state=Line.State.LEFT_OUT)
    staying = left_out.exclude(input__has_key=NAMED).values_list("user_id", flat=True)
    before = Before({row.line: row for row in repaired.values()}, frozenset(staying))
    Line.objects.filter(batch=batch).delete()
    return before


def repair_as_before(batch: Batch, before: Before) -> None:
    """Repair the rows of a new plan as they were repaired before, as far as they still fit."""
    if not before:
        return
    found = load(batch, "(l.input->>'line')::integer = ANY(%s)", list(before.rows))
    changed, kept = {}, 0
    for number, row in found.items():
        changed[number], is_whole = repair_again(row, before.rows[row.line])
        kept += is_whole
    leaving = batch.lines.filter(input__act=LEAVE).values_list("number", "user_id")
    staying = {
        number: str(Line.State.LEFT_OUT) for number, user in leaving if user in before.staying
    }
    batch.plan["repaired"] = {"kept": kept + len(staying), "lost": len(before.rows) - kept}
    save(batch, rework(batch, changed, batch.by), staying)
