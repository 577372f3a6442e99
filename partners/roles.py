"""Roles of members, and their permissions."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN_AGENT = "admin_agent", _("Admin agent")
    HELPDESK_AGENT = "helpdesk_agent", _("Helpdesk agent")
    SALES_AGENT = "sales_agent", _("Sales agent")
    READER = "reader", _("Reader")

    @property
    def permissions(self) -> frozenset["Permission"]:
        return frozenset(permission for permission, roles in GRANTS.items() if self in roles)


class Permission(TextChoices):
    """A permission; its label completes "can …"."""

    VIEW = "view", _("view customers, users and licenses")
    MANAGE_STAFF = "manage_staff", _("manage staff")
    MANAGE_CUSTOMERS = "manage_customers", _("manage customers, domains and subscriptions")
    MANAGE_USERS = "manage_users", _("add, import, edit and block users")
    ASSIGN_LICENSES = "assign_licenses", _("assign and revoke licenses")
    RESET_PASSWORDS = "reset_passwords", _("reset passwords and open password sheets")
    DELETE_USERS = "delete_users", _("delete users")
    RESTORE_USERS = "restore_users", _("restore deleted users")
    ACT_ON_ADMINISTRATORS = (
        "act_on_administrators",
        _("grant administrator permissions and manage administrators"),
    )
    PURGE_USERS = "purge_users", _("purge deleted users before their purge date")
    MANAGE_PRODUCTS = "manage_products", _("manage products and service plans")
    MANAGE_POLICIES = "manage_policies", _("manage credential policy and retention")
    UNDO_OWN_BATCHES = "undo_own_batches", _("undo their own jobs")
    UNDO_ALL_BATCHES = "undo_all_batches", _("undo all jobs and hold purges")
    EXPORT_LISTS = "export_lists", _("export lists")
    APPROVE_BATCHES = "approve_batches", _("start colleagues’ large jobs")
    VIEW_OWN_ACTIVITY = "view_own_activity", _("view their own actions in the activity log")
    VIEW_ALL_ACTIVITY = "view_all_activity", _("view the whole activity log")

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles with this permission, highest first."""
        return GRANTS[self]


_OWNER, _ADMIN, _HELPDESK, _SALES, _READER = Role
_ALL = tuple(Role)
_STAFF = (_OWNER, _ADMIN, _HELPDESK, _SALES)

GRANTS: dict[Permission, tuple[Role, ...]] = {
    Permission.VIEW: _ALL,
    Permission.MANAGE_STAFF: (_OWNER,),
    Permission.MANAGE_CUSTOMERS: (_OWNER, _ADMIN, _SALES),
    Permission.MANAGE_USERS: (_OWNER, _ADMIN, _HELPDESK),
    Permission.ASSIGN_LICENSES: _STAFF,
    Permission.RESET_PASSWORDS: (_OWNER, _ADMIN, _HELPDESK),
    Permission.DELETE_USERS: (_OWNER, _ADMIN),
    Permission.RESTORE_USERS: (_OWNER, _ADMIN, _HELPDESK),
    Permission.ACT_ON_ADMINISTRATORS: (_OWNER, _ADMIN),
    Permission.PURGE_USERS: (_OWNER,),
    Permission.MANAGE_PRODUCTS: (_OWNER, _ADMIN, _SALES),
    Permission.MANAGE_POLICIES: (_OWNER, _ADMIN),
    Permission.UNDO_OWN_BATCHES: _STAFF,
    Permission.UNDO_ALL_BATCHES: (_OWNER, _ADMIN),
    Permission.EXPORT_LISTS: _STAFF,
    Permission.APPROVE_BATCHES: (_OWNER, _ADMIN),
    Permission.VIEW_OWN_ACTIVITY: _ALL,
    Permission.VIEW_ALL_ACTIVITY: (_OWNER, _ADMIN, _READER),
}
