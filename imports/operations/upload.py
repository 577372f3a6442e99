"""Uploaded files: what is kept with them, their removal, and downloads of their rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import UsersError
from batches.models import UPLOADS_KEPT, Batch, Line
from batches.operations.lease import drop_jobs
from batches.queries.batch import find_failed_lines
from customers.counts import lock_customers
from customers.models import Customer
from imports.models import ImportColumn, Upload, UploadPart
from imports.read import cells, table
from imports.read.columns import PASSWORD, SECRET, Meanings
from imports.read.preview import Shown
from partners.models import Member
from partners.tenancy import require_current
from users.models import CustomerUser

# Batches for one run of the wipe, which runs every minute.
WIPE_BATCH_SIZE = 500
# Parameters of sentences that are kept: they name no person.
KEPT_OF_PROBLEMS = ("product", "permission", "location", "field")

# Values of the option for hidden rows.
READ_HIDDEN, SKIP_HIDDEN = "read", "skip"

State = Batch.State


class FileGone(UsersError):
    """The uploaded file has been removed."""

    message = _("The uploaded file has been removed. Upload it again.")


def keep_file(
    *, name: str, parts: Iterable[bytes], options: dict, batch: Batch | None = None, by: Member
) -> Upload:
    """
    Keep an uploaded file, part by part; only a worker reads it.

    `batch` is the import of a file of one customer; without it, it is one of many customers.
    """
    upload = Upload.objects.create(
        batch=batch,
        by=by,
        by_name=by.name,
        source_name=name[-255:],
        options=options,
        state="" if batch else Upload.State.CHECKING,
    )
    for number, part in enumerate(parts, 1):
        UploadPart.objects.create(upload=upload, number=number, content=part)
    audit.record(
        "import.uploaded",
        subject=audit.Subject(batch.pk if batch else upload.pk, upload.source_name),
        customer_id=batch and batch.customer_id,
        batch_id=batch and batch.pk,
        by=by,
    )
    return upload


def read_file(
    upload: Upload, *, meanings: Mapping[str, str], with_customer: bool = False
) -> table.Parsed:
    """
    The rows of an uploaded file; `meanings` are fields of columns by plain header.

    :raises UnreadableFile: where it cannot be read.
    """
    parts = upload.parts.order_by("number").values_list("content", flat=True)
    data = b"".join(parts.iterator(8))
    return read_content(
        data, upload.source_name, upload.options, meanings=meanings, with_customer=with_customer
    )


def read_content(
    data: bytes, name: str, options: Mapping, *, meanings: Meanings, with_customer: bool = False
) -> table.Parsed:
    """
    The rows of a file by the options of a batch, with cleaned cells.

    :raises UnreadableFile: where it cannot be read.
    """
    parsed = table.parse_file(
        data,
        name,
        encoding=options.get("encoding") or None,
        delimiter=options.get("delimiter") or None,
        with_customer=with_customer,
        meanings=meanings,
        chosen={
            int(position): (column["header"], column["field"])
            for position, column in options.get("columns", {}).items()
        },
        header_line=options.get("header_line"),
        sheet=options.get("sheet", ""),
        with_hidden=_with_hidden(options),
    )
    hidden = {column.field for column in parsed.detected.columns} & {PASSWORD, SECRET}
    cleaned = cells.clean_rows(parsed.rows, has_secrets=bool(hidden))
    return replace(parsed, cleaned=tuple(cleaned))


def _with_hidden(options: Mapping) -> bool:
    # A full list deletes users that are not read, so hidden rows count unless it is chosen.
    is_full = options.get("purpose") == "full_list"
    return options.get("hidden") == READ_HIDDEN or (is_full and not options.get("hidden"))


def forget_file(of: Q) -> None:
    """Remove the files of these batches."""
    Upload.objects.filter(batch__in=Batch.objects.filter(of)).delete()


@transaction.atomic
def wipe_files() -> None:
    """
    Remove this tenant's files of finished runs, and files older than UPLOADS_KEPT.

    The names in rows that did not become users are removed with them. An import that still waits is
    canceled, as nothing is left to import.
    """
    old = Q(created_at__lt=timezone.now() - UPLOADS_KEPT)
    over = Q(state=State.CANCELED) | old & ~Q(state__in=[State.RUNNING, State.PAUSED])
    due = over & Q(kind="import", rows_wiped_at=None)
    found = Batch.objects.filter(due).order_by("pk").values_list("customer_id", flat=True)
    customers = set(found[:WIPE_BATCH_SIZE])
    lock_customers(customers)
    locked = Batch.objects.select_for_update(of=("self",), no_key=True)
    batches = list(locked.filter(due, customer__in=customers).order_by("pk"))
    for batch in batches:
        if batch.state in {State.PLANNED, State.CHECKING}:
            _drop(batch)
        _wipe_plan(batch)
    _wipe_rows(batches)
    forget_file(Q(state__in=[State.DONE, State.CANCELED]) | old)


def _drop(batch: Batch) -> None:
    batch.state, batch.halted_by, batch.finished_at = State.CANCELED, "", timezone.now()
    batch.plan["dropped"] = True
    # A check that is being done ends when it finds the plan canceled.
    drop_jobs(batch)
    audit.record(
        "batch.canceled",
        subject=audit.Subject(batch.pk, str(batch.kind)),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=audit.System(require_current()),
    )


def _wipe_plan(batch: Batch) -> None:
    # Texts of the file: unknown headers, worksheets, the value of a repair, its beginning.
    for name in ("notices", "book", "repair"):
        batch.plan.pop(name, None)
    for name in ("found", "name"):
        batch.plan.get("refused", {}).get("params", {}).pop(name, None)
    batch.rows_wiped_at = timezone.now()
    batch.save(update_fields=["state", "halted_by", "finished_at", "plan", "rows_wiped_at"])


def _wipe_rows(batches: list[Batch]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Line._meta.db_table} l SET
                problems = CASE l.problems WHEN '[]' THEN l.problems ELSE (
                    SELECT jsonb_agg(p - 'value' - 'suggestion' || jsonb_build_object('params', (
                        SELECT coalesce(jsonb_object_agg(k, v), '{{}}')
                        FROM jsonb_each(p->'params') AS one(k, v)
                        WHERE jsonb_typeof(v) = 'number' OR k = ANY(%s))))
                    FROM jsonb_array_elements(l.problems) AS p) END,
                input = CASE WHEN r.is_user THEN l.input ELSE jsonb_strip_nulls(jsonb_build_object(
                    'user_name', '', 'display_name', '', 'line', l.input->'line')) END,
                result = CASE WHEN r.is_user THEN l.result ELSE jsonb_strip_nulls(
                    jsonb_build_object('code', l.result->'code')) END
            FROM (SELECT batch_id, number, EXISTS (SELECT FROM {CustomerUser._meta.db_table} u
                    WHERE u.id = user_id) AS is_user
                FROM {Line._meta.db_table} WHERE batch_id = ANY(%s)) r
            WHERE l.batch_id = r.batch_id AND l.number = r.number
                AND (NOT r.is_user OR l.problems <> '[]')
            """,
            [list(KEPT_OF_PROBLEMS), [batch.pk for batch in batches]],
        )


