from typing import Any

from batches.acts import Act, get_acts
from partners.models import Member
from partners.roles import Permission
from users.models import CustomerUser


def acts_on_list(member: Member, *, is_deleted: bool) -> dict[str, Any]:
    """What the member may do with the users of a list, by names of template variables."""
    acts = {
        "may_edit": not is_deleted and member.may(Permission.MANAGE_USERS),
        "may_assign": not is_deleted and member.may(Permission.ASSIGN_LICENSES),
        "may_reset": not is_deleted and member.may(Permission.RESET_PASSWORDS),
        "may_delete": not is_deleted and member.may(Permission.DELETE_USERS),
        "may_restore": is_deleted and member.may(Permission.RESTORE_USERS),
        "may_purge": is_deleted and member.may(Permission.PURGE_USERS),
        "may_hold": is_deleted and member.may(Permission.UNDO_ALL_BATCHES),
    }
    # Those without a button of their own in the templates.
    others = [act for act in get_acts() if _is_listed(act, member, is_deleted=is_deleted)]
    return acts | {"other_acts": others, "is_selectable": any(acts.values()) or bool(others)}


def _is_listed(act: Act, member: Member, *, is_deleted: bool) -> bool:
    if not (act.offer and act.offer.is_listed and member.may(act.permission)):
        return False
    return (act.offer.tab == "deleted") == is_deleted


def acts_on_user(member: Member, user: CustomerUser) -> dict[str, Any]:
    """What the member may do with one user; not every member may act on administrators."""
    is_deleted = user.deleted_at is not None
    acts = acts_on_list(member, is_deleted=is_deleted)
    is_open = is_deleted or not user.is_administrator
    if is_open or member.may(Permission.ACT_ON_ADMINISTRATORS):
        return acts
    return dict.fromkeys(acts, False) | {"other_acts": []}
