"""Resetting passwords."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import Act, Consequences, LineInput, Offer, OneText, Outcome, Texts
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.issue import give_passwords
from users.acts.lines import (
    MESSAGES,
    apply_to_present,
    find_present,
    find_problems,
    plan_line,
    record,
    refuse,
)
from users.acts.selection import select_users


@transaction.atomic
def plan_resets(*, customer: Customer, users: Iterable[UUID], by: Member) -> Batch:
    """
    Plan a new temporary password for each of these active users.

    :raises NoUsersSelected: where none of the ids is an active user of the customer.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    chosen = select_users(customer, users)
    batch = create_batch(customer=customer, kind=RESET.kind, by=by)
    save_lines(batch=batch, lines=[plan_line(user, find_problems(user, by=by)) for user in chosen])
    return batch


def apply_resets(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """Give the users of the lines new temporary passwords and end their sessions at /my/."""
    present = find_present(batch.customer_id, lines)
    refused = refuse(batch, present, by=by)

    def write(going: list[LineInput]) -> list[Outcome]:
        sealed = give_passwords(batch=batch, lines=going)
        record("user.password_reset", batch, going, by=by)
        return [
            Outcome(line.number, Line.State.DONE, sealed=sealed[line.user_id]) for line in going
        ]

    return apply_to_present(lines, present, refused, write)


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    days = batch.customer.password_days
    valid = ngettext(
        "A new temporary password is valid for %(days)s day and must be changed at the first"
        " sign-in.",
        "A new temporary password is valid for %(days)s days and must be changed at the first"
        " sign-in.",
        days,
    )
    facts = (
        _("The current password stops working and open sessions end immediately."),
        _("A password reset can’t be undone."),
        valid % {"days": days},
        _("You can show, print or email new passwords on the next page."),
    )
    return Consequences(facts[:-1] if batch.total == 1 else facts)


RESET = Act(
    kind="reset",
    permission=Permission.RESET_PASSWORDS,
    icon="key",
    texts=Texts(
        label=gettext_lazy("Reset passwords"),
        button=lambda n: ngettext("Reset %(n)s password", "Reset %(n)s passwords", n),
        done=lambda n: ngettext("%(n)s password reset", "%(n)s passwords reset", n),
        one=OneText(
            question=gettext_lazy("Reset the password of %(name)s?"),
            button=gettext_lazy("Reset password"),
            done=gettext_lazy("Password of %(name)s reset"),
        ),
    ),
    offer=Offer(path="reset", plan=plan_resets, is_listed=False),
    apply=apply_resets,
    describe=_describe,
    messages=MESSAGES,
    needs_sign_in=Q(),
    why_final=gettext_lazy("A password reset can’t be undone. Reset the password again instead."),
)
