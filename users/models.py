from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from partners.models import Member, TenantModel
from partners.tenancy import require_current


class UserPermission(models.TextChoices):
    """What a user may do in the customer's own admin tools; none of these means plain user."""

    GLOBAL_ADMINISTRATOR = "global_administrator", _("Global administrator")
    USER_ADMINISTRATOR = "user_administrator", _("User administrator")
    HELPDESK_ADMINISTRATOR = "helpdesk_administrator", _("Helpdesk administrator")
    LICENSE_ADMINISTRATOR = "license_administrator", _("License administrator")
    BILLING_ADMINISTRATOR = "billing_administrator", _("Billing administrator")
    SERVICE_SUPPORT_ADMINISTRATOR = (
        "service_support_administrator",
        _("Service support administrator"),
    )

    @property
    def sentence(self) -> str:
        """What it allows, in one plain sentence."""
        return {
            "global_administrator": _("Can change everything, other administrators included."),
            "user_administrator": _("Can add, change and delete users and their licenses."),
            "helpdesk_administrator": _("Can reset the passwords of users."),
            "license_administrator": _("Can assign and remove licenses."),
            "billing_administrator": _("Can see invoices and buy subscriptions."),
            "service_support_administrator": _("Can open support requests and see service health."),
        }[self.value]


class CustomerUser(TenantModel):
    """A person of a customer; signs in at /my/ only."""

    class PasswordState(models.TextChoices):
        NONE = "none", _("No password")
        TEMPORARY = "temporary", _("Temporary password not yet used")
        CHOSEN = "chosen", _("Password chosen by the user")

    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, db_constraint=False, related_name="users"
    )
    # Local part and domain, lower case.
    user_name = models.CharField(_("user name"), max_length=254, db_collation="C")
    first_name = models.CharField(_("first name"), max_length=64, blank=True)
    last_name = models.CharField(_("last name"), max_length=64, blank=True)
    display_name = models.CharField(_("display name"), max_length=120)
    job_title = models.CharField(_("job title"), max_length=120, blank=True)
    department = models.CharField(_("department"), max_length=120, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    contact_email = models.EmailField(_("contact address"), max_length=254, blank=True)
    location = models.CharField(_("usage location"), max_length=2, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    permissions = ArrayField(
        models.CharField(max_length=40, choices=UserPermission), default=list, blank=True
    )
    is_administrator = models.GeneratedField(
        expression=Func(
            F("permissions"), function="cardinality", template="%(function)s(%(expressions)s) > 0"
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    is_blocked = models.BooleanField(_("sign-in blocked"), default=False)

    # Made by users.names, so that every server sorts and finds alike.
    sort_key = models.CharField(max_length=400, db_collation="C", editable=False)
    search = models.TextField(editable=False)

    password = models.CharField(max_length=200, blank=True)
    password_state = models.CharField(
        max_length=10, choices=PasswordState, default=PasswordState.NONE
    )
    password_expires_at = models.DateTimeField(null=True)
    # The batch whose sheet hands the temporary password over; no key.
    password_batch = models.UUIDField(null=True)
    # Wrong passwords in the running quarter of an hour.
    tries = models.PositiveSmallIntegerField(default=0)
    tries_since = models.DateTimeField(null=True)
    signed_in_at = models.DateTimeField(null=True)

    # Raised by every edit, so that the second of two members is told.
    version = models.PositiveIntegerField(default=1)
    added_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)
    # Set with deleted_at: a later change of the retention is not retroactive.
    purge_at = models.DateTimeField(null=True)
    # The batch that deleted the user; what was held is frozen on its line.
    deletion = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "customer", "id"], name="user_customer_id"),
            models.UniqueConstraint(
                fields=["customer", "user_name"],
                condition=Q(deleted_at=None),
                name="user_name_once",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None, purge_at=None)
                | Q(deleted_at__isnull=False, purge_at__isnull=False),
                name="user_purge_at_with_deleted_at",
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer", "sort_key", "id"],
                condition=Q(deleted_at=None),
                name="user_list",
            ),
            models.Index(
                fields=["customer", "sort_key", "id"],
                condition=Q(deleted_at=None, is_blocked=True),
                name="user_list_blocked",
            ),
            models.Index(
                fields=["customer", "sort_key", "id"],
                condition=Q(deleted_at=None, is_administrator=True),
                name="user_list_administrators",
            ),
            models.Index(
                fields=["customer", "deleted_at", "id"],
                condition=Q(deleted_at__isnull=False),
                name="user_list_deleted",
            ),
            models.Index(
                fields=["customer", "user_name"],
                condition=Q(deleted_at__isnull=False),
                name="user_name_deleted",
            ),
            models.Index(
                fields=["partner", "purge_at"],
                condition=Q(deleted_at__isnull=False),
                name="user_purge",
            ),
        ]

    def __str__(self):
        return self.display_name

    @property
    def permission_labels(self) -> list[str]:
        """The names of the administrator permissions, in the order of the choices."""
        return [choice.label for choice in UserPermission if choice in self.permissions]


class UserCount(models.Model):
    """How many users a customer has, kept by statement triggers; also the customer's lock."""

    customer = models.OneToOneField(
        Customer,
        models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="user_count",
    )
    partner = models.ForeignKey(
        "partners.Partner", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    active = models.IntegerField(default=0)
    deleted = models.IntegerField(default=0)
    blocked = models.IntegerField(default=0)
    unlicensed = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(active__gte=0, deleted__gte=0, blocked__gte=0, unlicensed__gte=0),
                name="user_count_not_negative",
            )
        ]

    def __str__(self):
        return f"{self.customer_id}: {self.active}"


