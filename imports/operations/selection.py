"""Selects the users that a list names."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction

import audit.operations as audit
from customers.models import Customer
from partners.models import Member
from users.acts.selection import keep_selection
from users.models import Selection
from users.queries.named import ABSENT, PERHAPS, SEVERAL, Unmatched, find_named
from users.rules.named import Entry


@transaction.atomic
def select_named(*, customer: Customer, entries: Sequence[Entry], by: Member) -> Selection:
    """Select the users that these entries name, and keep the entries that select no user."""
    named = find_named(customer, entries)
    return keep_selection(customer=customer, users=named.users, unmatched=named.unmatched, by=by)


@transaction.atomic
def complete_selection(
    *,
    selection: Selection,
    users: Collection[UUID],
    entries: Sequence[Entry] | None = None,
    by: Member,
) -> Selection:
    """
    Make another selection that also has these users of the choices.

    `entries` replace those that were not found; None keeps them.
    """
    customer = selection.customer
    chosen = {str(user) for user in users}
    named = find_named(customer, entries or ())
    before = [Unmatched(**values) for values in selection.unmatched]
    left = [
        entry
        for entry in before
        if not (entries is not None and entry.code == ABSENT)
        and not (entry.code in (SEVERAL, PERHAPS) and chosen.intersection(entry.users))
    ]
    return keep_selection(
        customer=customer,
        users=list(dict.fromkeys([*selection.users, *users, *named.users])),
        unmatched=left + named.unmatched,
        by=by,
    )


@transaction.atomic
def record_names(*, selection: Selection, kind: str, by: Member) -> None:
    """Record that the entries that select no user are about to be downloaded."""
    audit.record(
        "import.names_exported",
        # Their number and no name: the record outlives a purge.
        subject=audit.Subject(None, "", after={"lines": len(selection.unmatched), "file": kind}),
        customer_id=selection.customer_id,
        by=by,
    )
