"""Checks of settings: with an unsafe one, no process of the portal starts."""

import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

from users import passwords

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1"}
# Parts of keys in files that anyone can read.
KNOWN = ("django-insecure", "not-a-secret", "only-for-building", "change-me", "changeme")
KEY_LENGTH = 50
# A key that compresses to fewer bytes is a repeated word or a row of keys, not random.
KEY_BYTES = 40


def check_settings(**kwargs) -> list[Error]:
    """The faults for `manage.py check`; registered in apps.py."""
    return [Error(message, id=f"portal.{name}") for name, message in find_faults()]


def require_safe_settings() -> None:
    """
    Refuse to start with unsafe settings.

    :raises ImproperlyConfigured: with a sentence for each of them.
    """
    if faults := [message for _name, message in find_faults()]:
        raise ImproperlyConfigured("\n".join(["The portal does not start.", *faults]))


def find_faults() -> Iterator[tuple[str, str]]:
    """Each fault of the settings: its id, and a sentence with what to set."""
    yield from _check_address()
    yield from _check_hosts()
    yield from _check_local_only()
    yield from _check_secret_key()
    yield from _check_key_files()


def _check_address() -> Iterator[tuple[str, str]]:
    parts = urlsplit(settings.BASE_URL)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in {"http", "https"} or not parts.hostname or origin != settings.BASE_URL:
        yield (
            "E001",
            f"BASE_URL is {settings.BASE_URL!r}; set it to the address of the portal without a"
            " path, as in https://portal.example.com.",
        )
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK and not settings.ALLOW_HTTP:
        yield (
            "E002",
            f"BASE_URL is {settings.BASE_URL!r}, where passwords would cross the network"
            " unencrypted; set it to an https:// address, or ALLOW_HTTP=1 where this is meant.",
        )


def _check_hosts() -> Iterator[tuple[str, str]]:
    if "*" in settings.ALLOWED_HOSTS:
        yield (
            "E003",
            "ALLOWED_HOSTS has a *, so requests for any host name are answered; set it to the host"
            " names of the portal.",
        )
    if not any(settings.ALLOWED_HOSTS):
        yield "E004", "ALLOWED_HOSTS is empty; set it to the host names of the portal."


def _check_local_only() -> Iterator[tuple[str, str]]:
    hosts = {*settings.ALLOWED_HOSTS, urlsplit(settings.BASE_URL).hostname or ""} - {""}
    others = sorted(host for host in hosts if host not in LOOPBACK)
    if not others and not settings.IS_HTTPS:
        return
    where = ", ".join(others) or settings.BASE_URL
    if settings.DEBUG:
        yield (
            "E005",
            f"DEBUG is on for {where}, where its error pages would show settings and data; set"
            " DEBUG=0, or leave only localhost in BASE_URL and ALLOWED_HOSTS.",
        )
    if settings.IS_DEMO:
        yield (
            "E006",
            f"LOCAL_DEMO is on for {where}, where anyone could sign in with the demo's passwords;"
            " set LOCAL_DEMO=0, or leave only localhost in BASE_URL and ALLOWED_HOSTS.",
        )


def _check_secret_key() -> Iterator[tuple[str, str]]:
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:
        # Raised for an empty key.
        key = ""
    advice = "set it to at least 50 random characters, as deploy/make_secrets.py makes them."
    if not key:
        yield "E007", f"SECRET_KEY is not set; {advice}"
    elif any(word in key.lower() for word in KNOWN):
        yield "E008", f"SECRET_KEY is one that anyone can read in a file; {advice}"
    elif len(key) < KEY_LENGTH or len(zlib.compress(key.encode(), 9)) < KEY_BYTES:
        yield "E009", f"SECRET_KEY is too short or too simple; {advice}"


def _check_key_files() -> Iterator[tuple[str, str]]:
    for name in passwords.KEY_FILES:
        try:
            passwords.read_keys(name)
        except ImproperlyConfigured as error:
            yield (
                "E010",
                f"{error} Set KEYS_DIR to the folder of the portal's keys, or make new ones with"
                " deploy/make_secrets.py.",
            )
