"""
Temporary passwords, chosen passwords, and the tokens of one-time links.

Three keys are in files outside the database, in settings.KEYS_DIR: hash.key for the hashes of
temporary passwords, seal.key for the passwords of a sheet, link.key for the tokens. A file holds
one key a line, 32 bytes in base64. The first is used, the others still open what was made with
them; the id of a key is derived from the key.
"""

import base64
import functools
import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import argon2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from partners import hashers

if TYPE_CHECKING:
    # The settings are checked, keys included, before there are models.
    from batches.models import Batch

KEY_FILES = ("hash.key", "seal.key", "link.key")

# Crockford's base 32: no i, l, o, u.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 16

CHOSEN_MINIMUM = 15
CHOSEN_MAXIMUM = 256

# 256 bytes to 32 letters: each letter stands for eight of them, so none is more likely.
_FROM_BYTES = bytes(ord(ALPHABET[byte % 32]) for byte in range(256))
_AS_READ = str.maketrans({"i": "1", "l": "1", "o": "0", "-": None, " ": None})

_ARGON2 = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class CannotOpen(Exception):
    """A sealed secret, or the key of its batch, was changed, moved, or sealed with a lost key."""


class Secret:
    """A text that only `reveal` shows: logs, pages and pickles get '***'."""

    __slots__ = ("_text",)

    def __init__(self, text: str):
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self):
        return (Secret, ("***",))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


class _Key(NamedTuple):
    id: str
    value: bytes


@functools.cache
def _read_keys(path: str) -> tuple[_Key, ...]:
    try:
        lines = Path(path).read_text("ascii").split()
        values = [base64.b64decode(line, validate=True) for line in lines]
    except OSError as error:
        message = f"The key file {path} cannot be read ({error.strerror})."
        raise ImproperlyConfigured(message) from error
    except ValueError:
        values = []
    if not values or any(len(value) != 32 for value in values):
        raise ImproperlyConfigured(f"The key file {path} must hold 32 bytes in base64 a line.")
    return tuple(_Key(hashlib.sha256(b"id" + value).hexdigest()[:8], value) for value in values)


def read_keys(name: str) -> tuple[_Key, ...]:
    """
    Return the keys of a file, the one in use first.

    :raises ImproperlyConfigured: where the file is missing or holds something else.
    """
    return _read_keys(str(Path(settings.KEYS_DIR) / name))


def _key_by_id(name: str, key_id: str) -> bytes | None:
    return next((key.value for key in read_keys(name) if key.id == key_id), None)


def _revealed(secret: Secret | str) -> str:
    return secret.reveal() if isinstance(secret, Secret) else secret


# Temporary passwords


def make_temporary_passwords(count: int) -> list[Secret]:
    """Make different passwords of 80 random bits, 'xxxx-xxxx-xxxx-xxxx'."""
    made: dict[str, None] = {}
    while len(made) < count:
        missing = count - len(made)
        text = os.urandom(LENGTH * missing).translate(_FROM_BYTES).decode("ascii")
        for start in range(0, len(text), LENGTH):
            made[
                f"{text[start : start + 4]}-{text[start + 4 : start + 8]}"
                f"-{text[start + 8 : start + 12]}-{text[start + 12 : start + 16]}"
            ] = None
    return [Secret(text) for text in made]


def normalize(typed: str) -> str:
    """The letters of a typed temporary password: lower case, 1 1 0 for i l o, no dashes or blanks."""
    # Phones type full-width letters and long dashes.
    typed = unicodedata.normalize("NFKC", typed[:200])
    typed = re.sub(r"[\s\u2010-\u2015\u2212_]", "", typed)
    return typed.lower().translate(_AS_READ)


def hash_temporary(passwords: Iterable[Secret | str]) -> list[str]:
    """
    Hash temporary passwords for sign-in: 'temp1$key id$salt$HMAC-SHA-256'.

    They are random and long, so a keyed hash is enough and a slow one is not needed.
    """
    key = read_keys("hash.key")[0]
    passwords = list(passwords)
    salts = os.urandom(16 * len(passwords)).hex()
    hashes = []
    for number, password in enumerate(passwords):
        salt = salts[32 * number : 32 * number + 32]
        text = _revealed(password).replace("-", "")
        hashes.append(f"temp1${key.id}${salt}${_temporary_mac(key.value, salt, text)}")
    return hashes


def _temporary_mac(key: bytes, salt: str, text: str) -> str:
    return hmac.digest(key, f"temp1${salt}${text}".encode(), "sha256").hex()


def verify_temporary(typed: str, stored: str) -> bool:
    """Whether this is the temporary password of this hash, in the same time for any answer."""
    kind, _, rest = stored.partition("$")
    key_id, _, rest = rest.partition("$")
    salt, _, mac = rest.partition("$")
    key = _key_by_id("hash.key", key_id) if kind == "temp1" else None
    # The same work is done without a key.
    text = normalize(typed).encode("utf-8", "replace").decode()
    expected = _temporary_mac(key or bytes(32), salt, text)
    return hmac.compare_digest(expected.encode(), mac.encode()) and key is not None


# Chosen passwords


def hash_chosen(password: str) -> str:
    """
    Hash a password that its user chose, with Argon2id.

    :raises hashers.Busy: where too many are being hashed.
    """
    with hashers.slot():
        return _ARGON2.hash(_as_chosen(password))


