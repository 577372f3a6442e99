"""What takes a line of a batch back: for every act its inverse, as far as there still is one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from users.acts.hold import read_hold, say_hold
from users.models import UserPermission

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Case:
    """A line that was done, and what is true of its user now."""

    act: str
    input: Mapping[str, Any]
    result: Mapping[str, Any]
    # The batch of the line, and when it began.
    batch_id: UUID
    since: datetime
    # None where the user was purged.
    user: Mapping[str, Any] | None
    # The subscriptions held, with the service plans switched off.
    held: Mapping[str, Sequence[str]]
    # The subscriptions waited for.
    awaited: Collection[str]
    # Whether the member may make administrators and act on them.
    may_grant: bool


@dataclass(frozen=True)
class Inverse:
    """What a line of the undo does, and what is to be said about it; an error keeps it from it."""

    act: str
    input: Mapping[str, Any]
    problems: tuple[dict, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether the line can run."""
        return not any(one["severity"] == ERROR for one in self.problems)


def invert(case: Case) -> Inverse:
    """Find what takes the line back; where nothing does, the inverse says why in an error."""
    return INVERSES[case.act](case)


def act_of(kind: str, line: Mapping[str, Any]) -> str:
    """What was done with a line of such a batch: the key of its inverse."""
    return line.get("act") or ("add" if kind == "import" else str(kind))


def problem(code: str, severity: str = ERROR, **params: str) -> dict:
    """A problem as a line keeps it."""
    return {"code": code, "severity": severity, "params": params}


def _cannot(act: str, code: str, **params: str) -> Inverse:
    return Inverse(act, {}, (problem(code, **params),))


def _of_active(inverse: Callable[[Case], Inverse], act: str) -> Callable[[Case], Inverse]:
    """Let only somebody be acted on who is there, and whom the member may act on."""

    def check(case: Case) -> Inverse:
        if case.user is None:
            return _cannot(act, "purged_since")
        if case.user["deleted_at"]:
            return _cannot(act, "back_already" if act == "delete" else "deleted_since")
        if case.user["is_administrator"] and not case.may_grant:
            return _cannot(act, "administrator")
        return inverse(case)

    return check


def _delete(case: Case) -> Inverse:
    signed_in = case.user["signed_in_at"]
    is_used = signed_in is not None and signed_in > case.since
    if case.act == "add" and case.user["password_state"] == "chosen":
        is_used = True
    # Deleted as before the restore: with the same licenses to come back to, and as held.
    told = ("deletion", "was_held") if case.act == "restore" else ()
    return Inverse(
        "delete",
        {name: case.result[name] for name in told if case.result.get(name)},
        (problem("in_use", WARNING),) if is_used else (),
    )


def _restore(case: Case) -> Inverse:
    if case.user is None:
        return _cannot("restore", "purged_since")
    if not case.user["deleted_at"]:
        return _cannot("restore", "back_already")
    if str(case.user["deletion"]) != case.result.get("deletion", str(case.batch_id)):
        return _cannot("restore", "deleted_again")
    is_plain = case.user["is_administrator"] and not case.may_grant
    problems = (problem("comes_back_as_user", WARNING),) if is_plain else ()
    return Inverse("restore", {"products": list(case.result.get("held", ()))}, problems)


def _edit(case: Case) -> Inverse:
    changes, problems = _fields_back(case)
    if not changes:
        return Inverse("edit", {}, tuple(problems) or (problem("nothing_done"),))
    return Inverse("edit", _edit_input(case, changes), tuple(_as_warnings(problems)))


def _edit_input(case: Case, changes: Mapping[str, Any]) -> dict:
    return {
        "changes": dict(changes),
        "was": {name: case.user[name] for name in changes},
    }


def _fields_back(case: Case) -> tuple[dict, list[dict]]:
    """The fields that can be put back, and what is said of the others."""
    changes, problems = {}, []
    for name, before in case.result.get("before", {}).items():
        now = case.user[name]
        if now == before:
            problems.append(problem("field_back_already", field=name))
        elif now != case.input["changes"][name]:
            problems.append(problem("field_changed_since", field=name))
        elif name == "permissions" and before and not case.may_grant:
            problems.append(problem("would_grant"))
        else:
            changes[name] = before
    return changes, problems


