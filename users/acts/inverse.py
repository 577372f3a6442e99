"""What the inverses of several acts have in common."""

from collections.abc import Callable, Iterable

from batches.acts import WARNING, Case, Inverse, problem
from users.acts.delete import DeleteInput


def as_warnings(problems: Iterable[dict]) -> tuple[dict, ...]:
    """The problems of a line that is undone in part."""
    return tuple(problem | {"severity": WARNING} for problem in problems)


def invert_active(invert: Callable[[Case], Inverse], act: str) -> Callable[[Case], Inverse]:
    """Wrap `invert` for active users; other users and protected administrators get a problem."""

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
    return Inverse(
        "delete",
        # Of a restored user: the user then has the same deletion and the same hold as before.
        DeleteInput(case.result.deletion, case.result.was_held).to_json(),
        (problem("in_use", WARNING),) if is_used else (),
    )


# The inverse of acts that create or restore a user.
invert_added = invert_active(_delete_again, "delete")
