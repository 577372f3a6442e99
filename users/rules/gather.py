"""Gathers the facts for a check: a fixed number of statements for any number of people."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connection

from batches.models import Line
from customers.models import Customer
from customers.queries import find_verified_domains
from licensing import queries as licensing
from licensing.queries import find_bought
from partners.models import Member
from partners.postgres import among, execute
from partners.roles import Permission
from users.models import CustomerUser, UserPermission
from users.rules.facts import DeletedUser, ExistingUser, ExistingUsers, Facts
from users.rules.person import CHANGEABLE


def gather_facts(
    *,
    customer: Customer,
    user_names: Sequence[str],
    contacts: Sequence[str] = (),
    display_names: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    by: Member,
) -> Facts:
    """
    Gather the facts that the rules for a person need, in at most ten statements.

    `user_names` are looked up among the customer's users, including deleted ones; contact addresses
    and display names, in lower case, among active ones. Existing users are loaded if the purpose in
    the `options` of an import is to change them.
    """
    taken, deleted = _look_up(customer, user_names)
    by_contact, by_name = _look_up_people(customer, contacts, display_names)
    options = options or {}
    purpose = options.get("purpose", "create")
    return Facts(
        domain=options.get("defaults", {}).get("domain", "").lower(),
        restorable=_find_restorable(customer, deleted.keys() - taken.keys()),
        by_contact=by_contact,
        by_name=by_name,
        all_names=lambda: set(customer.users.values_list("user_name", flat=True)),
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


def _look_up_people(
    customer: Customer, contacts: Sequence[str], display_names: Sequence[str]
) -> tuple[dict, dict]:
    by_contact, by_name = {}, {}
    if contacts or display_names:
        for user_name, display_name, contact in execute(
            f"""
            SELECT user_name, display_name, lower(contact_email)
            FROM {CustomerUser._meta.db_table}
            WHERE customer_id = %(customer)s AND deleted_at IS NULL
                AND (lower(contact_email) = ANY(%(contacts)s) OR user_name = ANY(%(contacts)s)
                    OR lower(display_name) = ANY(%(names)s))
            ORDER BY user_name
            """,
            customer=customer.pk,
            contacts=list(contacts),
            names=list(display_names),
        ):
            user = user_name, display_name
            for address in {contact, user_name} - {""}:
                by_contact.setdefault(address, []).append(user)
            by_name.setdefault(display_name.lower(), []).append(user)
    return by_contact, by_name


def _find_restorable(customer: Customer, user_names: Collection[str]) -> dict[str, DeletedUser]:
    if not user_names:
        return {}
    # The line of the deletion keeps the licenses.
    found = execute(
        f"""
        SELECT u.user_name, u.id, u.is_administrator, l.result->'held'
        FROM {CustomerUser._meta.db_table} u
        LEFT JOIN {Line._meta.db_table} l ON l.user_id = u.id AND l.batch_id = u.deletion
        WHERE u.customer_id = %(customer)s AND u.deleted_at IS NOT NULL
            AND u.user_name = ANY(%(names)s)
        ORDER BY u.deleted_at
        """,
        customer=customer.pk,
        names=list(user_names),
    )
    return {
        user_name: DeletedUser(
            str(pk), json.loads(held) if isinstance(held, str) else held or (), is_administrator
        )
        for user_name, pk, is_administrator, held in found
    }


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