def _hold(case: Case) -> Inverse:
    if case.user is None:
        return _cannot("hold", "purged_since")
    if not case.user["deleted_at"]:
        return _cannot("hold", "restored_since")
    before, after = case.result.get("before", {}), case.result.get("after", {})
    now = say_hold({name: case.user[name] for name in before})
    if not before or now == before:
        return _cannot("hold", "back_already" if before else "nothing_done")
    if now != after:
        return _cannot("hold", "purge_changed_since")
    is_held = before.get("is_held", case.user["is_held"])
    day = read_hold(before).get("purge_at", case.user["purge_at"])
    # Then it becomes a week from when it is undone.
    is_past = not is_held and day <= timezone.now()
    problems = (problem("purge_day_past", WARNING),) if is_past else ()
    return Inverse("hold", {"changes": before, "was": now}, problems)


def _licenses(case: Case) -> Inverse:
    change, problems = _seats_back(case)
    if not any(change.values()):
        return Inverse("licenses", {}, tuple(problems) or (problem("nothing_done"),))
    return Inverse("licenses", change, tuple(_as_warnings(problems)))


def _seats_back(case: Case) -> tuple[dict[str, list], list[dict]]:
    """What to give, take and switch, and what is said of the rest."""
    result, problems = case.result, []
    given = {one["subscription"]: one["plans_off"] for one in case.input.get("give", ())}
    take = []
    for one in result.get("assigned", ()):
        if one in result.get("had", ()):
            continue
        if one not in case.held:
            problems.append(problem("license_gone_since", subscription=one))
        elif set(case.held[one]) != set(given.get(one, ())):
            problems.append(problem("license_changed_since", subscription=one))
        else:
            take.append(one)
    switched = {one["subscription"]: one["plans_off"] for one in case.input.get("plans", ())}
    give, plans = [], []
    for one in result.get("held", ()):
        key = one["subscription"]
        if key not in switched:
            if key in case.held:
                problems.append(problem("license_back_already", subscription=key))
            else:
                give.append(one)
        elif key not in case.held:
            problems.append(problem("license_gone_since", subscription=key))
        elif set(case.held[key]) != set(switched[key]):
            problems.append(problem("license_changed_since", subscription=key))
        else:
            plans.append(one)
    change = {"give": give, "take": take, "plans": plans}
    if stop := [one for one in result.get("waiting", ()) if one in case.awaited]:
        change["stop"] = stop
    problems += [
        problem("license_came_since", subscription=one)
        for one in result.get("waiting", ())
        if one in case.held
    ]
    problems += [problem("wait_lost", subscription=one) for one in result.get("stopped", ())]
    return change, problems


def _update(case: Case) -> Inverse:
    changes, problems = _fields_back(case)
    change, of_seats = _seats_back(case)
    problems += of_seats
    if not changes and not any(change.values()):
        return Inverse("update", {}, tuple(problems) or (problem("nothing_done"),))
    warnings = tuple(_as_warnings(problems))
    if not any(change.values()):
        return Inverse("edit", _edit_input(case, changes), warnings)
    if not changes:
        return Inverse("licenses", change, warnings)
    return Inverse("update", _edit_input(case, changes) | change, warnings)


def _as_warnings(problems: Sequence[dict]) -> list[dict]:
    # Part of the line can be taken back, so the rest does not keep it from that.
    return [one | {"severity": WARNING} for one in problems]


def _switch(act: str, *, is_blocked: bool) -> Callable[[Case], Inverse]:
    def inverse(case: Case) -> Inverse:
        if case.result.get("unchanged"):
            return _cannot(act, "nothing_done")
        if case.user["is_blocked"] == is_blocked:
            return _cannot(act, "back_already")
        return Inverse(act, {})

    return inverse


# For every act that can be taken back: what finds the line that does it.
INVERSES: dict[str, Callable[[Case], Inverse]] = {
    "add": _of_active(_delete, "delete"),
    "restore": _of_active(_delete, "delete"),
    "delete": _restore,
    "leave": _restore,
    "edit": _of_active(_edit, "edit"),
    "update": _of_active(_update, "update"),
    "licenses": _of_active(_licenses, "licenses"),
    "queue": _of_active(_licenses, "licenses"),
    "hold": _hold,
    "block": _of_active(_switch("unblock", is_blocked=False), "unblock"),
    "unblock": _of_active(_switch("block", is_blocked=True), "block"),
}


def takes_global_administrator(case: Case, inverse: Inverse) -> bool:
    """Whether a global administrator stops being one who can sign in."""
    if UserPermission.GLOBAL_ADMINISTRATOR not in case.user["permissions"]:
        return False
    kept = inverse.input.get("changes", {}).get("permissions", case.user["permissions"])
    return inverse.act in {"delete", "block"} or UserPermission.GLOBAL_ADMINISTRATOR not in kept
