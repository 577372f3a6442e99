"""Who may do what: the refusal, and the decorator of pages that belong to no customer."""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied

from partners.models import Member
from partners.roles import Permission


class Refused(PermissionDenied):
    """It is the member's own partner's, but the member's role does not allow the act."""

    def __init__(self, permission: Permission):
        super().__init__(permission.label)
        self.permission = permission


def require(member: Member, permission: Permission) -> None:
    """
    Let the member pass.

    :raises Refused: where the role lacks the permission; the 403 page says who can give it.
    """
    if not member.may(permission):
        raise Refused(permission)


def partner_view(permission: Permission) -> Callable:
    """Hand the view over only to members with this permission."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def answer(request, *args, **kwargs):
            require(request.user, permission)
            return view(request, *args, **kwargs)

        answer.permission = permission
        return answer

    return decorate
