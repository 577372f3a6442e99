"""
The people of the bench, and the databases and files that are made of them once.

"few" holds a partner with a customer of 1,000 users; "twins" two customers more, who are alike;
"many" a customer of a million.
"""

import csv
import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone

from customers.models import Customer
from customers.names import sort_key
from demo import people
from licensing.models import Assignment, Subscription
from partners import tenancy
from partners.models import Member, Partner
from partners.roles import Role
from tests import factories
from tests.bench.surroundings import PLACE, Ground
from users import passwords
from users.models import CustomerUser
from users.rules import names

# Raise it where the data change: databases made before are made anew.
VERSION = 1

SCRIPTS = {
    "english": 45, "accents": 15, "chinese": 30, "japanese": 4, "cyrillic": 3, "arabic": 2, "hindi": 1,
}  # fmt: skip
# Whoever is looked for: in every customer some have these names, whatever its size.
COMMON = ("Olivia", "Lockhart")
CHINESE = ("伟", "王")
RARE = ("Zaphira", "Quillfeather")
# Users of each kind that a page of a small customer can be filled with, too.
AT_LEAST = 60

PRODUCTS = ("Office E3", "Visio Plan 2", "Project Plan 3")


def settle_in(ground: Ground) -> dict[str, str]:
    """Make the databases that are missing, and bring the others up to date; gives their names."""
    sizes = ground.scale
    kept = {
        "few": (f"few_v{VERSION}", None, _fill_few),
        "twins": (f"twins_{sizes.rows}_v{VERSION}", "few", _fill_twins),
        "many": (f"many_{sizes.many}_v{VERSION}", "few", _fill_many),
    }
    found = {}
    for key, (name, source, fill) in kept.items():
        if not ground.has(name):
            print(f"Making the database {name}, once ...", flush=True)
            ground.copy(found.get(source, "portal_template"), "bench_new")
            call_command("migrate", database="owner", interactive=False, verbosity=0)
            fill(sizes)
            _analyze()
            ground.rename("bench_new", name)
        ground.use(name)
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        ground.use("portal")
        found[key] = name
    return found


def _analyze() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@contextmanager
def inside() -> Iterator[Member]:
    """Act as the owner of the bench's partner."""
    partner = Partner.objects.get(slug="bench")
    with tenancy.tenant(partner.pk):
        yield Member.objects.get(email="bench@bench.example")


def _fill_few(scale) -> None:
    Partner.objects.using("owner").create(slug="bench", name="Bench Cloud")
    partner = Partner.objects.get(slug="bench")
    with tenancy.tenant(partner.pk), transaction.atomic():
        factories.member(partner, "bench", role=Role.OWNER)
        for number, name in enumerate(PRODUCTS, 1):
            factories.product(name, part_number=f"BENCH-{number}", plans=("Mail", "Meetings"))
        make_customer("few")
    fill("few", scale.few)


def _fill_twins(scale) -> None:
    for slug in ("ours", "bare"):
        with inside(), transaction.atomic():
            make_customer(slug)
        fill(slug, scale.rows, is_plain=True)


def _fill_many(scale) -> None:
    with inside(), transaction.atomic():
        make_customer("many")
    fill("many", scale.many)


def make_customer(slug: str) -> Customer:
    """Make a customer with seats of every product for everybody."""
    from licensing.models import Product

    made = factories.customer(slug, slug.title(), domains=(f"{slug}.example",))
    for product in Product.objects.order_by("part_number"):
        factories.subscription(made, product.name, product=product, seats=4_000_000)
    return made


def get_customer(slug: str) -> Customer:
    """The customer of this short name, with its subscriptions in the order of the products."""
    made = Customer.objects.get(slug=slug)
    bought = Subscription.objects.filter(customer=made).order_by("product__part_number")
    made.bought = list(bought)
    return made


COLUMNS = (
    "id", "partner_id", "customer_id", "user_name", "first_name", "last_name", "display_name",
    "job_title", "department", "phone", "contact_email", "location", "language", "permissions",
    "is_blocked", "sort_key", "search", "password", "password_state", "password_expires_at",
    "version", "added_at", "deleted_at", "purge_at",
)  # fmt: skip
AT_ONCE = 100_000


