"""
Creates the demo: by the portal's own operations, except users, because they have a past.

Its content is always the same, except ids, passwords and dates, which are relative to today.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from customers import operations as offices
from customers.limits import limit_member
from customers.models import Customer
from demo import catalog, history, people, today
from licensing.models import Product
from licensing.operations.catalog import Description, add_product
from licensing.operations.seats import Wanted, assign
from licensing.operations.subscriptions import add_subscription, change_subscription
from partners import tenancy
from partners.models import Member, Partner
from users import passwords
from users.acts.add import search_of, sort_key_of
from users.models import CustomerUser, UserPermission

# Each user gets at most one of these products.
BASES = ("Education A1", "Enterprise E3", "Business Standard", "Business Basic")
BATCH_SIZE = 2000


def seed_demo(*, max_users: int = 20_000) -> None:
    """Create both partners with all that they have; customers get at most `max_users` users."""
    # The rival first, and each in one transaction: the next run completes an interrupted one.
    _make_partner(
        catalog.RIVAL, catalog.RIVAL_MEMBERS, catalog.RIVAL_CUSTOMERS, max_users=max_users
    )
    _make_partner(catalog.PARTNER, catalog.MEMBERS, catalog.CUSTOMERS, max_users=max_users)


def is_seeded() -> bool:
    """Whether the demo is complete, or the installation has partners of its own."""
    demo = [catalog.PARTNER[0], catalog.RIVAL[0]]
    if Partner.objects.exclude(slug__in=demo).exists():
        return True
    return Member.objects.filter(partner__slug=catalog.PARTNER[0]).exists()


def _make_partner(
    named: tuple[str, str],
    colleagues: Sequence[catalog.Colleague],
    companies: Sequence[catalog.Company],
    *,
    max_users: int,
) -> None:
    slug, name = named
    partner, _ = Partner.objects.using("owner").get_or_create(slug=slug, defaults={"name": name})
    if Member.objects.filter(partner_id=partner.pk).exists():
        return
    with tenancy.tenant(partner.pk), transaction.atomic():
        members = [
            Member.objects.create_user(
                colleague.email,
                catalog.PASSWORD,
                partner_id=partner.pk,
                name=colleague.name,
                role=colleague.role,
                language=colleague.language,
                time_zone=colleague.time_zone,
            )
            for colleague in colleagues
        ]
        owner = members[0]
        products = make_products(by=owner)
        customers = {}
        for company in companies:
            customer = make_customer(company, products, max_users, by=owner)
            history.write(customer, members, chance=random.Random(f"demo {company.slug}"))
            customers[company.slug] = customer
        for member, colleague in zip(members, colleagues, strict=True):
            if colleague.customers:
                chosen = [customers[slug] for slug in colleague.customers]
                limit_member(member=member, is_limited=True, customers=chosen, by=owner)
                member.refresh_from_db()
        if named == catalog.PARTNER:
            today.act(members)


def make_products(*, by: Member) -> dict[str, Product]:
    """Create the catalog: products, their service plans and rules."""
    products: dict[str, Product] = {}
    for offer in catalog.PRODUCTS:
        description = Description(
            name=offer.name,
            part_number=offer.part_number,
            description=offer.description,
            not_sold_in=tuple(offer.not_sold_in),
            requires=tuple(products[name] for name in offer.requires),
            excludes=tuple(products[name] for name in offer.excludes),
        )
        products[offer.name] = add_product(description=description, plans=offer.plans, by=by)
    return products


def make_customer(
    company: catalog.Company, products: dict[str, Product], max_users: int, *, by: Member
) -> Customer:
    """Create a customer with domains, subscriptions, users and their seats."""
    contact_name, contact_email = company.contact
    customer = offices.add_customer(
        slug=company.slug,
        name=company.name,
        domain=company.domains[0],
        is_verified=True,
        location=company.location,
        language=company.language,
        contact_name=contact_name,
        contact_email=contact_email,
        by=by,
    )
    for number, name in enumerate(company.domains[1:]):
        # The third domain is not verified yet.
        offices.add_domain(customer=customer, name=name, is_verified=number == 0, by=by)
    kept = {name: getattr(customer, name) for name in offices.POLICIES}
    offices.change_policies(customer=customer, **kept | company.policies, by=by)
    users = _make_users(customer, company, max_users)
    for bought, share in zip(company.bought, _share_out(company, users), strict=True):
        subscription = add_subscription(
            customer=customer,
            product=products[bought.product],
            seats=bought.seats,
            renews_on=timezone.localdate() + timedelta(days=bought.renews_in),
            by=by,
        )
        wanted = [Wanted(user, subscription.pk) for user in share]
        assign(customer=customer, wanted=wanted, cause=None)
        change_subscription(
            subscription=subscription,
            seats=bought.seats,
            state=bought.state,
            renews_on=subscription.renews_on,
            by=by,
        )
    if company.state == Customer.State.ARCHIVED:
        customer = offices.archive_customer(customer=customer, by=by)
    return customer


def _share_out(company: catalog.Company, users: list[UUID]) -> list[list[UUID]]:
    """Choose the users of each subscription: one base product each, and others besides."""
    chance = random.Random(f"demo {company.slug}")
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


def _make_users(customer: Customer, company: catalog.Company, max_users: int) -> list[UUID]:
    """Insert active and deleted users, and return the ids of the active ones."""
    active = min(company.users, max_users)
    deleted = min(company.deleted, max_users)
    chance = random.Random(f"demo {company.name}")
    blocked = set(chance.sample(range(active), min(company.blocked, active)))
    chosen_hash = passwords.hash_chosen(catalog.PASSWORD)
    now = timezone.now()
    users = []
    for number, person in enumerate(people.invent(active + deleted, company.scripts, company.slug)):
        user = _describe(person, number, company, chance)
        user.customer, user.is_blocked = customer, number in blocked
        if user.password_state == CustomerUser.PasswordState.CHOSEN:
            user.password = chosen_hash
        if number >= active:
            # One is purged tomorrow, one the day after, and so on.
            user.added_at = now - timedelta(days=500)
            user.purge_at = now + timedelta(days=(number - active) % 29 + 1, hours=-2)
            user.deleted_at = user.purge_at - timedelta(days=30)
        users.append(user)
    # These passwords are known to no one and have to be reset.
    waiting = [user for user in users if user.password_state == "temporary"]
    hashes = passwords.hash_temporary(passwords.make_temporary_passwords(len(waiting)))
    for user, hashed in zip(waiting, hashes, strict=True):
        user.password = hashed
    CustomerUser.objects.bulk_create(users, batch_size=BATCH_SIZE)
    return [user.pk for user in users[:active]]


def _describe(
    person: people.Person, number: int, company: catalog.Company, chance: random.Random
) -> CustomerUser:
    now = timezone.now()
    domain = company.domains[0 if number % 12 else number % len(company.domains[:2])]
    texts = asdict(person)
    texts["user_name"] = f"{texts.pop('local')}@{domain}"
    kind = chance.choices(["chosen", "waiting", "expired", "none"], [88, 5, 4, 3])[0]
    is_recent = chance.random() < 0.02 or kind == "waiting"
    age = chance.uniform(0.1, 29) if is_recent else chance.uniform(31, 700)
    permissions = []
    if number == 0:
        permissions = ["global_administrator"]
    elif number % 97 == 5:
        permissions = [chance.choice(UserPermission.values)]
    return CustomerUser(
        **texts,
        contact_email=f"{person.local}@home.example" if chance.random() < 0.8 else "",
        location=company.location if chance.random() > 0.02 else "",
        language=company.language,
        permissions=permissions,
        sort_key=sort_key_of(texts),
        search=search_of(texts),
        password_state="temporary" if kind in ("waiting", "expired") else kind,
        password_expires_at={
            "waiting": now + timedelta(days=chance.uniform(0.5, 7)),
            "expired": now - timedelta(days=chance.uniform(0.5, 20)),
        }.get(kind),
        signed_in_at=now - timedelta(days=age * chance.random()) if kind == "chosen" else None,
        added_at=now - timedelta(days=age),
    )
