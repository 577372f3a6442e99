"""The mails that the demo would have sent; it writes them into files instead."""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings

MOST_FILES = 100
# What Django's file backend writes behind every mail.
END = re.compile(rb"\r?\n-{79}\r?\n")


@dataclass(frozen=True)
class Mail:
    """A mail as its reader sees it."""

    subject: str
    to: str
    at: datetime | None
    text: str


def find_mails() -> list[Mail]:
    """The latest mails, the newest first."""
    folder = Path(getattr(settings, "EMAIL_FILE_PATH", None) or "/nonexistent")
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [mail for path in files[:MOST_FILES] for mail in reversed(_read(path))]


def _read(path: Path) -> list[Mail]:
    return [_open(part) for part in END.split(path.read_bytes()) if part.strip()]


def _open(data: bytes) -> Mail:
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
