"""Files for many customers, and the imports that were cut from them."""

import json
from collections.abc import Iterator
from uuid import UUID

from customers.queries import find_customers
from partners.models import Member
from partners.roles import Permission
from users.models import Batch, Bundle

from .batches import count_lines


def get_bundle(bundle_id: UUID, *, member: Member) -> Bundle | None:
    """The bundle of this id that the member may see anything of, or None."""
    bundle = Bundle.objects.filter(pk=bundle_id, partner_id=member.partner_id).first()
    if bundle is None or shows_strays(bundle, member) or _batches(bundle, member).exists():
        return bundle
    return None


def shows_strays(bundle: Bundle, member: Member) -> bool:
    """Whether rows that belong to no customer may be shown: they may name anybody's people."""
    is_free = not member.is_limited and member.may(Permission.MANAGE_USERS)
    return bundle.by_id == member.pk or is_free


def has_strays(bundle: Bundle) -> bool:
    """Whether the rows that belong to no customer can be downloaded still."""
    return bundle.state == Bundle.State.CUT and bundle.parts.exists()


def find_strays(bundle: Bundle) -> Iterator[dict]:
    """The rows that belong to no customer, as Assigner describes them, with their "cells"."""
    if bundle.state == Bundle.State.CUT:
        parts = bundle.parts.order_by("number").values_list("content", flat=True)
        for content in parts.iterator(1):
            yield from json.loads(bytes(content))


def find_bundle_batches(bundle: Bundle, *, member: Member) -> list[Batch]:
    """The imports of the bundle that the member may see, with customers and progress."""
    batches = list(_batches(bundle, member).select_related("customer").order_by("pk"))
    count_lines(batches)
    return batches


def _batches(bundle: Bundle, member: Member):
    batches = Batch.objects.filter(bundle=bundle.pk, partner_id=member.partner_id)
    if member.is_limited:
        batches = batches.filter(customer__in=find_customers(member=member))
    return batches
