"""
The whole portal in one terminal, with a demo: servers, web, workers, beat.

DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL in the environment replace the embedded servers;
PORT, HOST and DEBUG are read too.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import psycopg

from tools import embedded, messages, places

ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
MEMBERS = places.LOCAL / "demo-members"
# Memory of large texts goes back to the system at once: kept for reuse it gets fragmented, and a
# worker that has read three large files would hold 30 MB more.
WORKER_ENVIRONMENT = {
    "CELERY_WORKER": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}
# Restarts of one process within a minute, before giving up.
MAX_RESTARTS = 5


class Stopped(Exception):
    """Ctrl-C, or a signal."""


@dataclass
class Service:
    """A process that is restarted when it ends."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen | None = None
    starts: list[float] = field(default_factory=list)

    def start(self):
        """Start it; its output appears in the terminal behind its name."""
        self.starts.append(time.monotonic())
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=places.CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=lambda: embedded.die_with_parent(signal.SIGTERM),
        )
        threading.Thread(target=self._copy_lines, args=[self.process], daemon=True).start()

    def restart(self):
        """Restart it after its end; return False if it has ended too often."""
        write(f"{self.name} has ended with code {self.process.returncode}; starting it again.")
        # Children of a killed process would go on beside the new one's.
        embedded.stop_process(self.process, signal.SIGTERM)
        recent = [moment for moment in self.starts if moment > time.monotonic() - 60]
        if len(recent) > MAX_RESTARTS:
            return False
        time.sleep(min(len(recent), 3) * 0.5)
        self.start()
        return True

    def _copy_lines(self, process):
        for line in process.stdout:
            write(line.rstrip("\n"), self.name)


