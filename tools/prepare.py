"""Brings tables, static files and the demo up to date in one process."""

import io
import sys
from pathlib import Path

import django
from django.core.management import call_command


def main(note):
    """Prepare everything, and write the demo's members to the named file."""
    django.setup()
    call_command("migrate", database="owner", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    # It does nothing where a partner exists.
    call_command("seed_demo")
    members = io.StringIO()
    call_command("demo_members", stdout=members)
    Path(note).write_text(members.getvalue())


if __name__ == "__main__":
    main(*sys.argv[1:])
