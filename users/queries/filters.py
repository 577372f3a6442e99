"""The filters of a list of users, read strictly: an ignored filter would select all users."""

from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, OuterRef, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.filters import LONGEST_SEARCH, UnknownFilter, read_values
from customers.models import Customer
from partners.postgres import among
from users.models import CustomerUser
from users.rules import names
from users.rules.named import read_lines

# With more matches than this, the search is a condition on all users of the list.
MAX_CANDIDATES = 20_000


class SelectionGone(UnknownFilter):
    """The users that a list named are not kept any longer."""

    message = _("This selection is no longer available. Select the users from the list again.")


@dataclass(frozen=True)
class Filters:
    """The filters of a list of users; empty values do not filter."""

    tab: str = field(default="", metadata={"values": {"deleted"}, "deleted": True})
    q: str = field(default="", metadata={"deleted": True})
    # the id of a Selection
    selection: str | UUID = field(
        default="", metadata={"values": set(), "is_id": True, "deleted": True}
    )
    # some, none, or the id of a subscription that the users have
    license: str | UUID = field(default="", metadata={"values": {"some", "none"}, "is_id": True})
    # the id of a subscription that the users do not have
    lacks: str | UUID = field(default="", metadata={"values": set(), "is_id": True})
    # the id of a subscription that the users wait for
    waits: str | UUID = field(default="", metadata={"values": set(), "is_id": True})
    status: str = field(default="", metadata={"values": {"allowed", "blocked"}})
    permissions: str = field(default="", metadata={"values": {"administrators"}, "deleted": True})
    password: str = field(default="", metadata={"values": {"temporary"}})
    location: str = field(default="", metadata={"values": {"missing"}})
    added_from: date | None = field(default=None, metadata={"is_day": True})
    added_to: date | None = field(default=None, metadata={"is_day": True})
    purge: str = field(default="", metadata={"values": {"held"}, "deleted": True, "active": False})
    deleted_from: date | None = field(default=None, metadata={"is_day": True, "deleted": True})
    deleted_to: date | None = field(default=None, metadata={"is_day": True, "deleted": True})

    @property
    def is_deleted(self) -> bool:
        return self.tab == "deleted"

    @property
    def set_names(self) -> list[str]:
        """The names of the filters that are set, without the tab."""
        return [f.name for f in fields(self) if f.name != "tab" and getattr(self, f.name)]

    @property
    def is_selection(self) -> bool:
        """Whether the list shows all users of a selection, and no others."""
        return self.set_names == ["selection"]

    @property
    def named(self) -> int:
        """How many users the search names, if it is a list of several; else 0."""
        number = sum(len(entry.parts) or 1 for entry in read_lines(self.q)) if self.q else 0
        return number if number > 1 else 0

    @property
    def is_of_signs(self) -> bool:
        """Whether the search has neither letters nor digits, and so finds no users."""
        return bool(self.q) and not names.search_patterns(self.q)


def read_filters(customer: Customer, query: QueryDict | str) -> Filters:
    """
    Read the filters from a query string.

    :raises UnknownFilter: where a name or a value is unknown, given twice or not for this tab, or
        where it names a subscription or a selection that is not this customer's.
    """
    values = read_values(QueryDict(query) if isinstance(query, str) else query)
    known = {f.name: f for f in fields(Filters)}
    is_deleted = values.get("tab") == "deleted"
    read = {}
    for name, text in values.items():
        if (name, text) == ("tab", "active"):
            continue
        allowed = known.get(name)
        if allowed is None or not _is_of_tab(allowed, is_deleted):
            raise UnknownFilter
        read[name] = _read_value(text, allowed.metadata)
    selection = read.get("selection")
    if selection and not customer.selections.filter(pk=selection).exists():
        raise SelectionGone
    bought = {value for value in read.values() if isinstance(value, UUID)} - {selection}
    if bought and customer.subscriptions.filter(pk__in=bought).count() < len(bought):
        raise UnknownFilter
    return Filters(**read)


def _is_of_tab(allowed, is_deleted: bool) -> bool:
    if is_deleted:
        return allowed.metadata.get("deleted", False)
    return allowed.metadata.get("active", not allowed.name.startswith("deleted_"))


def _read_value(text: str, allowed) -> str | UUID | date:
    try:
        if allowed.get("is_day"):
            day = datetime.strptime(text, "%Y-%m-%d").date()
            # Far enough from the limits of datetime, in every time zone.
            if 1900 < day.year < 3000:
                return day
        elif "values" not in allowed:
            if len(text) <= LONGEST_SEARCH:
                return text
        elif text in allowed["values"]:
            return text
        elif allowed.get("is_id"):
            return UUID(text)
    except ValueError:
        pass
    raise UnknownFilter


def read_limits(filters: Filters) -> dict[str, str]:
    """
    The filters except the search, as arguments of app.search_filtered.

    They mean the same as in `find_users`; days are moments in the current time zone.
    """
    limits = {}
    for name in filters.set_names:
        value = getattr(filters, name)
        if name == "q":
            continue
        if name.endswith("_from"):
            value = _midnight(value)
        elif name.endswith("_to"):
            name = name.removesuffix("_to") + "_before"
            value = _midnight(value + timedelta(days=1))
        limits[name] = str(value)
    return limits


