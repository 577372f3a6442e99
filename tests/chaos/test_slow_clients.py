"""Clients that send or read slowly, with the proxy that ships before the portal and without it."""

import pytest
from django.urls import reverse

from tests import PATIENCE, serving, slow
from tests.chaos import rig
from tools import embedded
from users.models import CustomerUser

commits = pytest.mark.django_db(transaction=True)

PAGES = ("/livez", "/readyz", "/health/", "/accounts/login/", "/my/sign-in/")
READERS = 4
NO_CADDY = "There is no caddy on this machine: deploy/Caddyfile is NOT TRIED."
MANY = 12_000


@pytest.fixture(params=["alone", "behind the proxy"])
def host(request, contoso, tmp_path):
    """The portal, or the proxy before it, as they ship."""
    if request.param == "alone":
        with serving.web() as (host, _process):
            yield host
        return
    if not serving.find_caddy():
        pytest.skip(NO_CADDY)
    port = embedded.free_port()
    with (
        serving.web(BASE_URL=f"http://localhost:{port}") as (upstream, _process),
        serving.proxy(port, upstream, tmp_path) as host,
    ):
        yield host


@commits
def test_pages_are_there_within_a_second_whatever_slow_clients_do(host, contoso, as_alice):
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
    users, export = (
        reverse(f"users:{name}", args=["contoso", *rest])
        for name, rest in (("list", []), ("export", ["csv"]))
    )
    member, token = slow.open_form(host, users, f"session={as_alice.cookies['session'].value}")
    stranger, _token = slow.open_form(host, "/my/sign-in/")
    with slow.Clients(host) as clients:
        clients.send_bodies(20, "/my/sign-in/", stranger)
        clients.send_chunks(20, "/accounts/login/", stranger)
        clients.send_bodies(20, export, member)
        clients.send_headers(20, "/my/sign-in/")
        clients.keep_open(200, "/livez")
        form = f"csrfmiddlewaretoken={token}&all=1&query="
        clients.read_nothing(READERS, export, form, member)
        rig.wait_until(lambda: serving.count_exports() == READERS, "the exports have begun")
        rig.wait_until(
            lambda: serving.count_transactions() == 0, "no transaction waits for its reader"
        )

        times = {page: measure(host, page) for page in (*PAGES, users)}

        assert clients.count_open() == 280
    print("seconds beside 280 slow clients:", times)
    assert max(times[page] for page in PAGES) < 1


@commits
def test_the_proxy_leaves_a_client_whose_headers_never_end(northwind, tmp_path):
    if not serving.find_caddy():
        pytest.skip(NO_CADDY)
    with (
        serving.web() as (upstream, _process),
        serving.proxy(embedded.free_port(), upstream, tmp_path) as host,
        slow.Clients(host) as clients,
    ):
        clients.send_headers(5, "/my/sign-in/")
        rig.wait_until(lambda: clients.count_open() == 0, "they are left")


def measure(host, page):
    """The seconds until a page is there; once more where the machine was busy with something else."""
    seconds = []
    for _attempt in range(3):
        answer = slow.ask(host, page, timeout=PATIENCE)
        assert answer.status in (200, 302)
        seconds.append(answer.seconds)
    return min(seconds)
