"""Splits a file with users of several customers into a planned import for each."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from batches.errors import NotPlanned, UsersError
from batches.models import Batch, Job, Line
from batches.operations.control import start_batch
from batches.operations.lease import end_job, order_job
from batches.operations.plan import LINES_PER_STATEMENT, as_json, create_batch
from customers.models import Customer, Domain
from customers.queries import find_customers
from imports.models import UnmatchedRow, Upload
from imports.operations.check import describe_book, describe_detected, plan_rows
from imports.operations.upload import keep_file, read_file
from imports.queries import find_shared_meanings
from imports.read import dialects, table
from imports.read.assign import Assigner
from partners.access import require
from partners.models import Member
from partners.postgres import execute
from partners.roles import Permission
from spreadsheets.errors import UnreadableFile
from users.rules.problems import NOTICE, Problem

log = logging.getLogger(__name__)

UNMATCHED_KEPT = timedelta(days=30)


class NothingToStart(UsersError):
    """No import of the file is waiting."""

    message = _("No import of this file is waiting. See the result on each customer’s page.")


@transaction.atomic
def receive_multi_upload(*, name: str, parts: Iterable[bytes], options: dict, by: Member) -> Upload:
    """
    Keep an uploaded file with users of several customers, and order that it is split.

    `options` are as for `receive_file`; each customer's own domain and location are the defaults.

    :raises Refused: where the member may not import users.
    """
    require(by, Permission.MANAGE_USERS)
    upload = keep_file(name=name, parts=parts, options=options, by=by)
    order_job("split", subject=upload.pk)
    return upload


def split_file(job: Job) -> None:
    """Read the file and plan an import for each customer in it, in the caller's transaction."""
    upload = Upload.objects.select_related("by").get(pk=job.subject)
    customers = {one.pk: one for one in _open_customers(upload.by).iterator()}
    # The choice of one customer does not change a header that has a meaning of its own.
    meanings = {
        header: field
        for header, field in find_shared_meanings(list(customers)).items()
        if not dialects.has_meaning(header)
    }
    try:
        parsed = read_file(upload, meanings=meanings, with_customer=True)
    except UnreadableFile as error:
        _refuse(upload, error.code, error.params)
        return
    assigner = Assigner(*_names_of(customers))
    rows, unmatched = defaultdict(list), []
    for row in parsed.rows:
        found = assigner.find(row)
        if found.customer is None:
            # Without empty cells: there may be 100,000 rows.
            cells = {field: text for field, text in row.values.items() if text}
            unmatched.append(found.unmatched | {"cells": cells})
        else:
            rows[found.customer].append(row)
    for customer_id in sorted(rows, key=lambda pk: customers[pk].sort_key):
        _plan_for(upload, customers[customer_id], rows[customer_id], parsed)
    upload.state = Upload.State.SPLIT
    upload.plan = {
        "detected": describe_detected(parsed.detected),
        "notices": [
            notice.as_json()
            for notice in (*parsed.notices, *_describe_meanings(parsed.detected, meanings))
        ],
        "rows": len(parsed.rows),
        **describe_book(parsed.book),
        "unmatched": len(unmatched),
    }
    upload.save(update_fields=["state", "plan"])
    upload.parts.all().delete()
    _save_unmatched_rows(upload, unmatched)


def give_up_split(job: Job) -> None:
    """Refuse a file that cannot be split."""
    end_job(job, lambda job: _refuse(Upload.objects.get(pk=job.subject), "internal"))


def _describe_meanings(detected: table.Detected, meanings: Mapping[str, str]) -> Iterator[Problem]:
    for column in detected.columns:
        if meanings.get(dialects.plain_header(column.header)):
            yield Problem(
                detected.header_line, column.field, column.header[:120], "column_said", {},
                severity=NOTICE,
            )  # fmt: skip


