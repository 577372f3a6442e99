"""Names that a database or a spreadsheet may have put there for something else."""

import re
from collections.abc import Mapping
from typing import Any

from imports.read.cells import OF_PROGRAMS
from users.rules.problems import WARNING, Problem

_PARTS = ("first_name", "last_name")
# Excel makes a date of "mar1", and shows it as 1-Mar.
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}-(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez)"
    r"(?:-\d{2,4})?|\d{1,2}\.\d{1,2}\.\d{2,4}",
    re.IGNORECASE,
)


def find_doubts(person: Mapping[str, Any], line: int, found: list[Problem]) -> None:
    """Report a name such as NULL, and a user name that is a date."""
    for field in _PARTS:
        if person[field] in OF_PROGRAMS:
            found.append(Problem(line, field, person[field], "name_is_null", severity=WARNING))
    user_name = person["user_name"]
    if user_name[:1].isdigit() and _DATE.fullmatch(local := user_name.partition("@")[0]):
        found.append(Problem(line, "user_name", local, "user_name_is_date", severity=WARNING))
