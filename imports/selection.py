"""What the page and the file about a list of users say of the entries that select no user."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from users.models import CustomerUser, Selection
from users.queries.named import ABSENT, DELETED, PERHAPS, SEVERAL, TWICE, Unmatched
from users.queries.selection import count_selected, find_candidates

MAX_SHOWN = 200
ROW_BATCH_SIZE = 500

REASONS = {
    SEVERAL: gettext_lazy("Several users match. Select the ones you mean."),
    PERHAPS: gettext_lazy("Not found, but this user is similar. Select it if you mean it."),
    DELETED: gettext_lazy("Deleted on %(date)s."),
    ABSENT: gettext_lazy("No user here has this name or address."),
    TWICE: gettext_lazy("The same user as in line %(first)s."),
}
TWICE_HERE = gettext_lazy("Another entry names the same user.")
# What a member can decide comes first.
_ORDER = {code: place for place, code in enumerate(REASONS)}


@dataclass(frozen=True)
class OpenEntry:
    """An entry that selects no user, with the reason and the users to choose from."""

    line: int
    text: str
    reason: str
    users: list[CustomerUser]
    is_choice: bool


def page_of(selection: Selection) -> dict:
    """The context of the page about a selection."""
    selected = count_selected(selection)
    ordered = sorted(selection.unmatched, key=lambda entry: _ORDER[entry["code"]])
    return {
        "nav": "users",
        "selection": selection,
        "selected": selected,
        "is_empty": not (selected.active or selected.deleted),
        "open": list(_explain(selection, ordered[:MAX_SHOWN])),
        "open_count": len(ordered),
    }


def to_rows(selection: Selection) -> Iterator[list[str]]:
    """A header, then a row for each entry that selects no user."""
    yield [_("Line"), _("Entry"), _("Reason"), _("Users")]
    entries = iter(selection.unmatched)
    while block := list(islice(entries, ROW_BATCH_SIZE)):
        for entry in _explain(selection, block):
            users = "; ".join(user.user_name for user in entry.users)
            yield [str(entry.line or ""), entry.text, entry.reason, users]


def _explain(selection: Selection, entries: Iterable[dict]) -> Iterator[OpenEntry]:
    known = find_candidates(selection, entries)
    for entry in (Unmatched(**values) for values in entries):
        code = entry.code
        users = [known[pk] for pk in entry.users if pk in known]
        if code != TWICE and not users:
            # Those that it could mean were purged.
            code = ABSENT
        elif code == DELETED and users[0].deleted_at is None:
            # Restored since, and selected with the active users.
            continue
        params = {"first": entry.first}
        if code == DELETED:
            params["date"] = date_format(localtime(users[0].deleted_at), "DATE_FORMAT")
        reason = REASONS[code] if entry.first or code != TWICE else TWICE_HERE
        is_choice = code in (SEVERAL, PERHAPS)
        yield OpenEntry(entry.line, entry.text, str(reason) % params, users, is_choice)
