"""One user: everything their page shows."""

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

# So much of what happened to a user stands on the page.
EVENTS = 20


@dataclass(frozen=True)
class Awaited:
    """A license that a user waits for, and where in the line."""

    subscription_id: UUID
    product: str
    place: licensing.Place
    # What is given back for it.
    gives_up: list[str]


@dataclass(frozen=True)
class UserPage:
    """A user with licenses, history and the batches that matter now."""

    user: CustomerUser
    licenses: list[License]
    waits: list[Awaited]
    events: list[Event]
    # The batch that deleted the user, and the one whose sheet hands over the password.
    deletion: Batch | None
    handed_over_by: Batch | None

    @property
    def permissions(self) -> list[UserPermission]:
        """The administrator permissions, each with its sentence."""
        return [choice for choice in UserPermission if choice in self.user.permissions]

    @property
    def location(self) -> str:
        """The name of the country or region, or nothing."""
        return locations.name_of(self.user.location) if self.user.location else ""

    @property
    def language(self) -> str:
        """The name of the user's language in itself, or nothing."""
        return str(dict(settings.LANGUAGES).get(self.user.language, ""))

    @property
    def is_password_expired(self) -> bool:
        """Whether the temporary password is past its time."""
        expires_at = self.user.password_expires_at
        return expires_at is not None and expires_at < timezone.now()


def get_user(customer: Customer, user_id: UUID) -> CustomerUser | None:
    """The customer's active user of this id, or None."""
    user = customer.users.filter(pk=user_id, deleted_at=None).first()
    if user is not None:
        user.customer = customer
    return user


def get_user_page(customer: Customer, user_id: UUID) -> UserPage | None:
    """What is known about the customer's user of this id, active or deleted; None for no such."""
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
    names = {one.pk: one.product.name for one in bought}
    places = licensing.get_places(customer, [user.pk])
    return [
        Awaited(
            one.subscription_id,
            names[one.subscription_id],
            places[user.pk, one.subscription_id],
            [names[old] for old in one.gives_up if old in names],
        )
        for one in waits
    ]
