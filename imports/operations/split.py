"""Splits a file with users of several customers into a planned import for each."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import NotPlanned, UsersError
from batches.models import Batch, Job, Line
from batches.operations.control import start_batch
from batches.operations.lease import end_job, order_job
from batches.operations.plan import create_batch
from customers.models import Customer, Domain
from customers.queries import find_customers
from imports.models import Bundle, BundlePart
from imports.operations.check import describe_detected, plan_rows
from imports.queries import find_shared_meanings
from imports.read import columns, table
from imports.read.assign import Assigner
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from spreadsheets.errors import UnreadableFile
from users.rules.problems import NOTICE, Problem

log = logging.getLogger(__name__)

# Rows without a customer that are shown; all of them can be downloaded.
MAX_SHOWN = 200
UNMATCHED_PER_PART = 1_000
UNMATCHED_KEPT = timedelta(days=30)


class NothingToStart(UsersError):
    """No import of the file is waiting."""

    message = _("No import of this file is waiting. See the result on each customer’s page.")


@transaction.atomic
def receive_bundle(*, name: str, parts: Iterable[bytes], options: dict, by: Member) -> Bundle:
    """
    Keep an uploaded file with users of several customers, and order that it is split.

    `options` are as for `receive_file`; each customer's own domain and location are the defaults.

    :raises Refused: where the member may not import users.
    """
    require(by, Permission.MANAGE_USERS)
    bundle = Bundle.objects.create(
        by=by,
        by_name=by.name,
        source_name=name[-255:],
        options=options,
    )
    for number, part in enumerate(parts, 1):
        BundlePart.objects.create(bundle=bundle, number=number, content=part)
    audit.record("import.uploaded", subject=audit.Subject(bundle.pk, bundle.source_name), by=by)
    order_job("split", subject=bundle.pk)
    return bundle


def split_file(job: Job) -> None:
    """Read the file and plan an import for each customer in it, in the caller's transaction."""
    bundle = Bundle.objects.select_related("by").get(pk=job.subject)
    customers = {one.pk: one for one in _open_customers(bundle.by).iterator()}
    # The choice of one customer does not change a header that has a meaning of its own.
    meanings = {
        header: field
        for header, field in find_shared_meanings(list(customers)).items()
        if not columns.has_meaning(header)
    }
    parts = bundle.parts.order_by("number").values_list("content", flat=True)
    try:
        parsed = table.parse_file(
            b"".join(parts.iterator(8)),
            bundle.source_name,
            encoding=bundle.options.get("encoding") or None,
            delimiter=bundle.options.get("delimiter") or None,
            with_customer=True,
            meanings=meanings,
        )
    except UnreadableFile as error:
        _refuse(bundle, error.code, error.params)
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
        _plan_for(bundle, customers[customer_id], rows[customer_id], parsed)
    bundle.state = Bundle.State.SPLIT
    bundle.plan = {
        "detected": describe_detected(parsed.detected),
        "notices": [
            notice.as_json()
            for notice in (*parsed.notices, *_describe_meanings(parsed.detected, meanings))
        ],
        "rows": len(parsed.rows),
        "unmatched": len(unmatched),
        "shown_unmatched": [
            {name: value for name, value in one.items() if name != "cells"}
            for one in unmatched[:MAX_SHOWN]
        ],
    }
    bundle.save(update_fields=["state", "plan"])
    bundle.parts.all().delete()
    _keep_unmatched_rows(bundle, unmatched)


def give_up_split(job: Job) -> None:
    """Refuse a file that cannot be split."""
    end_job(job, lambda job: _refuse(Bundle.objects.get(pk=job.subject), "internal"))


def _describe_meanings(detected: table.Detected, meanings: Mapping[str, str]) -> Iterator[Problem]:
    for column in detected.columns:
        if meanings.get(columns.plain_header(column.header)):
            yield Problem(
                detected.header_line, column.field, column.header[:120], "column_said", {},
                severity=NOTICE,
            )  # fmt: skip


def _keep_unmatched_rows(bundle: Bundle, unmatched: Sequence[dict]) -> None:
    """Keep the rows that belong to no customer where the parts of the file were."""
    for number, start in enumerate(range(0, len(unmatched), UNMATCHED_PER_PART), 1):
        content = json.dumps(unmatched[start : start + UNMATCHED_PER_PART]).encode()
        BundlePart.objects.create(bundle=bundle, number=number, content=content)


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
    bundle: Bundle, customer: Customer, rows: Sequence[table.Row], parsed: table.Parsed
) -> None:
    default = customer.domains.filter(is_verified=True).order_by("-is_default", "name").first()
    defaults = bundle.options.get("defaults", {}) | {
        "domain": default.name if default else "",
        "location": customer.location,
    }
    batch = create_batch(
        customer=customer,
        kind="import",
        state=Batch.State.CHECKING,
        source_name=bundle.source_name,
        options=bundle.options | {"defaults": defaults},
        bundle=bundle.pk,
        by=bundle.by,
    )
    plan_rows(batch, rows, parsed)


def _refuse(bundle: Bundle, code: str, params: dict | None = None) -> None:
    texts = {key: str(value) for key, value in (params or {}).items()}
    if code == "no_header":
        # The beginning of the file may name a person, and this is kept.
        del texts["found"]
    refused = {"code": code, "params": texts}
    bundle.state, bundle.plan = Bundle.State.REFUSED, {"refused": refused}
    bundle.save(update_fields=["state", "plan"])
    bundle.parts.all().delete()


@transaction.atomic
def start_bundle(*, bundle: Bundle, reason: str = "", ticket: str = "", by: Member) -> int:
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
        bundle=bundle.pk,
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
    """Remove old rows without a customer from this tenant's files and plans."""
    old = Bundle.objects.filter(created_at__lt=timezone.now() - UNMATCHED_KEPT).exclude(
        state=Bundle.State.CHECKING
    )
    for bundle in old.filter(Exists(BundlePart.objects.filter(bundle=OuterRef("pk")))):
        for name in ("shown_unmatched", "notices"):
            bundle.plan.pop(name, None)
        bundle.save(update_fields=["plan"])
        bundle.parts.all().delete()
