"""Updating users: an edit and a change of licenses in one line."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy, ngettext

from batches.acts import Act, Case, Inverse, LineInput, Outcome, Texts, problem
from batches.models import Batch, Line
from licensing.rules import LicenseChange
from partners.models import Member
from partners.roles import Permission
from users.acts.edit import (
    EDIT,
    FieldChange,
    apply_changes,
    describe_changes,
    find_fields_back,
    input_of,
)
from users.acts.inverse import as_warnings, invert_active
from users.acts.licenses import (
    LICENSES,
    apply_licenses,
    describe_products,
    find_seats_back,
)
from users.acts.lines import explain_cell


def apply_updates(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Edit the users of the lines, then change their licenses; an undo does it in the other order.

    So a product that is sold only at the new location is assigned after the move, and removed
    before it in an undo. If only the first half could be done, the line is partly done.
    """
    first, second, part = apply_changes, apply_licenses, LicenseChange
    if batch.undoes:
        first, second, part = apply_licenses, apply_changes, FieldChange
    outcomes = {outcome.number: outcome for outcome in first(batch=batch, lines=lines, by=by)}
    going = [
        line
        for line in lines
        if outcomes[line.number].state != Line.State.FAILED and part.from_json(line.input)
    ]
    for outcome in second(batch=batch, lines=going, by=by) if going else ():
        outcomes[outcome.number] = _merge(outcomes[outcome.number], outcome)
    return list(outcomes.values())


def _merge(first: Outcome, second: Outcome) -> Outcome:
    result = first.result | second.result
    result.pop("unchanged", None)
    if second.state == Line.State.FAILED:
        # The code of the second half explains what is missing.
        return Outcome(first.number, Line.State.PARTLY, result)
    is_whole = first.state == second.state == Line.State.DONE
    return Outcome(first.number, Line.State.DONE if is_whole else Line.State.PARTLY, result)


def _invert(case: Case) -> Inverse:
    changes, problems = find_fields_back(case)
    change, of_seats = find_seats_back(case)
    problems += of_seats
    if not changes and not change:
        return Inverse("update", {}, tuple(problems) or (problem("nothing_done"),))
    if not change:
        return Inverse("edit", input_of(case, changes), as_warnings(problems))
    # Also without changes: a seat that it returns may be needed by another line.
    return Inverse("update", input_of(case, changes) | change.to_json(), as_warnings(problems))


UPDATE = Act(
    kind="update",
    permission=Permission.MANAGE_USERS,
    icon="pencil",
    texts=Texts(
        label=gettext_lazy("Update users"),
        button=lambda n: ngettext("Update %(n)s user", "Update %(n)s users", n),
        done=lambda n: ngettext("%(n)s user updated", "%(n)s users updated", n),
    ),
    word=gettext_lazy("Change"),
    apply=apply_updates,
    explain=explain_cell,
    messages=LICENSES.messages | EDIT.messages,
    changes=describe_changes,
    licenses=describe_products,
    shows=lambda _batch: {"licenses", "changes"},
    has_batches=False,
    invert=invert_active(_invert, "update"),
    undo_fact=lambda n: ngettext(
        "Previous profile and licenses restored for %(n)s user",
        "Previous profiles and licenses restored for %(n)s users",
        n,
    ),
)
