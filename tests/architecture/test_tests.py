"""The tests hold on a slow machine; tests/browser/conftest.py says how those in the browser do."""

import ast

import pytest
from django.conf import settings

TESTS = settings.ROOT / "tests"
BROWSER = TESTS / "browser"
# Where it is done once, for all.
PLACES = {("steps.py", "sleep"), ("conftest.py", "new_context"), ("conftest.py", "timeout=")}
OF_ALL = {"body", "html", "*"}


def found_in(source: str) -> list[tuple[int, str]]:
    """What the source does that holds only on a fast machine, by line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value == "networkidle":
            found.append((node.lineno, node.value))
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if name in {"wait_for_timeout", "sleep", "new_context"}:
            found.append((node.lineno, name))
        if ast.unparse(node.func) == "browser.new_page":
            found.append((node.lineno, "new_page"))
        found += [(node.lineno, "timeout=") for more in node.keywords if more.arg == "timeout"]
        if name == "get_by_text" and not is_part(node.func):
            found.append((node.lineno, "get_by_text"))
        if name == "locator" and str(first).startswith(("text=", ":text")):
            found.append((node.lineno, "text="))
        if name == "get_by_role" and first in ("status", "alert"):
            found.append((node.lineno, first))
    return found


def is_part(call: ast.Attribute) -> bool:
    """Whether the call is of a part of the page: `site.main`, or what a locator has found."""
    of = call.value
    if isinstance(of, ast.Attribute):
        return of.attr == "main"
    if isinstance(of, ast.Name):
        return of.id not in {"page", "plain"}
    if not isinstance(of, ast.Call):
        return False
    return not (of.args and isinstance(of.args[0], ast.Constant) and of.args[0].value in OF_ALL)


def ends_in(source: str) -> list[tuple[int, str]]:
    """Where the source waits for something with an end of its own, by line."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    of_methods = [
        (call.lineno, ast.unparse(call))
        for call in calls
        if getattr(call.func, "attr", "") in {"join", "wait"}
        and any(isinstance(of, ast.Constant) and isinstance(of.value, int) for of in call.args)
    ]
    return of_methods + [
        (call.lineno, ast.unparse(call))
        for call in calls
        for more in call.keywords
        if more.arg == "timeout" and isinstance(more.value, ast.Constant)
    ]


@pytest.mark.parametrize("path", sorted(BROWSER.glob("*.py")), ids=lambda path: path.stem)
def test_a_test_in_the_browser_waits_for_facts_and_looks_in_a_part_of_the_page(path):
    found = found_in(path.read_text())

    wrong = [(line, what) for line, what in found if (path.name, what) not in PLACES]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("page.wait_for_timeout(100)", "wait_for_timeout"),
        ("time.sleep(1)", "sleep"),
        ("page.wait_for_load_state('networkidle')", "networkidle"),
        ("expect(row).to_be_visible(timeout=20_000)", "timeout="),
        ("browser.new_page()", "new_page"),
        ("site.page.get_by_text('None')", "get_by_text"),
        ("page.locator('body').get_by_text('None')", "get_by_text"),
        ("page.locator('text=None')", "text="),
        ("page.get_by_role('status')", "status"),
    ],
)
def test_what_holds_only_on_a_fast_machine_is_found(line, what):
    assert found_in(line) == [(1, what)]


def test_what_holds_everywhere_is_let_through():
    assert found_in("site.main.get_by_text('None'); page.locator('#live').get_by_text('a')") == []


def test_every_wait_has_the_same_end_which_is_far_away():
    paths = [path for path in TESTS.rglob("*.py") if "bench" not in path.parts]
    assert len(paths) > 100
    assert {
        str(path.relative_to(TESTS)): found
        for path in paths
        if (found := ends_in(path.read_text()))
    } == {}


@pytest.mark.parametrize(
    "line", ["thread.join(10)", "barrier.wait(10)", "run(command, timeout=60)", "wait(timeout=5)"]
)
def test_an_end_of_its_own_is_found(line):
    assert [what for _line, what in ends_in(line)] == [line]
    assert ends_in("thread.join(PATIENCE); thread.join(); ', '.join(names)") == []
