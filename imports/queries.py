"""Plans of imports: groups of problems, columns, lines; and multi-customer uploads."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, Q, QuerySet

from batches.models import Batch, Line
from batches.queries.batch import count_lines
from customers.models import Customer
from customers.queries import find_customers
from imports.check.plan import LEAVE, NAMED, SEAT_SHORT
from imports.check.repair import FIRST_USER, REPAIRED, SAME, Row
from imports.check.rows import REPEATED
from imports.models import ImportColumn, UnmatchedRow, Upload
from partners.models import Member
from partners.roles import Permission
from users.rules.facts import Person
from users.rules.person import act_of
from users.rules.problems import ERROR, LEAVES_OUT, Problem
from users.rules.same_person import OF_PERSON

# Groups of problems that are shown; with each that is repaired the next one appears.
MAX_GROUPS = 50


@dataclass(frozen=True)
class ProblemGroup:
    """The rows of a plan that have the same problem."""

    code: str
    column: str
    # Distinguishes groups of one code: the text of the cells, or a domain.
    key: str
    severity: str
    rows: int
    # How many of the rows have a suggestion, and how many different suggestions there are.
    suggested: int
    suggestions: int
    suggestion: str
    # The parameters of the sentence about one of them.
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
    The problems of the rows of a planned import in groups; one statement.

    Codes in `by_value` have one group for each text of a cell, those in `by_domain` one for each
    domain, and others one for each column. Codes in `without` are not counted. Rows that the check
    has skipped are counted until a member has decided about them.
    """
    if batch.kind != "import" or batch.state != Batch.State.PLANNED:
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
                SELECT l.number, l.state, l.input ? '{REPAIRED}' AS is_decided,
                    p->>'code' AS code, p->>'column' AS place,
                    p->>'severity' AS severity, p->>'suggestion' AS suggestion,
                    p->'params' AS params,
                    CASE WHEN p->>'code' = ANY(%s) THEN p->>'value'
                        WHEN p->>'code' = ANY(%s) THEN p->'params'->>'domain' ELSE '' END AS key
                FROM {Line._meta.db_table} l CROSS JOIN jsonb_array_elements(l.problems) p
                WHERE l.batch_id = %s AND l.state IN ('planned', 'invalid', 'left_out')
                    AND l.problems <> '[]'
            ) found
            WHERE severity <> 'notice' AND code <> ALL(%s)
                AND (state <> 'left_out' OR code = ANY(%s) AND NOT is_decided)
            GROUP BY code, place, key, severity
            ORDER BY severity <> 'error', count(DISTINCT number) DESC, code, place, key
            LIMIT %s
            """,
            [
                sorted(by_value),
                sorted(by_domain),
                batch.pk,
                list(without),
                sorted(LEAVES_OUT),
                MAX_GROUPS,
            ],
        )
        rows = cursor.fetchall()
    groups = [_group(*row[:-1]) for row in rows]
    return ProblemGroups(groups, rows[0][-1] - len(rows) if rows else 0)


def _group(code, column, key, severity, *rest) -> ProblemGroup:
    *numbers, suggestion, params = rest
    found = json.loads(params) if params else {}
    return ProblemGroup(code, column or "", key or "", severity, *numbers, suggestion, found)


def find_suggested_names(batch: Batch, *, without: Collection[int]) -> set[str]:
    """The user names that the plan suggests for its rows, but for those with these numbers."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT p->>'suggestion'
            FROM {Line._meta.db_table} l CROSS JOIN jsonb_array_elements(l.problems) p
            WHERE l.batch_id = %s AND l.problems <> '[]' AND p->>'column' = 'user_name'
                AND l.number <> ALL(%s)
            """,
            [batch.pk, list(without)],
        )
        return {suggestion for (suggestion,) in cursor.fetchall() if suggestion}


def count_repaired_rows(batch: Batch) -> int:
    """How many rows members have repaired or skipped in the plan of a file."""
    is_repaired = Q(input__has_key=REPAIRED)
    is_skipped = Q(state=Line.State.LEFT_OUT) & ~Q(input__has_key=NAMED)
    for code in LEAVES_OUT:
        # The check has skipped it, not a member.
        is_skipped &= ~Q(problems__contains=[{"code": code}])
    return batch.lines.filter(is_repaired | is_skipped).count()


class SignIn(NamedTuple):
    """How many rows of a plan are about sign-in."""

    # New users that are blocked, and existing ones that the rows block and unblock.
    added: int
    blocked: int
    unblocked: int


def count_sign_in(batch: Batch) -> SignIn:
    """How many new users of a planned import are blocked, and how many existing ones change."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*) FILTER (WHERE act IN ('add', 'restore')),
                count(*) FILTER (WHERE input->'changes'->>'is_blocked' = 'true'),
                count(*) FILTER (WHERE input->'changes'->>'is_blocked' = 'false')
            FROM {Line._meta.db_table}
            WHERE batch_id = %s AND state = %s AND input ? 'is_blocked'
            """,
            [batch.pk, Line.State.PLANNED],
        )
        return SignIn(*cursor.fetchone())


def get_line(batch: Batch, number: int) -> Line | None:
    return batch.lines.filter(number=number).defer("sealed").first()


def find_column_meanings(customer: Customer) -> dict[str, str]:
    """The fields that members chose for columns, by plain header; '' for a skipped column."""
    columns = ImportColumn.objects.filter(customer=customer)
    return dict(columns.values_list("header", "field"))


def find_shared_meanings(customers: Collection[UUID]) -> dict[str, str]:
    """The fields chosen for columns, where they are the same for all these customers."""
    columns = ImportColumn.objects.filter(customer__in=list(customers)).order_by("header")
    meanings = columns.values("header").annotate(first=Min("field"), last=Max("field"))
    return {
        meaning["header"]: meaning["first"]
        for meaning in meanings
        if meaning["first"] == meaning["last"]
    }


def find_preview(batch: Batch) -> dict:
    """
    What `keep_preview` keeps, as long as the file is kept.

    "columns" are header, field and a few cells of each; "lines" the number and the cells of the
    first lines; "header_line" is None where no header was found.
    """
    empty = {"columns": [], "lines": [], "header_line": None}
    found = Upload.objects.filter(batch=batch).values_list("preview", flat=True).first()
    return found or empty


def get_multi_upload(upload_id: UUID, *, member: Member) -> Upload | None:
    """The multi-customer upload of this id that the member may see anything of, or None."""
    uploads = Upload.objects.filter(partner_id=member.partner_id, batch=None)
    upload = uploads.filter(pk=upload_id).first()
    if upload is None or shows_unmatched_rows(upload, member) or _batches(upload, member).exists():
        return upload
    return None


def shows_unmatched_rows(upload: Upload, member: Member) -> bool:
    """Whether the member may see rows that belong to no customer; they may be of any customer."""
    is_free = not member.is_limited and member.may(Permission.MANAGE_USERS)
    return upload.by_id == member.pk or is_free


def find_unmatched_rows(upload: Upload) -> QuerySet[UnmatchedRow]:
    """The rows that belong to no customer, in the order of the file."""
    return upload.unmatched_rows.order_by("number")


def find_split_batches(upload: Upload, *, member: Member) -> list[Batch]:
    """The imports of the upload that the member may see, with customers and progress."""
    batches = list(_batches(upload, member).select_related("customer").order_by("pk"))
    count_lines(batches)
    return batches


def _batches(upload: Upload, member: Member) -> QuerySet[Batch]:
    batches = Batch.objects.filter(split_from=upload.pk, partner_id=member.partner_id)
    if member.is_limited:
        batches = batches.filter(customer__in=find_customers(member=member))
    return batches


# Problems of a row that depend on the other rows.
_TWICE = f'@.code == "{REPEATED}" || @.code == "{SAME}"'
SHARED = f'@.code == "{SEAT_SHORT}" || {_TWICE}'


@dataclass(slots=True)
class LineSummary:
    """A line of a plan, as far as other lines depend on it."""

    line: int
    state: str
    act: str
    user_name: str
    display_name: str
    first_name: str
    last_name: str
    contact_email: str
    employee_number: str
    # The existing user that it is about, and the one that it was about before any repair.
    user_id: str | None
    first_user_id: str | None
    # Of a row: another one that has no line names the same user. Of a missing user: a row does.
    is_named: bool
    # JSON of the products that the user gets and loses, and of those without a free seat.
    gets: str
    loses: str
    short: str
    is_repeated: bool
    # Except for SHARED problems.
    has_errors: bool
    has_problems: bool

    @property
    def is_missing_user(self) -> bool:
        return self.act == LEAVE

    @property
    def is_skipped(self) -> bool:
        return self.state == Line.State.LEFT_OUT

    @property
    def person(self) -> Person:
        names = ("user_name", "display_name", "first_name", "last_name", *OF_PERSON)
        return Person(self.line, {name: getattr(self, name) for name in names})

    def update(self, row: Row) -> None:
        """Take over what a checked row has now."""
        person = row.input
        self.state = str(Line.State.LEFT_OUT) if row.is_skipped else ""
        self.has_errors, self.has_problems = row.has_errors, bool(row.problems)
        self.act = act_of(person)
        self.user_id, self.user_name = person.get("user_id"), person["user_name"]
        self.display_name = person["display_name"]
        self.first_name, self.last_name = person["first_name"], person["last_name"]
        self.contact_email = person["contact_email"]
        self.employee_number = person.get("employee_number", "")
        self.gets = json.dumps(person.get("add", person["products"]))
        self.loses = json.dumps(person.get("remove", []))
        self.short, self.is_repeated = "[]", False


def summarize_lines(
    batch: Batch, *, numbers: Sequence[int] | None = None
) -> dict[int, LineSummary]:
    """The lines of the batch, or those with these numbers, by number; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT number, coalesce((input->>'line')::integer, number), state,
                act, input->>'user_name', input->>'display_name',
                coalesce(input->>'first_name', ''), coalesce(input->>'last_name', ''),
                coalesce(input->>'contact_email', ''), coalesce(input->>'employee_number', ''),
                CASE WHEN act = '{LEAVE}' THEN user_id::text ELSE input->>'user_id' END,
                CASE WHEN input ? '{FIRST_USER}' THEN input->>'{FIRST_USER}'
                    ELSE input->>'user_id' END,
                input ? '{NAMED}',
                coalesce(input->>'add', input->>'products', '[]'),
                coalesce(input->>'remove', '[]'),
                jsonb_path_query_array(problems, '$[*] ? (@.code == "{SEAT_SHORT}").value')::text,
                jsonb_path_exists(problems, '$[*] ? ({_TWICE})'),
                jsonb_path_exists(problems, '$[*] ? (@.severity == "{ERROR}" && !({SHARED}))'),
                jsonb_path_exists(problems, '$[*] ? (!({SHARED}))')
            FROM {Line._meta.db_table}
            WHERE batch_id = %s AND (%s::integer[] IS NULL OR number = ANY(%s)) ORDER BY number
            """,
            [batch.pk, numbers, numbers],
        )
        return {number: LineSummary(*rest) for number, *rest in cursor.fetchall()}


# Lines of the file, except for those emptied by a purge.
_ROWS = f"""
    FROM {Line._meta.db_table} l
    WHERE l.batch_id = %s AND l.act <> '{LEAVE}' AND l.input ? 'products'
"""


def count_rows(batch: Batch, condition: str, value: object) -> int:
    """How many rows of the file meet a condition on the line `l`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_ROWS} AND {condition}", [batch.pk, value])
        return cursor.fetchone()[0]


def load_rows(batch: Batch, condition: str, value: object) -> dict[int, Row]:
    """The rows of the file that meet a condition on the line `l`, by number."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.number, l.state = 'left_out', l.input::text, l.problems::text
            {_ROWS} AND {condition} ORDER BY l.number
            """,
            [batch.pk, value],
        )
        return {
            number: Row(
                number,
                json.loads(person),
                tuple(map(Problem.from_json, json.loads(problems))),
                is_skipped,
            )
            for number, is_skipped, person, problems in cursor.fetchall()
        }
