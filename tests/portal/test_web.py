"""The web server: what slow clients, large bodies and a process that dies do to it."""

import socket
import time
from contextlib import ExitStack

import psutil
import pytest
from django.urls import reverse

from portal import web
from tests import PATIENCE, serving, slow
from users.models import CustomerUser

commits = pytest.mark.django_db(transaction=True)

PAGES = ("/livez", "/readyz", "/health/", "/accounts/login/", "/my/sign-in/")
# More than a process has threads, and users for a file of more than the buffers of two sockets hold.
READERS = 6
MANY = 12_000
# Behind a slow client a page would wait for ever; this leaves room for a busy machine.
NOT_HELD_UP = 10

# What is run in the process of the web server before it serves.
AT_ONCE = "web.CLEANUP_SECONDS = 0\n"
LARGE_ANSWER = """
import portal.wsgi
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"x" * 10_000_000]
portal.wsgi.application = application
"""


def wait_until(is_so):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if is_so():
            return
        time.sleep(0.1)
    pytest.fail(f"For {PATIENCE} seconds it did not happen.")


@commits
def test_slow_senders_do_not_block_others(northwind):
    with serving.web() as (host, _process), slow.Clients(host) as clients:
        for sign_in in ("/accounts/login/", "/my/sign-in/"):
            cookie, _token = slow.open_form(host, sign_in)
            clients.send_bodies(10, sign_in, cookie)
            clients.send_chunks(10, sign_in, cookie)
            clients.send_headers(10, sign_in)
        clients.keep_open(200, "/livez")
        time.sleep(1.5)

        assert_all_answer(host)
        assert clients.count_open() == 260


@commits
def test_slow_readers_do_not_block_others(contoso, as_alice):
    CustomerUser.objects.bulk_create(
        CustomerUser(
            customer=contoso,
            user_name=f"user{number}@contoso.example",
            display_name="宽" * 100,
            department="宽" * 60,
            job_title="宽" * 60,
        )
        for number in range(MANY)
    )
    cookie = f"session={as_alice.cookies['session'].value}"
    users = reverse("users:list", args=["contoso"])
    with serving.web(WEB_PROCESSES="1") as (host, _process), slow.Clients(host) as clients:
        cookie, token = slow.open_form(host, users, cookie)
        form = f"csrfmiddlewaretoken={token}&all=1&query="
        clients.read_nothing(
            READERS, reverse("users:export", args=["contoso", "csv"]), form, cookie
        )

        # Each thread has put its answer aside, and has ended its transaction.
        wait_until(lambda: serving.count_exports() == READERS and serving.count_transactions() == 0)
        assert_all_answer(host)


@commits
def test_headers_have_shorter_timeout(northwind):
    hurry = f"{AT_ONCE}web.HEADER_SECONDS = 1"
    with serving.web(before=hurry) as (host, _process), slow.Clients(host) as clients:
        clients.send_bodies(5, "/my/sign-in/")
        clients.send_headers(5, "/my/sign-in/")

        wait_until(lambda: clients.count_open() == 5)


@commits
def test_a_request_that_never_ends_is_ended(northwind):
    hurry = f"{AT_ONCE}web.EXCHANGE_SECONDS = 2"
    with serving.web(before=hurry) as (host, _process), slow.Clients(host) as clients:
        clients.send_bodies(5, "/my/sign-in/")
        clients.send_chunks(5, "/my/sign-in/")

        wait_until(lambda: clients.count_open() == 0)


@commits
@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "EXCHANGE_SECONDS"])
def test_response_that_is_not_read_times_out(northwind, limit):
    hurry = f"{AT_ONCE}web.{limit} = 4\n{LARGE_ANSWER}"
    with serving.web(before=hurry) as (host, process), slow.Clients(host) as clients:
        clients.read_nothing(5, "/", "", "")

        wait_until(lambda: count_links(process) == 5)
        wait_until(lambda: count_links(process) == 0)


@commits
def test_a_connection_that_is_not_used_is_closed(northwind):
    hurry = f"{AT_ONCE}web.IDLE_SECONDS = 2"
    with serving.web(before=hurry) as (host, _process), slow.Clients(host) as clients:
        clients.keep_open(5, "/livez")

        wait_until(lambda: clients.count_open() == 0)


