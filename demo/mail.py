"""Reads the mails that the demo writes to files instead of sending them."""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings

MAX_FILES = 100
# Django's file backend writes this line after each mail.
END = re.compile(rb"\r?\n-{79}\r?\n")


@dataclass(frozen=True)
class Mail:
    subject: str
    to: str
    at: datetime | None
    text: str


def find_mails() -> list[Mail]:
    """The latest mails, newest first."""
    folder = Path(getattr(settings, "EMAIL_FILE_PATH", None) or "/nonexistent")
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [
        _parse(part)
        for path in files[:MAX_FILES]
        for part in reversed(END.split(path.read_bytes()))
        if part.strip()
    ]


def _parse(data: bytes) -> Mail:
    message = message_from_bytes(data.lstrip(), policy=policy.default)
    body = message.get_body(preferencelist=("plain", "html"))
    try:
        at = parsedate_to_datetime(message["Date"])
    except (TypeError, ValueError):
        at = None
    return Mail(
        subject=str(message["Subject"] or ""),
        to=str(message["To"] or ""),
        at=at,
        text=body.get_content() if body else "",
    )
