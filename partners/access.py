"""Checks permissions: in operations, and for pages of no customer."""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied

from partners.models import Member
from partners.roles import Permission


class Refused(PermissionDenied):
    """The member's role does not have the permission."""

    def __init__(self, permission: Permission):
        super().__init__(permission.label)
        self.permission = permission


def require(member: Member, permission: Permission) -> None:
    """
    Require a permission of the member.

    :raises Refused: if the role lacks it; the 403 page names the roles that have it.
    """
    if not member.may(permission):
        raise Refused(permission)


def partner_view(permission: Permission) -> Callable:
    """Let only members with this permission use the view."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def answer(request, *args, **kwargs):
            require(request.user, permission)
            return view(request, *args, **kwargs)

        answer.permission = permission
        return answer

    return decorate
