"""The problems of a planned import, those that can be repaired together as one."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import QuerySet

from users.models import Batch, Line, LostRepair

# So many kinds are shown; with each that is settled the next one appears.
KINDS_SHOWN = 50


@dataclass(frozen=True)
class ProblemGroup:
    """The rows of a plan that have the same problem."""

    code: str
    column: str
    # What tells it from others of this code: the text of the cells, or a domain.
    key: str
    severity: str
    rows: int
    # How many of them have a suggestion, and how many different ones there are.
    suggested: int
    suggestions: int
    suggestion: str
    # What the sentence about one of them needs.
    params: dict = field(default_factory=dict)


@dataclass(frozen=True)
class ProblemGroups:
    """The groups with the most rows, errors first, and how many more there are."""

    groups: Sequence[ProblemGroup] = ()
    more: int = 0


def find_problem_groups(
    batch: Batch,
    *,
    by_value: Collection[str] = (),
    by_domain: Collection[str] = (),
    without: Collection[str] = (),
) -> ProblemGroups:
    """
    What is wrong with the rows of a planned import, kind by kind; one statement.

    Problems of the codes `by_value` are told apart by the text of the cell, those `by_domain` by
    the domain in it; each other code is one for its whole column. Codes `without` do not count.
    """
    if batch.kind != Batch.Kind.IMPORT or batch.state != Batch.State.PLANNED:
        return ProblemGroups()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT code, place, key, severity, count(DISTINCT number),
                count(DISTINCT number) FILTER (WHERE suggestion <> ''),
                count(DISTINCT suggestion) FILTER (WHERE suggestion <> ''),
                coalesce(min(suggestion) FILTER (WHERE suggestion <> ''), ''),
                min(params::text), count(*) OVER ()
            FROM (
                SELECT l.number, p->>'code' AS code, p->>'column' AS place,
                    p->>'severity' AS severity, p->>'suggestion' AS suggestion,
                    p->'params' AS params,
                    CASE WHEN p->>'code' = ANY(%s) THEN p->>'value'
                        WHEN p->>'code' = ANY(%s) THEN p->'params'->>'domain' ELSE '' END AS key
                FROM {Line._meta.db_table} l CROSS JOIN jsonb_array_elements(l.problems) p
                WHERE l.batch_id = %s AND l.state IN ('planned', 'invalid')
                    AND l.problems <> '[]'
            ) found
            WHERE severity <> 'notice' AND code <> ALL(%s)
            GROUP BY code, place, key, severity
            ORDER BY severity <> 'error', count(DISTINCT number) DESC, code, place, key
            LIMIT %s
            """,
            [sorted(by_value), sorted(by_domain), batch.pk, list(without), KINDS_SHOWN],
        )
        rows = cursor.fetchall()
    groups = [_group(*row[:-1]) for row in rows]
    return ProblemGroups(groups, rows[0][-1] - len(rows) if rows else 0)


def _group(code, column, key, severity, *rest) -> ProblemGroup:
    *numbers, suggestion, params = rest
    found = json.loads(params) if params else {}
    return ProblemGroup(code, column or "", key or "", severity, *numbers, suggestion, found)


def find_lost_repairs(batch: Batch) -> QuerySet[LostRepair]:
    """What was repaired in a plan and does not fit any more, in the order of the file."""
    return batch.lost_repairs.order_by("number")


def get_line(batch: Batch, number: int) -> Line | None:
    """The line of a batch with this number, or None."""
    return batch.lines.filter(number=number).defer("sealed").first()
