"""
PostgreSQL and Valkey from Python wheels, for this checkout only; Django is not loaded.

Both listen on free ports of the loopback address only, with generated passwords.
"""

import contextlib
import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tools import messages, places

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
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
    # The log must not hold names of users: no values, no statements, no details.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
SETTINGS_OF_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Servers:
    """One PostgreSQL and one Valkey."""

    place: Path
    programs: places.Programs
    account: places.Account | None
    passwords: dict[str, str]
    throwaway: bool
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def start(self):
        self.start_postgres()
        self.bootstrap()
        self.start_valkey()

    def start_postgres(self):
        """Start PostgreSQL on its port, a free one the first time, and wait until it answers."""
        data = self.place / "postgres"
        if not data.exists():
            self._init_database(data)
        stop_leftover(data)
        rules = "host all all 127.0.0.1/32 scram-sha-256\n"
        places.write_file(data / "pg_hba.conf", rules, self.account)
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
        places.make_folder(folder, self.account)

        def command(port):
            # Messages are wake-ups only; what matters is in PostgreSQL, so nothing goes to disk.
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
            places.write_file(folder / "valkey.conf", "\n".join(lines) + "\n", self.account)
            return [str(self.programs.valkey), str(folder / "valkey.conf")]

        self._start("valkey", command, lambda: _answers(self.ports["valkey"]), signal.SIGTERM)

    def bootstrap(self):
        """Run bootstrap.sql, which creates missing roles and databases."""
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
            message = f"PostgreSQL did not accept tools/bootstrap.sql: {done.stderr.strip()}"
            raise places.CannotStart(message)

    def stop(self):
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
        # Created beside its place: an interrupted attempt must not pass for a cluster.
        fresh = data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        places.make_folder(fresh, self.account)
        password = self.place / "password"
        places.write_file(password, self.passwords["superuser"], self.account)
        try:
            command = [
                str(self.programs.postgres / "initdb"),
                f"--pgdata={fresh}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                *(["--no-sync"] if self.throwaway else []),
            ]
            options = self.account.options() if self.account else {}
            done = subprocess.run(command, cwd="/", capture_output=True, text=True, **options)
        finally:
            password.unlink(missing_ok=True)
        if done.returncode:
            output = done.stderr.strip() or done.stdout.strip()
            raise places.CannotStart(f"initdb failed: {output}")
        fresh.rename(data)

    def _start(self, name, command, is_ready, on_death):
        """Start a server, and again on another port where its port was taken in between."""
        log = self.place / f"{name}.log"
        for attempt in range(4):
            if name not in self.ports or attempt:
                self.ports[name] = free_port()
            process = self.processes[name] = self._spawn(command(self.ports[name]), log, on_death)
            deadline = time.monotonic() + START_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                if is_ready():
                    return
                time.sleep(0.05)
            stop_process(process, signal.SIGQUIT)
            time.sleep(0.5)
        last = log.read_text(errors="replace").strip().splitlines()[-5:]
        message = f"{name} does not start. Its log, {log}, ends:\n" + "\n".join(last)
        raise places.CannotStart(message)

    def _spawn(self, command, log, on_death):
        options = self.account.options() if self.account else {}
        with log.open("ab") as out:
            return subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # A session of its own: Ctrl-C in the terminal must not reach it, it is stopped last.
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(on_death),
                **options,
            )


def prepare_servers(local=places.LOCAL):
    """Return the checkout's own servers, not yet started; their data is kept in .local/."""
    places.make_folder(local, mode=0o711)
    account = places.server_account()
    return _servers_at(places.find_place(local, account), account, local / "keys")


def _servers_at(place, account, keys, *, throwaway=False):
    programs, passwords = places.find_programs(place, account), places.read_passwords(keys)
    return Servers(place, programs, account, passwords, throwaway)


@contextlib.contextmanager
def throwaway_servers():
    """Run servers for tests in a temporary folder, which is deleted afterwards."""
    account = places.server_account()
    place = Path(tempfile.mkdtemp(prefix="portal-test-"))
    place.chmod(0o711)
    servers = None
    try:
        servers = _servers_at(place, account, place / "keys", throwaway=True)
        servers.start()
        yield servers
    finally:
        if servers:
            servers.stop()
        shutil.rmtree(place, ignore_errors=True)


def test_environment(servers):
    """Return the environment variables of the tests."""
    keys = servers.place / "keys"
    return servers.urls() | {
        "SECRET_KEY": places.make_keys(keys),
        "KEYS_DIR": str(keys),
        "DEBUG": "0",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "BASE_URL": os.environ.get("BASE_URL", "http://localhost"),
        "EMAIL_URL": f"file://{servers.place}/mail",
    }


def free_port():
    """Return an unused port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop_process(process, first, seconds=30):
    """Send the signal `first`, if any; after the seconds, kill the process and its session."""
    if process is None:
        return
    if first is not None:
        process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # What is left is in the session of the process, and it has no other members.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def stop_leftover(data):
    """Stop the PostgreSQL that a killed run left on this data, and remove its lock file."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    deadline = time.monotonic() + START_SECONDS
    while _runs_on(pid, data):
        if time.monotonic() > deadline:
            message = f"An earlier PostgreSQL, process {pid}, does not stop. Stop it first."
            raise places.CannotStart(message)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        time.sleep(0.2)
    lock.unlink(missing_ok=True)


def die_with_parent(number):
    """Let the kernel send this process a signal when its parent ends (on Linux)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, number, 0, 0, 0)


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
    # The number may be that of another process by now.
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except psutil.Error:
        return False


def main():
    """Run servers for tests until stopped, and write their addresses to .local/test.env."""
    note = places.LOCAL / "test.env"
    places.make_folder(places.LOCAL, mode=0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt), throwaway_servers() as servers:
        pairs = test_environment(servers).items()
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in pairs)
        places.write_file(note, text)
        messages.compile_messages()
        static = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
        subprocess.run(static, cwd=places.CHECKOUT, env=os.environ | dict(pairs), check=True)
        print("Servers for tests are up. In another terminal: source .local/test.env", flush=True)
        try:
            signal.pause()
        finally:
            note.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
