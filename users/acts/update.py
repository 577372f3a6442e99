"""Batches whose lines do different things: an import that also updates, and an undo."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from batches.acts import Apply, Asked, Outcome, applies
from batches.models import Batch, Line
from partners.models import Member
from users.acts.add import apply_additions
from users.acts.block import apply_blocks, apply_unblocks
from users.acts.delete import apply_deletes
from users.acts.edit import apply_changes
from users.acts.hold import apply_holds
from users.acts.licenses import apply_licenses
from users.acts.restore import apply_restores

# In the order in which they run: seats are freed before they are given.
ACTS = {
    "leave": apply_deletes,
    "delete": apply_deletes,
    "block": apply_blocks,
    "unblock": apply_unblocks,
    "edit": apply_changes,
    "hold": apply_holds,
    "licenses": apply_licenses,
    "restore": apply_restores,
    "add": apply_additions,
}


@applies(Batch.Kind.IMPORT, Batch.Kind.UNDO)
def apply_acts(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """
    Do with each line what its input's "act" says: one of ACTS, or "update".

    An update is an edit and a change of licenses of the same user, and its undo the same in the
    opposite order; where only the first could be done, the line is done in part. A line whose
    user was purged since the plan names nobody any more, and fails.
    """
    of_act, outcomes = defaultdict(list), []
    for line in lines:
        if line.input["user_name"]:
            of_act[line.input.get("act", "add")].append(line)
        else:
            outcomes.append(Outcome.failed(line, "gone"))
    updates = of_act.pop("update", [])
    for act, apply in ACTS.items():
        if act == "licenses" and batch.kind == Batch.Kind.UNDO:
            outcomes += _undo(batch, of_act.pop(act, []), updates, by)
        elif act == "add" and batch.kind != Batch.Kind.UNDO and updates:
            changed = apply_changes(batch=batch, lines=updates, by=by)
            outcomes += _go_on(batch, updates, changed, apply_licenses, _has_licenses, by)
        if of_act[act]:
            outcomes += apply(batch=batch, lines=of_act[act], by=by)
    return outcomes


def _undo(
    batch: Batch, licenses: Sequence[Asked], updates: Sequence[Asked], by: Member
) -> list[Outcome]:
    # All licenses at once, as anybody may have been given what anybody else had. And a product
    # that is sold only at the new location goes before the old location comes.
    lines = sorted([*licenses, *updates], key=lambda line: line.number)
    changed = apply_licenses(batch=batch, lines=lines, by=by) if lines else []
    return _go_on(batch, updates, changed, apply_changes, _has_changes, by)


def _go_on(
    batch: Batch,
    lines: Sequence[Asked],
    done: Sequence[Outcome],
    second: Apply,
    goes_on: Callable[[Asked], bool],
    by: Member,
) -> list[Outcome]:
    """What became of the lines after the second half of those whose first half is done."""
    outcomes = {one.number: one for one in done}
    going = [
        line for line in lines if outcomes[line.number].state != Line.State.FAILED and goes_on(line)
    ]
    for outcome in second(batch=batch, lines=going, by=by) if going else ():
        outcomes[outcome.number] = _both(outcomes[outcome.number], outcome)
    return list(outcomes.values())


def _has_changes(line: Asked) -> bool:
    return bool(line.input["changes"])


def _has_licenses(line: Asked) -> bool:
    return bool(line.input["give"] or line.input["take"] or line.input["plans"])


def _both(first: Outcome, second: Outcome) -> Outcome:
    result = first.result | second.result
    result.pop("unchanged", None)
    if second.state == Line.State.FAILED:
        # The first half is as wanted; what the second lacks is said by its code.
        return Outcome(first.number, Line.State.PARTLY, result)
    is_whole = first.state == second.state == Line.State.DONE
    return Outcome(first.number, Line.State.DONE if is_whole else Line.State.PARTLY, result)
