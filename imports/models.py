"""What belongs to uploaded files beyond a batch."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from batches.models import Batch, NumberedPart
from customers.models import CustomerPart
from partners.models import Member, TenantModel


class ImportColumn(CustomerPart):
    """What a column of this customer's files means, as a member said once."""

    # In the plain form in which headers are compared.
    header = models.CharField(max_length=120)
    # One of users.rules.fields.LABELS; '' where the column is to be left out.
    field = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "header"], name="import_column_once"),
        ]

    def __str__(self):
        return f"{self.header} {self.field}"


class Bundle(TenantModel):
    """An uploaded file with people of many customers, cut into one import batch for each."""

    class State(models.TextChoices):
        CHECKING = "checking", _("Being checked")
        REFUSED = "refused", _("File refused")
        CUT = "cut", _("Cut into batches")

    by = models.ForeignKey(
        Member, models.PROTECT, db_index=False, db_constraint=False, related_name="+"
    )
    by_name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING)
    source_name = models.CharField(max_length=255)
    # As Batch.options of an import.
    options = models.JSONField(default=dict)
    # What was found out: the detected format, and the rows that belong to no customer.
    plan = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    enqueued_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "id"], name="bundle_partner_id"),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="bundle_list"),
            models.Index(
                fields=["enqueued_at"],
                condition=models.Q(state="checking"),
                name="bundle_checking",
            ),
        ]

    def __str__(self):
        return self.source_name


class BundlePart(NumberedPart):
    """A part of the bundle's file and, once that is cut, of its rows that belong to no customer."""

    pk = models.CompositePrimaryKey("bundle_id", "number")
    bundle = models.ForeignKey(
        Bundle, models.CASCADE, db_index=False, db_constraint=False, related_name="parts"
    )
    content = models.BinaryField()

    def __str__(self):
        return f"{self.bundle_id} {self.number}"


class Upload(NumberedPart):
    """A part of an uploaded file; gone after the run or after a day."""

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="uploads"
    )
    content = models.BinaryField()

    def __str__(self):
        return f"{self.batch_id} {self.number}"
