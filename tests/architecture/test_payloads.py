"""JSON of lines is read by its dataclasses; what SQL reads is a field of them."""

import re
from dataclasses import fields
from pathlib import Path

from batches.acts import LineResult
from imports.check.plan import NAMED
from imports.check.repair import FIRST_USER, REPAIRED
from licensing.rules import LicenseChange
from users.acts.add import TEXTS
from users.acts.delete import DeleteInput
from users.acts.edit import FieldChange

ROOT = Path(__file__).parents[2]
APPS = ("batches", "users", "imports", "handover", "portal")

RESULT = {field.name for field in fields(LineResult)}
# The person of a row or a form, with the marks of an import.
PERSON = {
    *TEXTS,
    "permissions",
    "products",
    "given",
    "accepted",
    "is_blocked",
    "user_id",
    "line",
    "place",
    "employee_number",
}
INPUT = PERSON | {NAMED, FIRST_USER, REPAIRED}
INPUT |= {
    field.name for payload in (LicenseChange, FieldChange, DeleteInput) for field in fields(payload)
}

LOOKUP = r"{0}__(?!has_|isnull)([a-z_]+?)(?:__in)?\b"
OPERATOR = r"\b{0}\s*(?:->>?|\?)\s*'([a-z_]+)'"
HAS_KEY = r'{0}__has_key="([a-z_]+)"'
HAS_ANY = r"{0}__has_any_keys=\[([^\]]*)\]"


def sources():
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), path.read_text()


def names_in_sql(column):
    found = set()
    for path, text in sources():
        for pattern in (LOOKUP, OPERATOR, HAS_KEY):
            found |= {(str(path), name) for name in re.findall(pattern.format(column), text)}
        for names in re.findall(HAS_ANY.format(column), text):
            found |= {(str(path), name) for name in re.findall(r'"([a-z_]+)"', names)}
    return found


def test_sql_reads_fields_of_results():
    found = names_in_sql("result")
    assert len(found) > 5
    assert {(path, name) for path, name in found if name not in RESULT} == set()


def test_sql_reads_fields_of_inputs():
    found = names_in_sql("input")
    assert len(found) > 5
    assert {(path, name) for path, name in found if name not in INPUT} == set()


def test_results_are_read_by_their_class():
    # The engine counts the tries of a line in its result while it runs.
    key = re.compile(r"\bresult(?:\[|\.get\()[\"'](?!tries)")
    assert {str(path) for path, text in sources() if key.search(text)} == set()
