"""Servers and processes of the tests' own, and the faults that befall them."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import redis
from celery import Celery
from django.db import transaction

from portal.celery import app
from tests import PATIENCE
from tools import embedded, places


@contextlib.contextmanager
def own_servers():
    """Servers that are not started yet; what is in them outlives their death, but not the machine's."""
    account = places.server_account()
    place = Path(tempfile.mkdtemp(prefix="portal-chaos-"))
    place.chmod(0o711)
    servers = embedded.Servers(
        place=place,
        programs=places.find_programs(place, account),
        account=account,
        passwords=places.read_passwords(place / "keys"),
        throwaway=True,
    )
    try:
        yield servers
    finally:
        servers.stop()
        shutil.rmtree(place, ignore_errors=True)


@dataclass
class Broker:
    """A Valkey of one test: it can be emptied, killed, and made to hang."""

    servers: embedded.Servers

    @property
    def address(self):
        password = self.servers.passwords["valkey"]
        return f"redis://:{password}@127.0.0.1:{self.servers.ports['valkey']}/0"

    def start(self):
        self.servers.start_valkey()

    def flush(self):
        with redis.Redis.from_url(self.address) as link:
            link.flushall()

    def kill(self):
        """Kill -9, and start it again with nothing in it."""
        process = self.servers.processes["valkey"]
        process.kill()
        process.wait()
        self.start()

    def hang(self):
        self.servers.processes["valkey"].send_signal(signal.SIGSTOP)

    def go_on(self):
        self.servers.processes["valkey"].send_signal(signal.SIGCONT)

    def count_waiting(self):
        with redis.Redis.from_url(self.address) as link:
            return link.llen("bulk") + link.llen("interactive")


@contextlib.contextmanager
def sending_to(broker):
    """Send the wake-ups of this process to that broker."""
    ours = Celery("chaos", set_as_current=True)
    ours.config_from_object("portal.settings:CELERY")
    ours.conf.broker_url = broker.address
    try:
        yield
    finally:
        app.set_current()


@dataclass
class Processes:
    """Workers, beat and web as `make run` starts them; none of them outlives the test."""

    environment: dict
    started: list = field(default_factory=list)

    def start_worker(self, app="portal.celery", **environment):
        return self._celery(
            *[app, "worker", "--concurrency=2", "--queues=interactive,bulk"],
            *["--without-gossip", "--without-mingle"],
            **environment,
        )

    def start_beat(self, schedule, **environment):
        """Start a beat for which fifteen seconds are one."""
        return self._celery(
            *["tests.chaos.hurried", "beat", f"--schedule={schedule}", "--pidfile="],
            **{"CELERY_WORKER": ""} | environment,
        )

    def start_web(self, port):
        return self._start([sys.executable, "-m", "portal.web"], PORT=str(port))

    def _celery(self, name, *arguments, **environment):
        command = [sys.executable, "-m", "celery", "--app", name, "--quiet", *arguments]
        return self._start([*command, "--loglevel=WARNING"], **{"CELERY_WORKER": "1"} | environment)

    def _start(self, command, **environment):
        process = subprocess.Popen(
            command,
            cwd=places.CHECKOUT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: embedded.die_with_parent(signal.SIGKILL),
        )
        self.started.append(process)
        return process

    def kill_all(self):
        for process in self.started:
            kill(process)


def kill(process):
    """End a process and its children the hard way; nothing is tidied up."""
    children = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # A row that a child has locked is free when the child is gone.
    psutil.wait_procs(children, timeout=PATIENCE)


def kill_children(process):
    """End those who do the work, the hard way; who gives it to them lives on."""
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def schedule_of(name):
    """A schedule of faults that can be repeated: CHAOS_SEED names it."""
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    print(f"CHAOS_SEED={seed} {name}")
    return random.Random(f"{seed} {name}")


def wait_until(is_so, what, meanwhile=None):
    """Return when it is so; what is to be done meanwhile is done now and then."""
    end = time.monotonic() + PATIENCE
    last = time.monotonic()
    while time.monotonic() < end:
        with transaction.atomic():
            if is_so():
                return
        if meanwhile and time.monotonic() > last + 0.25:
            meanwhile()
            last = time.monotonic()
        time.sleep(0.02)
    pytest.fail(f"For {PATIENCE} seconds it did not happen: {what}")
