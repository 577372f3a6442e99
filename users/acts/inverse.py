from collections.abc import Callable, Iterable

from batches.acts import (
    WARNING,
    Case,
    Inverse,
    problem,
)


def as_warnings(problems: Iterable[dict]) -> tuple[dict, ...]:
    """The problems of a line of which the rest can be undone."""
    return tuple(one | {"severity": WARNING} for one in problems)


def invert_active(invert: Callable[[Case], Inverse], act: str) -> Callable[[Case], Inverse]:
    """`invert` for active users on whom the member may act; for others why not."""

    def check(case: Case) -> Inverse:
        code = ""
        if case.user is None:
            code = "purged_since"
        elif case.user["deleted_at"]:
            code = "back_already" if act == "delete" else "deleted_since"
        elif case.user["is_administrator"] and not case.may_grant:
            code = "administrator"
        return Inverse(act, {}, (problem(code),)) if code else invert(case)

    return check


def _delete_again(case: Case) -> Inverse:
    signed_in = case.user["signed_in_at"]
    is_used = signed_in is not None and signed_in > case.since
    if case.act == "add" and case.user["password_state"] == "chosen":
        is_used = True
    # As it was before a restore: the same licenses to come back to, and the same hold.
    kept = ("deletion", "was_held") if case.act == "restore" else ()
    return Inverse(
        "delete",
        {name: case.result[name] for name in kept if case.result.get(name)},
        (problem("in_use", WARNING),) if is_used else (),
    )


# The inverse of what lets a user be there.
invert_added = invert_active(_delete_again, "delete")