def fill(slug: str, count: int, *, is_plain: bool = False) -> None:
    """
    Give a customer its users, past all operations, and two licenses to nearly all of them.

    A plain customer has active users only, each with both licenses.
    """
    with inside(), transaction.atomic():
        customer = get_customer(slug)
    deleted = 0 if is_plain else max(AT_LEAST, count // 50)
    rows = _users(customer, count, deleted, is_plain)
    with tenancy.tenant(customer.partner_id):
        while some := list(itertools.islice(rows, AT_ONCE)):
            with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
                into = f"COPY {CustomerUser._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN"
                with cursor.copy(into) as copy:
                    for row in some:
                        copy.write_row(row)
        for number, subscription in enumerate(customer.bought[:2]):
            every = 1 if is_plain else (1, _every(count, 0.3))[number]
            _assign(customer, subscription, every, is_plain)


def _assign(customer, subscription, every: int, is_plain: bool) -> None:
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Assignment._meta.db_table}
                (partner_id, customer_id, subscription_id, user_id, disabled_plans)
            SELECT partner_id, customer_id, %s, id, '{{}}' FROM (
                SELECT *, row_number() OVER (ORDER BY id) AS number
                FROM {CustomerUser._meta.db_table}
                WHERE customer_id = %s AND deleted_at IS NULL
            ) u WHERE number %% %s = 0 AND (%s OR job_title <> 'Guest')
            """,
            [subscription.pk, customer.pk, every, is_plain],
        )


def _every(count: int, share: float) -> int:
    """Every which of so many must be chosen to get this share, and a page's worth of them."""
    return max(1, min(round(1 / share), count // AT_LEAST))


@dataclass(frozen=True)
class Kinds:
    """Every which user is of which kind; the kinds lie apart from one another."""

    count: int

    def is_one(self, number: int, share: float, offset: int) -> bool:
        """Whether the user of this number is of the kind that has this share of all."""
        return (number + offset) % _every(self.count, share) == 0


def _users(customer: Customer, count: int, deleted: int, is_plain: bool) -> Iterator[tuple]:
    now = timezone.now()
    kinds = Kinds(count)
    chance = random.Random(customer.slug)
    hashed = passwords.hash_temporary(passwords.make_temporary_passwords(1))[0]
    invented = people.invent(count + deleted, SCRIPTS, customer.slug)
    for number, person in enumerate(invented):
        first, last, shown = person.first_name, person.last_name, person.display_name
        if known := None if is_plain else _known(number, kinds):
            first, last = known
            shown = names.compose_display_name(first, last)
        user_name = f"{person.local}@{customer.slug}.example"
        is_temporary = is_plain or kinds.is_one(number, 0.05, 3)
        is_recent = kinds.is_one(number, 0.03, 5)
        is_deleted = number >= count
        gone_at = now - timedelta(days=chance.uniform(0, 29)) if is_deleted else None
        is_guest = not is_plain and kinds.is_one(number, 0.04, 7)
        is_administrator = not is_plain and kinds.is_one(number, 0.001, 9)
        yield (
            tenancy.uuid7(),
            customer.partner_id,
            customer.pk,
            user_name,
            first,
            last,
            shown,
            "Guest" if is_guest else person.job_title,
            person.department,
            "",
            f"{person.local}@home.example",
            "" if not is_plain and kinds.is_one(number, 0.02, 11) else "US",
            "en",
            ["user_administrator"] if is_administrator else [],
            not is_plain and not is_deleted and kinds.is_one(number, 0.03, 13),
            sort_key(shown, last, first),
            names.search_text(shown, first, last, user_name),
            hashed,
            "temporary" if is_temporary else "chosen",
            now + timedelta(days=7) if is_temporary else None,
            1,
            now - timedelta(days=chance.uniform(0, 7) if is_recent else chance.uniform(31, 700)),
            gone_at,
            gone_at + timedelta(days=30) if gone_at else None,
        )


def _known(number: int, kinds: Kinds) -> tuple[str, str] | None:
    if number == 17:
        return RARE
    if kinds.is_one(number, 0.033, 1):
        return COMMON
    if number % max(1, kinds.count // AT_LEAST) == 2:
        return CHINESE
    return None


# --- Files -------------------------------------------------------------------------------------

HEADER = (
    "User name", "First name", "Last name", "Display name", "Job title", "Department",
    "Contact email", "Usage location", "Licenses",
)  # fmt: skip


def make_file(domain: str, count: int) -> Path:
    """The CSV file of so many people in a domain, each with two licenses; made once."""
    path = PLACE / "files" / f"{domain}-{count}-v{VERSION}.csv"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(_cells(domain, count))
    return path


def make_workbook(domain: str, count: int) -> Path:
    """The same as a workbook."""
    import xlsxwriter

    path = PLACE / "files" / f"{domain}-{count}-v{VERSION}.xlsx"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate([HEADER, *_cells(domain, count)]):
                sheet.write_row(number, 0, row)
    return path


def _cells(domain: str, count: int) -> Iterator[Sequence[str]]:
    for person in people.invent(count, SCRIPTS, domain):
        yield (
            f"{person.local}@{domain}",
            person.first_name,
            person.last_name,
            person.display_name,
            person.job_title,
            person.department,
            f"{person.local}@home.example",
            "US",
            f"{PRODUCTS[0]}; {PRODUCTS[1]}",
        )
