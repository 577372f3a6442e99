"""Takes a file of users part by part, and checks it in a worker."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.utils.translation import ngettext

from batches.errors import NotPlanned, UsersError
from batches.models import Batch, Job, Line
from batches.operations.control import may_start
from batches.operations.lease import end_job, order_job
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.models import Customer
from customers.queries import find_verified_domains
from imports.check import plan
from imports.check import rows as validate
from imports.check.plan import NAMED
from imports.models import Upload
from imports.operations import full_list
from imports.operations.upload import (
    FileGone,
    keep_file,
    keep_preview,
    read_file,
    remember_columns,
)
from imports.queries import count_repaired_rows, find_column_meanings
from imports.read import cells, preview, table
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from spreadsheets.errors import UnreadableFile
from users.rules.facts import Defaults
from users.rules.gather import gather_facts
from users.rules.person import act_of
from users.rules.problems import LEAVES_OUT, Problem

# Lines that are made and written at a time: 100,000 at once would take the worker 70 MB.
LINE_BATCH_SIZE = 2_000


class RepairsWouldBeLost(UsersError):
    """Checking the file again would discard `count` repaired or skipped rows."""

    def __init__(self, count: int):
        self.count = count
        text = ngettext(
            "You’ve repaired or skipped %(n)s row. Checking the file again discards that change.",
            "You’ve repaired or skipped %(n)s rows. Checking the file again discards these changes.",
            count,
        )
        super().__init__(text % {"n": intcomma(count)})


@transaction.atomic
def receive_file(
    *, customer: Customer, name: str, parts: Iterable[bytes], options: dict, by: Member
) -> Batch:
    """
    Keep an uploaded file, part by part, and order its check.

    `options` are the choices for the whole file: purpose, encoding, delimiter, mode, defaults.
    Only the worker reads the file.

    :raises Refused: where the file makes administrators or deletes users, and the member may not.
    """
    _require_grants(options, by)
    batch = create_batch(
        customer=customer,
        kind="import",
        state=Batch.State.CHECKING,
        source_name=name[-255:],
        options=options,
        by=by,
    )
    keep_file(name=name, parts=parts, options=options, batch=batch, by=by)
    order_job("check", batch=batch)
    return batch


@transaction.atomic
def check_again(
    *,
    batch: Batch,
    options: dict,
    columns: Mapping[str, str] | None = None,
    discarded_repairs: int = 0,
    by: Member,
) -> Batch:
    """
    Check the file once more, with other choices; the plan and its repairs are discarded.

    `columns` are the fields by plain header of columns that the member has assigned anew; they
    are remembered for later files of the customer.

    :param discarded_repairs: how many repaired or skipped rows the member agreed to lose.
    :raises RepairsWouldBeLost: where there are more of them.
    :raises NotPlanned: where the import was started or canceled, or is being checked.
    :raises FileGone: where the file has been removed.
    :raises Refused: where the file makes administrators or deletes users and the member may not,
        or where it is the import of another member, which this one may not start.
    """
    _require_grants(options, by)
    if not may_start(batch, by):
        require(by, Permission.APPROVE_BATCHES)
    if not Batch.objects.filter(
        pk=batch.pk,
        kind="import",
        state__in=[Batch.State.PLANNED, Batch.State.REFUSED],
    ).update(
        state=Batch.State.CHECKING,
        options=options,
        plan={},
        total=0,
        # The rows are checked with the permissions of this member.
        by=by,
        by_name=by.name,
    ):
        raise NotPlanned
    if not Upload.objects.filter(batch=batch).update(options=options):
        raise FileGone
    # Counted under the lock of the batch, which every repair takes.
    if (count := count_repaired_rows(batch)) > discarded_repairs:
        raise RepairsWouldBeLost(count)
    Line.objects.filter(batch=batch).delete()
    batch.refresh_from_db()
    remember_columns(customer=batch.customer, columns=columns or {})
    order_job("check", batch=batch)
    return batch


def _require_grants(options: dict, by: Member) -> None:
    if options.get("defaults", {}).get("permissions"):
        require(by, Permission.ACT_ON_ADMINISTRATORS)
    if options.get("purpose") == "full_list":
        require(by, Permission.DELETE_USERS)


def check_file(job: Job) -> None:
    """Read the file of an import and plan it, in the caller's transaction."""
    batches = Batch.objects.select_related("customer", "by")
    batch = batches.filter(pk=job.batch_id, state=Batch.State.CHECKING).first()
    if batch is None:
        return
    upload = Upload.objects.filter(batch=batch).first()
    if upload is None:
        _refuse(batch, "file_gone")
        return
    try:
        parsed = read_file(upload, meanings=find_column_meanings(batch.customer))
    except UnreadableFile as error:
        _refuse(batch, error.code, error.params)
        keep_preview(upload, preview.show_top(error.top))
        return
    plan_rows(batch, parsed.rows, parsed)
    # Last, as a cancellation locks the batch before its file.
    keep_preview(upload, parsed.samples)


