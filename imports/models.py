"""Uploaded files of users."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from batches.models import Batch, NumberedPart
from customers.models import CustomerPart
from partners.models import Member, TenantModel


class ImportColumn(CustomerPart):
    """The field that a member chose for a column of this customer's files."""

    # As read.dialects.plain_header returns it.
    header = models.CharField(max_length=120)
    # One of read.columns.CHOICES; '' for a column that is skipped.
    field = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "header"], name="import_column_once"),
        ]

    def __str__(self):
        return f"{self.header} {self.field}"


class Upload(TenantModel):
    """
    An uploaded file: of one customer, or of many, whose rows are split into an import for each.

    The first has an import at once, and is removed after the run or after a day.
    """

    class State(models.TextChoices):
        CHECKING = "checking", _("Checking")
        REFUSED = "refused", _("File not accepted")
        SPLIT = "split", _("Split into jobs")

    # The import of a file of one customer; NULL for a multi-customer upload.
    batch = models.OneToOneField(
        Batch, models.CASCADE, null=True, db_constraint=False, related_name="+"
    )
    by = models.ForeignKey(
        Member, models.PROTECT, db_index=False, db_constraint=False, related_name="+"
    )
    by_name = models.CharField(max_length=120)
    source_name = models.CharField(max_length=255)
    # As Batch.options of an import.
    options = models.JSONField(default=dict)
    # As operations.upload.keep_preview writes it. It has cells that may be of columns that are not
    # read, so it must not outlive the file.
    preview = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    # Of a multi-customer upload: its state, the detected format, and the number of its rows.
    state = models.CharField(max_length=10, choices=State, blank=True)
    plan = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "id"], name="upload_partner_id"),
        ]

    def __str__(self):
        return self.source_name


class UploadPart(NumberedPart):
    """A part of the bytes of a file."""

    pk = models.CompositePrimaryKey("upload_id", "number")
    upload = models.ForeignKey(
        Upload, models.CASCADE, db_index=False, db_constraint=False, related_name="parts"
    )
    content = models.BinaryField()

    def __str__(self):
        return f"{self.upload_id} {self.number}"


class UnmatchedRow(NumberedPart):
    """A row of a multi-customer upload that belongs to no customer, by its line in the file."""

    pk = models.CompositePrimaryKey("upload_id", "number")
    upload = models.ForeignKey(
        Upload, models.CASCADE, db_index=False, db_constraint=False, related_name="unmatched_rows"
    )
    # As Assigner describes it, with its "cells".
    content = models.JSONField()

    def __str__(self):
        return f"{self.upload_id} {self.number}"
