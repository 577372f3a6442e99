"""Rows pasted from a spreadsheet: checked cell by cell as an import does, and imported as a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from batches.models import Batch
from customers.models import Customer
from customers.queries import find_verified_domains
from imports.check import rows as validate
from imports.operations.check import receive_file
from imports.operations.upload import read_content
from imports.queries import find_column_meanings
from imports.read import paste, table
from partners.models import Member
from users.rules.facts import Defaults
from users.rules.gather import gather_facts
from users.rules.problems import Problem

# Rows that are checked cell by cell while they are typed.
CHECKED_ROWS = 500


def receive_rows(
    *, customer: Customer, text: str, fields: Sequence[str], options: dict, by: Member
) -> Batch:
    """
    Import pasted rows like an uploaded file: keep them, and order their check.

    `fields` are the choices for columns, see `paste.read_options`.

    :raises Refused: as `receive_file`.
    """
    return receive_file(
        customer=customer,
        name=_("Pasted rows"),
        parts=[text.encode("utf-8", "replace")],
        options=options | paste.read_options(text, fields, find_column_meanings(customer)),
        by=by,
    )


@dataclass(frozen=True)
class CheckedRows:
    """What the import finds in pasted rows."""

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
    options = options | paste.read_options(text, fields, meanings)
    parsed = read_content(text.encode("utf-8", "replace"), "", options, meanings=meanings)
    rows = parsed.rows[:CHECKED_ROWS]
    defaults = Defaults(**options.get("defaults", {}))
    facts = gather_facts(
        customer=customer,
        **validate.find_lookups(rows, defaults, find_verified_domains(customer))._asdict(),
        options=options,
        by=by,
    )
    _people, problems = validate.validate(rows, facts, defaults, language=parsed.detected.language)
    return CheckedRows(
        parsed.detected.columns,
        parsed.detected.header_line,
        len(rows),
        problems,
        len(parsed.rows) > len(rows),
    )
