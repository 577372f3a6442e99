"""
Makes the demo: set-based inserts for what has been, the portal's own operations for what is new.

Its content is the same every time, but for ids, passwords and the day it is made on.
"""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from customers.models import Customer, Domain, Scope
from customers.names import sort_key
from demo import catalog, history, people, today
from licensing.models import Assignment, Product, ProductRule, ServicePlan, Subscription
from partners import tenancy
from partners.models import Member, Partner
from users import passwords
from users.models import CustomerUser, UserPermission
from users.rules import names

BASES = ("Education A1", "Enterprise E3", "Business Standard", "Business Basic")


def seed_demo(*, most_users: int = 20_000) -> None:
    """Make both partners with all they have; customers get no more users than `most_users`."""
    # The rival first, and each as a whole: what was broken off is made up for the next time.
    _make_partner(catalog.RIVAL, _fill_rival, most_users)
    _make_partner(catalog.PARTNER, _fill_partner, most_users)


def is_seeded() -> bool:
    """Whether the demo is complete, or the installation has partners of its own."""
    demo = [catalog.PARTNER[0], catalog.RIVAL[0]]
    if Partner.objects.exclude(slug__in=demo).exists():
        return True
    return Member.objects.filter(partner__slug=catalog.PARTNER[0]).exists()


def _make_partner(named: tuple[str, str], fill: Callable, most_users: int) -> None:
    slug, name = named
    partner, _ = Partner.objects.using("owner").get_or_create(slug=slug, defaults={"name": name})
    if Member.objects.filter(partner_id=partner.pk).exists():
        return
    with tenancy.tenant(partner.pk), transaction.atomic():
        fill(partner, most_users)


def _fill_partner(partner: Partner, most_users: int) -> None:
    members = [_make_member(partner, colleague) for colleague in catalog.MEMBERS]
    products = make_products(catalog.PRODUCTS)
    for company in catalog.CUSTOMERS:
        history.write(
            make_customer(company, products, most_users), members, chance=_chance(company.slug)
        )
    _limit_members(members)
    history.live(members)
    today.act(members)


def _fill_rival(partner: Partner, most_users: int) -> None:
    members = [_make_member(partner, catalog.RIVAL_MEMBER)]
    products = make_products(catalog.PRODUCTS[:2])
    for company in catalog.RIVAL_CUSTOMERS:
        history.write(
            make_customer(company, products, most_users), members, chance=_chance(company.name)
        )


def _chance(seed: str) -> random.Random:
    return random.Random(f"demo {seed}")


def _make_member(partner: Partner, colleague: catalog.Colleague) -> Member:
    return Member.objects.create_user(
        colleague.email,
        catalog.PASSWORD,
        partner_id=partner.pk,
        name=colleague.name,
        role=colleague.role,
        is_limited=bool(colleague.customers),
        language=colleague.language,
        time_zone=colleague.time_zone,
    )


def _limit_members(members: Sequence[Member]) -> None:
    customers = dict(Customer.objects.values_list("slug", "pk"))
    chosen = {colleague.email: colleague.customers for colleague in catalog.MEMBERS}
    Scope.objects.bulk_create(
        Scope(member=member, customer_id=customers[slug])
        for member in members
        for slug in chosen[member.email]
    )


def make_products(offers: Sequence[catalog.Offer]) -> dict[str, Product]:
    """Make the catalog: products, their service plans, and what holds among them."""
    products = {
        offer.name: Product(
            name=offer.name,
            part_number=offer.part_number,
            description=offer.description,
            not_sold_in=list(offer.not_sold_in),
        )
        for offer in offers
    }
    Product.objects.bulk_create(products.values())
    ServicePlan.objects.bulk_create(
        ServicePlan(product=products[offer.name], name=plan)
        for offer in offers
        for plan in offer.plans
    )
    ProductRule.objects.bulk_create(
        ProductRule(product=products[offer.name], kind=kind, other=products[other])
        for offer in offers
        for kind, others in (("requires", offer.requires), ("excludes", offer.excludes))
        for other in others
        if other in products
    )
    return products


def make_customer(
    company: catalog.Company, products: dict[str, Product], most_users: int
) -> Customer:
    """Make a customer with domains, subscriptions, users and the seats they hold."""
    contact_name, contact_email = company.contact
    customer = Customer.objects.create(
        slug=company.slug,
        name=company.name,
        sort_key=sort_key(company.name),
        state=company.state,
        location=company.location,
        language=company.language,
        contact_name=contact_name,
        contact_email=contact_email,
        **company.fields,
    )
    Domain.objects.bulk_create(
        Domain(
            customer=customer,
            name=name,
            # The last of several is still waiting for its proof.
            is_verified=number < 2,
            is_default=number == 0,
        )
        for number, name in enumerate(company.domains)
    )
    holders = _make_users(customer, company, most_users)
    for bought, users in zip(company.bought, _share_out(company, holders), strict=True):
        subscription = Subscription.objects.create(
            customer=customer,
            product=products[bought.product],
            state=bought.state,
            seats=bought.seats,
            renews_on=timezone.localdate() + timedelta(days=bought.renews_in),
        )
        _assign(subscription, users)
    return customer


