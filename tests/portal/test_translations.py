"""Simplified Chinese is complete: the catalog, its placeholders and punctuation, and the pages."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polib
import pytest
from django.test import Client
from django.utils.translation.template import templatize

from partners.roles import Role
from tests import factories
from tests.architecture import walk
from tests.architecture.test_access import furnish

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
PACKAGES = sorted(path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")

# The arguments of each function that are texts, the context first where there is one.
CALLS = {
    **dict.fromkeys(["_", "gettext", "gettext_lazy", "gettext_noop"], 1),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], 2),
    **dict.fromkeys(["ngettext", "ngettext_lazy"], 2),
    **dict.fromkeys(["npgettext", "npgettext_lazy"], 3),
}
IN_TEMPLATE = re.compile(
    r"\b(n?p?gettext|_)\(((?:\s*u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"),?)+)"
)

HOLE = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}|</?\w+[^>]*>")
HAN = r"[\u4e00-\u9fff]"
HALF_WIDTH = re.compile(rf"{HAN}[,;:!?.()]|[,;:!?()]{HAN}|{HAN}['\"]|['\"]{HAN}|\.\.\.")
ENDS = {".": "。", "?": "？", ":": "："}

# What stays as it is in Chinese: names of products, formats, keys and units, and languages.
NAMES = {
    *("Entra", "Excel", "Google", "Mac", "Microsoft", "Windows", "Workspace"),
    *("CSV", "GBK", "IP", "UTC", "UTF", "csv", "xlsx"),
    *("Ctrl", "English", "GB", "MB"),
}
ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+|\b(?:[\w-]+\.)+\w+|https?://\S+|/[\w/.-]+")
# A word with a digit or an underscore is a code: a part number, the name of an encoding.
WORD = re.compile(r"(?<!\w)[A-Za-z]{2,}(?!\w)", re.ASCII)
SPOKEN = {"aria-label", "title", "placeholder", "alt", "aria-description", "data-announce"}


@pytest.fixture(scope="module")
def catalog() -> polib.POFile:
    """The Chinese catalog as it is in the checkout."""
    return polib.pofile(str(CATALOG), encoding="utf-8")


def say(entry: polib.POEntry) -> str:
    """What stands in the catalog for the entry."""
    return entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr


def key(entry: polib.POEntry) -> tuple[str | None, str]:
    """What names an entry: its context, if it has one, and its English."""
    return entry.msgctxt, entry.msgid


def texts_of_templates() -> Iterator[tuple[str | None, str]]:
    """Each text that a template has translated, as gettext is shown it."""
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.is_file() and path.suffix in {".html", ".txt"}:
            for name, literals in IN_TEMPLATE.findall(templatize(path.read_text(encoding="utf-8"))):
                parts = ast.literal_eval(f"[{literals}]")
                yield (parts[0], parts[1]) if "p" in name else (None, parts[0])


def texts_of_code() -> Iterator[tuple[str | None, str]]:
    """Each literal that the code hands to gettext."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                parts = node.args[: CALLS.get(name, 0)]
                if parts and all(is_text(part) for part in parts):
                    first, *rest = [part.value for part in parts]
                    yield (first, rest[0]) if "p" in name.removesuffix("_noop") else (None, first)


def is_text(node: ast.expr) -> bool:
    """Whether the node is a literal text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_text_is_translated(catalog):
    half = [key(entry) for entry in catalog if not say(entry).strip() or entry.fuzzy]
    half += [key(entry) for entry in catalog.obsolete_entries()]

    assert not half, "translate these in locale/zh_Hans"


def test_catalog_has_exactly_used_texts(catalog):
    used = {*texts_of_templates(), *texts_of_code()}
    known = {key(entry) for entry in catalog}

    assert len(used) > 1000, "the texts were not found"
    missing, unused = used - known, known - used
    assert not missing, "run `make messages`, and translate these"
    assert not unused, "run `make messages`: nothing uses these any more"


def test_a_translation_has_the_placeholders_of_its_english(catalog):
    def holes(text):
        return set(HOLE.findall(text))

    wrong = [
        (key(entry), say(entry))
        for entry in catalog
        if holes(entry.msgid_plural or entry.msgid) != holes(say(entry))
        or ("%" in HOLE.sub("", say(entry)) and "python-format" in entry.flags)
    ]

    assert not wrong


def test_a_translation_is_punctuated_as_chinese_is(catalog):
    wrong = [say(entry) for entry in catalog if HALF_WIDTH.search(HOLE.sub("", say(entry)))]
    wrong += [
        say(entry)
        for entry in catalog
        if (end := ENDS.get(entry.msgid[-1:])) and not say(entry).endswith(end)
    ]

    assert not wrong


def test_translation_keeps_blanks_at_its_ends(catalog):
    def ends(text):
        return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]

    assert not [
        key(entry)
        for entry in catalog
        # Where there is nothing else, the Chinese punctuation brings its own room.
        if ends(entry.msgid) != ends(say(entry)) and re.search(r"\w", entry.msgid)
    ]


class Reader(HTMLParser):
    """Collects the texts of a page, for the screen and for screen readers, in its language."""

    VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "use", "wbr"}
    SILENT = {"script", "style", "kbd", "code", "svg", "template", "textarea"}

    def __init__(self):
        super().__init__()
        self.said: list[str] = []
        self.open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        foreign = tag != "html" and not (own.get("lang") or "zh").startswith("zh")
        silent = tag in self.SILENT or foreign or own.get("name") == "time_zone"
        silent = silent or any(quiet for _tag, quiet in self.open)
        if not silent:
            self.said += [own[name] for name in SPOKEN & own.keys() if own[name]]
        if tag not in self.VOID:
            self.open.append((tag, silent))

    def handle_endtag(self, tag):
        while self.open and tag in (name for name, _quiet in self.open):
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data):
        if data.strip() and not any(quiet for _tag, quiet in self.open):
            self.said.append(" ".join(data.split()))


def english(html: str, names: set[str]) -> list[str]:
    """The texts of a page with a word that is neither Chinese nor one of the names."""
    reader = Reader()
    reader.feed(html)
    return [
        text for text in reader.said if set(WORD.findall(ADDRESS.sub("", text))) - names - NAMES
    ]


def test_english_on_a_page_is_noticed():
    page = (
        '<p>保存 <b lang="en">Save</b> Anna</p><a title="Close">关闭</a><kbd>Ctrl</kbd>Delete user'
    )

    assert english(page, {"Anna"}) == ["Close", "Delete user"]


def test_chinese_pages_have_no_english(northwind):
    mei = factories.member(northwind, "mei", role=Role.OWNER, language="zh-hans")
    ids = furnish(northwind, mei, "Lanhua")
    names = {
        "Lanhua",
        "lanhua",
        "mei",
        "customer",
        "colleague",
        "Northwind",
        "Cloud",
        *mei.name.split(),
    }
    client = Client(headers={"accept-language": "zh-CN"})
    found = []

    def visit(method, door):
        answer = walk.ask(client, method, door.url(ids.values()))
        is_page = answer.get("Content-Type", "").startswith("text/html")
        if is_page and not answer.streaming:
            assert answer.status_code < 500, door.route
            if answer.status_code not in (301, 302, 405):
                assert 'lang="zh-Hans"' in answer.text or "<html" not in answer.text, door.route
                found.extend((door.route, text) for text in english(answer.text, names))

    for door in walk.doors():
        if door.is_public:
            visit("get", door)
    client.force_login(mei)
    # An empty form shows the error of each missing field.
    for method in ("get", "post"):
        for door in walk.doors():
            visit(method, door)

    assert not found
