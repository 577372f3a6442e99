"""Batches whose lines do different things: an import that also updates, and an undo."""

from collections import defaultdict
from collections.abc import Sequence

from partners.models import Member
from users.models import Batch, Line

from .adding import apply_additions
from .batches import Outcome, applies
from .blocking import apply_blocks
from .changing import apply_changes
from .deleting import apply_deletes
from .licenses import apply_licenses
from .restoring import apply_restores

# In the order in which they run: seats are freed before they are given.
ACTS = {
    "leave": apply_deletes,
    "delete": apply_deletes,
    "block": apply_blocks,
    "unblock": apply_blocks,
    "edit": apply_changes,
    "licenses": apply_licenses,
    "restore": apply_restores,
    "add": apply_additions,
}


@applies(Batch.Kind.IMPORT, Batch.Kind.UNDO)
def apply_acts(*, batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    """
    Do with each line what its input's "act" says: one of ACTS, or "update".

    An update is an edit and a change of licenses of the same user; where only the first could be
    done, the line is done in part.
    """
    of_act = defaultdict(list)
    for line in lines:
        of_act[line.input.get("act", "add")].append(line)
    outcomes = []
    updates = of_act.pop("update", [])
    for act, apply in ACTS.items():
        if act == "add" and updates:
            outcomes += _update(batch, updates, by)
        if of_act[act]:
            outcomes += apply(batch=batch, lines=of_act[act], by=by)
    return outcomes


def _update(batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    edited = {one.number: one for one in apply_changes(batch=batch, lines=lines, by=by)}
    going = [
        line
        for line in lines
        if edited[line.number].state != Line.State.FAILED
        and (line.input["give"] or line.input["take"])
    ]
    licensed = apply_licenses(batch=batch, lines=going, by=by) if going else []
    for outcome in licensed:
        edited[outcome.number] = _both(edited[outcome.number], outcome)
    return list(edited.values())


def _both(edit: Outcome, licenses: Outcome) -> Outcome:
    result = edit.result | licenses.result
    result.pop("unchanged", None)
    if licenses.state == Line.State.FAILED:
        # The profile is as wanted; what the licenses lack is said by their code.
        return Outcome(edit.number, Line.State.PARTLY, result)
    return Outcome(edit.number, licenses.state, result)
