"""Compiles the translations with polib, so that GNU gettext is needed only to collect them."""

import sys
from pathlib import Path

import polib

CHECKOUT = Path(__file__).resolve().parent.parent


def compile_messages(folder=CHECKOUT / "locale"):
    """Write the .mo file of each .po file that is newer, and return how many were written."""
    written = 0
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        # Beside its place first: a web server may be reading the old one.
        fresh = target.with_suffix(".mo.new")
        polib.pofile(str(source), encoding="utf-8").save_as_mofile(str(fresh))
        fresh.replace(target)
        written += 1
    return written


if __name__ == "__main__":
    if sys.argv[1:] != ["compile"]:
        sys.exit("Usage: python -m portal.messages compile")
    compile_messages()