def verify_chosen(password: str, stored: str) -> bool:
    """
    Whether this is the chosen password of this hash.

    :raises hashers.Busy: where too many are being hashed.
    """
    if len(password) > CHOSEN_MAXIMUM:
        return False
    try:
        with hashers.slot():
            return _ARGON2.verify(stored, _as_chosen(password))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _as_chosen(password: str) -> bytes:
    # One keyboard sends é as one character, another as two.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_chosen(
    password: str,
    *,
    user_name: str = "",
    names: Sequence[str] = (),
    temporary_hash: str = "",
    minimum: int = CHOSEN_MINIMUM,
) -> list[str]:
    """The problems of a password that a user wants, as sentences; empty if there are none."""
    problems = []
    if len(unicodedata.normalize("NFKC", password)) < minimum:
        problems.append(
            _("Use at least %(minimum)s characters. A few words together are easy to remember.")
            % {"minimum": minimum}
        )
    if len(password) > CHOSEN_MAXIMUM:
        problems.append(_("Use no more than %(maximum)s characters.") % {"maximum": CHOSEN_MAXIMUM})
        return problems
    if temporary_hash and verify_temporary(password, temporary_hash):
        problems.append(_("Choose a password other than the temporary one."))
    if _is_mostly_name(password, user_name, names):
        problems.append(_("Choose a password that isn’t just your name or user name."))
    if _is_common(password):
        problems.append(_("This password is too common. Choose one that’s harder to guess."))
    return problems


def _is_mostly_name(password: str, user_name: str, names: Sequence[str]) -> bool:
    lower = password.casefold()
    local = user_name.partition("@")[0]
    words = {user_name.casefold(), local.casefold(), *re.split(r"[._-]", local.casefold())}
    for name in names:
        words.update(name.casefold().split())
    rest = lower
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= 2:
            rest = rest.replace(word, "")
    return rest != lower and len(re.sub(r"[\W\d_]", "", rest)) < 6


def _is_common(password: str) -> bool:
    lower = password.casefold()
    bare = re.sub(r"[\W\d_]+", "", lower)
    if len(set(lower)) < 5 or lower in _common_passwords() or bare in _common_passwords():
        return True
    # The same few characters over and over, or a run along the keyboard.
    if any(lower == (lower[:size] * len(lower))[: len(lower)] for size in range(1, 7)):
        return True
    runs = ("0123456789" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
    return any(lower in run or lower in run[::-1] for run in runs)


@functools.cache
def _common_passwords() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


# What a sheet shows


def new_batch_key() -> str:
    """Make the key that seals the secrets of one batch, itself sealed so that it can be stored."""
    key = read_keys("seal.key")[0]
    nonce = os.urandom(12)
    sealed = AESGCM(key.value).encrypt(nonce, os.urandom(32), b"dek1")
    return f"dek1${key.id}${base64.b64encode(nonce + sealed).decode('ascii')}"


def _open_batch_key(wrapped_key: str) -> AESGCM:
    kind, _, rest = wrapped_key.partition("$")
    key_id, _, text = rest.partition("$")
    key = _key_by_id("seal.key", key_id) if kind == "dek1" else None
    if key is None:
        raise CannotOpen("The key of this batch was sealed with a key that is missing.")
    try:
        data = base64.b64decode(text, validate=True)
        return AESGCM(AESGCM(key).decrypt(data[:12], data[12:], b"dek1"))
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("The key of this batch was changed.") from error


def contexts(batch: "Batch", lines: Iterable[tuple[int, UUID | str]]) -> list[str]:
    """What the secrets of these lines, by number and user, are bound to: they open nowhere else."""
    # Formatted once for all of them: it takes longer than opening a secret.
    place = f"v1|{batch.partner_id}|{batch.pk}"
    return [f"{place}|{number}|{user}" for number, user in lines]


def seal(wrapped_key: str, secrets: Iterable[Secret | str], contexts: Iterable[str]) -> list[bytes]:
    """Seal each secret for its context, with the key of its batch."""
    encrypt = _open_batch_key(wrapped_key).encrypt
    secrets = list(secrets)
    nonces = os.urandom(12 * len(secrets))
    sealed = []
    for number, (secret, context) in enumerate(zip(secrets, contexts, strict=True)):
        nonce = nonces[12 * number : 12 * number + 12]
        sealed.append(nonce + encrypt(nonce, _revealed(secret).encode(), context.encode()))
    return sealed


def open_sealed(wrapped_key: str, sealed: Iterable[bytes], contexts: Iterable[str]) -> list[Secret]:
    """
    Open what was sealed for these contexts.

    :raises CannotOpen: if the key is gone, or any of it was changed or moved.
    """
    return [Secret(text) for text in _unseal(wrapped_key, sealed, contexts)]


def check_sealed(wrapped_key: str, sealed: Iterable[bytes], contexts: Iterable[str]) -> None:
    """
    Check that what was sealed for these contexts opens, and keep nothing of it.

    :raises CannotOpen: if the key is gone, or any of it was changed or moved.
    """
    for _text in _unseal(wrapped_key, sealed, contexts):
        pass


def _unseal(wrapped_key, sealed, contexts) -> Iterator[str]:
    decrypt = _open_batch_key(wrapped_key).decrypt
    try:
        for data, context in zip(map(bytes, sealed), contexts, strict=True):
            yield decrypt(data[:12], data[12:], context.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("A sealed password was changed or moved.") from error


# One-time links


def link_token(link_id: UUID) -> str:
    """The token of a one-time link, derived from its id, so that it is stored nowhere."""
    mac = hmac.digest(read_keys("link.key")[0].value, b"link1" + link_id.bytes, "sha256")
    return base64.urlsafe_b64encode(mac[:24]).decode("ascii")


def link_token_hash(token: Secret | str) -> str:
    """The hash under which a token is stored and found."""
    return hashlib.sha256(_revealed(token).encode("utf-8", "replace")).hexdigest()