@commits
def test_limit_of_open_files_is_raised(northwind):
    few = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (300, 1500))"
    with serving.web(before=few) as (host, _process), slow.Clients(host) as clients:
        clients.send_bodies(700, "/my/sign-in/")

        assert_all_answer(host)


@commits
def test_slowest_connections_are_closed_at_limit(northwind):
    few = AT_ONCE + "web.MAX_CONNECTIONS = 40\n"
    with serving.web(before=few) as (host, _process), slow.Clients(host) as clients:
        clients.send_bodies(100, "/my/sign-in/")

        assert_all_answer(host)


@commits
def test_oldest_unfinished_body_is_closed_at_limit(northwind):
    small = f"{AT_ONCE}from django.conf import settings\nsettings.REQUEST_LIMIT_BYTES = 100_000"
    head = "POST /my/sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99000\r\n\r\n"
    with serving.web(before=small, WEB_PROCESSES="1") as (host, _process), ExitStack() as links:
        address = ("127.0.0.1", int(host.partition(":")[2]))
        senders = []
        for _ in range(3):
            link = links.enter_context(socket.create_connection(address, timeout=NOT_HELD_UP))
            link.sendall(head.encode() + b"a" * 90_000)
            senders.append(link)
            assert slow.ask(host, "/livez").status == 200

        assert senders[0].recv(1) == b""
        for link in senders[1:]:
            link.sendall(b"a" * 9_000)
            assert link.recv(8) == b"HTTP/1.1"


@commits
def test_too_large_request_is_refused_unread(northwind):
    small = "from django.conf import settings\nsettings.REQUEST_LIMIT_BYTES = 1000"
    with serving.web(before=small) as (host, _process):
        for header, body in (
            ("Content-Length: 1001", ""),
            (f"Content-Length: {10**18}", ""),
            (f"Content-Length: {'9' * 5000}", ""),
            ("Transfer-Encoding: chunked", f"7d0\r\n{'a' * 2000}\r\n"),
        ):
            request = f"POST /my/sign-in/ HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n{body}"
            headers, page = send(host, request)

            assert headers.startswith("HTTP/1.1 413 ")
            assert "Split the list into several files" in page


@commits
def test_head_is_answered_without_a_body(northwind):
    with serving.web() as (host, _process):
        for path in ("/livez", "/my/sign-in/", "/nothing/", "/static/js/live.js"):
            end = f"Host: {host}\r\nConnection: close\r\n\r\n"
            headers, body = send(host, f"HEAD {path} HTTP/1.1\r\n{end}")

            assert "Content-Type: " in headers
            assert body == ""


@commits
def test_a_process_that_dies_is_replaced(northwind):
    with serving.web() as (host, process):
        server = psutil.Process(process.pid)
        dead = server.children()[0]
        dead.kill()

        wait_until(
            lambda: len(server.children()) == web.PROCESSES and dead not in server.children()
        )
        assert slow.ask(host, "/livez").status == 200


@commits
def test_headers_of_proxy_reach_django(northwind):
    known = {"BASE_URL": "https://portal.example", "ALLOWED_HOSTS": "portal.example"}
    with serving.web(**known) as (host, _process):
        plain = slow.ask(host, "/my/sign-in/", Host="portal.example")
        proxied = {"Host": "portal.example", "X-Forwarded-Proto": "https"}

        assert plain.status == 301
        assert slow.ask(host, "/my/sign-in/", **proxied).status == 200


def send(host, request):
    """Send a request as it is; the headers and the body of the answer, until the server closes."""
    address = ("127.0.0.1", int(host.partition(":")[2]))
    with socket.create_connection(address, timeout=NOT_HELD_UP) as link:
        link.sendall(request.encode())
        answer = b"".join(iter(lambda: link.recv(65536), b"")).decode()
    headers, _, body = answer.partition("\r\n\r\n")
    return headers, body


def assert_all_answer(host):
    """What a stranger or a machine may ask for comes as if there were no others."""
    for path in PAGES:
        assert slow.ask(host, path, timeout=NOT_HELD_UP).status == 200


def count_links(process):
    """How many connections the processes of the web server hold."""
    children = psutil.Process(process.pid).children()
    links = [link for child in children for link in child.net_connections("tcp")]
    return sum(link.status == psutil.CONN_ESTABLISHED for link in links)
