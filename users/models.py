from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, CustomerPart
from partners.models import Member, TenantModel


class UserPermission(models.TextChoices):
    """A permission in the customer's own admin tools; a user without any is a plain user."""

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
            "global_administrator": _("Can change everything, including other administrators."),
            "user_administrator": _("Can add, change and delete users and their licenses."),
            "helpdesk_administrator": _("Can reset user passwords."),
            "license_administrator": _("Can assign and remove licenses."),
            "billing_administrator": _("Can view invoices and buy subscriptions."),
            "service_support_administrator": _(
                "Can open support requests and view service health."
            ),
        }[self.value]


class CustomerUser(TenantModel):
    """A person of a customer; signs in at /my/ only."""

    class PasswordState(models.TextChoices):
        NONE = "none", _("No password")
        TEMPORARY = "temporary", _("Temporary password not changed yet")
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

    # Computed in Python, so that sorting and search do not depend on the database server.
    sort_key = models.CharField(max_length=400, db_collation="C", editable=False)
    search = models.TextField(editable=False)

    password = models.CharField(max_length=200, blank=True)
    password_state = models.CharField(
        max_length=10, choices=PasswordState, default=PasswordState.NONE
    )
    password_expires_at = models.DateTimeField(null=True)
    # The batch with the sheet of the temporary password; no key.
    password_batch = models.UUIDField(null=True)
    # Set when wrong passwords locked the sign-in, for one address or all, to show it to members;
    # partners.operations.tries counts and refuses.
    locked_until = models.DateTimeField(null=True)
    signed_in_at = models.DateTimeField(null=True)

    # Increased by every edit, so that the second of two members gets an error.
    version = models.PositiveIntegerField(default=1)
    added_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)
    # Set with deleted_at: a later change of the retention is not retroactive.
    purge_at = models.DateTimeField(null=True)
    # Not purged on that day or later, until a member releases the hold.
    is_held = models.BooleanField(_("purge on hold"), default=False, db_default=False)
    # The batch that deleted the user; its line keeps the licenses.
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
                condition=Q(user_name=Lower("user_name")), name="user_name_lower"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None, purge_at=None)
                | Q(deleted_at__isnull=False, purge_at__isnull=False),
                name="user_purge_at_with_deleted_at",
            ),
        ]
        # Indexes for counts include the partner, which row-level security checks: else each row is
        # read from the table.
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
                fields=["customer", "sort_key", "id"],
                include=["partner"],
                condition=Q(deleted_at=None, location=""),
                name="user_list_without_location",
            ),
            models.Index(
                fields=["customer", "added_at", "id"],
                condition=Q(deleted_at=None),
                name="user_list_added",
            ),
            models.Index(
                fields=["customer", "deleted_at", "id"],
                include=["partner"],
                condition=Q(deleted_at__isnull=False),
                name="user_list_deleted",
            ),
            models.Index(
                fields=["customer", "sort_key", "id"],
                condition=Q(deleted_at__isnull=False),
                name="user_list_deleted_by_name",
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
            models.Index(
                fields=["customer", "locked_until"],
                condition=Q(locked_until__isnull=False),
                name="user_locked",
            ),
            # For the dashboard: passwords not used in time.
            models.Index(
                fields=["partner", "customer", "password_expires_at"],
                condition=Q(deleted_at=None, password_state="temporary"),
                name="user_temporary",
            ),
            # For sheets: users with the temporary password of a batch.
            models.Index(
                fields=["partner", "password_batch", "password_expires_at"],
                condition=Q(deleted_at=None, password_state="temporary"),
                name="user_temporary_batch",
            ),
            # Only for the search functions of migration 0004.
            GinIndex(
                fields=["customer", "search"],
                opclasses=["uuid_ops", "gin_trgm_ops"],
                name="user_search",
            ),
        ]

    def __str__(self):
        return self.display_name

    @property
    def is_locked(self) -> bool:
        """Whether wrong passwords have locked the sign-in for at least one address."""
        return self.locked_until is not None and self.locked_until > timezone.now()

    @property
    def permission_labels(self) -> list[str]:
        """The names of the administrator permissions, in the order of the choices."""
        return [choice.label for choice in UserPermission if choice in self.permissions]


class UserSession(TenantModel):
    """A session of a user at /my/; separate from the sessions of members."""

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


class Selection(CustomerPart):
    """
    The users that a list names, as a filter of the list of users.

    It is deleted after a day: what the list has of other people must not stay longer.
    """

    by = models.ForeignKey(
        Member, models.CASCADE, db_index=False, db_constraint=False, related_name="+"
    )
    users = ArrayField(models.UUIDField())
    # The JSON of users.queries.named.Unmatched.
    unmatched = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self):
        return str(self.created_at)
