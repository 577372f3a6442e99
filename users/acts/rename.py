"""New user names for those who are to come back and whose old ones somebody else has now."""

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
    Give a user who is to be restored, by a restore or an undo, a new name; the domain stays.

    Returns what is wrong with the name, as codes of users.names and "name_taken": nothing where
    the line can run now.

    :raises NotPlanned: where the batch does not wait any more, or restores nobody by such a line.
    :raises Refused: where the member may not restore users, or it is another member's plan.
    """
    require(by, Permission.RESTORE_USERS)
    if not may_start(batch, by):
        require(by, Permission.APPROVE_BATCHES)
    # Before the batch and its lines, which a purge empties after it has locked the customer.
    lock_customer(batch.customer)
    # Locked as where it is started: no line changes in a plan that runs.
    waiting = Batch.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=batch.pk,
        kind__in=["restore", "undo"],
        state=Batch.State.PLANNED,
    )
    locked = waiting.first()
    line = Line.objects.filter(batch=batch, number=number).first() if locked else None
    if line is None or not _comes_back(line):
        raise NotPlanned
    if problem := names.check_local_part(local_part):
        return [problem]
    _local, domain = names.split_user_name(line.input["user_name"])
    user_name = f"{local_part.lower()}@{domain}"
    others = batch.lines.exclude(number=number).filter(input__user_name=user_name)
    if find_taken(batch.customer, [user_name]) or others.exists():
        return ["name_taken"]
    was_kept_back = line.state == Line.State.INVALID
    line.input["user_name"] = user_name
    line.problems = [one for one in line.problems if not _is_of_name(one)]
    batch.plan = locked.plan
    if batch.kind == "undo" and was_kept_back:
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
    """Whether the line restores somebody as soon as the name is free."""
    # Of who was purged meanwhile there is nothing to rename.
    if not line.input["user_name"] or line.input.get("act", "restore") != "restore":
        return False
    return all(one["severity"] != "error" or _is_of_name(one) for one in line.problems)


def _is_of_name(problem: dict) -> bool:
    return problem["code"] == NAME_TAKEN["code"]
