"""Restoring deleted users, with their licenses while seats are free."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    Act,
    Consequences,
    LineInput,
    LineResult,
    Offer,
    OneText,
    Outcome,
    PlanFacts,
    Seats,
    Texts,
)
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.counts import lock_customer
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.forecast import Forecast, SeatForecast
from licensing.operations.seats import Wanted, assign
from licensing.rules import LicenseChange, Seat
from partners.access import require
from partners.models import Member
from partners.postgres import IsOneOf, execute
from partners.roles import Permission
from users.acts.delete import get_holdings
from users.acts.inverse import invert_added
from users.acts.issue import give_passwords
from users.acts.lines import (
    MESSAGES,
    Present,
    apply_to_present,
    find_present,
    plan_line,
    record,
)
from users.acts.selection import select_users
from users.acts.wait import wait_for_missing
from users.models import CustomerUser
from users.rules import names

NAME_TAKEN = {"code": "name_taken", "column": "user_name", "severity": "error"}
# For the search text of a user with a new name, and for an undo.
RESTORED_FIELDS = ("user_name", "display_name", "first_name", "last_name", "deletion", "is_held")
PLAIN_USER = {"code": "comes_back_as_user", "severity": "warning"}


@transaction.atomic
def plan_restores(
    *, customer: Customer, users: Iterable[UUID], new_passwords: bool = False, by: Member
) -> Batch:
    """
    Plan to restore these deleted users; nothing happens yet.

    A line with a user name that was taken meanwhile cannot run before `rename_restored`. An
    administrator is restored without permissions if the member may not grant them. The plan has
    the wanted and the free seats by subscription.

    :raises NoUsersSelected: where none of the ids is a deleted user of the customer.
    :raises Refused: where the member may not restore users.
    """
    require(by, Permission.RESTORE_USERS)
    chosen = select_users(customer, users, deleted=True)
    held = get_holdings((user["deletion"] for user in chosen), (user["pk"] for user in chosen))
    taken = find_taken(customer, [user["user_name"] for user in chosen])
    may_grant = by.may(Permission.ACT_ON_ADMINISTRATORS)
    lines, seen = [], set()
    for user in chosen:
        is_taken = user["user_name"] in taken or user["user_name"] in seen
        seen.add(user["user_name"])
        problems = [NAME_TAKEN | {"value": user["user_name"]}] if is_taken else []
        if user["is_administrator"] and not may_grant:
            problems.append(PLAIN_USER)
        lines.append(plan_line(user, problems, products=held.get(user["pk"], [])))
    batch = create_batch(
        customer=customer,
        kind=RESTORE.kind,
        options={"new_passwords": new_passwords},
        plan=PlanFacts(
            seats=forecast_seats(customer, [line for line in lines if line.is_valid])
        ).to_json(),
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def find_taken(customer: Customer, user_names: Sequence[str]) -> set[str]:
    """The names among these that active users have."""
    named = IsOneOf("user_name", user_names, "text")
    active = customer.users.filter(named, deleted_at=None)
    return set(active.values_list("user_name", flat=True))


def forecast_seats(customer: Customer, lines: Iterable[PlannedLine | Line]) -> list[dict]:
    """Return the seats that the lines of a restore need, as JSON of the plan."""
    forecast = Forecast(licensing_queries.find_bought(customer))
    for line in lines:
        # The line of a user that was purged meanwhile is empty.
        seats = map(Seat.from_json, line.input.get("products", ()))
        known = [seat for seat in seats if seat.subscription in forecast.by_id]
        forecast.add(LicenseChange(known))
    return forecast.to_json()


def apply_restores(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Restore the users of the lines, with their licenses while seats are free.

    Lines fail where the user was purged or restored, or the user name was taken meanwhile. Old
    passwords stay, unless the batch has `new_passwords`.
    """
    lock_customer(batch.customer)
    present = find_present(batch.customer_id, lines, deleted=True, fields=RESTORED_FIELDS)
    taken = find_taken(batch.customer, [line.user_name for line in lines])
    refused = {}
    for line in lines:
        if line.user_id in present and line.user_name in taken:
            refused[line.user_id] = "name_taken"
        elif line.user_id in present:
            taken.add(line.user_name)

    def write(coming: list[LineInput]) -> list[Outcome]:
        new_names = {
            line.user_id: line.user_name
            for line in coming
            if line.user_name != present[line.user_id].user_name
        }
        # By the file of an import; others come back as they were.
        blocked = [line for line in coming if line.input.get("is_blocked")]
        _bring_back(
            batch,
            [present[line.user_id] for line in coming],
            new_names,
            {line.user_id for line in blocked},
            may_grant=by.may(Permission.ACT_ON_ADMINISTRATORS),
        )
        is_new = batch.options.get("new_passwords")
        sealed = give_passwords(batch=batch, lines=coming) if is_new else {}
        wanted = [
            Wanted.of(line.user_id, Seat.from_json(product))
            for line in coming
            for product in line.input.get("products", ())
        ]
        assigned = assign(customer=batch.customer, wanted=wanted, cause=batch.pk)
        missing = wait_for_missing(batch=batch, lines=coming, assigned=assigned)
        record(
            "user.restored",
            batch,
            coming,
            before=lambda line: (
                {"user_name": present[line.user_id].user_name} if line.user_id in new_names else {}
            ),
            after=lambda line: (
                {"subscriptions": assigned.of(line.user_id)}
                | ({"user_name": line.user_name} if line.user_id in new_names else {})
            ),
            by=by,
        )
        record("user.blocked", batch, blocked, by=by)
        return [
            Outcome(
                line.number,
                Line.State.PARTLY if line.user_id in missing else Line.State.DONE,
                LineResult(
                    assigned=assigned.of(line.user_id),
                    # For an undo of the restore.
                    deletion=str(present[line.user_id].deletion or ""),
                    was_held=present[line.user_id].is_held,
                    **missing.get(line.user_id, {}),
                ).to_json(),
                sealed.get(line.user_id),
            )
            for line in coming
        ]

    return apply_to_present(lines, present, refused, write)


