"""Rows about a real worker: what it needs, and what it leaves to the pages meanwhile."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from batches.models import Batch
from tests.bench import datasets, ours
from tests.bench.surroundings import Ground
from tests.bench.table import Row, compare, percentile

# Between two requests; a member reads what has come.
PAUSE = 0.03
PATIENCE = 900


def run(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure the list while a worker imports, and the worker's memory."""
    count = ground.scale.rows
    idle, busy, peak = [], [], 0.0
    with ground.fresh(kept["few"]), datasets.inside() as member:
        cookie = _sign_in(member)
        with ground.worker() as worker, ground.web() as port, Memory(worker) as memory:
            for number in range(ground.scale.rounds):
                with transaction.atomic():
                    customer = datasets.make_customer(f"busy{number}")
                path = datasets.make_file(f"busy{number}.example", count)
                page = Page(port, reverse("users:list", args=["few"]), cookie)
                # The first answers come from a server that has just been started.
                page.ask(20)
                idle.append(percentile(page.ask(ground.scale.requests * 5), 0.95) * 1e3)
                importing = Importing(customer, path, member)
                busy.append(percentile(page.ask_until(importing.is_done), 0.95) * 1e3)
                ours.prove(importing.batch, count)
        peak = memory.peak
    note = f"p95 while a worker imports {count:,}"
    yield compare("list_during_import", busy, idle, target=2.5, unit="ms", note=note)
    note = f"{ground.scale.rounds} imports of {count:,} rows, from .csv"
    yield Row("worker_memory_mb", peak, None, 250, "MB", note)
    yield _read_workbook(ground, kept, count)


def _read_workbook(ground: Ground, kept: dict[str, str], count: int) -> Row:
    path = datasets.make_workbook("ours.example", count)
    with ground.fresh(kept["few"]), datasets.inside() as member:
        with transaction.atomic():
            customer = datasets.make_customer("ours")
        with ground.worker() as worker, Memory(worker) as memory:
            importing = Importing(customer, path, member)
            _wait(importing.is_done)
            ours.prove(importing.batch, count)
    return Row("worker_memory_xlsx_mb", memory.peak, None, 250, "MB", f"{count:,} rows from .xlsx")


class Importing:
    """An import that a worker does; asked again and again, it starts the plan once it is made."""

    def __init__(self, customer, path: Path, member):
        self.member = member
        self.batch = ours.upload(customer, path, member)

    def is_done(self) -> bool:
        """Whether the last user is there."""
        with transaction.atomic():
            state = Batch.objects.get(pk=self.batch.pk).state
        if state == Batch.State.PLANNED:
            ours.start(self.batch, self.member)
        if state == Batch.State.REFUSED:
            raise RuntimeError("The file was refused.")
        return state == Batch.State.DONE


def _wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise RuntimeError(f"The worker did not end within {PATIENCE} seconds.")
        time.sleep(0.1)


def _sign_in(member) -> str:
    client = Client()
    client.force_login(member)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


class Page:
    """A page that somebody asks the web server for, again and again."""

    def __init__(self, port: int, path: str, cookie: str):
        self.link = http.client.HTTPConnection("localhost", port, timeout=60)
        self.path = path
        self.headers = {"Cookie": cookie, "Accept-Language": "en"}

    def ask(self, times: int) -> list[float]:
        """Ask for the page so many times; gives the seconds of each answer."""
        return [self._ask() for _time in range(times)]

    def ask_until(self, is_so: Callable[[], bool]) -> list[float]:
        """Ask for the page until it is so; gives the seconds of each answer."""
        taken = []
        end = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > end:
                raise RuntimeError(f"It did not end within {PATIENCE} seconds.")
            taken.append(self._ask())
        return taken

    def _ask(self) -> float:
        time.sleep(PAUSE)
        start = time.perf_counter()
        self.link.request("GET", self.path, headers=self.headers)
        answer = self.link.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.path} answers {answer.status}.")
        return time.perf_counter() - start


class Memory:
    """The most memory that any process of a worker has held, in MB."""

    def __init__(self, worker):
        self.process = psutil.Process(worker.pid)
        self.peak = 0.0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.is_over.set()
        self.thread.join()

    def _watch(self):
        # Processes come and go, a peak stays: Linux keeps it, elsewhere it is what is seen.
        while True:
            with contextlib.suppress(psutil.Error):
                for process in [self.process, *self.process.children(recursive=True)]:
                    self.peak = max(self.peak, _held(process))
            if self.is_over.wait(0.05):
                return


def _held(process: psutil.Process) -> float:
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss / 2**20
    return 0.0
