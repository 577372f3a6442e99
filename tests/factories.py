"""Rows for tests, made as the tenant that is entered (`tenancy.tenant`, or the fixture `inside`)."""

import itertools
from functools import cache

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from customers.models import Customer, Domain
from customers.names import sort_key
from licensing.models import Product, ServicePlan, Subscription
from partners.models import Member, Partner
from partners.roles import Role
from users.models import CustomerUser
from users.rules import names

_numbers = itertools.count(1)

PASSWORD = "correct horse battery staple"


def partner(slug: str, name: str) -> Partner:
    """Make a partner, by the function that conftest.py gave the test database."""
    made = Partner(slug=slug, name=name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT app.test_make_partner(%s, %s, %s)", [made.pk, slug, name])
    return Partner.objects.get(pk=made.pk)


# To hash it anew for each member would be a twentieth of the time that all tests take.
hash_once = cache(make_password)


def member(of: Partner, name: str, role: Role = Role.OWNER, **fields) -> Member:
    """Make a member of the partner, who signs in with PASSWORD."""
    made = Member.objects.create(
        email=f"{name}@{of.slug}.example",
        password=hash_once(PASSWORD),
        partner=of,
        name=fields.pop("full_name", name.title()),
        role=role,
        **fields,
    )
    # As MemberManager.create_user does.
    made.emailaddress_set.create(email=made.email, verified=True, primary=True)
    return made


@transaction.atomic
def customer(slug: str, name: str, domains: tuple[str, ...] = (), **fields) -> Customer:
    """Make a customer with verified domains; the first is the default."""
    made = Customer.objects.create(
        slug=slug,
        name=name,
        sort_key=sort_key(name),
        **{"location": "US", "language": "en"} | fields,
    )
    for number, domain in enumerate(domains):
        Domain.objects.create(customer=made, name=domain, is_verified=True, is_default=not number)
    return made


@transaction.atomic
def product(name: str, plans: tuple[str, ...] = (), **fields) -> Product:
    """Make a product of the partner's catalog with its service plans."""
    made = Product.objects.create(name=name, **{"part_number": f"P-{next(_numbers):04}"} | fields)
    for plan in plans:
        ServicePlan.objects.create(product=made, name=plan)
    return made


@transaction.atomic
def subscription(
    of: Customer, name: str, seats: int = 5, plans: tuple[str, ...] = (), **fields
) -> Subscription:
    """Make a subscription of a new product."""
    bought = fields.pop("product", None) or product(name, plans)
    return Subscription.objects.create(customer=of, product=bought, seats=seats, **fields)


@transaction.atomic
def user(of: Customer, display_name: str, **fields) -> CustomerUser:
    """Make an active user without licenses, past all operations."""
    local = f"user{next(_numbers)}"
    user_name = fields.pop("user_name", f"{local}@{of.slug}.example")
    return CustomerUser.objects.create(
        customer=of,
        user_name=user_name,
        display_name=display_name,
        sort_key=sort_key(display_name),
        search=names.search_text(display_name, user_name),
        **fields,
    )