def give_up_check(job: Job) -> None:
    """Refuse a file that cannot be checked."""
    end_job(job, lambda job: _refuse(job.batch, "internal"))


def plan_rows(batch: Batch, rows: list[table.Row], parsed: table.Parsed) -> None:
    """Plan the import of these rows of a file in the batch; empties the list."""
    notices = [*parsed.notices, *cells.describe(parsed.cleaned, {row.line for row in rows})]
    made, missing = _make_plan(batch, rows, notices)
    _save(batch, missing, made.lines)
    found = {
        "detected": describe_detected(parsed.detected),
        "notices": [notice.as_json() for notice in notices],
        "seats": [seats.to_json() for seats in made.seats],
        "rows": made.unchanged + len(made.lines),
        "counts": made.counts,
        "unchanged": made.unchanged,
        **missing.plan,
    }
    # Only this worker writes a batch that is being checked, but it can be canceled meanwhile.
    if not Batch.objects.filter(pk=batch.pk, state=Batch.State.CHECKING).update(
        state=Batch.State.PLANNED, plan=found, halted_by=""
    ):
        Line.objects.filter(batch=batch).delete()


def _save(batch: Batch, missing: full_list.MissingUsers, lines: Sequence[plan.PlannedLine]) -> None:
    if missing.lines:
        save_lines(batch=batch, lines=missing.lines)
    # Numbers before the rows stay free for users that may be missing after repairs.
    before = missing.plan["missing_users"]["active"] if missing.plan else 0
    for start in range(0, len(lines), LINE_BATCH_SIZE):
        some = [
            _line(line, missing.unchanged_names) for line in lines[start : start + LINE_BATCH_SIZE]
        ]
        save_lines(batch=batch, lines=some, first=before + start + 1)
    batch.total = len(missing.lines) + len(lines)
    batch.save(update_fields=["total"])


def _make_plan(
    batch: Batch, rows: list[table.Row], notices: list[Problem]
) -> tuple[plan.Plan, full_list.MissingUsers]:
    """The plan of the rows; adds what was found about all of them to the notices."""
    defaults = Defaults(**batch.options.get("defaults", {}))
    domains = find_verified_domains(batch.customer)
    facts = gather_facts(
        customer=batch.customer,
        user_names=validate.names_to_look_up(rows, defaults, domains),
        options=batch.options,
        by=batch.by,
    )
    people, problems = validate.validate(rows, facts, defaults, notices)
    # Rows and people of a large file together would take the worker 20 MB more.
    rows.clear()
    if facts.existing is None or facts.existing.purpose != "full_list":
        return plan.make_plan(people, problems, facts), full_list.MissingUsers()
    skipped = {problem.line for problem in problems if problem.code in LEAVES_OUT}
    named = {person.input["user_name"].lower() for person in people if person.line not in skipped}
    missing = full_list.find_missing_users(batch, named)
    made = plan.make_plan(people, problems, facts, missing.freed)
    lines = {line.line for line in made.lines}
    unchanged = {person.input["user_name"] for person in people if person.line not in lines}
    return made, replace(missing, unchanged_names=unchanged)


def _line(planned: plan.PlannedLine, unchanged_names: Collection[str]) -> PlannedLine:
    user_id = planned.input.get("user_id")
    more = {"line": planned.line}
    if planned.input["user_name"] in unchanged_names:
        # Whatever becomes of this row, its user is not missing.
        more[NAMED] = True
    return PlannedLine(
        UUID(user_id) if user_id else uuid7(),
        planned.input | more,
        [problem.as_json() for problem in planned.problems],
        is_valid=planned.state != plan.FAILED,
        is_skipped=planned.state == plan.SKIPPED,
        act=act_of(planned.input),
    )


def describe_detected(detected: table.Detected) -> dict:
    """The format of a file, in the form that a plan stores."""
    found = asdict(detected)
    found.pop("columns")
    return found


def _refuse(batch: Batch, code: str, params: dict | None = None) -> None:
    refused = {"code": code, "params": {key: str(value) for key, value in (params or {}).items()}}
    Batch.objects.filter(pk=batch.pk, state=Batch.State.CHECKING).update(
        state=Batch.State.REFUSED, plan={"refused": refused}, halted_by=""
    )
