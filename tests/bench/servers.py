"""
Web servers against each other: a page of users for many clients at once, and slow ones besides.

Has no rows: the choice was made by what it prints, in a table to be pasted.
"""

import http.client
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import median, quantiles

import psutil
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests import slow
from tests.bench import datasets
from tests.bench.surroundings import Ground
from tools import embedded

GRANIAN = ("granian", "--interface=wsgi", "--no-ws", "--workers=2", "--log-level=error")
APPLICATION = "portal.wsgi:application"
# What is compared: its command, and what it finds in the environment.
CONTENDERS = {
    "granian, 2 × 1 thread": ((*GRANIAN, "--blocking-threads=1", APPLICATION), {}),
    "granian, 2 × 8 threads": ((*GRANIAN, "--blocking-threads=8", APPLICATION), {}),
    "waitress, 2 × 2 threads": (("portal.web",), {"WEB_PROCESSES": "2", "WEB_THREADS": "2"}),
    "waitress, 4 × 2 threads": (("portal.web",), {"WEB_PROCESSES": "4", "WEB_THREADS": "2"}),
    "waitress, 4 × 3 threads": (("portal.web",), {"WEB_PROCESSES": "4", "WEB_THREADS": "3"}),
    "waitress, 2 × 8 threads": (("portal.web",), {"WEB_PROCESSES": "2", "WEB_THREADS": "8"}),
}
CLIENTS = 50
HEAD = """\
| server | pages/s | p95 | memory | a probe beside 20 slow senders |
|---|--:|--:|--:|--:|"""


def run(ground: Ground, kept: dict[str, str]) -> list:
    """Measure all of them in turns, so that a busy moment of the machine is shared."""
    ground.use(kept["few"])
    with datasets.inside() as member:
        client = Client()
        client.force_login(member)
    name = settings.SESSION_COOKIE_NAME
    cookie = f"{name}={client.cookies[name].value}"
    rates, times, said = defaultdict(list), defaultdict(list), {}
    for _turn in range(ground.scale.rounds):
        for contender, how in CONTENDERS.items():
            with _serve(ground, *how) as (host, process):
                # Until each thread is connected to the database, and has read the templates.
                _load(host, cookie, 2)
                seconds, taken = _load(host, cookie, ground.scale.requests)
                rates[contender].append(len(taken) / seconds)
                times[contender] += taken
                said[contender] = f"{_memory(process):.0f} MB | {_probe(host, cookie)}"
    print(f"\n{HEAD}", flush=True)
    for contender in CONTENDERS:
        p95 = quantiles(times[contender], n=20)[-1] * 1e3
        rate = median(rates[contender])
        print(f"| {contender} | {rate:.1f} | {p95:,.0f} ms | {said[contender]} |", flush=True)
    ground.use("portal")
    return []


@contextmanager
def _serve(ground, command, environment) -> Iterator[tuple[str, psutil.Process]]:
    port = embedded.free_port()
    more = {"BASE_URL": f"http://localhost:{port}", "PORT": str(port), "GRANIAN_PORT": str(port)}
    with ground.process(*command, **environment, **more) as process:
        host = f"localhost:{port}"
        ground.wait_for_web(host)
        yield host, psutil.Process(process.pid)


def _memory(process) -> float:
    """Megabytes of all its processes; what they share counts once."""
    processes = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in processes) / 2**20


def _probe(host, cookie) -> str:
    """How long a probe takes beside 20 clients that send a byte a second."""
    with slow.Clients(host) as clients:
        # Without the token of the form, Django would answer before it has read the body.
        held, _token = slow.open_form(host, "/my/sign-in/", cookie)
        clients.send_bodies(20, "/my/sign-in/", held)
        time.sleep(2)
        try:
            return f"{slow.ask(host, '/livez', timeout=5).seconds * 1e3:.0f} ms"
        except OSError:
            return "no answer in 5 s"


def _load(host, cookie, count) -> tuple[float, list[float]]:
    """Let every client ask for the page so often; the seconds of all, and of each answer."""
    page, times = reverse("users:list", args=["few"]), []

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
    return time.perf_counter() - begin, times
