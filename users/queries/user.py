"""The page of a user."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.utils import timezone

import audit.queries as audit
from audit.models import Event
from batches.models import Batch
from customers import locations
from customers.models import Customer
from licensing import queries as licensing
from users.models import CustomerUser, UserPermission
from users.my.queries import License, find_own_licenses

# Events shown on the page.
EVENTS = 20


@dataclass(frozen=True)
class Awaited:
    """A license that a user waits for, with the place in the waitlist."""

    subscription_id: UUID
    product: str
    place: licensing.Place
    # Names of the products that are returned for it.
    gives_up: list[str]


@dataclass(frozen=True)
class UserPage:
    """A user with licenses, events and batches."""

    user: CustomerUser
    licenses: list[License]
    waits: list[Awaited]
    events: list[Event]
    # The batch that deleted the user, and the one with the sheet of the password.
    deletion: Batch | None
    handed_over_by: Batch | None

    @property
    def permissions(self) -> list[UserPermission]:
        return [choice for choice in UserPermission if choice in self.user.permissions]

    @property
    def location(self) -> str:
        return locations.name_of(self.user.location) if self.user.location else ""

    @property
    def language(self) -> str:
        """The name of the user's language in that language, or ''."""
        return str(dict(settings.LANGUAGES).get(self.user.language, ""))

    @property
    def is_password_expired(self) -> bool:
        expires_at = self.user.password_expires_at
        return expires_at is not None and expires_at < timezone.now()


def find_any_user(customer: Customer, user_id: UUID) -> CustomerUser | None:
    """The customer's active or deleted user with this id, or None."""
    user = customer.users.filter(pk=user_id).first()
    if user is not None:
        user.customer = customer
    return user


def get_user(customer: Customer, user_id: UUID) -> CustomerUser | None:
    user = customer.users.filter(pk=user_id, deleted_at=None).first()
    if user is not None:
        user.customer = customer
    return user


def get_user_page(customer: Customer, user_id: UUID) -> UserPage | None:
    """The page of the customer's active or deleted user with this id, or None."""
    user = customer.users.filter(pk=user_id).first()
    if user is None:
        return None
    batches = customer.batches.in_bulk([pk for pk in (user.deletion, user.password_batch) if pk])
    events = audit.find_events(partner_id=customer.partner_id).filter(
        customer_id=customer.pk, subject_id=user.pk
    )
    return UserPage(
        user=user,
        licenses=find_own_licenses(user),
        waits=_find_waits(customer, user),
        events=list(events[:EVENTS]),
        deletion=batches.get(user.deletion),
        handed_over_by=batches.get(user.password_batch),
    )


def _find_waits(customer: Customer, user: CustomerUser) -> list[Awaited]:
    waits = list(customer.waitingseats.filter(user=user).order_by("pk"))
    if not waits:
        return []
    bought = licensing.find_subscriptions(customer).prefetch_related(None)
    names = {subscription.pk: subscription.product.name for subscription in bought}
    places = licensing.get_places(customer, [user.pk])
    return [
        Awaited(
            wait.subscription_id,
            names[wait.subscription_id],
            places[user.pk, wait.subscription_id],
            [names[old] for old in wait.gives_up if old in names],
        )
        for wait in waits
    ]