def _bring_back(
    batch: Batch,
    users: Sequence[Present],
    new_names: Mapping[UUID, str],
    blocked: Collection[UUID],
    *,
    may_grant: bool,
) -> None:
    """Write these users as active, a few of them with new names or blocked."""
    execute(
        f"""
        UPDATE {CustomerUser._meta.db_table} u SET deleted_at = NULL, purge_at = NULL,
            is_held = false, deletion = NULL,
            user_name = COALESCE(r.user_name, u.user_name),
            search = COALESCE(r.search, u.search),
            is_blocked = u.is_blocked OR r.is_blocked,
            permissions = CASE WHEN %(may_grant)s THEN u.permissions ELSE '{{}}' END,
            version = u.version + 1
        FROM ROWS WHERE u.id = r.id AND u.customer_id = %(customer)s AND u.deleted_at IS NOT NULL
        """,
        {
            "id uuid": [user.pk for user in users],
            "is_blocked boolean": [user.pk in blocked for user in users],
            "user_name text": [new_names.get(user.pk) for user in users],
            "search text": [
                names.search_text(
                    user.display_name, user.first_name, user.last_name, new_names[user.pk]
                )
                if user.pk in new_names
                else None
                for user in users
            ],
        },
        may_grant=may_grant,
        customer=batch.customer_id,
    )


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    seats = [
        _describe_seats(SeatForecast.from_json(seat), products)
        for seat in PlanFacts.from_json(batch.plan).seats
    ]
    facts = (
        _("Previous licenses are restored if seats are free."),
        _("The result page lists users without a license."),
    )
    is_listed = batch.total > 1 and any(seat.short for seat in seats)
    return Consequences(facts if is_listed else facts[:1], tuple(seats))


def _describe_seats(seats: SeatForecast, products: Mapping[str, str]) -> Seats:
    short = ngettext("%(n)s user gets no license", "%(n)s users get no license", seats.short)
    return Seats(
        products.get(seats.subscription) or seats.name,
        _("%(wanted)s needed, %(free)s free")
        % {"wanted": intcomma(seats.wanted), "free": intcomma(seats.free)},
        short % {"n": intcomma(seats.short)} if seats.short else "",
    )


RESTORE = Act(
    asks={"new_passwords", "when_short"},
    kind="restore",
    permission=Permission.RESTORE_USERS,
    icon="arrow-back-up",
    texts=Texts(
        label=gettext_lazy("Restore users"),
        button=lambda n: ngettext("Restore %(n)s user", "Restore %(n)s users", n),
        done=lambda n: ngettext("%(n)s user restored", "%(n)s users restored", n),
        one=OneText(
            question=gettext_lazy("Restore %(name)s?"),
            button=gettext_lazy("Restore"),
            done=gettext_lazy("%(name)s restored"),
        ),
    ),
    offer=Offer(
        path="restore",
        plan=plan_restores,
        tab="deleted",
        form_of_one="users.forms.restore.RestoreOne",
        part="users/restore_name.html",
        is_listed=False,
    ),
    word=gettext_lazy("Restore"),
    apply=apply_restores,
    describe=_describe,
    messages=MESSAGES
    | {
        "name_taken": gettext_lazy("Another user has this user name now. Choose a new one above."),
        "comes_back_as_user": gettext_lazy(
            "This administrator is restored as a user without administrator permissions. Your"
            " role can’t assign them."
        ),
    },
    failures={
        "name_taken": gettext_lazy(
            "This user name was taken in the meantime. Restore this user again and choose"
            " another name."
        )
    },
    shows=lambda _batch: {"licenses"},
    needs_sign_in=Q(),
    invert=invert_added,
    undo_fact=lambda n: ngettext(
        "%(n)s user is restored with the previous password and licenses.",
        "%(n)s users are restored with their previous passwords and licenses.",
        n,
    ),
)
