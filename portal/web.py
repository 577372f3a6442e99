"""
The web server: waitress, in processes that share one listening socket.

    python -m portal.web

HOST, PORT, WEB_PROCESSES and WEB_THREADS in the environment are honored.

Waitress receives a request whole before a thread works on it, and takes the whole answer from the
thread at once, into a temporary file where it is large. So a slow client holds a connection, but
no thread and no transaction. Each thread keeps one connection to the database.
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

# After these a connection is closed: without a byte in either direction; from the first byte of a
# request to the end of its headers; from there to the last byte of the answer.
IDLE_SECONDS = 60
HEADER_SECONDS = 20
EXCHANGE_SECONDS = 15 * 60
# How often it is looked for them.
CLEANUP_SECONDS = 5
# Of each process. A slow client takes one; poll() has no limit of its own, as select() has.
CONNECTIONS = 2_000
# So many requests of the largest size may lie here, not yet whole.
BODIES = 2
# Each takes a socket, and a file for what is large; the rest is for the database and ourselves.
FILES_OF_ONE = 2
OTHER_FILES = 200


class Request(HTTPRequestParser):
    """A request that may announce a length of more digits than Python reads."""

    def parse_header(self, header_plus):
        """Take a length of thousands of digits for what it is: too large."""
        try:
            super().parse_header(header_plus)
        except ValueError:
            self.content_length = sys.maxsize


class Task(WSGITask):
    """A request; to HEAD it answers without a body, which Django and waitress leave in place."""

    def write(self, data):
        """Send the headers, if they are not sent yet, and what may follow them."""
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self):
        """Send what is left."""
        if self.request.command == "HEAD":
            self.write(b"")
            self.chunked_response = False
        super().finish()


class Channel(HTTPChannel):
    """A connection that knows when its request began."""

    parser_class = Request
    task_class = Task

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.began = self.creation_time

    def received(self, data):
        """Take what the client has sent."""
        if self.request is None:
            self.began = time.time()
        return super().received(data)

    def is_overdue(self, now: float) -> bool:
        """Whether nothing has moved, or the request has not come to its end, for too long."""
        request, is_worked_on = self.request, bool(self.requests)
        if not is_worked_on and now - self.last_activity > IDLE_SECONDS:
            return True
        if not (request or is_worked_on or self.total_outbufs_len):
            return False
        in_headers = request and not request.headers_finished
        return now - self.began > (HEADER_SECONDS if in_headers else EXCHANGE_SECONDS)

    def hang_up(self):
        """
        End the connection; the next look at it closes it.

        Closed at once, its number would go to the next connection, and what poll() says of this
        one would be taken for news of that.
        """
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def error_task_class(channel, request):
        """Let the portal say what is too large, from the headers alone."""
        if request.error.code != 413:
            return ErrorTask(channel, request)
        # Of a body in chunks only this much is known.
        length = max(request.content_length, settings.REQUEST_LIMIT_BYTES + 1)
        request.headers["CONTENT_LENGTH"] = str(length)
        task = Task(channel, request)
        task.set_close_on_finish()
        return task


class Server(TcpWSGIServer):
    """
    Waitress, with limits of time for a client that is slow.

    By itself it waits for ever for one that never reads: it would close the connection when there
    is room to write.
    """

    channel_class = Channel
    parent = os.getpid()

    def maintenance(self, now):
        """Close the connections that are overdue or too many; end where nothing would end us."""
        if os.getppid() != self.parent:
            sys.exit("The web server's first process is gone.")
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.hang_up()
        # Before the last place is taken, or the disk is full of what was sent, those make room that
        # have kept us waiting for longest.
        waiting = [one for one in self.active_channels.values() if not one.requests]
        places, room = self.adj.connection_limit, BODIES * settings.REQUEST_LIMIT_BYTES
        places -= len(self.active_channels) - len(waiting) + places // 2
        for channel in sorted(waiting, key=lambda one: one.began, reverse=True):
            held = channel.request.body_bytes_received if channel.request else 0
            places -= 1
            room -= held
            if places < 0 or (held and room < 0):
                channel.hang_up()


def main() -> None:
    """Serve until told to stop; a process that dies is replaced."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    # Refuses to start with the wrong role. What is loaded before the fork is shared.
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
            while len(children) < int(os.environ.get("WEB_PROCESSES") or 2):
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
    """Let a process open the files that its connections need; how many it can have with them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OTHER_FILES + FILES_OF_ONE * CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wanted = soft
    return (wanted - OTHER_FILES) // FILES_OF_ONE


def start(listener: socket.socket, application, connections: int) -> int:
    """Fork a process that serves the application; returns its id."""
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
    """Answer requests until told to stop."""
    # It warns of every request that waits for a thread, be it for a millisecond.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    Server(
        application,
        _sock=listener,
        bind_socket=False,
        threads=int(os.environ.get("WEB_THREADS") or 8),
        connection_limit=connections,
        asyncore_use_poll=True,
        backlog=1024,
        cleanup_interval=CLEANUP_SECONDS,
        max_request_header_size=64 * 1024,
        max_request_body_size=settings.REQUEST_LIMIT_BYTES + 1,
        # An answer never waits in its thread for the client.
        outbuf_high_watermark=1 << 40,
        # Django decides which of a proxy's headers it believes.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        ident=None,
    ).run()


if __name__ == "__main__":
    main()
