"""
The web server: waitress, in processes that share one listening socket.

    python -m portal.web

HOST, PORT, WEB_PROCESSES and WEB_THREADS are read from the environment.

Waitress receives the whole request before a thread works on it, and takes the whole response from
the thread at once, in a temporary file if it is large. So a slow client holds a connection, but no
thread and no transaction. Each thread keeps one connection to the database.
"""

import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import time
import traceback
from importlib import import_module

from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask

# Of one process; with `PROCESSES` chosen by `make bench ARGS=servers`. More threads wait for each
# other; with fewer, passwords that are hashed would leave none for pages.
THREADS = 3
PROCESSES = 4
# A connection is closed after these: without a byte in either direction; from the first byte of a
# request to the end of its headers; from there to the last byte of the response.
IDLE_SECONDS = 60
HEADER_SECONDS = 20
EXCHANGE_SECONDS = 15 * 60
# The interval of checks for such connections.
CLEANUP_SECONDS = 5
# Per process; a slow client takes one. Unlike select(), poll() has no limit of its own.
MAX_CONNECTIONS = 2_000
# The space for incomplete requests, in requests of the largest size.
MAX_BODIES = 2
# A connection takes a socket, and a file for a large body; others are for the database and so on.
FILES_PER_CONNECTION = 2
OTHER_FILES = 200


class Request(HTTPRequestParser):
    """A request whose length may have more digits than Python reads, which is too large."""

    def parse_header(self, header_plus):
        try:
            super().parse_header(header_plus)
        except ValueError:
            self.content_length = sys.maxsize


class Task(WSGITask):
    """A request; answers HEAD without the body that Django and waitress would send."""

    def write(self, data):
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self):
        if self.request.command == "HEAD":
            self.write(b"")
            self.chunked_response = False
        super().finish()


class Channel(HTTPChannel):
    """A connection with the time at which its request began."""

    parser_class = Request
    task_class = Task

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.began = self.creation_time

    def received(self, data):
        if self.request is None:
            self.began = time.time()
        return super().received(data)

    def is_overdue(self, now: float) -> bool:
        """Whether the connection is idle, or its request unfinished, for too long."""
        request, is_worked_on = self.request, bool(self.requests)
        if not is_worked_on and now - self.last_activity > IDLE_SECONDS:
            return True
        if not (request or is_worked_on or self.total_outbufs_len):
            return False
        in_headers = request and not request.headers_finished
        return now - self.began > (HEADER_SECONDS if in_headers else EXCHANGE_SECONDS)

    def hang_up(self):
        """
        Shut down the connection; the next check closes it.

        If it were closed at once, the next connection could get its file number, and events that
        poll() reports for this one would go to that.
        """
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def error_task_class(channel, request):
        """Let the portal answer a request that is too large, from its headers only."""
        if request.error.code != 413:
            return ErrorTask(channel, request)
        # The length of a body in chunks is unknown.
        length = max(request.content_length, settings.REQUEST_LIMIT_BYTES + 1)
        request.headers["CONTENT_LENGTH"] = str(length)
        task = Task(channel, request)
        task.set_close_on_finish()
        return task


class Server(TcpWSGIServer):
    """
    Waitress with time limits for slow clients.

    By itself it waits forever for a client that never reads.
    """

    channel_class = Channel
    parent = os.getpid()

    def maintenance(self, now):
        """Close overdue and surplus connections; exit if the first process is gone."""
        if os.getppid() != self.parent:
            sys.exit("The web server's first process is gone.")
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.hang_up()
        # Before connections or disk space run out, the longest waiting ones are closed.
        waiting = [channel for channel in self.active_channels.values() if not channel.requests]
        places, room = self.adj.connection_limit, MAX_BODIES * settings.REQUEST_LIMIT_BYTES
        places -= len(self.active_channels) - len(waiting) + places // 2
        for channel in sorted(waiting, key=lambda channel: channel.began, reverse=True):
            held = channel.request.body_bytes_received if channel.request else 0
            places -= 1
            room -= held
            if places < 0 or (held and room < 0):
                channel.hang_up()


def main() -> None:
    """Serve until SIGINT or SIGTERM; a process that ends is replaced."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    # Refuses to start with the wrong role. Loaded before the fork, so that memory is shared.
    from portal.wsgi import application

    import_module(settings.ROOT_URLCONF)
    gc.freeze()
    connections = allow_connections()

    host, port = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8000)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    children = set()
    try:
        while True:
            while len(children) < int(os.environ.get("WEB_PROCESSES") or PROCESSES):
                children.add(start(listener, application, connections))
            pid, status = os.wait()
            children.discard(pid)
            print(f"A process of the web server has ended: {status}.", file=sys.stderr, flush=True)
            time.sleep(1)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGTERM)
        for pid in children:
            os.waitpid(pid, 0)


def allow_connections() -> int:
    """Raise the limit of open files, and return the number of connections that it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OTHER_FILES + FILES_PER_CONNECTION * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = soft
    return (wanted - OTHER_FILES) // FILES_PER_CONNECTION


def start(listener: socket.socket, application, connections: int) -> int:
    """Fork a process that serves the application, and return its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        serve(listener, application, connections)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def serve(listener: socket.socket, application, connections: int) -> None:
    """Serve in this process."""
    # It warns of every request that waits for a thread, even for a millisecond.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    Server(
        application,
        _sock=listener,
        bind_socket=False,
        threads=int(os.environ.get("WEB_THREADS") or THREADS),
        connection_limit=connections,
        asyncore_use_poll=True,
        backlog=1024,
        cleanup_interval=CLEANUP_SECONDS,
        max_request_header_size=64 * 1024,
        max_request_body_size=settings.REQUEST_LIMIT_BYTES + 1,
        # A thread never waits for the client to read its response.
        outbuf_high_watermark=1 << 40,
        # Django decides which headers of a proxy to trust.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        ident=None,
    ).run()


if __name__ == "__main__":
    main()
