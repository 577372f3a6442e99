"""What must be known before a person is checked: asked for once, whatever their number."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from customers.models import Customer
from customers.queries import find_verified_domains
from licensing import queries as licensing
from licensing.queries import find_bought
from partners.models import Member
from partners.postgres import among
from partners.roles import Permission
from users.models import CustomerUser, UserPermission
from users.rules.facts import Facts, Known, People
from users.rules.person import CHANGEABLE


def gather_facts(
    *,
    customer: Customer,
    user_names: Sequence[str],
    options: Mapping[str, Any] | None = None,
    by: Member,
) -> Facts:
    """
    Gather what the rules for a person ask about, in at most seven statements.

    `user_names` are those to look up among the customer's users, deleted ones included; where
    the `options` of an import say that it changes users, these are loaded as they are.
    """
    taken, deleted = _look_up(customer, user_names)
    purpose = (options or {}).get("purpose", "create")
    return Facts(
        people=None
        if purpose == "create"
        else People(
            purpose=purpose,
            known=_load_known(customer, user_names),
            licenses=options.get("licenses", "add"),
        ),
        domains=tuple(find_verified_domains(customer)),
        taken=taken,
        deleted=deleted,
        subscriptions=find_bought(customer),
        grantable=frozenset(UserPermission.values)
        if by.may(Permission.ACT_ON_ADMINISTRATORS)
        else frozenset(),
    )


def _look_up(customer: Customer, user_names: Sequence[str]) -> tuple[dict, dict]:
    # One array, not one parameter a name: a file has up to 100,000 of them.
    taken, deleted = {}, {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT user_name, display_name, deleted_at IS NOT NULL
            FROM {CustomerUser._meta.db_table}
            WHERE customer_id = %s AND user_name = ANY(%s) ORDER BY deleted_at
            """,
            [customer.pk, list(user_names)],
        )
        for user_name, display_name, is_deleted in cursor.fetchall():
            (deleted if is_deleted else taken)[user_name] = display_name
    return taken, deleted


def _load_known(customer: Customer, user_names: Sequence[str]) -> dict[str, Known]:
    active = customer.users.filter(deleted_at=None, user_name__in=among(user_names, "text"))
    found = {
        user_name: (pk, dict(zip(CHANGEABLE, values, strict=True)))
        for user_name, pk, *values in active.values_list("user_name", "pk", *CHANGEABLE)
    }
    held = licensing.get_held(customer, [pk for pk, _values in found.values()])
    return {
        user_name: Known(str(pk), values, frozenset(held.get(pk, ())))
        for user_name, (pk, values) in found.items()
    }
