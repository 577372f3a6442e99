"""The cases of `cases/`: files as people have them, what is there before, and what must come."""

import base64
import io
import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from django.utils import timezone

from tests import factories

FOLDER = Path(__file__).with_name("cases")
STATES = ("ready", "warned", "failed", "skipped", "unchanged")


@dataclass(frozen=True)
class Case:
    """One file, as README.md of the folder explains."""

    kind: str
    name: str
    counts: dict[str, int] = field(default_factory=dict)
    file: str = ""
    text: str = ""
    encoding: str = "utf-8"
    base64: str = ""
    sheets: dict[str, list] = field(default_factory=dict)
    hidden: dict[str, list[int]] = field(default_factory=dict)
    merged: dict[str, list[str]] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    form: dict[str, Any] = field(default_factory=dict)
    then: list = field(default_factory=list)
    refused: str = ""
    problems: dict[str, list[str]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    users: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def __str__(self):
        return f"{self.kind}: {self.name}"

    @property
    def file_name(self) -> str:
        return self.file or ("people.xlsx" if self.sheets else "people.csv")

    @property
    def content(self) -> bytes:
        if self.base64:
            return base64.b64decode(self.base64)
        return make_workbook(self) if self.sheets else self.text.encode(self.encoding)

    @property
    def domain(self) -> str:
        return self.before.get("domains", ["case.example"])[0]

    @property
    def all_counts(self) -> dict[str, int]:
        return dict.fromkeys(STATES, 0) | self.counts


def read_cases() -> list[Case]:
    """All cases, in the order of their kinds."""
    return [
        Case(path.stem, **values)
        for path in sorted(FOLDER.glob("*.toml"))
        for values in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


def make_workbook(case: Case) -> bytes:
    """The workbook of a case."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        for title, rows in case.sheets.items():
            sheet = book.add_worksheet(title)
            for number, row in enumerate(rows):
                for place, cell in enumerate(row):
                    _write(book, sheet, number, place, cell)
            for number in case.hidden.get(title, ()):
                sheet.set_row(number - 1, options={"hidden": True})
            for span in case.merged.get(title, ()):
                first = rows[int("".join(filter(str.isdigit, span.split(":")[0]))) - 1]
                place = ord(span[0]) - ord("A")
                sheet.merge_range(span, first[place] if place < len(first) else "")
    return file.getvalue()


def _write(book, sheet, number: int, place: int, cell) -> None:
    if not isinstance(cell, dict):
        sheet.write(number, place, cell)
        return
    shown = book.add_format({"num_format": cell["format"]}) if "format" in cell else None
    if "formula" in cell:
        sheet.write_formula(number, place, cell["formula"], shown, cell.get("value", ""))
    elif "date" in cell:
        sheet.write_datetime(number, place, datetime.fromisoformat(str(cell["date"])), shown)
    else:
        sheet.write(number, place, cell["value"], shown)


def make_customer(case: Case) -> None:
    """Make the customer of a case with its users and subscriptions."""
    before = case.before
    domains = tuple(before.get("domains", ["case.example"]))
    made = factories.customer("case", "Case", domains=domains)
    for name, seats in before.get("subscriptions", {}).items():
        factories.subscription(made, name, seats=seats)
    for values in before.get("users", ()):
        factories.user(made, **_complete(values, case.domain))
    for values in before.get("deleted", ()):
        now = timezone.now()
        gone = {"deleted_at": now, "purge_at": now + timedelta(days=30)}
        factories.user(made, **_complete(values, case.domain), **gone)


def _complete(values: dict[str, Any], domain: str) -> dict[str, Any]:
    name = values["user_name"]
    return values | {"user_name": name if "@" in name else f"{name}@{domain}"}
