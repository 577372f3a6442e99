"""Gathers the facts for a check: a fixed number of statements for any number of people."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

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
from users.rules.named import SIGNS
from users.rules.person import CHANGEABLE
from users.rules.same_person import SEARCH_KEY, search_keys, spell_name


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

    `user_names` and contact addresses, in lower case, and display names are looked up among the
    customer's users, including deleted ones. Existing users are loaded if the purpose in the
    `options` of an import is to change them.
    """
    taken, deleted = _look_up(customer, user_names)
    active, gone = _look_up_people(customer, contacts, display_names)
    options = options or {}
    purpose = options.get("purpose", "create")
    return Facts(
        domain=options.get("defaults", {}).get("domain", "").lower(),
        restorable=_find_restorable(customer, deleted.keys() - taken.keys()),
        by_contact=active.by_contact,
        by_name=active.by_name,
        deleted_by_contact=gone.by_contact,
        deleted_by_name=gone.by_name,
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


class _People(NamedTuple):
    by_contact: dict[str, list[tuple[str, str]]]
    by_name: dict[str, list[tuple[str, str]]]


def _look_up_people(
    customer: Customer, contacts: Sequence[str], display_names: Sequence[str]
) -> tuple[_People, _People]:
    """The active and the deleted users with these contact addresses or names."""
    active, gone = _People({}, {}), _People({}, {})
    if contacts or display_names:
        for user_name, display_name, contact, is_deleted in execute(
            f"""
            SELECT u.user_name, u.display_name, lower(u.contact_email), u.deleted_at IS NOT NULL
            FROM {CustomerUser._meta.db_table} u
            WHERE u.customer_id = %(customer)s
                AND (lower(u.contact_email) = ANY(%(contacts)s) OR u.user_name = ANY(%(contacts)s)
                    OR {SEARCH_KEY} = ANY(%(names)s))
                -- A user name that someone else has now cannot be restored by a file.
                AND (u.deleted_at IS NULL OR NOT EXISTS (
                    SELECT FROM {CustomerUser._meta.db_table} a WHERE a.deleted_at IS NULL
                        AND a.customer_id = u.customer_id AND a.user_name = u.user_name))
            ORDER BY u.deleted_at DESC, u.user_name
            """,
            customer=customer.pk,
            contacts=list(contacts),
            names=list(search_keys(display_names)),
            signs=SIGNS,
        ):
            user, people = (user_name, display_name), gone if is_deleted else active
            for address in {contact, user_name} - {""}:
                people.by_contact.setdefault(address, []).append(user)
            for form in spell_name(display_name):
                people.by_name.setdefault(form, []).append(user)
    return active, gone


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
