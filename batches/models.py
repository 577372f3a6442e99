from datetime import datetime, timedelta

from django.db import models
from django.db.models import Case, Q, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from partners.models import Member, TenantModel
from partners.tenancy import require_current

# How long an uploaded file is kept, and the names in its rows that did not become users.
UPLOADS_KEPT = timedelta(hours=24)


class Batch(TenantModel):
    """An act of a member on one or many users: plan, progress, result, and its sheet."""

    class State(models.TextChoices):
        # A set that grows by "Add another user" until it is finished.
        OPEN = "open", _("Not finished")
        CHECKING = "checking", _("Checking")
        REFUSED = "refused", _("File not accepted")
        PLANNED = "planned", _("Ready to start")
        RUNNING = "running", _("Running")
        # Started, and waiting; `halted_by` has the reason.
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELED = "canceled", _("Canceled")

    class HaltedBy(models.TextChoices):
        MEMBER = "member", _("a member")
        DATABASE = "database", _("the database, which is full or unreachable")

    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, db_constraint=False, related_name="batches"
    )
    # The kind of act, as the registry names it.
    kind = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State)
    by = models.ForeignKey(
        Member, models.PROTECT, db_index=False, db_constraint=False, related_name="batches"
    )
    by_name = models.CharField(max_length=120)
    # Choices for the whole batch, as JSON: defaults of an import, `when_short` …
    options = models.JSONField(default=dict)
    # Found while it was planned: the detected format, seats before and after …
    plan = models.JSONField(default=dict)
    source_name = models.CharField(max_length=255, blank=True)
    total = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=240, blank=True)
    # The number of the case in the partner's help desk.
    ticket = models.CharField(max_length=60, blank=True)
    # The batch that this one undoes; no key.
    undoes = models.UUIDField(null=True)
    # The multi-customer upload that this batch was split from; no key.
    split_from = models.UUIDField(null=True)
    halted_by = models.CharField(max_length=10, choices=HaltedBy, blank=True)
    # The wrapped key of the temporary passwords; '' without passwords, or when they were deleted.
    sheet_key = models.CharField(max_length=200, blank=True)
    sheet_expires_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    handed_over_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # When the names in rows of its file that did not become users were removed; only of an import.
    rows_wiped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "customer", "id"], name="batch_customer_id"),
            models.UniqueConstraint(fields=["partner", "id"], name="batch_partner_id"),
            # Two tabs that add users go on with the same set.
            models.UniqueConstraint(
                fields=["customer", "by"], condition=Q(state="open"), name="batch_one_open_set"
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="batch_list"),
            models.Index(fields=["partner", "by", "-id"], name="batch_mine"),
            models.Index(fields=["partner", "kind", "-id"], name="batch_kind"),
            # Few among many that are over.
            models.Index(
                fields=["partner", "state", "-id"],
                condition=Q(
                    state__in=["open", "checking", "refused", "planned", "running", "paused"]
                ),
                name="batch_not_over",
            ),
            # What a search walks along.
            models.Index(
                fields=["partner", "-id"],
                condition=~Q(ticket="", reason="", source_name=""),
                name="batch_noted",
            ),
            models.Index(fields=["undoes"], condition=Q(undoes__isnull=False), name="batch_undoes"),
            models.Index(
                fields=["split_from", "id"],
                condition=Q(split_from__isnull=False),
                name="batch_split_from",
            ),
            models.Index(
                fields=["sheet_expires_at"], condition=~Q(sheet_key=""), name="batch_secrets"
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(kind="import", rows_wiped_at=None),
                name="batch_with_rows",
            ),
        ]

    def __str__(self):
        return f"{self.kind} {self.pk}"

    @property
    def changes_users(self) -> bool:
        """Whether it is an import that changes or deletes users, too."""
        return self.options.get("purpose", "create") != "create"

    @property
    def has_several_acts(self) -> bool:
        """Whether it is an import with lines that don't all add users."""
        return self.changes_users or bool(self.plan.get("restores"))

    @property
    def rows_kept_until(self) -> datetime:
        """When the file of an import is removed, and the names in rows that did not become users."""
        return self.created_at + UPLOADS_KEPT

    @property
    def has_secrets(self) -> bool:
        """Whether its sheet can still be opened, expiry aside."""
        return self.sheet_key != ""


class NumberedPart(models.Model):
    """A row with a number that is unique in its parent; both together are its key."""

    partner = models.ForeignKey(
        "partners.Partner",
        models.PROTECT,
        related_name="+",
        default=require_current,
        db_index=False,
        db_constraint=False,
    )
    number = models.PositiveIntegerField()

    class Meta:
        abstract = True


class Line(NumberedPart):
    """One user of a batch: input, result, and the sealed password."""

    class State(models.TextChoices):
        # Will not run: the plan found an error.
        INVALID = "invalid", _("Can’t run")
        # Will not run: a member has taken it out of the plan.
        LEFT_OUT = "left_out", _("Skipped")
        PLANNED = "planned", _("Planned")
        # Tried in a transaction of its own; found so after a crash, it is the line that crashes.
        TRYING = "trying", _("In progress")
        DONE = "done", _("Done")
        # The user is done, but something is missing, like a seat; `result` has what.
        PARTLY = "partly", _("Partly done")
        FAILED = "failed", _("Failed")

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="lines"
    )
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    # The state of the few lines that are searched by it; NULL while all is well. The state itself
    # is in no index, so a line that is planned and then done keeps its place in the table and in
    # every index.
    trouble = models.GeneratedField(
        expression=Case(When(state__in=["invalid", "left_out", "failed", "partly"], then="state")),
        output_field=models.CharField(max_length=10, null=True),
        db_persist=True,
    )
    # The kind of act, as the registry names it.
    act = models.CharField(max_length=10)
    # Set before the line runs, for a new user too, so that a repeat changes nothing.
    user_id = models.UUIDField(null=True)
    # Always has user_name and display_name, so that the line can be shown without the user.
    input = models.JSONField(default=dict)
    # [{"code", "column", "value", "severity", …}] as imports.check.rows describes them.
    problems = models.JSONField(default=list)
    result = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["partner", "user_id"], name="line_user"),
            models.Index(
                fields=["batch", "trouble", "number"],
                condition=Q(trouble__isnull=False),
                name="line_trouble",
            ),
        ]

    def __str__(self):
        return f"{self.batch_id} {self.number}"


# The kind of the jobs that apply a chunk, which is a range of lines.
APPLY = "apply"


class Job(TenantModel):
    """A piece of work that a worker does at most once; see operations.lease."""

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"

    # As registered with the function that does it.
    kind = models.CharField(max_length=10)
    batch = models.ForeignKey(
        Batch, models.CASCADE, null=True, db_index=False, db_constraint=False, related_name="jobs"
    )
    # The id of what it is about, where that is no batch; no key.
    subject = models.UUIDField(null=True)
    # Its place among the jobs of its kind and batch.
    number = models.PositiveIntegerField(default=1)
    # The first and last number of the lines of a chunk.
    first = models.PositiveIntegerField(default=0)
    last = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    enqueued_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "kind", "number"], name="job_once"),
        ]
        indexes = [
            models.Index(fields=["enqueued_at"], condition=Q(state="pending"), name="job_pending"),
        ]

    def __str__(self):
        return f"job {self.kind} {self.number} of {self.batch_id or self.subject}"

    @property
    def lines(self) -> models.QuerySet[Line]:
        """The lines of a chunk, done or not."""
        numbers = (self.first, self.last)
        return Line.objects.filter(batch_id=self.batch_id, number__range=numbers)
