"""Translations are compiled without GNU gettext."""

import gettext
import os

from tools import messages

CATALOG = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Add user"
msgstr "{}"
"""


def write_catalog(folder, text):
    path = folder / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CATALOG.format(text), encoding="utf-8")
    return path


def read_catalog(source):
    with source.with_suffix(".mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext("Add user")


def test_a_catalog_is_compiled(tmp_path):
    source = write_catalog(tmp_path, "添加用户")

    assert messages.compile_messages(tmp_path) == 1
    assert read_catalog(source) == "添加用户"


def test_only_changed_catalogs_are_compiled(tmp_path):
    source = write_catalog(tmp_path, "添加用户")
    messages.compile_messages(tmp_path)

    assert messages.compile_messages(tmp_path) == 0

    write_catalog(tmp_path, "新增用户")
    os.utime(source, (source.stat().st_atime, source.stat().st_mtime + 10))
    assert messages.compile_messages(tmp_path) == 1
    assert read_catalog(source) == "新增用户"
