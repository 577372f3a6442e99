"""The list of users as the cells of a file, which can be changed and imported again."""

from collections.abc import Iterable, Iterator
from itertools import chain

from django.utils import timezone
from django.utils.translation import gettext as _

from users.importing.columns import LABELS
from users.models import CustomerUser, UserPermission

FIELDS = (
    "user_name",
    "display_name",
    "last_name",
    "first_name",
    "location",
    "products",
    "permissions",
    "job_title",
    "department",
    "phone",
    "contact_email",
    "language",
)


def in_cells(users: Iterable[CustomerUser]) -> Iterator[list[str]]:
    """
    A header, then a row for each user; the users carry `products`, the names of what they hold.

    Language and time zone are those of the caller, since the rows are asked for when the request
    has ended.
    """
    header = [str(LABELS[name]) for name in FIELDS]
    header += [_("Sign-in"), _("Added"), _("Last sign-in"), _("Deleted"), _("To be purged")]
    permissions = {choice.value: str(choice.label) for choice in UserPermission}
    sign_in = {False: _("Allowed"), True: _("Blocked")}
    zone = timezone.get_current_timezone()

    def moment(value):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M") if value else ""

    def row(user):
        texts = {
            "products": "; ".join(user.products),
            "permissions": "; ".join(permissions[code] for code in user.permissions),
        }
        return [
            *(texts[name] if name in texts else getattr(user, name) for name in FIELDS),
            sign_in[user.is_blocked],
            *map(moment, (user.added_at, user.signed_in_at, user.deleted_at, user.purge_at)),
        ]

    return chain([header], map(row, users))
