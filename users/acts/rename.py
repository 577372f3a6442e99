"""New user names for users that cannot be restored because their name is taken."""

from django.db import transaction

from batches.errors import NotPlanned
from batches.models import Batch, Line
from batches.operations.control import may_start
from customers.counts import lock_customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.restore import NAME_TAKEN, find_taken, forecast_seats
from users.acts.undo import count_restored
from users.rules import names


@transaction.atomic
def rename_restored(*, batch: Batch, number: int, local_part: str, by: Member) -> list[str]:
    """
    Give the user of a line that restores, in a restore or an undo, a new name in the same domain.

    Returns the problems of the name, as codes of users.rules.names or "name_taken"; without any
    the line can run.

    :raises NotPlanned: where the batch is not a plan now, or the line does not restore a user.
    :raises Refused: where the member may not restore users, or it is another member's plan.
    """
    require(by, Permission.RESTORE_USERS)
    if not may_start(batch, by):
        require(by, Permission.APPROVE_BATCHES)
    # First, as a purge empties the lines of a batch after it has locked the customer.
    lock_customer(batch.customer)
    # Locked like at the start of a batch, so that no line of a running batch changes.
    waiting = Batch.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=batch.pk,
        kind__in=["restore", "undo"],
        state=Batch.State.PLANNED,
    )
    locked = waiting.first()
    line = Line.objects.filter(batch=batch, number=number).first() if locked else None
    if line is None or not _comes_back(line):
        raise NotPlanned
    if code := names.check_local_part(local_part):
        return [code]
    _local, domain = names.split_user_name(line.input["user_name"])
    user_name = f"{local_part.lower()}@{domain}"
    others = batch.lines.exclude(number=number).filter(input__user_name=user_name)
    if find_taken(batch.customer, [user_name]) or others.exists():
        return ["name_taken"]
    was_invalid = line.state == Line.State.INVALID
    line.input["user_name"] = user_name
    line.problems = [problem for problem in line.problems if not _is_of_name(problem)]
    batch.plan = locked.plan
    if batch.kind == "undo" and was_invalid:
        line.problems += count_restored(batch, line)
    Line.objects.filter(pk=line.pk).update(
        input=line.input, problems=line.problems, state=Line.State.PLANNED
    )
    if batch.kind == "restore":
        coming = list(batch.lines.filter(state=Line.State.PLANNED).defer("sealed"))
        batch.plan["seats"] = forecast_seats(batch.customer, coming)
    batch.save(update_fields=["plan"])
    return []


def _comes_back(line: Line) -> bool:
    """Whether the line restores a user once its name is free."""
    # A purged user has no name.
    if not line.input["user_name"] or line.act != "restore":
        return False
    return all(problem["severity"] != "error" or _is_of_name(problem) for problem in line.problems)


def _is_of_name(problem: dict) -> bool:
    return problem["code"] == NAME_TAKEN["code"]
