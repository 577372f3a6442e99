"""The problems of a planned import, those that can be repaired together as one."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, QuerySet

from batches.models import Batch, Line
from batches.queries.batch import count_lines
from customers.models import Customer
from customers.queries import find_customers
from imports.models import Bundle, ImportColumn, LostRepair
from partners.models import Member
from partners.roles import Permission

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


def find_said_columns(customer: Customer) -> dict[str, str]:
    """The fields by the plain headers of columns, as members said; '' is to be left out."""
    said = ImportColumn.objects.filter(customer=customer)
    return dict(said.values_list("header", "field"))


def find_agreed_columns(customers: Collection[UUID]) -> dict[str, str]:
    """
    The same of all these customers, for a file with people of many; by the plain headers.

    Only where nobody said anything else of one of the customers.
    """
    said = ImportColumn.objects.filter(customer__in=list(customers)).order_by("header")
    meanings = said.values("header").annotate(first=Min("field"), last=Max("field"))
    return {one["header"]: one["first"] for one in meanings if one["first"] == one["last"]}


def find_preview(batch: Batch) -> list[dict]:
    """Header, field and a few cells of each column, as long as the file is kept."""
    kept = batch.uploads.filter(number=0).values_list("content", flat=True).first()
    return json.loads(bytes(kept)) if kept else []


def get_bundle(bundle_id: UUID, *, member: Member) -> Bundle | None:
    """The bundle of this id that the member may see anything of, or None."""
    bundle = Bundle.objects.filter(pk=bundle_id, partner_id=member.partner_id).first()
    if bundle is None or shows_strays(bundle, member) or _batches(bundle, member).exists():
        return bundle
    return None


def shows_strays(bundle: Bundle, member: Member) -> bool:
    """Whether rows that belong to no customer may be shown: they may name anybody's people."""
    is_free = not member.is_limited and member.may(Permission.MANAGE_USERS)
    return bundle.by_id == member.pk or is_free


def has_strays(bundle: Bundle) -> bool:
    """Whether the rows that belong to no customer can be downloaded still."""
    return bundle.state == Bundle.State.CUT and bundle.parts.exists()


def find_strays(bundle: Bundle) -> Iterator[dict]:
    """The rows that belong to no customer, as Assigner describes them, with their "cells"."""
    if bundle.state == Bundle.State.CUT:
        parts = bundle.parts.order_by("number").values_list("content", flat=True)
        for content in parts.iterator(1):
            yield from json.loads(bytes(content))


def find_bundle_batches(bundle: Bundle, *, member: Member) -> list[Batch]:
    """The imports of the bundle that the member may see, with customers and progress."""
    batches = list(_batches(bundle, member).select_related("customer").order_by("pk"))
    count_lines(batches)
    return batches


def _batches(bundle: Bundle, member: Member):
    batches = Batch.objects.filter(bundle=bundle.pk, partner_id=member.partner_id)
    if member.is_limited:
        batches = batches.filter(customer__in=find_customers(member=member))
    return batches
