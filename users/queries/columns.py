"""The columns of an uploaded file, and what members said of such columns before."""

import json

from customers.models import Customer
from users.models import Batch, ImportColumn


def find_said_columns(customer: Customer) -> dict[str, str]:
    """The fields by the plain headers of columns, as members said; '' is to be left out."""
    said = ImportColumn.objects.filter(customer=customer)
    return dict(said.values_list("header", "field"))


def find_preview(batch: Batch) -> list[dict]:
    """Header, field and a few cells of each column, as long as the file is kept."""
    kept = batch.uploads.filter(number=0).values_list("content", flat=True).first()
    return json.loads(bytes(kept)) if kept else []
