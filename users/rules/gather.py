"""Gathers the facts for a check: a fixed number of statements for any number of people."""

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
from users.rules.facts import ExistingUser, ExistingUsers, Facts
from users.rules.person import CHANGEABLE


def gather_facts(
    *,
    customer: Customer,
    user_names: Sequence[str],
    options: Mapping[str, Any] | None = None,
    by: Member,
) -> Facts:
    """
    Gather the facts that the rules for a person need, in at most seven statements.

    `user_names` are looked up among the customer's users, including deleted ones. Existing users
    are loaded if the purpose in the `options` of an import is to change them.
    """
    taken, deleted = _look_up(customer, user_names)
    purpose = (options or {}).get("purpose", "create")
    return Facts(
        existing=None
        if purpose == "create"
        else ExistingUsers(
            purpose=purpose,
            by_name=_load_existing(customer, user_names),
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
    # One array instead of one parameter per name: a file has up to 100,000 of them.
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


def _load_existing(customer: Customer, user_names: Sequence[str]) -> dict[str, ExistingUser]:
    active = customer.users.filter(deleted_at=None, user_name__in=among(user_names, "text"))
    found = {
        user_name: (pk, dict(zip(CHANGEABLE, values, strict=True)))
        for user_name, pk, *values in active.values_list("user_name", "pk", *CHANGEABLE)
    }
    held = licensing.get_held(customer, [pk for pk, _values in found.values()])
    return {
        user_name: ExistingUser(str(pk), values, frozenset(held.get(pk, ())))
        for user_name, (pk, values) in found.items()
    }
