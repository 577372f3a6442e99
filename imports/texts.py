"""Texts of imports: problems with their choices, results of repairs, the format of a file."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from batches.acts import Count, PlanFacts, count, waits_for_seats
from batches.models import Batch
from customers import locations
from customers.models import Customer
from customers.queries import find_verified_domains
from imports.check.repair import (
    BY_DOMAIN,
    BY_VALUE,
    DOMAIN_CODES,
    RESTORABLE,
    SECOND_ACCOUNT,
    UNREADABLE,
    How,
    Kind,
)
from imports.queries import ProblemGroup, count_sign_in, find_problem_groups
from imports.read.dialects import LANGUAGES, SYSTEMS
from spreadsheets.csv_reader import DELIMITERS
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile
from users.models import UserPermission
from users.rules import problems, sign_in
from users.rules.fields import label_of
from users.rules.same_person import PRESENT, WAS_PRESENT

# Sentences about several rows, where the sentence about one row quotes its cells.
OF_MANY = {
    "user_name_not_ascii": gettext_lazy("The user name has letters other than a–z."),
    "user_name_bad_character": gettext_lazy("The user name has characters that aren’t allowed."),
    "user_name_exists": gettext_lazy(
        "This user already exists with the same user name. There’s nothing to do."
    ),
    "user_name_taken": gettext_lazy("Another user already has the user name."),
    "user_name_repeated": gettext_lazy("Another row above has the same user name."),
    "same_person": gettext_lazy("The same person is in another row above."),
    "person_repeated": gettext_lazy("These look like people of other rows above. They’re skipped."),
    "person_exists": gettext_lazy(
        "Users with the same name and contact address already exist. These rows are skipped."
    ),
    "name_exists": gettext_lazy("Users with the same name already exist. These rows are skipped."),
    "person_known": gettext_lazy(
        "Users with the same name and contact address already exist. Update them, or create new"
        " accounts."
    ),
    "name_known": gettext_lazy(
        "Users with the same name already exist. Update them, or create new accounts."
    ),
    "person_deleted": gettext_lazy(
        "These users were deleted. Until you decide, the rows are skipped."
    ),
    "contact_deleted": gettext_lazy(
        "Users with the same name and contact address were deleted. Until you decide, the rows are"
        " skipped."
    ),
    "name_deleted": gettext_lazy(
        "Users with the same name were deleted. Until you decide, the rows are skipped."
    ),
    "user_name_deleted": gettext_lazy(
        "A deleted user had this user name. Importing creates a new user."
    ),
    "user_name_reserved": gettext_lazy(
        "The user name looks like a shared mailbox. Make sure that it’s a person."
    ),
    "not_a_person": gettext_lazy("These look like totals or notes, not people. They’re skipped."),
    "guest": gettext_lazy("These are guest accounts of other organizations. They’re skipped."),
    "built_in": gettext_lazy("These are built-in accounts, not people. They’re skipped."),
    "has_left": gettext_lazy("According to the file, these people have left. They’re skipped."),
    "user_has_left": gettext_lazy(
        "According to the file, these users have left. They’re deleted, like those missing from the"
        " file."
    ),
    "sign_in_blocked": gettext_lazy(
        "According to the file, sign-in is blocked. These users get no license and no password."
    ),
    "licenses_withheld": gettext_lazy(
        "According to the file, sign-in is blocked. The licenses in these rows aren’t assigned."
    ),
    "left_is_blocked": gettext_lazy(
        "According to the file, these users have left. Their sign-in is blocked."
    ),
    "domain_missing": gettext_lazy("The user name has no domain."),
    "domain_differs": gettext_lazy("The domain of the user name differs from the column Domain."),
    "too_long": gettext_lazy("“%(column)s” is too long. It can be shortened."),
    "location_missing": gettext_lazy("Licenses need a usage location, and there isn’t one."),
    "contact_email_bad": gettext_lazy("The contact address isn’t an email address."),
    "letters_lost": gettext_lazy("Letters of these names are broken."),
    "name_is_null": gettext_lazy("These names often stand for empty cells."),
    "user_name_is_date": gettext_lazy("A spreadsheet may have made dates of these user names."),
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
    **dict.fromkeys(
        ("letters_lost", "name_is_null", "user_name_is_date"), gettext_lazy("Import as it is")
    ),
    "user_unknown": gettext_lazy("Create a new account"),
    "user_deleted": gettext_lazy("Create a new account"),
    **dict.fromkeys(problems.LEAVES_OUT, gettext_lazy("Import these rows")),
    **dict.fromkeys(
        [*PRESENT, *WAS_PRESENT, "person_repeated", "person_deleted"],
        gettext_lazy("Create a new account"),
    ),
}
# Labels of How.SET for problems of sign-in.
SIGN_IN = {
    sign_in.BLOCKED: gettext_lazy("Block sign-in. No license, no password"),
    sign_in.LICENSED: gettext_lazy("Block sign-in, but assign licenses"),
    sign_in.ALLOWED: gettext_lazy("Allow sign-in"),
}
CAN_DO_WITHOUT = frozenset(
    {
        "product_unknown", "product_ambiguous", "product_suspended", "product_not_sold",
        "product_requires", "product_excludes", "permission_unknown", "permission_not_yours",
        "contact_email_bad", "contact_email_is_own", "phone_damaged", "language_unknown",
        "cells_too_many", "seat_short", "role_unknown", "name_is_null", *UNREADABLE,
    }
)  # fmt: skip

SIGN_IN_FACTS: Sequence[Count] = (
    lambda n: ngettext(
        "%(n)s user comes in with sign-in blocked, and gets no password.",
        "%(n)s users come in with sign-in blocked, and get no passwords.",
        n,
    ),
    lambda n: ngettext(
        "Sign-in of %(n)s existing user is blocked. Open sessions end immediately.",
        "Sign-in of %(n)s existing users is blocked. Open sessions end immediately.",
        n,
    ),
    lambda n: ngettext(
        "Sign-in of %(n)s existing user is unblocked.",
        "Sign-in of %(n)s existing users is unblocked.",
        n,
    ),
)
# The rows of a plan by what becomes of them.
ROWS: Mapping[str, Count] = {
    "ready": lambda n: ngettext("%(n)s ready", "%(n)s ready", n),
    "warned": lambda n: ngettext("%(n)s with warnings", "%(n)s with warnings", n),
    "failed": lambda n: ngettext("%(n)s with errors", "%(n)s with errors", n),
    "skipped": lambda n: ngettext("%(n)s skipped", "%(n)s skipped", n),
    "unchanged": lambda n: ngettext("%(n)s unchanged", "%(n)s unchanged", n),
}

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
    has_suggestions: bool = False

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
        has_suggestions=any(
            group.suggested for group in found.groups if group.code not in SECOND_ACCOUNT
        ),
    )


def describe_rows(batches: Iterable[Batch]) -> str:
    """How many rows were read for these plans, and what becomes of them; '' for other batches."""
    counts = Counter()
    for batch in batches:
        counts.update(batch.plan.get("counts") or {})
        counts["unchanged"] += PlanFacts.from_json(batch.plan).unchanged
    if not counts.total():
        return ""
    parts = [count(sentence, counts[name]) for name, sentence in ROWS.items() if counts[name]]
    rows = count(lambda n: ngettext("%(n)s row read", "%(n)s rows read", n), counts.total())
    joined = pgettext("between the parts of a list", ", ").join(parts)
    return _("%(rows)s: %(parts)s.") % {"rows": rows, "parts": joined}


def describe_sign_in(batch: Batch) -> tuple[str, ...]:
    """How many users a planned import adds with blocked sign-in, blocks and unblocks."""
    counted = zip(count_sign_in(batch), SIGN_IN_FACTS, strict=True)
    return tuple(count(sentence, number) for number, sentence in counted if number)


def describe_restored(batch: Batch) -> tuple[str, ...]:
    """What a planned import restores of deleted users."""
    number = batch.plan.get("restores", 0)
    sentence = ngettext(
        "%(n)s deleted user is restored with the profile from before. The licenses in the row are"
        " added; to update other values, import the file again.",
        "%(n)s deleted users are restored with their profiles from before. The licenses in the rows"
        " are added; to update other values, import the file again.",
        number,
    )
    return (sentence % {"n": intcomma(number)},) if number else ()


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
        skip = (str(How.SKIP), self._leave_out())
        is_skipped = group.code in problems.LEAVES_OUT - RESTORABLE
        choices = [skip, *choices] if is_skipped else [*choices, skip]
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
            "role_unknown": lambda: UserPermission.choices,
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
        elif group.code in SECOND_ACCOUNT:
            # The suggestion makes another account of the person.
            wanted = str(How.SKIP)
        elif group.suggestion:
            wanted = str(How.SUGGESTED)
        elif group.code == "location_missing":
            wanted = f"{How.SET}:{self.customer.location}"
        elif group.code == sign_in.NOT_KNOWN:
            return ""
        elif len(choices) == 1 or group.code in ACCEPT or group.code in sign_in.CODES:
            wanted = choices[0][0]
        # Where nothing is likely, the member must choose.
        return wanted if wanted in values else ""


def _ways_to_keep(code: str, column: str) -> list[tuple[str, str]]:
    """The choices without another value, so that the row is imported."""
    ways = []
    if code == "seat_short":
        ways.append((str(How.WAIT), _("Users without a seat wait for one")))
    if code in sign_in.CODES:
        ways += [(f"{How.SET}:{choice}", str(label)) for choice, label in SIGN_IN.items()]
    elif code in ACCEPT:
        ways.append((str(How.ACCEPT), str(ACCEPT[code])))
    if code in RESTORABLE:
        way = str(How.RESTORE), _("Restore the deleted user")
        # A user with another name is likely another person.
        ways.insert(len(ways) if code == "user_name_deleted" else 0, way)
    if code in CAN_DO_WITHOUT:
        is_empty = code in UNREADABLE or code == "name_is_null"
        label = WITHOUT_VALUE if is_empty else WITHOUT.get(column, WITHOUT[""])
        ways.append((str(How.WITHOUT), str(label)))
    return ways


def find_choices(problem: problems.Problem) -> tuple[tuple[str, str], ...]:
    """The choices with labels for a problem of one row."""
    ways = _ways_to_keep(problem.code, problem.column)
    if problem.code in problems.LEAVES_OUT:
        # To include the row has a button of its own.
        ways = [way for way in ways if way[0] != How.ACCEPT]
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
    elif group.code in SECOND_ACCOUNT:
        sentence = _("Create another account, such as %(suggestion)s")
    elif group.code in PRESENT:
        sentence = ngettext("Update the existing user", "Update the existing users", group.rows)
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
    if found["header_line"]:
        language = LANGUAGES.get(found["language"], found["language"])
        facts.append((_("Language of the header"), language))
    # Only what is certain.
    if found["source"]:
        system = SYSTEMS.get(found["source"])
        name = (system and system.name) or _("this portal")
        facts.append((_("Made for"), name))
    return facts
