"""Repairs of a plan that could not be kept, in the reader's language: what they were, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from batches.models import Batch
from imports.models import LostRepair
from imports.queries import find_lost_repairs
from users.acts import edit as edits
from users.rules.fields import label_of

# So many rows are shown; all of them can be downloaded.
MOST_SHOWN = 50
# Their cells hold several things.
LISTS = {"products", "permissions"}


@dataclass(frozen=True)
class Repair:
    """One thing that was repaired in a row: what stood there, what it became, and what is now."""

    column: str
    was: str
    becomes: str
    why: str

    @property
    def text(self) -> str:
        """What it was, in a few words."""
        if not self.column:
            return self.becomes
        said = {"field": self.column, "was": self.was, "becomes": self.becomes}
        return _("%(field)s: %(was)s → %(becomes)s") % said


@dataclass(frozen=True)
class LostRow:
    """A row of which repairs were lost; `position` is its number in the plan, where it has one."""

    line: int
    position: int | None
    name: str
    user_name: str
    repairs: tuple[Repair, ...]


@dataclass(frozen=True)
class Lost:
    """The first of these rows, and how many there are."""

    rows: Sequence[LostRow] = ()
    count: int = 0


def tell(batch: Batch, products: Mapping[str, str]) -> Lost:
    """What was lost in a plan that waits; `products` names the customer's subscriptions by id."""
    if (batch.kind, batch.state) != (Batch.Kind.IMPORT, Batch.State.PLANNED):
        return Lost()
    found = find_lost_repairs(batch)
    rows = [_show(one, products) for one in found[: MOST_SHOWN + 1]]
    # Only a long list needs to be counted.
    return Lost(rows[:MOST_SHOWN], found.count() if len(rows) > MOST_SHOWN else len(rows))


def to_rows(lost: Iterable[LostRepair], products: Mapping[str, str]) -> Iterator[list[str]]:
    """A header, then a row of a file for each repair."""
    yield [
        _("Line"),
        _("User name"),
        _("Display name"),
        _("Column"),
        _("Read before"),
        _("Repair"),
        _("Remarks"),
    ]
    for one in lost:
        row = _show(one, products)
        for repair in row.repairs:
            who = [str(row.line), row.user_name, row.name]
            yield [*who, repair.column, repair.was, repair.becomes, repair.why]


def _show(lost: LostRepair, products: Mapping[str, str]) -> LostRow:
    person, now = lost.before["input"], lost.now
    return LostRow(
        line=lost.number,
        position=now.get("number"),
        name=now.get("display_name") or person["display_name"],
        user_name=now.get("user_name") or person["user_name"],
        repairs=tuple(_repairs(lost, products)),
    )


def _repairs(lost: LostRepair, products: Mapping[str, str]) -> Iterator[Repair]:
    person, now = lost.before["input"], lost.now
    read = person.get("read", {})
    gone = _("The plan has no such row any more: the file has none there, or it changes nothing.")
    for column in now.get("cells", read):
        was, becomes = _say(column, read[column], products), _("taken as it is")
        if column in person:
            becomes = _say(column, {"value": person[column], "said": ()}, products)
        why = _say_why(_say(column, now["cells"][column], products)) if now else gone
        yield Repair(str(label_of(column)), was, becomes, why)
    if now.get("is_back") or (not now and lost.before["is_left_out"]):
        yield Repair("", "", _("Left out"), _say_back(now) if now else gone)


def _say_why(cell: str) -> str:
    if cell == _("empty"):
        return _("The cell is read as empty now.")
    return _("The cell is read as “%(value)s” now.") % {"value": cell}


def _say_back(now: Mapping[str, Any]) -> str:
    name = now["display_name"] or now["user_name"]
    return _("The row is about %(name)s now, and is not left out.") % {"name": name}


def _say(column: str, cell: Mapping[str, Any], products: Mapping[str, str]) -> str:
    """What a cell says: its value, and the texts in it that were not understood."""
    value, said = cell["value"], list(cell["said"])
    if column == "products":
        names = [products.get(one["subscription"], "") for one in value or ()]
        value = [name or _("a product no longer bought") for name in names]
    elif column == "permissions" and value:
        value = [edits.say_value(column, [one]) for one in value]
    if column in LISTS or not value:
        parts = [*(value or ()), *said]
        return pgettext("between the parts of a list", ", ").join(parts) or _("empty")
    return edits.say_value(column, value)
