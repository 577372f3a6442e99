"""
Web servers against each other: a page of users for many clients at once, and slow ones besides.

Has no rows: the choice was made by what it prints, in a table to be pasted.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import quantiles

import psutil
from django.conf import settings
from django.test import Client
from django.urls import reverse

from portal import embedded
from tests import slow

from . import datasets
from .surroundings import Ground

GRANIAN = ("granian", "--interface=wsgi", "--no-ws", "--workers=2", "--log-level=error")
APPLICATION = "portal.wsgi:application"
# What is compared: its command, and what it finds in the environment.
CONTENDERS = {
    "granian, 2 × 1 thread": ((*GRANIAN, "--blocking-threads=1", APPLICATION), {}),
    "granian, 2 × 8 threads": ((*GRANIAN, "--blocking-threads=8", APPLICATION), {}),
    "waitress, 1 × 8 threads": (("portal.web",), {"WEB_PROCESSES": "1", "WEB_THREADS": "8"}),
    "waitress, 2 × 4 threads": (("portal.web",), {"WEB_PROCESSES": "2", "WEB_THREADS": "4"}),
    "waitress, 2 × 8 threads": (("portal.web",), {"WEB_PROCESSES": "2", "WEB_THREADS": "8"}),
}
CLIENTS = 50
HEAD = "| server | pages/s | p95 | memory | 20 slow senders | 4 slow readers |\n|---|--:|--:|--:|--:|--:|"
LOST = "no answer in 5 s"


def run(ground: Ground, kept: dict[str, str]) -> list:
    """Measure each of them on the customer of 1,000 users."""
    ground.use(kept["few"])
    with datasets.inside() as member:
        client = Client()
        client.force_login(member)
    name = settings.SESSION_COOKIE_NAME
    cookie = f"{name}={client.cookies[name].value}"
    lines = []
    for contender, (command, environment) in CONTENDERS.items():
        with _serve(ground, command, environment) as (host, process):
            lines.append(f"| {contender} | {_measure(host, process, cookie, ground.scale)} |")
            print(f"    {lines[-1]}", flush=True)
    ground.use("portal")
    print(f"\n{HEAD}\n" + "\n".join(lines), flush=True)
    return []


@contextmanager
def _serve(ground, command, environment) -> Iterator[tuple[str, psutil.Process]]:
    port = embedded.free_port()
    more = {"BASE_URL": f"http://localhost:{port}", "PORT": str(port), "GRANIAN_PORT": str(port)}
    with ground.process(*command, **environment, **more) as process:
        host = f"localhost:{port}"
        ground.wait_for_web(host)
        yield host, psutil.Process(process.pid)


def _measure(host, process, cookie, scale) -> str:
    page, export = reverse("users:list", args=["few"]), reverse("users:export", args=["few", "csv"])
    # Each thread connects to the database once, and every template is read.
    _load(host, page, cookie, 2)
    times, seconds = _load(host, page, cookie, scale.requests)
    processes = [process, *process.children(recursive=True)]
    memory = sum(one.memory_full_info().pss for one in processes) / 2**20
    with slow.Clients(host) as clients:
        clients.send_bodies(20, "/accounts/login/", cookie)
        senders = _health(host)
    with slow.Clients(host) as clients:
        clients.read_nothing(4, export, cookie)
        readers = _health(host)
    p95 = quantiles(times, n=20)[-1] * 1e3
    return f"{len(times) / seconds:.1f} | {p95:,.0f} ms | {memory:.0f} MB | {senders} | {readers}"


def _load(host, page, cookie, count) -> tuple[list[float], float]:
    """Let every client ask for the page so often; seconds of each answer, and of all."""
    times = []

    def ask_again_and_again():
        with closing(http.client.HTTPConnection(host, timeout=60)) as link:
            for _ in range(count):
                begin = time.perf_counter()
                link.request("GET", page, headers={"Cookie": cookie})
                answer = link.getresponse()
                answer.read()
                assert answer.status == 200
                times.append(time.perf_counter() - begin)

    clients = [threading.Thread(target=ask_again_and_again) for _ in range(CLIENTS)]
    begin = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return times, time.perf_counter() - begin


def _health(host) -> str:
    """How long a probe takes after the slow ones have had a moment to begin."""
    time.sleep(2)
    try:
        return f"{slow.ask(host, '/readyz', timeout=5)[1] * 1e3:.0f} ms"
    except OSError:
        return LOST
