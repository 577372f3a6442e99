"""Which rows of a workbook were read, and buttons to read others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from batches.models import Batch
from imports.operations.upload import READ_HIDDEN, SKIP_HIDDEN
from spreadsheets.xlsx_reader import ALL_WORKSHEETS


@dataclass(frozen=True)
class ChoiceOfRows:
    """What was read of a workbook, and buttons to read other rows: value and label."""

    name: str
    text: str
    buttons: Sequence[tuple[str, str]]


# Notices about what the choices of rows do.
ABOUT_ROWS = frozenset(
    {
        "worksheets_skipped", "worksheets_joined", "hidden_rows_read", "hidden_rows_skipped",
    }
)  # fmt: skip
# Worksheets with a button of their own; all can be chosen where the file is read differently.
MAX_SHEET_BUTTONS = 4


def find_choices_of_rows(batch: Batch) -> list[ChoiceOfRows]:
    """What can be read instead of the rows of a plan."""
    book = batch.plan.get("book")
    if not book or batch.state not in {Batch.State.PLANNED, Batch.State.REFUSED}:
        return []
    return [*_choose_sheets(book), *_choose_hidden(book)]


def _choose_sheets(book: Mapping) -> list[ChoiceOfRows]:
    read, others = book["read"], [name for name in book["sheets"] if name not in book["read"]]
    if len(book["sheets"]) < 2:
        return []
    if len(read) == 1:
        sentence = ngettext(
            "Only the worksheet “%(read)s” is read. %(n)s other worksheet has data.",
            "Only the worksheet “%(read)s” is read. %(n)s other worksheets have data.",
            len(others),
        )
        text = sentence % {"read": read[0], "n": intcomma(len(others))}
    elif read:
        text = _("The rows of %(n)s worksheets are put together.") % {"n": intcomma(len(read))}
    else:
        text = _("The file has several worksheets.")
    offered = others if read else book["sheets"]
    if len(read) > 1:
        offered = [*read, *others]
    buttons = [
        (name, _("Read only “%(name)s”") % {"name": name}) for name in offered[:MAX_SHEET_BUTTONS]
    ]
    if len(read) < 2:
        buttons.append((ALL_WORKSHEETS, _("Read all worksheets")))
    return [ChoiceOfRows("sheet", text, buttons)]


def _choose_hidden(book: Mapping) -> list[ChoiceOfRows]:
    number = book["hidden"]
    if not number:
        return []
    numbers = {"n": intcomma(number)}
    if book["with_hidden"]:
        text = ngettext(
            "%(n)s row is hidden in the file. It’s read like the others.",
            "%(n)s rows are hidden in the file. They’re read like the others.",
            number,
        )
        label = ngettext("Skip %(n)s hidden row", "Skip %(n)s hidden rows", number)
        button = (SKIP_HIDDEN, label % numbers)
    else:
        text = ngettext(
            "%(n)s row is hidden in the file, by a filter or by hand. It isn’t read.",
            "%(n)s rows are hidden in the file, by a filter or by hand. They aren’t read.",
            number,
        )
        label = ngettext("Read %(n)s hidden row", "Read %(n)s hidden rows", number)
        button = (READ_HIDDEN, label % numbers)
    return [ChoiceOfRows("hidden", text % numbers, [button])]
