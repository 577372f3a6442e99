"""How many passwords one process hashes at once."""

import threading
from queue import Queue

import pytest
from django.contrib.auth.hashers import make_password

from partners import hashers
from portal import web
from tests import PATIENCE
from users import passwords


@pytest.fixture
def full():
    """Threads that hash, and threads that wait, as many as there are places."""
    inside, over = threading.Semaphore(0), threading.Event()

    def hash_long():
        with hashers.slot():
            inside.release()
            over.wait()

    threads = [threading.Thread(target=hash_long) for _n in range(hashers.MAX_HASHING)]
    for thread in threads:
        thread.start()
        inside.acquire()
    yield over
    over.set()
    for thread in threads:
        thread.join()


def test_hashing_beyond_limit_is_refused(full, monkeypatch):
    monkeypatch.setattr(hashers, "MAX_WAIT_SECONDS", 60)
    answers = Queue()

    def try_one():
        try:
            with hashers.slot():
                answers.put("hashed")
        except hashers.Busy:
            answers.put("busy")

    threads = [threading.Thread(target=try_one) for _n in range(20)]
    for thread in threads:
        thread.start()
    # Those without a place answer while the places are still taken.
    refused = [answers.get(timeout=PATIENCE) for _n in range(20 - hashers.MAX_WAITING)]
    full.set()
    for thread in threads:
        thread.join()

    assert refused == ["busy"] * (20 - hashers.MAX_WAITING)
    assert [answers.get() for _n in range(hashers.MAX_WAITING)] == ["hashed"] * hashers.MAX_WAITING


def test_hashing_leaves_a_thread_for_pages():
    assert hashers.MAX_HASHING + hashers.MAX_WAITING < web.THREADS


@pytest.mark.parametrize(
    "work",
    [
        lambda: make_password("a password"),
        lambda: hashers.Argon2().verify("x", "argon2$argon2id$v=19$m=1,t=1,p=1$YWFhYWFhYWE$YQ"),
        lambda: passwords.hash_chosen("a password"),
        lambda: passwords.verify_chosen("a password", "any"),
    ],
)
def test_every_slow_hash_takes_a_place(full, work):
    with hashers.without_waiting(), pytest.raises(hashers.Busy):
        work()


@pytest.mark.django_db
def test_page_without_place_for_hashing_answers_busy(client, alice, full, monkeypatch):
    monkeypatch.setattr(hashers, "MAX_WAIT_SECONDS", 0)

    answer = client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    assert "Try again in a few seconds." in answer.content.decode()

    client.force_login(alice)
    fields = {"oldpassword": "x", "password1": "a long password", "password2": "a long password"}
    answer = client.post("/accounts/password/change/", fields)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Try again in a moment" in answer.content.decode()
