"""Rows pasted from a spreadsheet: checked cell by cell as an import does, and imported as a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from batches.models import Batch
from customers.models import Customer
from customers.queries import find_verified_domains
from imports.check import rows as validate
from imports.operations.check import receive_file
from imports.queries import find_column_meanings
from imports.read import paste, table
from partners.models import Member
from users.rules.facts import Defaults
from users.rules.gather import gather_facts
from users.rules.problems import Problem

# Rows whose cells are checked while they are typed.
CHECKED_ROWS = 500


def receive_rows(
    *, customer: Customer, text: str, fields: Sequence[str], options: dict, by: Member
) -> Batch:
    """
    Import pasted rows like an uploaded file: keep them, and order their check.

    `fields` are the choices for columns, see `paste.make_file`.

    :raises Refused: as `receive_file`.
    """
    made = paste.make_file(text, fields, find_column_meanings(customer))
    return receive_file(
        customer=customer,
        name=_("Pasted rows"),
        parts=[made.content],
        options=options | {"encoding": "utf-8", "delimiter": made.delimiter},
        by=by,
    )


@dataclass(frozen=True)
class CheckedRows:
    """What the import finds in pasted rows; `first` is the line number of the first of them."""

    first: int
    columns: Sequence[table.Column]
    header_line: int
    rows: int
    problems: Sequence[Problem]
    is_cut: bool


def check_rows(
    *, customer: Customer, text: str, fields: Sequence[str], options: dict, by: Member
) -> CheckedRows:
    """
    Check the first CHECKED_ROWS pasted rows as an import does; writes nothing.

    :raises UnreadableFile: where the rows have no header, or cannot be read.
    """
    meanings = find_column_meanings(customer)
    made = paste.make_file(text, fields, meanings)
    parsed = table.parse_file(
        made.content,
        "rows.tsv",
        encoding="utf-8",
        delimiter=made.delimiter or None,
        meanings=meanings,
    )
    rows = parsed.rows[:CHECKED_ROWS]
    defaults = Defaults(**options.get("defaults", {}))
    facts = gather_facts(
        customer=customer,
        user_names=validate.names_to_look_up(rows, defaults, find_verified_domains(customer)),
        options=options,
        by=by,
    )
    _people, problems = validate.validate(rows, facts, defaults)
    return CheckedRows(
        made.first,
        parsed.detected.columns,
        parsed.detected.header_line,
        len(rows),
        problems,
        len(parsed.rows) > len(rows),
    )
