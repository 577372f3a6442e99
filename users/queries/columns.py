"""The columns of an uploaded file, and what members said of such columns before."""

import json
from collections.abc import Collection
from uuid import UUID

from django.db.models import Max, Min

from customers.models import Customer
from users.models import Batch, ImportColumn


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