class Batch(TenantModel):
    """One act of a member on one or many users: plan, progress, result, and its sheet."""

    class Kind(models.TextChoices):
        ADD = "add", _("Add users")
        IMPORT = "import", _("Import users")
        RESET = "reset", _("Reset passwords")
        EDIT = "edit", _("Edit users")
        BLOCK = "block", _("Block sign-in")
        UNBLOCK = "unblock", _("Unblock sign-in")
        LICENSES = "licenses", _("Manage licenses")
        DELETE = "delete", _("Delete user accounts")
        RESTORE = "restore", _("Restore users")
        PURGE = "purge", _("Purge users")

    class State(models.TextChoices):
        # A set that grows by "Add another user" until it is finished.
        OPEN = "open", _("Being added")
        CHECKING = "checking", _("Being checked")
        REFUSED = "refused", _("File refused")
        PLANNED = "planned", _("Waiting for you")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        CANCELED = "canceled", _("Canceled")

    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, db_constraint=False, related_name="batches"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State)
    by = models.ForeignKey(
        Member, models.PROTECT, db_index=False, db_constraint=False, related_name="batches"
    )
    by_name = models.CharField(max_length=120)
    # What was chosen once for the whole batch, as JSON: defaults of an import, seats when short …
    options = models.JSONField(default=dict)
    # What was found out while it was planned: the detected format, seats before and after …
    plan = models.JSONField(default=dict)
    source_name = models.CharField(max_length=255, blank=True)
    total = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=240, blank=True)
    # The wrapped key of the temporary passwords; '' when there are none, or none any more.
    sheet_key = models.CharField(max_length=200, blank=True)
    sheet_expires_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    handed_over_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

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
            models.Index(
                fields=["sheet_expires_at"], condition=~Q(sheet_key=""), name="batch_secrets"
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def has_secrets(self) -> bool:
        """Whether its sheet can still be opened, expiry aside."""
        return self.sheet_key != ""


class BatchPart(models.Model):
    """A row that belongs to one batch and is numbered in it; both together are its key."""

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


class Line(BatchPart):
    """One user of a batch: what was asked, what became of it, and the sealed password."""

    class State(models.TextChoices):
        # Will not run: the plan found an error.
        INVALID = "invalid", _("Cannot run")
        PLANNED = "planned", _("Planned")
        # One line alone is being tried; found so after a crash, it is the line that crashes.
        TRYING = "trying", _("Being tried")
        DONE = "done", _("Done")
        # The user is done, but something is missing, say a seat; `result` says what.
        PARTLY = "partly", _("Done in part")
        FAILED = "failed", _("Failed")

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="lines"
    )
    chunk = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    # Known before the line runs, also of a user who is yet to be added: a repeat changes nothing.
    user_id = models.UUIDField(null=True)
    # Always holds user_name and display_name, so that the line can be shown without the user.
    input = models.JSONField(default=dict)
    # [{"code", "column", "value", "severity", …}] as users.importing.validate describes them.
    problems = models.JSONField(default=list)
    result = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["partner", "user_id"], name="line_user"),
            models.Index(fields=["batch", "state", "number"], name="line_state"),
        ]

    def __str__(self):
        return f"{self.batch_id} {self.number}"


class Chunk(BatchPart):
    """A run of lines that one task does in one transaction; its row lock is the lease."""

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="chunks"
    )
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    enqueued_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["enqueued_at"], condition=Q(state="pending"), name="chunk_pending"
            ),
        ]

    def __str__(self):
        return f"{self.batch_id} {self.number}"


class Upload(BatchPart):
    """A part of an uploaded file; gone after the run or after a day."""

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="uploads"
    )
    content = models.BinaryField()

    def __str__(self):
        return f"{self.batch_id} {self.number}"


class Handover(TenantModel):
    """
    A mail that hands a secret over: a one-time link, or text where the policy allows it.

    The token of a link is derived from its id and a key outside the database, so only the
    token's hash is stored and the mail can be written when it is sent.
    """

    class Kind(models.TextChoices):
        # To the user: their own password, behind a button, once.
        USER_LINK = "user_link", _("One-time link to the user")
        # To a member or the customer's contact: the sheet, behind a button, once.
        SHEET_LINK = "sheet_link", _("One-time link to the sheet")
        USER_TEXT = "user_text", _("Password in the mail to the user")

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting to be sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Could not be sent")
        OPENED = "opened", _("Opened")

    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="handovers"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    # The line whose password it hands over; none for the whole sheet.
    line_number = models.PositiveIntegerField(null=True)
    user_id = models.UUIDField(null=True)
    to = models.EmailField(max_length=254)
    language = models.CharField(max_length=10)
    # '' where there is no link.
    token_hash = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=240, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token_hash"], condition=~Q(token_hash=""), name="handover_token"
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "batch", "id"], name="handover_batch"),
            models.Index(fields=["created_at"], condition=Q(state="queued"), name="handover_queue"),
        ]

    def __str__(self):
        return f"{self.kind} {self.to}"


class UserSession(TenantModel):
    """A user signed in at /my/; nothing of the portal's own sessions counts there."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, db_constraint=False, related_name="+"
    )
    user = models.ForeignKey(
        CustomerUser, models.CASCADE, db_index=False, db_constraint=False, related_name="sessions"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["user"], name="user_session_user")]

    def __str__(self):
        return f"{self.user_id} {self.created_at}"
