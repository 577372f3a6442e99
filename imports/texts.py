"""Texts of imports: problems with their choices, results of repairs, the format of a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import waits_for_seats
from batches.models import Batch
from customers import locations
from customers.models import Customer
from customers.queries import find_verified_domains
from imports.check.repair import BY_DOMAIN, BY_VALUE, DOMAIN_CODES, UNREADABLE, How, Kind
from imports.operations.upload import READ_HIDDEN, SKIP_HIDDEN
from imports.queries import ProblemGroup, find_problem_groups
from spreadsheets.csv_reader import DELIMITERS
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile
from spreadsheets.xlsx_reader import ALL_WORKSHEETS
from users.models import UserPermission
from users.rules import problems
from users.rules.fields import label_of

# Sentences about several rows, where the sentence about one row quotes its cells.
OF_MANY = {
    "user_name_not_ascii": gettext_lazy("The user name has letters other than a–z."),
    "user_name_bad_character": gettext_lazy("The user name has characters that aren’t allowed."),
    "user_name_exists": gettext_lazy(
        "This user already exists with the same user name. There’s nothing to do."
    ),
    "user_name_taken": gettext_lazy("Another user already has the user name."),
    "user_name_repeated": gettext_lazy("Another row above has the same user name."),
    "user_name_deleted": gettext_lazy(
        "A deleted user had this user name. Importing creates a new user."
    ),
    "user_name_reserved": gettext_lazy(
        "The user name looks like a shared mailbox. Make sure that it’s a person."
    ),
    "domain_missing": gettext_lazy("The user name has no domain."),
    "domain_differs": gettext_lazy("The domain of the user name differs from the column Domain."),
    "too_long": gettext_lazy("“%(column)s” is too long. It can be shortened."),
    "location_missing": gettext_lazy("Licenses need a usage location, and there isn’t one."),
    "contact_email_bad": gettext_lazy("The contact address isn’t an email address."),
    "phone_damaged": gettext_lazy("A spreadsheet has shortened the phone number."),
    "cell_error": gettext_lazy("The cell shows an error such as #N/A instead of a value."),
}

# Labels of How.WITHOUT by column.
WITHOUT = {
    "products": gettext_lazy("Without this license"),
    "permissions": gettext_lazy("Without this permission"),
    "contact_email": gettext_lazy("Without a contact address"),
    "phone": gettext_lazy("Without a phone number"),
    "language": gettext_lazy("The customer’s language"),
    "": gettext_lazy("Take the rows as they were read"),
}
WITHOUT_VALUE = gettext_lazy("Import as if the cell were empty")
# Labels of How.ACCEPT by code.
ACCEPT = {
    "user_name_deleted": gettext_lazy("Create a new account"),
    "user_name_reserved": gettext_lazy("Import as it is: this is a person"),
    "invisible_removed": gettext_lazy("Import without these characters"),
    "user_unknown": gettext_lazy("Create a new account"),
    "user_deleted": gettext_lazy("Create a new account"),
}
CAN_DO_WITHOUT = frozenset(
    {
        "product_unknown", "product_ambiguous", "product_suspended", "product_not_sold",
        "product_requires", "product_excludes", "permission_unknown", "permission_not_yours",
        "contact_email_bad", "contact_email_is_own", "phone_damaged", "language_unknown",
        "cells_too_many", "seat_short", *UNREADABLE,
    }
)  # fmt: skip

# Groups with a list of all countries; further ones get a short list.
MAX_LONG_LISTS = 5


@dataclass(frozen=True)
class Repair:
    """A group of rows with the same problem, and the choices for it."""

    kind: Kind
    severity: str
    rows: int
    text: str
    column: str
    choices: tuple[tuple[str, str], ...]
    chosen: str
    button: str

    @property
    def tone(self) -> str:
        return "bad" if self.severity == problems.ERROR else "warn"


@dataclass(frozen=True)
class Repairs:
    """The groups of problems of a plan."""

    errors: tuple[Repair, ...] = ()
    warnings: tuple[Repair, ...] = ()
    more: int = 0

    def __bool__(self):
        return bool(self.errors or self.warnings)


def find_repairs(batch: Batch, products: Mapping[str, str]) -> Repairs:
    """
    The problems of the rows of a planned import in groups, with choices.

    `products` names the customer's subscriptions by id.
    """
    found = find_problem_groups(
        batch,
        by_value=BY_VALUE,
        by_domain=BY_DOMAIN,
        # The member chose that these users wait.
        without=["seat_short"] if waits_for_seats(batch) else (),
    )
    if not found.groups:
        return Repairs()
    choices = _Choices(batch.customer, products, is_list="missing_users" in batch.plan)
    shown = [choices.show(group) for group in found.groups]
    return Repairs(
        errors=tuple(problem for problem in shown if problem.severity == problems.ERROR),
        warnings=tuple(problem for problem in shown if problem.severity != problems.ERROR),
        more=found.more,
    )


def describe_repaired(changed: int, bad: int, leaving: int = 0) -> str:
    """The result of a repair: `bad` rows still have errors, `leaving` more users are missing."""
    numbers = {"n": intcomma(changed), "bad": intcomma(bad)}
    if bad:
        sentence = ngettext(
            "%(n)s row changed, but it still has an error.",
            "%(n)s rows changed; %(bad)s of them still have an error.",
            changed,
        )
    else:
        sentence = ngettext("%(n)s row changed.", "%(n)s rows changed.", changed)
    return f"{sentence % numbers} {describe_leaving(leaving)}".strip()


def describe_leaving(number: int) -> str:
    """How many more users are missing from a full list; '' where none is."""
    if number <= 0:
        return ""
    text = ngettext(
        "%(n)s user is now missing from the list. This import deletes that user.",
        "%(n)s users are now missing from the list. This import deletes them.",
        number,
    )
    return text % {"n": intcomma(number)}


@dataclass(frozen=True)
class Notice:
    """A sentence of the page with its tone."""

    text: str = ""
    tone: str = "ok"


def describe_last_repair(batch: Batch) -> Notice:
    """The result of a repair that a worker did; empty where there was none."""
    repaired = batch.plan.get("repaired")
    if repaired is None:
        return Notice()
    if repaired.get("failed"):
        text = _(
            "Something went wrong on our side, and no rows were changed. Try again. If it happens"
            " again, correct the file and upload it again."
        )
        return Notice(text, "bad")
    if not repaired["changed"]:
        return Notice(_("No rows have this problem now. Nothing was changed."), "info")
    text = describe_repaired(**repaired)
    return Notice(text, "warn" if repaired["bad"] or repaired["leaving"] > 0 else "ok")


class _Choices:
    """Finds the choices for groups of problems; loads what they need once."""

    def __init__(self, customer: Customer, products: Mapping[str, str], *, is_list: bool):
        self.customer = customer
        # Of a full list, which deletes missing users.
        self.is_list = is_list
        self.products = products
        self.long_lists = MAX_LONG_LISTS

    @cached_property
    def domains(self) -> Sequence[str]:
        return find_verified_domains(self.customer)

    @cached_property
    def locations(self) -> Sequence[tuple[str, str]]:
        return locations.choices()

    def show(self, group: ProblemGroup) -> Repair:
        values = self._values(group)
        choices = [(f"{How.SET}:{value}", str(label)) for value, label in values]
        if group.suggestion and group.code not in DOMAIN_CODES:
            choices = [(str(How.SUGGESTED), _suggested(group, values)), *choices]
        choices += _ways_to_keep(group.code, group.column)
        choices.append((str(How.SKIP), self._leave_out()))
        return Repair(
            kind=Kind(group.code, group.column, group.key),
            severity=group.severity,
            rows=group.rows,
            text=_sentence(group),
            column=str(label_of(group.column)) if group.column else "",
            choices=tuple(choices),
            chosen=self._chosen(group, choices),
            button=ngettext("Change %(n)s row", "Change %(n)s rows", group.rows)
            % {"n": intcomma(group.rows)},
        )

    def _leave_out(self) -> str:
        if self.is_list:
            return _("Skip these rows. Existing users in them are deleted")
        return _("Skip these rows")

    def _values(self, group: ProblemGroup) -> Sequence[tuple[str, str]]:
        if group.code in DOMAIN_CODES:
            return [(domain, domain) for domain in self.domains]
        offers: Mapping[str, Callable[[], Sequence]] = {
            "product_unknown": lambda: list(self.products.items()),
            "product_ambiguous": lambda: list(self.products.items()),
            "location_unknown": self._places,
            "location_missing": self._places,
            "permission_unknown": lambda: UserPermission.choices,
            "language_unknown": lambda: settings.LANGUAGES,
        }
        return offers.get(group.code, list)()

    def _places(self) -> Sequence[tuple[str, str]]:
        self.long_lists -= 1
        if self.long_lists >= 0:
            return self.locations
        return [location for location in self.locations if location[0] == self.customer.location]

    def _chosen(self, group: ProblemGroup, choices: Sequence[tuple[str, str]]) -> str:
        values = {value for value, _label in choices}
        wanted = ""
        if group.code in DOMAIN_CODES:
            likely = group.suggestion.rpartition("@")[2] or next(iter(self.domains), "")
            wanted = f"{How.SET}:{likely}"
        elif group.suggestion:
            wanted = str(How.SUGGESTED)
        elif group.code == "location_missing":
            wanted = f"{How.SET}:{self.customer.location}"
        elif len(choices) == 1 or group.code in ACCEPT:
            wanted = choices[0][0]
        # Where nothing is likely, the member must choose.
        return wanted if wanted in values else ""


def _ways_to_keep(code: str, column: str) -> list[tuple[str, str]]:
    """The choices without another value, so that the row is imported."""
    ways = []
    if code == "seat_short":
        ways.append((str(How.WAIT), _("Users without a seat wait for one")))
    if code in ACCEPT:
        ways.append((str(How.ACCEPT), str(ACCEPT[code])))
    if code in CAN_DO_WITHOUT:
        label = WITHOUT_VALUE if code in UNREADABLE else WITHOUT.get(column, WITHOUT[""])
        ways.append((str(How.WITHOUT), str(label)))
    return ways


def find_choices(problem: problems.Problem) -> tuple[tuple[str, str], ...]:
    """The choices with labels for a problem of one row."""
    ways = _ways_to_keep(problem.code, problem.column)
    if problem.suggestion:
        use = _("Use %(suggestion)s") % {"suggestion": problem.suggestion}
        ways = [(str(How.SUGGESTED), use), *ways]
    return tuple(ways)


def _suggested(group: ProblemGroup, values: Sequence[tuple[str, str]]) -> str:
    suggestion = str(dict(values).get(group.suggestion, group.suggestion))
    if group.suggested < group.rows:
        sentence = ngettext(
            "Take the suggestion for %(n)s of them: %(suggestion)s",
            "Take the suggestions for %(n)s of them, such as %(suggestion)s",
            group.suggested,
        )
    elif group.suggestions > 1:
        sentence = _("Take the suggestions, such as %(suggestion)s")
    else:
        sentence = _("Take the suggestion: %(suggestion)s")
    shortened = suggestion if len(suggestion) <= 60 else f"{suggestion[:59]}…"
    return sentence % {"n": intcomma(group.suggested), "suggestion": shortened}


def _sentence(group: ProblemGroup) -> str:
    if group.code in OF_MANY:
        return str(OF_MANY[group.code]) % {"column": label_of(group.column)}
    # The line does not matter.
    problem = problems.Problem(0, group.column, group.key, group.code, group.params)
    return problems.describe(problem)


# The languages of headers in their own language.
LANGUAGES = {"en": "English", "zh-hans": "简体中文", "zh-hant": "繁體中文", "ja": "日本語"}


SOURCES = {
    "portal": gettext_lazy("this portal, or your own list"),
    "partner_center": "Microsoft Partner Center",
    "microsoft_365": "Microsoft 365 admin center",
    "entra": "Microsoft Entra",
    "google": "Google Workspace",
}


def refusal(batch: Batch) -> str:
    """Why the file was refused, and what to do."""
    refused = batch.plan.get("refused") or {}
    code = refused.get("code", "internal")
    if code == "internal":
        return _(
            "Something went wrong on our side. Try again. If it happens again, copy the list into"
            " the template and upload that file."
        )
    if code == "file_gone":
        return _("The uploaded file has been removed. Upload it again.")
    return UnreadableFile(code, **refused.get("params", {})).message


def describe(batch: Batch) -> list[tuple[str, str]]:
    """The format of an uploaded file, as labels and values."""
    found = batch.plan.get("detected") or {}
    if not found:
        return []
    facts = [(_("Format"), "Excel (.xlsx)" if found["format"] == "xlsx" else "CSV")]
    if found["format"] == "csv":
        encoding, delimiter = found["encoding"], found["delimiter"]
        facts += [
            (_("Encoding"), str(dict(ENCODINGS).get(encoding, encoding))),
            (_("Separator"), str(dict(DELIMITERS).get(delimiter, delimiter))),
        ]
    facts += [
        (_("Language of the header"), LANGUAGES.get(found["language"], found["language"])),
        (_("Made for"), str(SOURCES.get(found["source"], found["source"]))),
    ]
    return facts


@dataclass(frozen=True)
class ChoiceOfRows:
    """What was read of a workbook, and buttons to read other rows: value and label."""

    name: str
    text: str
    buttons: Sequence[tuple[str, str]]


# Notices that say what the choices of rows do.
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
