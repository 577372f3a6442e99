"""Clients that send or read so slowly that a server could wait for them for ever."""

import contextlib
import http.client
import re
import socket
import threading
import time
from typing import NamedTuple

from tests import PATIENCE

# Between the bytes of a slow sender.
DRIP_SECONDS = 1

START = "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


class Clients:
    """Slow connections to one server, given as "localhost:8000", all open until the block ends."""

    def __init__(self, host: str):
        self.host = host
        self.port = int(host.rpartition(":")[2])
        self.dripping: list[tuple[socket.socket, bytes]] = []
        self.quiet: list[socket.socket] = []
        self.over = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._drip, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()
        for link in [*self.quiet, *(link for link, _ in self.dripping)]:
            link.close()

    def send_bodies(self, count: int, path: str, cookie: str = "") -> None:
        """Announce a form of 100,000 bytes, and send one of them each second."""
        head = START + FORM + "Content-Length: 100000\r\n\r\n"
        self._send(count, head, b"a", path, cookie)

    def send_chunks(self, count: int, path: str, cookie: str = "") -> None:
        """Send a form in chunks of a byte, of which there is no last."""
        head = START + FORM + "Transfer-Encoding: chunked\r\n\r\n"
        self._send(count, head, b"1\r\na\r\n", path, cookie)

    def send_headers(self, count: int, path: str) -> None:
        """Send headers that never end."""
        self._send(count, START, b"X-More: a\r\n", path, "a=b")

    def read_nothing(self, count: int, path: str, form: str, cookie: str) -> None:
        """Send a form, and leave what it asks for with the server."""
        head = START.format(path=path, host=self.host, cookie=cookie) + FORM
        for _ in range(count):
            link = self._connect(receive_buffer=4096)
            link.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n{form}".encode())
            self.quiet.append(link)

    def keep_open(self, count: int, path: str) -> None:
        """Ask for a page, read it, and keep the connection for later."""
        for _ in range(count):
            link = self._connect()
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
            self.dripping.append((link, b""))

    def count_open(self) -> int:
        """How many of the connections the server has not closed yet, but for those that read nothing."""
        return sum(not is_closed(link) for link, _ in self.dripping)

    def _send(self, count, head, drop, path, cookie):
        for _ in range(count):
            link = self._connect()
            link.sendall(head.format(path=path, host=self.host, cookie=cookie).encode())
            self.dripping.append((link, drop))

    def _connect(self, receive_buffer=None):
        link = socket.socket()
        if receive_buffer:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        link.settimeout(10)
        link.connect(("127.0.0.1", self.port))
        return link

    def _drip(self):
        while not self.over.wait(DRIP_SECONDS):
            for link, drop in list(self.dripping):
                with contextlib.suppress(OSError):
                    link.sendall(drop)


def open_form(host: str, path: str, cookie: str = "") -> tuple[str, str]:
    """Get a page with a form; what a browser sends as its cookies from now on, and the token."""
    link = http.client.HTTPConnection(host, timeout=PATIENCE)
    with contextlib.closing(link):
        link.request("GET", path, headers={"Cookie": cookie})
        answer = link.getresponse()
        page = answer.read().decode()
    given = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or ()]
    kept = {pair.partition("=")[0]: pair for pair in [*cookie.split("; "), *given] if pair}
    return "; ".join(kept.values()), re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]


def is_closed(link: socket.socket) -> bool:
    """Whether the other end has closed the connection; what it sent before does not matter."""
    link.setblocking(False)
    try:
        while link.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        link.settimeout(10)
    return True


class Answer(NamedTuple):
    """A page, and the seconds until all of it was here."""

    status: int
    page: str
    seconds: float


def ask(host: str, path: str, *, timeout: float = PATIENCE, **headers: str) -> Answer:
    """Get a page."""
    link = http.client.HTTPConnection(host, timeout=timeout)
    begin = time.monotonic()
    with contextlib.closing(link):
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        page = answer.read().decode()
        return Answer(answer.status, page, time.monotonic() - begin)
