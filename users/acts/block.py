"""Blocking and unblocking sign-in."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    Act,
    Case,
    Consequences,
    Inverse,
    LineInput,
    Offer,
    OneText,
    Outcome,
    PlanFacts,
    Texts,
    problem,
)
from batches.models import Batch
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.postgres import among
from partners.roles import Permission
from users.acts.inverse import invert_active
from users.acts.lines import (
    MESSAGES,
    apply_to_present,
    find_present,
    find_problems,
    is_last_administrator,
    plan_line,
    record,
    refuse,
    replan_leaving,
)
from users.acts.selection import NothingToChange, select_users
from users.models import CustomerUser, UserSession

# By whether they were to be blocked.
UNCHANGED = {
    True: gettext_lazy("Nothing to change. Sign-in is already blocked."),
    False: gettext_lazy("Nothing to change. Sign-in isn’t blocked."),
}


@transaction.atomic
def plan_blocks(
    *, customer: Customer, users: Iterable[UUID], block: bool, reason: str = "", by: Member
) -> Batch:
    """
    Plan to block the sign-in of these active users, or to unblock it.

    Users in that state get no line; the plan has their number.

    :raises NoUsersSelected: where none of the ids is an active user of the customer.
    :raises NothingToChange: where no line is left.
    :raises Refused: where the member may not manage users.
    """
    require(by, Permission.MANAGE_USERS)
    chosen = select_users(customer, users, fields=["is_blocked"])
    lines = [
        plan_line(user, find_problems(user, by=by))
        for user in chosen
        if user["is_blocked"] != block
    ]
    if not lines:
        raise NothingToChange(UNCHANGED[block])
    going = [line.user_id for line in lines if line.is_valid]
    batch = create_batch(
        customer=customer,
        kind=BLOCK.kind if block else UNBLOCK.kind,
        reason=reason,
        plan=PlanFacts(
            unchanged=len(chosen) - len(lines),
            takes_last_administrator=block and is_last_administrator(customer.pk, going),
        ).to_json(),
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def apply_blocks(
    *, batch: Batch, lines: Sequence[LineInput], block: bool, by: Member
) -> list[Outcome]:
    """Block the sign-in of the lines' users and end their sessions, or unblock it."""
    present = find_present(batch.customer_id, lines, lock=True, fields=["is_blocked"])
    refused = refuse(batch, present, ends_sign_in=block, by=by)

    def write(going: list[LineInput]) -> list[Outcome]:
        # Users in that state already are done too.
        changing = [line for line in going if present[line.user_id].is_blocked != block]
        changed = {line.user_id for line in changing}
        CustomerUser.objects.filter(pk__in=among(changed)).update(
            is_blocked=block, version=F("version") + 1
        )
        if block:
            UserSession.objects.filter(user__in=among(line.user_id for line in going)).delete()
        record("user.blocked" if block else "user.unblocked", batch, changing, by=by)
        return [Outcome.done(line, unchanged=line.user_id not in changed) for line in going]

    return apply_to_present(lines, present, refused, write)


def _describe_block(batch: Batch, products: Mapping[str, str]) -> Consequences:
    return Consequences(
        (
            _("Sign-in is blocked and open sessions end immediately."),
            _("Licenses and data stay the same."),
        )
    )


def _describe_unblock(batch: Batch, products: Mapping[str, str]) -> Consequences:
    users = batch.lines.values("user_id")
    without = CustomerUser.objects.filter(
        pk__in=users, customer=batch.customer, password_state=CustomerUser.PasswordState.NONE
    ).count()
    facts = []
    if without < batch.total:
        facts.append(_("Sign-in works again with the current password."))
    if without:
        text = ngettext(
            "%(n)s user has no password. Reset the password so that the user can sign in.",
            "%(n)s users have no password. Reset their passwords so that they can sign in.",
            without,
        )
        facts.append(text % {"n": intcomma(without)})
    return Consequences(tuple(facts))


def _invert(case: Case, act: str) -> Inverse:
    if case.result.unchanged:
        return Inverse(act, {}, (problem("nothing_done"),))
    if case.user["is_blocked"] is (act == "block"):
        return Inverse(act, {}, (problem("back_already"),))
    return Inverse(act, {})


BLOCK = Act(
    kind="block",
    permission=Permission.MANAGE_USERS,
    icon="ban",
    texts=Texts(
        label=gettext_lazy("Block sign-in"),
        button=lambda n: ngettext("Block sign-in of %(n)s user", "Block sign-in of %(n)s users", n),
        done=lambda n: ngettext(
            "Sign-in of %(n)s user blocked", "Sign-in of %(n)s users blocked", n
        ),
        unchanged=lambda n: ngettext(
            "%(n)s selected user is already blocked and is skipped.",
            "%(n)s selected users are already blocked and are skipped.",
            n,
        ),
        one=OneText(
            question=gettext_lazy("Block sign-in of %(name)s?"),
            button=gettext_lazy("Block sign-in"),
            done=gettext_lazy("Sign-in of %(name)s blocked"),
        ),
    ),
    offer=Offer(path="block", plan=plan_blocks, arguments={"block": True}, is_listed=False),
    word=gettext_lazy("Block sign-in"),
    apply=partial(apply_blocks, block=True),
    describe=_describe_block,
    messages=MESSAGES,
    ends_sign_in=True,
    replan=replan_leaving,
    invert=invert_active(partial(_invert, act="unblock"), "unblock"),
    undo_fact=lambda n: ngettext(
        "Sign-in is blocked for %(n)s user.", "Sign-in is blocked for %(n)s users.", n
    ),
)

UNBLOCK = Act(
    kind="unblock",
    permission=Permission.MANAGE_USERS,
    icon="lock-open",
    texts=Texts(
        label=gettext_lazy("Unblock sign-in"),
        button=lambda n: ngettext(
            "Unblock sign-in of %(n)s user", "Unblock sign-in of %(n)s users", n
        ),
        done=lambda n: ngettext(
            "Sign-in of %(n)s user unblocked", "Sign-in of %(n)s users unblocked", n
        ),
        unchanged=lambda n: ngettext(
            "%(n)s selected user isn’t blocked and is skipped.",
            "%(n)s selected users aren’t blocked and are skipped.",
            n,
        ),
        one=OneText(
            question=gettext_lazy("Unblock sign-in of %(name)s?"),
            button=gettext_lazy("Unblock sign-in"),
            done=gettext_lazy("Sign-in of %(name)s unblocked"),
        ),
    ),
    offer=Offer(path="unblock", plan=plan_blocks, arguments={"block": False}, is_listed=False),
    word=gettext_lazy("Unblock sign-in"),
    apply=partial(apply_blocks, block=False),
    describe=_describe_unblock,
    messages=MESSAGES,
    invert=invert_active(partial(_invert, act="block"), "block"),
    undo_fact=lambda n: ngettext(
        "Sign-in is unblocked for %(n)s user.", "Sign-in is unblocked for %(n)s users.", n
    ),
)