class Like(Func):
    """Whether a text matches a ready-made LIKE pattern."""

    arg_joiner = " LIKE "
    template = "(%(expressions)s)"
    output_field = BooleanField()


def find_users(customer: Customer, filters: Filters) -> QuerySet[CustomerUser]:
    """The customer's users that match, unordered; a search runs at once."""
    users = customer.users.filter(deleted_at__isnull=not filters.is_deleted)
    users = _licensed(users, customer, filters)
    if filters.selection:
        chosen = customer.selections.filter(pk=filters.selection)
        users = users.filter(pk__in=chosen.values(user=Func(F("users"), function="unnest")))
    if filters.status:
        users = users.filter(is_blocked=filters.status == "blocked")
    if filters.permissions:
        users = users.filter(is_administrator=True)
    if filters.password:
        users = users.filter(password_state=CustomerUser.PasswordState.TEMPORARY)
    if filters.location:
        users = users.filter(location="")
    if filters.purge:
        users = users.filter(is_held=True)
    users = _in_period(users, "added_at", filters.added_from, filters.added_to)
    users = _in_period(users, "deleted_at", filters.deleted_from, filters.deleted_to)
    return _search(users, customer, filters) if filters.q else users


def _search(users: QuerySet, customer: Customer, filters: Filters) -> QuerySet:
    patterns = names.search_patterns(filters.q)
    if not patterns:
        # The search has only signs, which are not in the search text.
        return users.none()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cardinality(ids), ids::text"
            " FROM (SELECT ARRAY(SELECT app.search_users(%s, %s, %s, %s)) AS ids) AS found",
            [customer.pk, filters.is_deleted, patterns, MAX_CANDIDATES + 1],
        )
        number, ids = cursor.fetchone()
    if number <= MAX_CANDIDATES:
        # Searched once; the ids are passed back as the text that they came as.
        return users.filter(pk__in=RawSQL("SELECT unnest(%s::uuid[])", [ids]))
    for pattern in patterns:
        users = users.filter(Like(F("search"), Value(pattern, output_field=TextField())))
    return users


def _licensed(users: QuerySet, customer: Customer, filters: Filters) -> QuerySet:
    # EXISTS, not a join: "has none" by LEFT JOIN takes a thousand times as long.
    held = customer.assignments.filter(user=OuterRef("pk"))
    if filters.license == "some":
        users = users.filter(Exists(held))
    elif filters.license == "none":
        users = users.filter(~Exists(held))
    elif filters.license:
        users = users.filter(Exists(held.filter(subscription=filters.license)))
    if filters.lacks:
        users = users.filter(~Exists(held.filter(subscription=filters.lacks)))
    if filters.waits:
        waits = customer.waitingseats.filter(user=OuterRef("pk"), subscription=filters.waits)
        users = users.filter(Exists(waits))
    return users


def _in_period(users: QuerySet, column: str, first: date | None, last: date | None) -> QuerySet:
    """Filter by days from first to last, in the current time zone."""
    if first:
        users = users.filter(**{f"{column}__gte": _midnight(first)})
    if last:
        users = users.filter(**{f"{column}__lt": _midnight(last + timedelta(days=1))})
    return users


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def find_chosen(
    customer: Customer,
    *,
    ids: str,
    all: bool,
    query: str | None,
    without: str = "",
    is_active: bool = False,
) -> QuerySet[CustomerUser]:
    """
    The users selected in a list: these ids, or all users of the list's query `without` some.

    Invalid ids and ids of other customers are ignored. Active and deleted users are both found,
    unless `is_active`.

    :raises UnknownFilter: where the query is invalid, or an id in `without`, as ignoring these
        would select too many users.
    """
    if not all:
        chosen = customer.users.filter(pk__in=among(_read_ids(ids)))
    elif query is None:
        raise UnknownFilter
    else:
        chosen = find_users(customer, read_filters(customer, query))
        if left_out := _read_left_out(without):
            chosen = chosen.exclude(pk__in=among(left_out))
    return chosen.filter(deleted_at=None) if is_active else chosen


def chosen_ids(customer: Customer, **choice) -> list[UUID]:
    """
    The ids of the users of `find_chosen`, in list order.

    :raises UnknownFilter: see `find_chosen`.
    """
    chosen = find_chosen(customer, **choice)
    return list(chosen.order_by("sort_key", "pk").values_list("pk", flat=True))


def _read_ids(text: str) -> set[UUID]:
    ids = set()
    for part in text.split(","):
        with suppress(ValueError):
            ids.add(UUID(part.strip()))
    return ids


def _read_left_out(text: str) -> set[UUID]:
    # Ignoring an invalid id would select the user that the member has excluded.
    try:
        return {UUID(part.strip()) for part in text.split(",")} if text.strip() else set()
    except ValueError as error:
        raise UnknownFilter from error
