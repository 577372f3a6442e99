"""
The language of code and pages: plain technical English, counted.

Words that plain technical English hardly uses are counted per 1,000 words of docstrings and
comments, and of the English texts of pages. Each test prints its figures and the worst files.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

import polib
import pytest
from django.conf import settings

ROOT = Path(settings.ROOT)
LIMITS = {
    r"who|whom|whose|whoever": 1.0,
    r"nobody|somebody|everybody|anybody": 0.3,
    r"say|says|saying|said|tell|tells|telling|told": 0.8,
    r"so many|any more": 0.0,
}
# Folders with docstrings and comments within the limits.
HELD = (
    "portal",
    "handover",
    "imports",
    "users",
    "batches",
    "licensing",
    "customers",
    "partners",
    "audit",
    "spreadsheets",
    "tools",
    "demo",
)


def read_prose(path: Path) -> str:
    """The docstrings and comments of a Python file."""
    text = path.read_text()
    parts = [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    parts += [token.string for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join(parts)


def read_messages() -> Iterable[str]:
    """The English texts of pages and mails."""
    catalog = polib.pofile(str(ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"))
    for entry in catalog:
        yield entry.msgid
        yield entry.msgid_plural


def measure(texts: Iterable[str]) -> dict[str, float]:
    """How often each pattern of LIMITS occurs per 1,000 words of the texts."""
    text = "\n".join(texts)
    words = len(re.findall(r"\w+", text)) or 1
    return {
        pattern: len(re.findall(rf"\b(?:{pattern})\b", text, re.IGNORECASE)) / words * 1000
        for pattern in LIMITS
    }


def find_exceeding(figures: dict[str, float]) -> dict[str, float]:
    """The figures that are above their limits."""
    return {pattern: round(f, 2) for pattern, f in figures.items() if f > LIMITS[pattern]}


def find_lines(text: str) -> list[str]:
    """The lines of a text in which one of the words stands."""
    pattern = re.compile(rf"\b(?:{'|'.join(LIMITS)})\b", re.IGNORECASE)
    return [line.strip() for line in text.splitlines() if pattern.search(line)]


@pytest.mark.parametrize("folder", HELD)
def test_docstrings_and_comments_are_plain_english(folder):
    prose = {
        path: read_prose(path)
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
    }
    figures = measure(prose.values())

    print(f"{folder}:", {pattern: round(figure, 2) for pattern, figure in figures.items()})
    for path in sorted(prose, key=lambda path: -len(find_lines(prose[path])))[:10]:
        print(path.relative_to(ROOT), *find_lines(prose[path]), sep="\n    ")
    assert find_exceeding(figures) == {}


def test_page_texts_are_plain_english():
    texts = list(read_messages())
    figures = measure(texts)

    print({pattern: round(figure, 2) for pattern, figure in figures.items()})
    print(*find_lines("\n".join(texts)), sep="\n")
    assert find_exceeding(figures) == {}
