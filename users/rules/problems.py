"""
Problems of files, rows and cells, with their sentences.

A problem is stored as a code with parameters, so that each member reads it in their language.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers import locations
from spreadsheets.errors import sentence_of
from users.models import UserPermission
from users.rules.fields import label_of

ERROR, WARNING, NOTICE = "error", "warning", "notice"

# Warnings about rows that are skipped unless a member includes them.
LEAVES_OUT = frozenset(
    {
        "person_exists",
        "name_exists",
        "person_repeated",
        "person_deleted",
        "contact_deleted",
        "name_deleted",
        "not_a_person",
        "guest",
        "built_in",
        "has_left",
        "user_has_left",
    }
)
# Key in the input of a line: the codes of LEAVES_OUT despite which a member has included the row.
INCLUDED = "included"

# Characters of a cell that are quoted in a sentence about it.
MAX_QUOTE = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding about a cell: an error stops the row, a warning or a notice does not."""

    line: int
    column: str
    value: str
    code: str
    params: dict[str, Any] = field(default_factory=dict)
    suggestion: str = ""
    severity: str = ERROR

    def as_json(self) -> dict[str, Any]:
        # Not asdict, which copies deeply: a file can have more than 100,000 problems.
        return {
            "line": self.line,
            "column": self.column,
            "value": self.value,
            "code": self.code,
            "params": self.params,
            "suggestion": self.suggestion,
            "severity": self.severity,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Problem":
        return cls(**values)

    @classmethod
    def from_line(cls, values: Mapping[str, Any]) -> "Problem":
        """Read a problem of a line, which may have no more than a code."""
        return cls(
            line=values.get("line") or 0,
            column=values.get("column") or "",
            value=values.get("value") or "",
            code=values.get("code", ""),
            params=values.get("params") or {},
            suggestion=values.get("suggestion") or "",
            severity=values.get("severity", ERROR),
        )


def leaves_out(problems: Iterable[Problem]) -> bool:
    """Whether a row with these problems is skipped unless a member includes it."""
    return any(problem.code in LEAVES_OUT for problem in problems)


def describe(problem: Problem) -> str:
    """The problem in one sentence, in the language of the reader."""
    params = {"value": problem.value or "…", "column": str(label_of(problem.column))}
    params |= problem.params
    # Codes become names only here, where the language of the reader is known.
    if "location" in params:
        params["location"] = str(locations.name_of(params["location"]))
    if "encoding" in params:
        # Stored by the worker in English.
        params["encoding"] = gettext(params["encoding"])
    if "permission" in params:
        permission = params["permission"]
        params["permission"] = str(dict(UserPermission.choices).get(permission, permission))
    if "field" in params:
        params["column"] = str(label_of(params["field"]))
    return sentence_of(CELL, problem.code, {name: _quote(value) for name, value in params.items()})


def _quote(value: Any) -> Any:
    is_long = isinstance(value, str) and len(value) > MAX_QUOTE
    return f"{value[:MAX_QUOTE]}…" if is_long else value


CELL = {
    # User name
    "user_name_missing": _("The user name is missing."),
    "user_name_not_ascii": _(
        "“%(characters)s” isn’t allowed in a user name. Use only the letters a–z, digits and"
        " . _ - ' before the @."
    ),
    "user_name_bad_character": _(
        "“%(characters)s” isn’t allowed in a user name. Use only letters, digits and . _ - '"
        " before the @."
    ),
    "user_name_too_long": _(
        "The user name is too long: at most 64 characters before the @ and 254 in all."
    ),
    "user_name_bad_start": _("A user name starts with a letter or a digit."),
    "user_name_bad_dot": _("A user name can’t start or end with a dot or have two dots in a row."),
    "user_name_two_ats": _("A user name can have only one @."),
    "user_name_exists": _(
        "%(name)s already has this user name. There’s nothing to do for this row."
    ),
    "user_name_taken": _("%(name)s already has this user name. Choose another one."),
    "user_name_repeated": _("Line %(first)s has the same user name. Only the first row is used."),
    "user_name_deleted": _(
        "A deleted user, %(name)s, had this user name. Restore that user if it’s the same"
        " person. Importing creates a new user."
    ),
    "user_unknown": _("No user has this user name. Correct it, or choose to create new users."),
    "user_deleted": _("A deleted user, %(name)s, had this user name. Restore that user first."),
    "administrator": _(
        "This user is an administrator. Ask an owner or an admin agent of your organization."
    ),
    "user_name_reserved": _(
        "“%(value)s” looks like a shared mailbox. Make sure that it’s a person."
    ),
    # One person twice
    "same_person": _("This is the same person as in line %(first)s. Only the first row is used."),
    "person_repeated": _(
        "This looks like the same person as in line %(first)s. The row is skipped."
    ),
    "person_exists": _(
        "%(name)s (%(user_name)s) has the same name and contact address. The row is skipped."
    ),
    "name_exists": _("%(name)s (%(user_name)s) has the same name. The row is skipped."),
    "person_known": _(
        "%(name)s (%(user_name)s) has the same name and contact address. Update this user, or"
        " create a new account."
    ),
    "name_known": _(
        "%(name)s (%(user_name)s) has the same name. Update this user, or create a new account."
    ),
    "person_deleted": _(
        "%(name)s was deleted and had this user name. Restore this user, or create a new account."
    ),
    "contact_deleted": _(
        "%(name)s (%(user_name)s) was deleted and has the same name and contact address. Restore"
        " this user, or create a new account."
    ),
    "name_deleted": _(
        "%(name)s (%(user_name)s) was deleted and has the same name. Restore this user, or create a"
        " new account."
    ),
    "comes_back_as_user": _(
        "This administrator is restored as a user without administrator permissions. Your role"
        " can’t assign them."
    ),
    # Rows that are skipped
    "not_a_person": _("This looks like a total or a note, not a person. The row is skipped."),
    "guest": _("This is a guest account of another organization. The row is skipped."),
    "built_in": _("This is a built-in account, not a person. The row is skipped."),
    "has_left": _("According to the file, this person has left. The row is skipped."),
    "user_has_left": _(
        "According to the file, this person has left. The user is deleted, like those missing from"
        " the file."
    ),
    # Sign-in
    "sign_in_blocked": _(
        "Sign-in is blocked: the file says “%(value)s”. The user gets no license and no password."
    ),
    "sign_in_unknown": _(
        "“%(value)s” isn’t a known status. Choose whether sign-in is blocked. Until then, new users"
        " are added with sign-in blocked, and existing users stay as they are."
    ),
    "licenses_withheld": _(
        "Sign-in is blocked: the file says “%(value)s”. The licenses in the row aren’t assigned."
    ),
    "left_is_blocked": _(
        "The file says “%(value)s”: this person has left. Sign-in is blocked. You can delete the"
        " user afterwards."
    ),
    # Found while the row was imported.
    "name_taken": _(
        "Another user got this user name after the check. Choose another one, or skip the row"
        " if it’s the same person."
    ),
    "internal": _("Something went wrong on our side. No user was created. Import this row again."),
    # Domain
    "domain_missing": _("The user name has no domain. Choose a domain for the file."),
    "domain_unknown": _("%(domain)s isn’t a domain of this customer."),
    "domain_differs": _("The user name ends with %(domain)s, but the column Domain has %(other)s."),
    # Names
    "name_missing": _(
        "The display name is missing, and there’s no first or last name to create it from."
    ),
    "too_long": _("“%(column)s” has %(length)s characters. The limit is %(limit)s."),
    "invisible_removed": _("Invisible characters were removed."),
    "letters_lost": _(
        "Letters of this name are broken. Correct it, or save the file as UTF-8 and upload it again."
    ),
    "name_is_null": _(
        "“%(value)s” often stands for an empty cell. If it’s a name, import the row as it is."
    ),
    "user_name_is_date": _(
        "A spreadsheet may have made the date “%(value)s” of a user name. Check it."
    ),
    # The rest
    "location_unknown": _("“%(value)s” isn’t a known country or region."),
    "location_missing": _("Licenses need a usage location. Choose one for the file."),
    "language_unknown": _(
        "“%(value)s” isn’t an available language. The customer’s language is used instead."
    ),
    "contact_email_bad": _("“%(value)s” isn’t an email address."),
    "contact_email_is_own": _(
        "This is the address of the new account. Email sent there can’t be read before the first"
        " sign-in."
    ),
    "phone_damaged": _(
        "A spreadsheet has shortened this number. Format the column as text and enter it again."
    ),
    "permission_unknown": _("“%(value)s” isn’t a known permission."),
    "role_unknown": _(
        "“%(value)s” isn’t a permission here, so the user gets none. Choose one if the user needs it."
    ),
    "permission_not_yours": _(
        "You can’t assign “%(permission)s”. Ask an owner or an admin agent of your organization."
    ),
    "product_unknown": _("This customer hasn’t bought “%(value)s”."),
    "product_ambiguous": _("Several products are named “%(value)s”. Use the part number instead."),
    "product_suspended": _(
        "The subscription to “%(product)s” is suspended, so its licenses can’t be assigned."
    ),
    "product_not_sold": _("“%(product)s” isn’t available in %(location)s."),
    "product_requires": _("“%(product)s” only works together with “%(other)s”."),
    "product_excludes": _("A user can’t have both “%(product)s” and “%(other)s”."),
    "seat_short": _("No “%(product)s” seat is left for this user."),
    "cells_too_many": _(
        "This row has more cells than the header. Put text that contains the separator in"
        " quotation marks."
    ),
    "cell_error": _(
        "This cell shows the error %(value)s instead of a value. Correct it, or import the row"
        " without it."
    ),
    "formula_without_result": _(
        "This cell has a formula that was saved without its result. Open the file in Excel, save it"
        " and upload it again, or enter the value."
    ),
    # The whole file
    "words_for_nothing": _("These words mean that a cell is empty: %(words)s."),
    "letters_repaired": _(
        "Broken letters were repaired, such as “%(before)s” → “%(after)s”. Cells: %(count)s."
    ),
    "addresses_unwrapped": _(
        "Only the name or address in a cell was read, such as “%(before)s” → “%(after)s”. Cells:"
        " %(count)s."
    ),
    "roles_ignored": _(
        "These roles aren’t permissions here, so the rows become plain users: %(words)s."
    ),
    "own_addresses": _(
        "A contact address that is the user name isn’t kept: it can’t be read before the first"
        " sign-in. Rows: %(count)s."
    ),
    "password_ignored": _(
        "The column “%(value)s” isn’t read. Each user gets a new temporary password."
    ),
    "column_unknown": _("The column “%(value)s” is unknown and is skipped."),
    "column_said": _(
        "The column “%(value)s” is read as “%(column)s”, as in earlier files of your customers."
    ),
    "column_not_kept": _("The portal has no field for the column “%(value)s”. It’s skipped."),
    "column_repeated": _(
        "“%(first)s” is read as “%(column)s”. “%(value)s” is used where that cell is empty or can’t"
        " be read."
    ),
    "column_secret": _(
        "The column “%(value)s” looks like passwords. It’s not read, shown or kept."
    ),
    "cells_secret": _(
        "Cells that look like passwords, though in other columns: %(count)s. They’re not read, shown"
        " or kept."
    ),
    "status_in_name": _(
        "A status was read from names, such as “%(before)s” → “%(after)s”. Cells: %(count)s."
    ),
    "column_guessed": _(
        "The column “%(value)s” is read as “%(column)s”, because of what its cells say."
    ),
    "column_middle_name": _(
        "The column “%(value)s” becomes part of the display name, unless the row has a display"
        " name."
    ),
    "header_repeated": _("The header is repeated in these lines, which are skipped: %(lines)s."),
    "header_changed": _(
        "In line %(line)s begins a list with other columns. The rows below it are read by the"
        " header in that line."
    ),
    "titles_skipped": _("These lines are titles above a header, and are skipped: %(lines)s."),
    "lines_before_header": _("The header is in line %(line)s. The lines above it are skipped."),
    "example_skipped": _("The example in line %(line)s is skipped."),
    "worksheets_skipped": _(
        "Only the worksheet “%(value)s” is read. The file has others with data: %(others)s."
    ),
    "worksheets_joined": _("The rows of these worksheets are put together: %(value)s."),
    "worksheets_without_users": _(
        "These worksheets have no header or no rows, and are skipped: %(others)s."
    ),
    "hidden_rows_skipped": _("Hidden rows that aren’t read: %(count)s."),
    "hidden_rows_read": _("Hidden rows that are read like the others: %(count)s."),
    "cells_with_error": _("Cells with the error %(value)s: %(count)s, the first in %(cell)s."),
    "formulas_without_result": _(
        "Formulas that were saved without their results: %(count)s, the first in %(cell)s. Open the"
        " file in Excel, save it and upload it again."
    ),
    "encoding_guessed": _(
        "The file has no information about its encoding and was read as %(encoding)s. If"
        " names look wrong, choose another encoding."
    ),
}
