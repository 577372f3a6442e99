from partners.models import Member
from partners.roles import Permission
from users.models import CustomerUser


def acts_on_list(member: Member, *, is_deleted: bool) -> dict[str, bool]:
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
    return acts | {"is_selectable": any(acts.values())}


def acts_on_user(member: Member, user: CustomerUser) -> dict[str, bool]:
    """What the member may do with one user; not every member may act on administrators."""
    is_deleted = user.deleted_at is not None
    acts = acts_on_list(member, is_deleted=is_deleted)
    is_open = is_deleted or not user.is_administrator
    if is_open or member.may(Permission.ACT_ON_ADMINISTRATORS):
        return acts
    return dict.fromkeys(acts, False)
