"""
Translations: collects the texts (with GNU gettext) and compiles them (with polib).

    python -m tools.messages collect    make messages: texts of code and templates to .po files
    python -m tools.messages compile    .po files to the .mo files that Django reads
"""

import subprocess
import sys
from pathlib import Path

import polib

CHECKOUT = Path(__file__).resolve().parent.parent
LANGUAGES = ("zh_Hans",)
NOT_OURS = (".venv/*", ".local/*", "staticfiles/*", "tests/*")
HEADER = {
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}


def collect_messages(folder=CHECKOUT / "locale"):
    """Update the .po files from the code; the same code gives the same files."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "manage.py", "makemessages", "--no-location", "--no-obsolete"]
    command += [f"--ignore={pattern}" for pattern in NOT_OURS]
    command += [f"--locale={language}" for language in LANGUAGES]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    for path in _catalogs(folder):
        catalog = polib.pofile(str(path), encoding="utf-8", wrapwidth=96)
        # Dates and names of gettext's header would differ each time.
        catalog.metadata, catalog.header, catalog.metadata_is_fuzzy = HEADER, "", False
        catalog.save()


def compile_messages(folder=CHECKOUT / "locale"):
    """Write the .mo file of each newer .po file, and return how many were written."""
    written = 0
    for source in _catalogs(folder):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        # Written beside its place first: a web server may be reading the old one.
        fresh = target.with_suffix(".mo.new")
        polib.pofile(str(source), encoding="utf-8").save_as_mofile(str(fresh))
        fresh.replace(target)
        written += 1
    return written


def _catalogs(folder):
    return sorted(folder.glob("*/LC_MESSAGES/*.po"))


if __name__ == "__main__":
    steps = {"collect": collect_messages, "compile": compile_messages}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:
        sys.exit("Usage: python -m tools.messages collect|compile")
    steps[sys.argv[1]]()