def _save_unmatched_rows(upload: Upload, unmatched: Sequence[dict]) -> None:
    for start in range(0, len(unmatched), LINES_PER_STATEMENT):
        some = unmatched[start : start + LINES_PER_STATEMENT]
        execute(
            f"""
            INSERT INTO {UnmatchedRow._meta.db_table} (partner_id, upload_id, number, content)
            SELECT %(partner)s, %(upload)s, r.number, r.content::jsonb FROM ROWS
            """,
            {
                "number integer": [row["line"] for row in some],
                "content text": [as_json(row) for row in some],
            },
            partner=upload.partner_id,
            upload=upload.pk,
        )


def _open_customers(member: Member) -> QuerySet[Customer]:
    return find_customers(member=member).filter(state=Customer.State.ACTIVE)


def _names_of(customers: dict[UUID, Customer]) -> tuple[dict, dict]:
    names = defaultdict(set)
    for one in customers.values():
        for name in (one.name, one.slug):
            names[name].add(one.pk)
    domains = Domain.objects.filter(is_verified=True, customer__in=list(customers))
    return names, dict(domains.values_list("name", "customer_id"))


def _plan_for(
    upload: Upload, customer: Customer, rows: Sequence[table.Row], parsed: table.Parsed
) -> None:
    default = customer.domains.filter(is_verified=True).order_by("-is_default", "name").first()
    defaults = upload.options.get("defaults", {}) | {
        "domain": default.name if default else "",
        "location": customer.location,
    }
    batch = create_batch(
        customer=customer,
        kind="import",
        state=Batch.State.CHECKING,
        source_name=upload.source_name,
        options=upload.options | {"defaults": defaults},
        split_from=upload.pk,
        by=upload.by,
    )
    plan_rows(batch, rows, parsed)


def _refuse(upload: Upload, code: str, params: dict | None = None) -> None:
    texts = {key: str(value) for key, value in (params or {}).items()}
    if code == "no_header":
        # The beginning of the file may name a person, and this is kept.
        del texts["found"]
    refused = {"code": code, "params": texts}
    upload.state, upload.plan = Upload.State.REFUSED, {"refused": refused}
    upload.save(update_fields=["state", "plan"])
    upload.parts.all().delete()


@transaction.atomic
def start_imports(*, upload: Upload, reason: str = "", ticket: str = "", by: Member) -> int:
    """
    Start the waiting imports of the file that the member may see, in workers.

    Returns how many were started. An import stays waiting where none of its rows can run, where it
    would leave a customer without an administrator, or where it is all or nothing with errors.

    :raises NothingToStart: where none was started.
    :raises Refused: where the member may not import users, or it is another member's file.
    """
    require(by, Permission.MANAGE_USERS)
    good = Line.objects.filter(batch=OuterRef("pk"), state=Line.State.PLANNED)
    waiting = Batch.objects.filter(
        Exists(good),
        split_from=upload.pk,
        state=Batch.State.PLANNED,
        # Customers that the member may see and that are not archived.
        customer__in=_open_customers(by),
    )
    started = 0
    # In the order in which the starts lock the customers.
    for batch in waiting.select_related("customer", "by").order_by("customer_id"):
        try:
            with transaction.atomic():
                start_batch(batch=batch, reason=reason or None, ticket=ticket or None, by=by)
        except NotPlanned:
            continue
        except UsersError as error:
            log.info("import %s was not started with the others: %s", batch.pk, error)
            continue
        started += 1
    if not started:
        raise NothingToStart
    return started


@transaction.atomic
def wipe_unmatched_rows() -> None:
    """Remove old rows without a customer from this tenant's multi-customer uploads."""
    old = Upload.objects.filter(created_at__lt=timezone.now() - UNMATCHED_KEPT)
    # A file whose rows all had a customer has these, too: headers of columns that are not known.
    for upload in old.filter(plan__has_key="notices"):
        del upload.plan["notices"]
        upload.plan.pop("book", None)
        upload.save(update_fields=["plan"])
        upload.unmatched_rows.all().delete()
