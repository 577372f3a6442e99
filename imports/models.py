"""Uploaded files of users."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from batches.models import Batch, NumberedPart
from customers.models import CustomerPart
from partners.models import Member, TenantModel


class ImportColumn(CustomerPart):
    """The field that a member chose for a column of this customer's files."""

    # As read.columns.plain_header returns it.
    header = models.CharField(max_length=120)
    # One of users.rules.fields.LABELS; '' for a column that is skipped.
    field = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "header"], name="import_column_once"),
        ]

    def __str__(self):
        return f"{self.header} {self.field}"


class Bundle(TenantModel):
    """An uploaded file with users of several customers, which is split into one import for each."""

    class State(models.TextChoices):
        CHECKING = "checking", _("Checking")
        REFUSED = "refused", _("File not accepted")
        SPLIT = "split", _("Split into jobs")

    by = models.ForeignKey(
        Member, models.PROTECT, db_index=False, db_constraint=False, related_name="+"
    )
    by_name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING)
    source_name = models.CharField(max_length=255)
    # As Batch.options of an import.
    options = models.JSONField(default=dict)
    # The detected format, and the first of the rows that belong to no customer.
    plan = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "id"], name="bundle_partner_id"),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="bundle_list"),
        ]

    def __str__(self):
        return self.source_name


class BundlePart(NumberedPart):
    """A part of the file and, once that is split, of its rows that belong to no customer."""

    pk = models.CompositePrimaryKey("bundle_id", "number")
    bundle = models.ForeignKey(
        Bundle, models.CASCADE, db_index=False, db_constraint=False, related_name="parts"
    )
    content = models.BinaryField()

    def __str__(self):
        return f"{self.bundle_id} {self.number}"


class Upload(NumberedPart):
    """A part of an uploaded file; removed after the run or after a day."""

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="uploads"
    )
    content = models.BinaryField()

    def __str__(self):
        return f"{self.batch_id} {self.number}"
