"""Habits of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.ROOT)
APPS = (
    "portal", "handover", "imports", "users", "batches", "licensing", "customers", "partners", "audit", "spreadsheets",
)  # fmt: skip
FORBIDDEN_ROOMS = {"utils", "helpers", "services", "managers", "mixins", "signals", "common"}


def sources(*apps: str) -> list[Path]:
    return sorted(
        path
        for app in apps
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts
    )


def view_modules() -> list[Path]:
    return [p for p in sources(*APPS) if p.name == "views.py" or "views" in p.parent.parts]


@pytest.mark.parametrize("path", view_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_view_asks_and_orders_but_does_not_reach_into_the_tables(path):
    touched = re.findall(
        r"\.objects\b|\.save\(|\.delete\(|\.filter\(|\.exclude\(|transaction\.", path.read_text()
    )

    assert touched == []


@pytest.mark.parametrize("path", view_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_view_is_fifteen_lines_at_most(path):
    long = []
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if lines > 15:
            long.append((node.name, lines))

    assert long == []


def test_no_file_outgrows_its_room():
    assert [
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        if len(path.read_text().splitlines()) > 500
    ] == []


def test_there_is_no_junk_drawer():
    assert [str(path) for path in sources(*APPS) if path.stem in FORBIDDEN_ROOMS] == []


def test_packages_have_empty_init_files():
    faces = [
        str(path.relative_to(ROOT))
        for path in sources(*APPS, "tools", "demo")
        if path.name == "__init__.py" and path.read_text().strip()
    ]

    # Celery asks for its app there.
    assert faces == ["portal/__init__.py"]


def test_modules_are_no_gerunds():
    names = [path.stem for path in sources(*APPS, "tools", "demo") if path.stem.endswith("ing")]

    # Licensing is the field's word for it.
    assert [name for name in names if name != "licensing"] == []


def templates() -> dict[str, str]:
    folder = ROOT / "templates"
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.*"))}


# Named by Django, allauth and its mfa app.
NAMED_ELSEWHERE = ("account/", "mfa/", "allauth/", "403", "404", "500", "503", "400")


def test_every_template_is_used_by_name():
    texts = [path.read_text() for path in sources(*APPS)] + list(templates().values())
    unused = [
        name
        for name in templates()
        if not name.startswith(NAMED_ELSEWHERE)
        if not any(f'"{name}"' in text or f"'{name}'" in text for text in texts)
    ]

    assert unused == []


def test_every_fragment_has_the_id_of_its_name():
    wrong = []
    for name, text in templates().items():
        stem = Path(name).stem
        if stem.startswith("_") and f'id="{stem[1:].replace("_", "-")}"' not in text:
            wrong.append(name)

    assert wrong == []


def test_nothing_is_inline_and_nothing_is_of_htmx_2():
    pattern = re.compile(
        r"""\sstyle=|\son[a-z]+=|<style|hx-on|hx-vals=.js:|hx-disabled-elt|hx-ext=|hx-boost"""
        r"""|<script(?![^>]*\ssrc=)|\|safe\b|autoescape off|javascript:|src="data:"""
    )
    found = [
        (name, match[0]) for name, text in templates().items() for match in pattern.finditer(text)
    ]

    assert found == []


def test_scripts_know_no_old_event_names_and_no_eval():
    pattern = re.compile(r"htmx:(?:after|before)[A-Z]|\beval\(|new Function|innerHTML\s*=")

    assert [
        (path.name, match[0])
        for path in (ROOT / "static" / "js").rglob("*.js")
        for match in pattern.finditer(path.read_text())
    ] == []