def main():
    """Run the portal until Ctrl-C or a signal, and return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    servers, services = None, []
    try:
        port = check_port()
        with only_one():
            environment = make_environment(port)
            if not all(environment.get(name) for name in ADDRESSES):
                write("Starting PostgreSQL and Valkey ...")
                servers = embedded.prepare_servers()
                servers.start()
                environment |= servers.urls()
            refuse_other_version(environment, is_ours=servers is not None)
            prepare(environment)
            services = describe_services(environment, port)
            for service in services:
                service.start()
            wait_for_web(services[0], port)
            announce(environment)
            return watch(servers, services)
    except Stopped:
        return 0
    except (places.CannotStart, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        stop(servers, services)


def check_port():
    """Return the port of PORT, and refuse one that is taken or not a port."""
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise places.CannotStart(f"PORT is {text!r}; give a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host(), int(text)))
        except PermissionError:
            message = f"Port {text} is reserved for the system; choose one above 1023 with PORT."
            raise places.CannotStart(message) from None
        except OSError:
            other = f"`make run PORT={int(text) % 65000 + 1}`"
            message = f"Port {text} is taken by another program; stop it, or use another: {other}."
            raise places.CannotStart(message) from None
    return int(text)


def host():
    # Not open to the network: the demo's passwords are public.
    return os.environ.get("HOST") or "127.0.0.1"


@contextlib.contextmanager
def only_one():
    """Hold the checkout's lock, and refuse a second run on the same data."""
    places.make_folder(places.LOCAL, mode=0o711)
    with (places.LOCAL / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            message = f"The portal already runs from this folder, as process {lock.read().strip()}."
            raise places.CannotStart(message) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def make_environment(port):
    """Return the environment of every process, without the addresses of embedded servers."""
    keys = places.LOCAL / "keys"
    defaults = {
        "SECRET_KEY": places.make_keys(keys),
        "KEYS_DIR": str(keys),
        "DEBUG": "0",
        "LOCAL_DEMO": "1",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "BASE_URL": f"http://localhost:{port}",
        "EMAIL_URL": f"file://{places.LOCAL / 'mail'}",
        "BEAT_SCHEDULE": str(places.LOCAL / "celerybeat-schedule"),
        "PYTHONUNBUFFERED": "1",
    }
    environment = defaults | os.environ
    missing = [name for name in ADDRESSES if not environment.get(name)]
    if 0 < len(missing) < len(ADDRESSES):
        message = f"Set all of {', '.join(ADDRESSES)} or none; {', '.join(missing)} is not set."
        raise places.CannotStart(message)
    return environment


def refuse_other_version(environment, *, is_ours):
    """Refuse a database with migrations that this version does not have; it cannot be updated."""
    try:
        with psycopg.connect(environment["DATABASE_OWNER_URL"]) as link:
            if link.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
                return
            applied = link.execute("SELECT app, name FROM django_migrations").fetchall()
    except psycopg.Error as error:
        raise places.CannotStart(f"PostgreSQL does not answer as the owner: {error}") from None
    where, way_out = "the database of DATABASE_OWNER_URL", "name an empty one"
    if is_ours:
        where, way_out = ".local/", "remove the folder .local/"
    for app, name in applied:
        folder = places.CHECKOUT / app
        if folder.is_dir() and not (folder / "migrations" / f"{name}.py").exists():
            raise places.CannotStart(
                f"The data in {where} is from another version of the portal and cannot be updated;"
                f" {way_out} and start again."
            )


def prepare(environment):
    write("Preparing tables and pages ...")
    messages.compile_messages()
    places.write_file(MEMBERS, "")
    settings = {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    run_to_end([sys.executable, "-m", "tools.prepare", str(MEMBERS)], environment | settings)


def run_to_end(command, environment):
    """Run a command to its end, and end it on Ctrl-C or a signal."""
    process = subprocess.Popen(
        command, env=environment, cwd=places.CHECKOUT, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, " ".join(command[1:]))
    finally:
        embedded.stop_process(process, signal.SIGTERM)


def describe_services(environment, port):
    """Return web, a worker for each queue, and beat, all without the password of the tables' owner."""
    known = {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}
    # As root Celery warns of pickled messages, which it would refuse.
    quiet = "ignore:You're running the worker with superuser"
    working = known | WORKER_ENVIRONMENT | {"PYTHONWARNINGS": quiet}
    celery = [sys.executable, "-m", "celery", "--app", "portal.celery", "--quiet"]
    worker = [*celery, "worker", "--concurrency=1", "--without-gossip", "--without-mingle"]
    worker += ["--loglevel=WARNING"]
    web = [sys.executable, "-m", "portal.web"]
    return [
        Service("web", web, known | {"HOST": host(), "PORT": str(port)}),
        Service("interactive", [*worker, "-Q", "interactive", "-n", "interactive@%h"], working),
        Service("bulk", [*worker, "-Q", "bulk", "-n", "bulk@%h"], working),
        Service("beat", [*celery, "beat", "--loglevel=WARNING", "--pidfile="], known),
    ]


def wait_for_web(web, port):
    """Wait until the web server answers or has ended."""
    while web.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host(), port), timeout=1):
            return
        time.sleep(0.1)


def announce(environment):
    print(f"\nThe portal is at {environment['BASE_URL']}/\n")
    print(MEMBERS.read_text())
    print("Ctrl-C stops everything; the data stays in .local/.\n", flush=True)


def watch(servers, services):
    """Restart processes that end; return the exit code when one ends too often."""
    while True:
        time.sleep(0.5)
        for service in services:
            if service.process.poll() is not None and not service.restart():
                write(f"{service.name} does not stay up; stopping everything.")
                return 1
        for name, process in (servers.processes if servers else {}).items():
            if process.poll() is not None:
                write(f"{name} has ended with code {process.returncode}; starting it again.")
                embedded.stop_process(process, signal.SIGTERM)
                {"postgres": servers.start_postgres, "valkey": servers.start_valkey}[name]()
                break


def stop(servers, services):
    """End everything, the servers last; a second Ctrl-C does not wait for running work."""
    if not services and not servers:
        return
    write("Stopping ...")
    seconds = 20
    running = [service.process for service in services if service.process]
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    for process in running:
        while True:
            try:
                embedded.stop_process(process, None, seconds)
                break
            except Stopped:
                seconds = 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if servers:
        servers.stop()


def write(line, name="portal"):
    sys.stdout.write(f"{name:<11} | {line}\n")
    sys.stdout.flush()


def _stop(number, frame):
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
