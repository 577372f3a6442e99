from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers import domains, names
from partners.models import Member, TenantModel


class Customer(TenantModel):
    """A company that the partner serves, with domains, subscriptions and users."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        ARCHIVED = "archived", _("Archived")

    slug = models.SlugField(max_length=names.SLUG_LIMIT)
    name = models.CharField(_("name"), max_length=120)
    sort_key = models.CharField(max_length=400, db_collation="C", editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    location = models.CharField(_("usage location"), max_length=2)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    contact_name = models.CharField(_("contact"), max_length=120, blank=True)
    contact_email = models.EmailField(pgettext_lazy("of a contact", "contact address"), blank=True)
    # Where users ask for help, as text: a phone number, an address of a page or a mailbox.
    help_desk = models.CharField(_("help desk"), max_length=50, blank=True)
    password_days = models.PositiveSmallIntegerField(
        _("days a temporary password is valid"),
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
    )
    sheet_hours = models.PositiveSmallIntegerField(
        _("hours a sheet can be opened"),
        default=72,
        validators=[MinValueValidator(1), MaxValueValidator(168)],
    )
    may_mail_passwords = models.BooleanField(_("passwords may be emailed as text"), default=False)
    retention_days = models.PositiveSmallIntegerField(
        _("days until a deleted user is purged"),
        default=30,
        validators=[MinValueValidator(7), MaxValueValidator(365)],
    )
    notes = models.TextField(_("notes"), blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "id"], name="customer_partner_id"),
            models.UniqueConstraint(fields=["partner", "slug"], name="customer_slug"),
            models.CheckConstraint(
                condition=Q(password_days__range=(1, 30)), name="customer_password_days"
            ),
            models.CheckConstraint(
                condition=Q(sheet_hours__range=(1, 168)), name="customer_sheet_hours"
            ),
            models.CheckConstraint(
                condition=Q(retention_days__range=(7, 365)), name="customer_retention_days"
            ),
        ]
        indexes = [models.Index(fields=["partner", "sort_key", "id"], name="customer_list")]

    def __str__(self):
        return self.name

    @property
    def is_archived(self) -> bool:
        return self.state == self.State.ARCHIVED


class CustomerPart(TenantModel):
    """A row that belongs to one customer; its composite foreign key is created in SQL."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, db_constraint=False, related_name="%(class)ss"
    )

    class Meta:
        abstract = True


class Domain(CustomerPart):
    """A domain of the customer in lower case and A-labels; unique in the installation."""

    name = models.CharField(_("domain"), max_length=domains.LIMIT, unique=True)
    is_verified = models.BooleanField(_("verified"), default=False)
    is_default = models.BooleanField(_("default"), default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=Q(is_default=True), name="domain_default"
            ),
        ]
        indexes = [models.Index(fields=["partner", "customer"], name="domain_customer")]

    def __str__(self):
        return self.name

    @property
    def spelled(self) -> str:
        """The domain in the script of its language."""
        return domains.to_unicode(self.name)


class Scope(CustomerPart):
    """A customer that a limited member can see."""

    member = models.ForeignKey(
        Member, models.CASCADE, db_index=False, db_constraint=False, related_name="scopes"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "customer"], name="scope_member_customer"),
        ]
        indexes = [models.Index(fields=["partner", "customer"], name="scope_customer")]

    def __str__(self):
        return f"{self.member_id} {self.customer_id}"


class UserCount(models.Model):
    """Numbers of users of a customer, kept by statement triggers; its row is the customer's lock."""

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


class CountDifference(TenantModel):
    """A kept counter that the last recount found to be wrong; each recount replaces all rows."""

    class Counter(models.TextChoices):
        ACTIVE = "active", _("Active users")
        DELETED = "deleted", _("Deleted users")
        BLOCKED = "blocked", _("Blocked users")
        UNLICENSED = "unlicensed", _("Users without a license")
        ASSIGNED = "assigned", _("Assigned seats")

    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, db_constraint=False, related_name="+"
    )
    counter = models.CharField(max_length=10, choices=Counter)
    # The subscription of assigned seats; no foreign key.
    subscription_id = models.UUIDField(null=True)
    # None where the counter is missing.
    kept = models.IntegerField(null=True)
    counted = models.IntegerField()
    found_at = models.DateTimeField(db_default=Now())

    def __str__(self):
        return f"{self.customer_id} {self.counter}: {self.kept}, counted {self.counted}"
