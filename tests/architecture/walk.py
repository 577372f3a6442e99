"""Every URL of the portal, with ids that are one's own, a rival's, or nobody's."""

import hashlib
import importlib.util
import inspect
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from uuid import UUID, uuid4

from django.db import connections
from django.test import Client
from django.urls import URLPattern, get_resolver

# Of many digits, so that nothing else on a page looks like one.
_numbers = itertools.count(1_700_000_001)

APPS = (
    "portal", "handover", "imports", "users", "batches", "licensing", "customers", "partners",
)  # fmt: skip
EVERY_URL = "tests.architecture.every_url"


def route_everything(settings) -> None:
    """Route what is there with DEBUG and with the demo as well, for as long as the test runs."""
    settings.DEBUG, settings.IS_DEMO = True, True
    spec = importlib.util.find_spec("portal.urls")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[EVERY_URL] = module
    settings.DEBUG, settings.IS_DEMO = False, False
    settings.ROOT_URLCONF = EVERY_URL


@dataclass(frozen=True)
class Door:
    """A URL pattern of the portal."""

    route: str
    view: object
    names: tuple[str, ...]

    def url(self, values: dict[str, str]) -> str:
        """The address with these values; a name without a value is an error of the test."""
        return "/" + re.sub(r"<\w+:(\w+)>", lambda match: str(values[match[1]]), self.route)

    @property
    def is_public(self) -> bool:
        """Whether strangers may come in."""
        return not getattr(self.view, "login_required", True)

    @property
    def is_ours(self) -> bool:
        """Whether the portal's own code answers, and not a library's."""
        return inspect.unwrap(self.view).__module__.partition(".")[0] in APPS

    @property
    def is_customers(self) -> bool:
        """Whether it belongs to one customer."""
        return "slug" in self.names

    @property
    def permission(self):
        """The permission that its decorator declares, or None."""
        return getattr(self.view, "permission", None)


def doors() -> list[Door]:
    """Every URL of the resolver."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns, prefix: str) -> Iterator[Door]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            names = tuple(re.findall(r"<\w+:(\w+)>", route))
            yield Door(route, pattern.callback, names)
        else:
            yield from _walk(pattern.url_patterns, route)


@dataclass(frozen=True)
class Ids:
    """Values for the names in the URLs."""

    slug: str
    user_id: UUID
    batch_id: UUID
    subscription_id: UUID
    product_id: UUID
    domain_id: UUID
    member_id: UUID
    invitation_id: UUID
    upload_id: UUID
    selection_id: UUID
    # A security key.
    pk: int

    def values(self) -> dict[str, str]:
        """By name, with those that mean the same for everybody."""
        return {
            "slug": self.slug,
            "user_id": str(self.user_id),
            "batch_id": str(self.batch_id),
            "subscription_id": str(self.subscription_id),
            "product_id": str(self.product_id),
            "member_id": str(self.member_id),
            "invitation_id": str(self.invitation_id),
            "domain_id": str(self.domain_id),
            "upload_id": str(self.upload_id),
            "selection_id": str(self.selection_id),
            "pk": str(self.pk),
            "uidb36": "0",
            "key": "no-such-key",
            "number": "1",
            "token": "no-such-token",
            "language": "en",
            "kind": "csv",
        }


def nobodys(slug: str = "absent") -> Ids:
    """Ids that exist nowhere."""
    return Ids(slug, *(uuid4() for _id in fields(Ids)[2:]), next(_numbers))


def ask(client: Client, method: str, url: str, *, data: dict | None = None, htmx: bool = False):
    """Send the request and follow nothing; an exception in a view is an answer of 500."""
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"} if htmx else {}
    return getattr(client, method)(url, data or {}, headers=headers)


def bare(response, *ids: Ids) -> tuple:
    """What the answer tells, without what was asked and without the token of the form."""
    body = b"".join(response) if response.streaming else response.content
    asked = [str(getattr(one, field.name)) for one in ids for field in fields(one)]
    for value in asked:
        body = body.replace(value.encode(), b"?")
    body = re.sub(rb'[A-Za-z0-9]{64}(?=["&])', b"token", body)
    headers = {
        name: re.sub("|".join(map(re.escape, asked)) or "$^", "?", value)
        for name, value in response.headers.items()
        if name not in ("Content-Length", "Set-Cookie")
    }
    return response.status_code, headers, body


def checksum(partner_id: UUID) -> dict[str, str]:
    """A sum of every row of the partner, table by table; read as the owner."""
    sums = {}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'partner_id' ORDER BY 1"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT string_agg(t::text, '' ORDER BY t::text) FROM {table} t"
                " WHERE partner_id = %s",
                [partner_id],
            )
            text = cursor.fetchone()[0] or ""
            sums[table] = hashlib.sha256(text.encode()).hexdigest()
        for table in ("account_emailaddress", "mfa_authenticator"):
            cursor.execute(
                f"SELECT string_agg(t::text, '' ORDER BY t::text) FROM {table} t"
                " JOIN partners_member m ON m.id = t.user_id WHERE m.partner_id = %s",
                [partner_id],
            )
            sums[table] = cursor.fetchone()[0] or ""
    return sums


def next_number() -> int:
    """An id that no row has yet, for the tables that count."""
    return next(_numbers)


def leaks(client: Client, own: Ids, foreign: Ids, *, is_same_partner=False) -> list[str]:
    """
    Where a foreign id is told from an absent one, by the signed-in member of this client.

    One for each URL that names anything: the rival's things, and those below one's own customer.
    Of the same partner, only what belongs to a customer is foreign.
    """
    found = []
    for door in doors():
        names_a_thing = bool({field.name for field in fields(Ids)[1:]} & set(door.names))
        if not door.is_customers and (is_same_partner or not names_a_thing):
            continue
        pairs = [(foreign, nobodys())]
        if door.is_customers and names_a_thing:
            pairs.append((replace(foreign, slug=own.slug), nobodys(own.slug)))
        for method in ("get", "post"):
            for htmx in (False, True):
                for theirs, absent in pairs:
                    a, b = theirs.values(), absent.values()
                    data = {"ids": str(theirs.user_id), "user_id": str(theirs.user_id)}
                    seen = bare(
                        ask(client, method, door.url(a), data=data, htmx=htmx), theirs, absent
                    )
                    gone = bare(
                        ask(client, method, door.url(b), data=data, htmx=htmx), theirs, absent
                    )
                    # The method may be refused before the id is read, but not before the customer.
                    is_theirs = door.is_customers and theirs is foreign
                    refusals = (404,) if is_theirs else (403, 404, 405)
                    if seen != gone or seen[0] not in refusals or b"CANARY" in seen[2]:
                        found.append(f"{method} {door.route} {seen[0]} {gone[0]}")
    return found
