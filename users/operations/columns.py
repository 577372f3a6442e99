"""What the columns of a customer's files mean, as members say it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from django.db import transaction

from customers.models import Customer
from users.importing.preview import Shown
from users.models import Batch, ImportColumn, Upload

# The parts of a file are numbered from one; this one is not of the file.
PREVIEW = 0


@transaction.atomic
def remember_columns(*, customer: Customer, columns: Mapping[str, str]) -> None:
    """
    Keep what columns mean, for every later file of the customer that has them.

    `columns` are the fields by the plain form of the headers; '' leaves a column out.
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


def keep_preview(batch: Batch, columns: Sequence[Shown]) -> None:
    """
    Keep a few cells of each column beside the file, and no longer than that.

    They may be of columns that are not read, so they must not outlive the file.
    """
    Upload.objects.filter(batch=batch, number=PREVIEW).delete()
    content = json.dumps([asdict(column) for column in columns]).encode()
    Upload.objects.create(batch=batch, number=PREVIEW, content=content)