@transaction.atomic
def remember_columns(*, customer: Customer, columns: Mapping[str, str]) -> None:
    """
    Keep the fields of columns for later files of the customer.

    `columns` are the fields by plain header; '' skips a column.
    """
    ImportColumn.objects.bulk_create(
        [
            ImportColumn(customer=customer, header=header, field=field)
            for header, field in columns.items()
        ],
        update_conflicts=True,
        unique_fields=["customer", "header"],
        update_fields=["field"],
    )


def keep_preview(
    upload: Upload,
    columns: Sequence[Shown],
    lines: Sequence[tuple[int, list[str]]],
    header_line: int | None,
) -> None:
    """Keep a few cells of each column and the first lines as long as the file, which may be gone."""
    preview = {
        "columns": [asdict(column) for column in columns],
        "lines": list(lines),
        "header_line": header_line,
    }
    Upload.objects.filter(pk=upload.pk).update(preview=preview)


@transaction.atomic
def record_failed_rows(*, batch: Batch, kind: str, by: Member) -> None:
    """
    Record that the rows that were not imported are about to be downloaded.

    :raises FileGone: where they were removed with the file.
    """
    if batch.rows_wiped_at:
        raise FileGone
    audit.record(
        "batch.errors_exported",
        # Their number and no name: the record outlives a purge.
        subject=audit.Subject(
            batch.pk,
            str(batch.kind),
            after={"lines": find_failed_lines(batch).count(), "file": kind},
        ),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


@transaction.atomic
def record_unmatched_rows(*, upload: Upload, kind: str, by: Member) -> None:
    """Record that the rows that belong to no customer are about to be downloaded."""
    after = {"lines": upload.plan.get("unmatched", 0), "file": kind}
    subject = audit.Subject(upload.pk, upload.source_name, after=after)
    audit.record("import.unmatched_exported", subject=subject, by=by)
