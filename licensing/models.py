from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerPart
from partners.models import TenantModel


class Product(TenantModel):
    """A product of the partner's catalog (a SKU), made of service plans."""

    name = models.CharField(_("name"), max_length=120)
    part_number = models.CharField(_("part number"), max_length=60)
    description = models.CharField(_("description"), max_length=240, blank=True)
    # ISO 3166 codes.
    not_sold_in = ArrayField(models.CharField(max_length=2), default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "id"], name="product_partner_id"),
            models.UniqueConstraint(fields=["partner", "part_number"], name="product_part_number"),
        ]

    def __str__(self):
        return self.name


class ServicePlan(TenantModel):
    """An app of a product, which can be switched off for a user."""

    product = models.ForeignKey(
        Product, models.CASCADE, db_index=False, db_constraint=False, related_name="plans"
    )
    name = models.CharField(_("name"), max_length=120)

    class Meta:
        indexes = [models.Index(fields=["partner", "product"], name="plan_product")]

    def __str__(self):
        return self.name


class ProductRule(TenantModel):
    """A product requires or excludes another."""

    class Kind(models.TextChoices):
        REQUIRES = "requires", _("requires")
        EXCLUDES = "excludes", _("excludes")

    product = models.ForeignKey(
        Product, models.CASCADE, db_index=False, db_constraint=False, related_name="rules"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    other = models.ForeignKey(
        Product, models.CASCADE, db_index=False, db_constraint=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "kind", "other"], name="rule_once"),
            models.CheckConstraint(condition=~Q(product=F("other")), name="rule_of_two"),
        ]
        indexes = [
            models.Index(fields=["partner", "product"], name="rule_product"),
            models.Index(fields=["partner", "other"], name="rule_other"),
        ]

    def __str__(self):
        return f"{self.product_id} {self.kind} {self.other_id}"


class Subscription(CustomerPart):
    """A product that a customer bought, with a number of seats."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        GRACE = "grace", _("Grace period")
        SUSPENDED = "suspended", _("Suspended")

    product = models.ForeignKey(
        Product, models.PROTECT, db_index=False, db_constraint=False, related_name="subscriptions"
    )
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    seats = models.PositiveIntegerField(_("seats"))
    # Kept by a statement trigger on Assignment; nothing else writes it.
    assigned = models.IntegerField(default=0, db_default=0, editable=False)
    renews_on = models.DateField(_("renews on"), null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "customer", "id"], name="subscription_customer_id"
            ),
            models.UniqueConstraint(fields=["customer", "product"], name="subscription_once"),
            models.CheckConstraint(
                condition=Q(assigned__gte=0, assigned__lte=F("seats")), name="subscription_seats"
            ),
        ]
        indexes = [models.Index(fields=["partner", "product"], name="subscription_product")]

    def __str__(self):
        return f"{self.product_id} × {self.seats}"

    @property
    def free(self) -> int:
        """Seats that can be assigned now: none while it is suspended."""
        return self.seats - self.assigned if self.is_open else 0

    @property
    def is_open(self) -> bool:
        """Whether seats may be assigned: active, or expired but still in grace."""
        return self.state != self.State.SUSPENDED


class Assignment(CustomerPart):
    """One seat of a subscription held by one user."""

    subscription = models.ForeignKey(
        Subscription,
        models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="assignments",
    )
    # The one arrow that points up the house: data, not code.
    user = models.ForeignKey(
        "users.CustomerUser",
        models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="assignments",
    )
    # Service plans that are off for the user; plans that a product gets later are on.
    disabled_plans = ArrayField(models.UUIDField(), default=list)
    # The batch that gave it; no key, the batch may be gone before the seat.
    cause = models.UUIDField(null=True)
    assigned_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "subscription"], name="assignment_once"),
        ]
        indexes = [models.Index(fields=["subscription", "user"], name="assignment_holders")]

    def __str__(self):
        return f"{self.user_id} {self.subscription_id}"


class WaitingSeat(CustomerPart):
    """
    A seat that a user shall have as soon as one is free.

    The id, made in the order of time, is the place in line.
    """

    subscription = models.ForeignKey(
        Subscription, models.CASCADE, db_index=False, db_constraint=False, related_name="waiting"
    )
    user = models.ForeignKey(
        "users.CustomerUser",
        models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="waiting_seats",
    )
    disabled_plans = ArrayField(models.UUIDField(), default=list)
    # The subscriptions that the user returns then: the other half of a swap.
    gives_up = ArrayField(models.UUIDField(), default=list)
    # The batch that put the user in line; no key.
    cause = models.UUIDField(null=True)
    waiting_since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "subscription"], name="waiting_seat_once"),
        ]
        indexes = [models.Index(fields=["subscription", "id"], name="waiting_seat_line")]

    def __str__(self):
        return f"{self.user_id} {self.subscription_id}"
