"""Repairs that outlive another reading of the file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from batches.models import Batch, Line
from imports.check.repair import Again, Row, join_repairs, repair_again
from imports.models import LostRepair
from imports.operations.recheck import load, rework, save
from imports.operations.summary import LEAVE, NAMED
from users.rules.problems import Problem

ROWS_A_STATEMENT = 2_000


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
    """
    Take what was repaired or left out from the lines of a batch, and delete these.

    What did not fit the last reading is among it: it may fit the next.
    """
    repaired = load(batch, "(l.input ? 'read' OR l.state = %s)", Line.State.LEFT_OUT)
    rows = {row.line: row for row in repaired.values()}
    for lost in LostRepair.objects.filter(batch=batch).iterator():
        row = read_lost(lost)
        rows[row.line] = join_repairs(row, rows[row.line]) if row.line in rows else row
    left_out = batch.lines.filter(input__act=LEAVE, state=Line.State.LEFT_OUT)
    staying = left_out.exclude(input__has_key=NAMED).values_list("user_id", flat=True)
    before = Before(rows, frozenset(staying))
    LostRepair.objects.filter(batch=batch).delete()
    Line.objects.filter(batch=batch).delete()
    return before


def repair_as_before(batch: Batch, before: Before) -> None:
    """
    Repair the rows of a new plan as they were repaired before, as far as they still fit.

    What does not is kept, so that it can be seen, until the row is repaired anew.
    """
    if not before:
        return
    found = load(batch, "(l.input->>'line')::integer = ANY(%s)", list(before.rows))
    changed, lost = {}, dict.fromkeys(before.rows, {})
    for number, row in found.items():
        again = repair_again(row, before.rows[row.line])
        changed[number] = again.row
        lost[row.line] = _say_now(row, again)
        if again.is_whole:
            del lost[row.line]
    leaving = batch.lines.filter(input__act=LEAVE).values_list("number", "user_id")
    staying = {
        number: str(Line.State.LEFT_OUT) for number, user in leaving if user in before.staying
    }
    batch.plan["repaired"] = {
        "kept": len(before.rows) - len(lost) + len(staying),
        "lost": len(lost),
    }
    _keep_lost(batch, before, lost)
    save(batch, rework(batch, changed, batch.by), staying)


def _say_now(row: Row, again: Again) -> dict[str, Any]:
    names = {name: row.input[name] for name in ("user_name", "display_name")}
    return {"number": row.number, "cells": again.lost, "is_back": again.is_back, **names}


def _keep_lost(batch: Batch, before: Before, lost: Mapping[int, dict[str, Any]]) -> None:
    made = (
        LostRepair(batch=batch, number=line, before=_as_json(before.rows[line]), now=now)
        for line, now in lost.items()
    )
    while some := list(islice(made, ROWS_A_STATEMENT)):
        LostRepair.objects.bulk_create(some)


def _as_json(row: Row) -> dict[str, Any]:
    problems = [problem.as_json() for problem in row.problems]
    return {"input": row.input, "problems": problems, "is_left_out": row.is_left_out}


def read_lost(lost: LostRepair) -> Row:
    """The row as it was repaired before."""
    problems = tuple(map(Problem.from_json, lost.before["problems"]))
    # It has the number of its line, also where the plan has no such row.
    person = lost.before["input"] | {"line": lost.number}
    return Row(lost.number, person, problems, lost.before["is_left_out"])


def forget_lost(batch: Batch, rows: Iterable[Row]) -> None:
    """Forget what was lost in these rows: a member has looked at them and said what they hold."""
    LostRepair.objects.filter(batch=batch, number__in=[row.line for row in rows]).delete()