def _share_out(company: catalog.Company, users: list[UUID]) -> list[list[UUID]]:
    """Who gets a seat of what: one base product each, and others on top."""
    chance = _chance(company.slug)
    users = chance.sample(users, len(users))
    taken, with_standard, shares = 0, [], []
    for bought in company.bought:
        if bought.product in BASES:
            share = users[taken : taken + bought.assigned]
            taken += len(share)
            if bought.product == "Business Standard":
                with_standard = share
        else:
            among = with_standard if bought.product == "Calling Plan" else users
            share = chance.sample(among, min(bought.assigned, len(among)))
        shares.append(share)
    return shares


def _assign(subscription: Subscription, users: list[UUID]) -> None:
    if not users:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Assignment._meta.db_table}
                (partner_id, customer_id, subscription_id, user_id, plans_off, assigned_at)
            SELECT %s, %s, %s, u.id, '{{}}', now() - interval '40 days'
            FROM unnest(%s::uuid[]) AS u(id)
            """,
            [subscription.partner_id, subscription.customer_id, subscription.pk, users],
        )


COLUMNS = {
    "id": "uuid", "user_name": "text", "first_name": "text", "last_name": "text",
    "display_name": "text", "job_title": "text", "department": "text", "contact_email": "text",
    "location": "text", "language": "text", "permissions": "text", "is_blocked": "boolean",
    "sort_key": "text", "search": "text", "password": "text", "password_state": "text",
    "password_expires_at": "timestamptz", "signed_in_at": "timestamptz", "added_at": "timestamptz",
    "deleted_at": "timestamptz", "purge_at": "timestamptz",
}  # fmt: skip


def _make_users(customer: Customer, company: catalog.Company, most_users: int) -> list[UUID]:
    """Insert the customer's users in one statement; return the ids of those who are not deleted."""
    active = min(company.users, most_users)
    deleted = min(company.deleted, most_users)
    chance = _chance(company.name)
    invented = list(people.invent(active + deleted, company.scripts, company.slug))
    blocked = set(chance.sample(range(active), min(company.blocked, active)))
    chosen_hash = passwords.hash_chosen(catalog.PASSWORD)
    rows = [
        _describe(person, number, company, chance, chosen_hash)
        | {"is_blocked": number in blocked}
        | (_deletion(customer, number - active) if number >= active else {})
        for number, person in enumerate(invented)
    ]
    _hash_temporary([row for row in rows if row["password_state"] == "temporary"])
    insert_users(customer, rows)
    return [row["id"] for row in rows if not row["deleted_at"]]


def _describe(person, number, company, chance, chosen_hash) -> dict:
    now = timezone.now()
    domain = company.domains[0 if number % 12 else number % len(company.domains[:2])]
    user_name = f"{person.local}@{domain}"
    kind = chance.choices(["chosen", "waiting", "expired", "none"], [88, 5, 4, 3])[0]
    is_recent = chance.random() < 0.02 or kind == "waiting"
    age = chance.uniform(0.1, 29) if is_recent else chance.uniform(31, 700)
    permissions = []
    if number == 0:
        permissions = ["global_administrator"]
    elif number % 97 == 5:
        permissions = [chance.choice(UserPermission.values)]
    return {
        "id": tenancy.uuid7(),
        "user_name": user_name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "display_name": person.display_name,
        "job_title": person.job_title,
        "department": person.department,
        "contact_email": f"{person.local}@home.example" if chance.random() < 0.8 else "",
        "location": company.location if chance.random() > 0.02 else "",
        "language": company.language,
        "permissions": ",".join(permissions),
        "sort_key": sort_key(person.display_name, person.last_name, person.first_name),
        "search": names.search_text(
            person.display_name, person.first_name, person.last_name, user_name
        ),
        "password": chosen_hash if kind == "chosen" else "",
        "password_state": "temporary" if kind in ("waiting", "expired") else kind,
        "password_expires_at": {
            "waiting": now + timedelta(days=chance.uniform(0.5, 7)),
            "expired": now - timedelta(days=chance.uniform(0.5, 20)),
        }.get(kind),
        "signed_in_at": now - timedelta(days=age * chance.random()) if kind == "chosen" else None,
        "added_at": now - timedelta(days=age),
        "deleted_at": None,
        "purge_at": None,
    }


def _deletion(customer: Customer, number: int) -> dict:
    """When the user was deleted: so that one is purged tomorrow, one the day after, and so on."""
    purge_at = timezone.now() + timedelta(days=number % 29 + 1, hours=-2)
    return {
        "added_at": timezone.now() - timedelta(days=500),
        "deleted_at": purge_at - timedelta(days=30),
        "purge_at": purge_at,
        "is_blocked": False,
    }


def _hash_temporary(rows: list[dict]) -> None:
    # Nobody knows these passwords; they wait to be reset.
    hashes = passwords.hash_temporary(passwords.make_temporary_passwords(len(rows)))
    for row, hashed in zip(rows, hashes, strict=True):
        row["password"] = hashed


def insert_users(customer: Customer, rows: list[dict]) -> None:
    """Insert users past all operations, in one statement."""
    if not rows:
        return
    columns = [name for name in COLUMNS if name != "permissions"]
    arrays = ", ".join(f"%s::{kind}[]" for kind in COLUMNS.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {CustomerUser._meta.db_table} (partner_id, customer_id, phone,
                version, permissions, {", ".join(columns)})
            SELECT %s, %s, '', 1,
                COALESCE(string_to_array(NULLIF(u.permissions, ''), ','), '{{}}'),
                {", ".join(f"u.{column}" for column in columns)}
            FROM unnest({arrays}) AS u({", ".join(COLUMNS)})
            """,
            [customer.partner_id, customer.pk]
            + [[row[column] for row in rows] for column in COLUMNS],
        )
