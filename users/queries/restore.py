"""Restores: lines with taken user names, and the users of a batch."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from batches.acts import get_act
from batches.models import Batch, Line
from users.models import CustomerUser
from users.rules import names

# Lines shown at a time; each renamed one makes room for the next.
MAX_SHOWN = 20
SUGGESTIONS = 3
# Each round adds four candidates, in case those before are taken.
ROUNDS = 4


@dataclass(frozen=True)
class TakenName:
    """A line that needs a new user name."""

    number: int
    name: str
    local: str
    domain: str
    suggestions: tuple[str, ...]


def find_taken_names(batch: Batch) -> list[TakenName]:
    """The first lines of a planned restore or undo with taken user names; three statements."""
    if batch.kind not in {"restore", "undo"} or batch.state != Batch.State.PLANNED:
        return []
    lines = Line.objects.filter(
        batch=batch, trouble=Line.State.INVALID, problems__contains=[{"code": "name_taken"}]
    )
    fields = ("number", "input__display_name", "input__user_name")
    shown = list(lines.order_by("number").values_list(*fields)[:MAX_SHOWN])
    candidates = {number: _find_candidates(taken) for number, _name, taken in shown}
    names_of_all = [name for some in candidates.values() for name in some]
    active = batch.customer.users.filter(deleted_at=None, user_name__in=names_of_all)
    coming = batch.lines.filter(input__user_name__in=names_of_all)
    held = {
        *active.values_list("user_name", flat=True),
        *coming.values_list("input__user_name", flat=True),
    }
    found = []
    for number, name, taken in shown:
        free = [candidate for candidate in candidates[number] if candidate not in held]
        suggestions = tuple(candidate.partition("@")[0] for candidate in free[:SUGGESTIONS])
        found.append(TakenName(number, name, *names.split_user_name(taken), suggestions))
    return found


def _find_candidates(user_name: str) -> list[str]:
    local, domain = names.split_user_name(user_name)
    found = [local]
    for _round in range(ROUNDS):
        found += names.suggest_local_parts(local, "", "", set(found))
    return [f"{candidate}@{domain}" for candidate in found[1:]]


def find_done_users(batch: Batch) -> list[UUID]:
    """The users of the lines that are done, at least in part."""
    done = batch.lines.filter(state__in=[Line.State.DONE, Line.State.PARTLY], user_id__isnull=False)
    return list(done.order_by("number").values_list("user_id", flat=True))


def find_blocked(batch: Batch) -> QuerySet[CustomerUser]:
    """
    The users with blocked sign-in that get a password, a license or their account back in a plan
    or a finished batch.
    """
    lines = get_act(batch.kind).needs_sign_in
    if lines is None or batch.state not in {Batch.State.PLANNED, Batch.State.DONE}:
        return CustomerUser.objects.none()
    runs = [Line.State.PLANNED, Line.State.DONE, Line.State.PARTLY]
    mine = batch.lines.filter(lines, user_id=OuterRef("pk"), state__in=runs)
    blocked = CustomerUser.objects.filter(Exists(mine), customer=batch.customer, is_blocked=True)
    # In a plan, users to be restored are still deleted.
    return blocked if batch.state == Batch.State.PLANNED else blocked.filter(deleted_at=None)
