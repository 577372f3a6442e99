"""Settings with which no process starts: real processes, with one wrong setting at a time."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests import PATIENCE
from tools import places

RANDOM = "9dKq2vXw7LrTz0mYhB5cUe8NsGfJ4aP1oIRyVtQ6xWnEuSgCjD3kMlZbA-HF_piO"
HTTPS = {"BASE_URL": "https://portal.example", "ALLOWED_HOSTS": "portal.example"}
LOCAL = {"BASE_URL": "http://localhost:8000", "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]"}

WRONG = {
    "no secret key": ({"SECRET_KEY": ""}, "SECRET_KEY is not set; set it to"),
    "a short secret key": ({"SECRET_KEY": RANDOM[:49]}, "SECRET_KEY is too short or too simple;"),
    "one letter": ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is too short or too simple;"),
    "a word again and again": ({"SECRET_KEY": "Passw0rd" * 8}, "SECRET_KEY is too short or too"),
    "the alphabet twice": (
        {"SECRET_KEY": "abcdefghijklmnopqrstuvwxyz" * 2},
        "SECRET_KEY is too short or too simple;",
    ),
    **{
        f"the key {key}": ({"SECRET_KEY": key}, "SECRET_KEY is one that anyone can read")
        for key in (
            "not-a-secret",
            "only-for-building",
            f"change-me-{RANDOM}",
            f"Django-Insecure-{RANDOM}",
        )
    },
    "DEBUG for others": (HTTPS | {"DEBUG": "1"}, "DEBUG is on for portal.example,"),
    "DEBUG with https": (
        LOCAL | {"BASE_URL": "https://localhost", "DEBUG": "1"},
        "DEBUG is on for https://localhost,",
    ),
    "DEBUG for another host": (
        LOCAL | {"ALLOWED_HOSTS": "localhost,portal.example", "DEBUG": "1"},
        "DEBUG is on for portal.example,",
    ),
    "the demo for others": (HTTPS | {"LOCAL_DEMO": "1"}, "LOCAL_DEMO is on for portal.example,"),
    "the demo for all hosts": (
        LOCAL | {"ALLOWED_HOSTS": "localhost,0.0.0.0", "LOCAL_DEMO": "yes"},
        "LOCAL_DEMO is on for 0.0.0.0,",
    ),
    "http across the network": (
        HTTPS | {"BASE_URL": "http://portal.example"},
        "set it to an https:// address, or ALLOW_HTTP=1",
    ),
    "an address with a path": (
        HTTPS | {"BASE_URL": "https://portal.example/"},
        "set it to the address of the portal without a path",
    ),
    "an address of nothing": (HTTPS | {"BASE_URL": "portal.example"}, "BASE_URL is 'portal."),
    "any host": (HTTPS | {"ALLOWED_HOSTS": "portal.example,*"}, "ALLOWED_HOSTS has a *,"),
    "no host": (HTTPS | {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is empty;"),
    "no key files": ({"KEYS_DIR": "/nowhere"}, "The key file /nowhere/hash.key cannot be read"),
}

RIGHT = {
    "compose": HTTPS,
    "make run": LOCAL | {"LOCAL_DEMO": "1"},
    "a developer's": LOCAL | {"DEBUG": "1"},
    "http where it is meant": HTTPS | {"BASE_URL": "http://portal.example", "ALLOW_HTTP": "1"},
}

MANAGE = ["manage.py"]
PROCESSES = {
    "web": ["-c", "import portal.wsgi"],
    "worker": ["-m", "celery", "--app", "portal.celery", "worker", "--concurrency=1"],
    "beat": ["-m", "celery", "--app", "portal.celery", "beat", "--pidfile="],
    "check": [*MANAGE, "check"],
    "check --deploy": [*MANAGE, "check", "--deploy"],
    "migrate": [*MANAGE, "migrate", "--database", "owner", "--plan"],
    "create_partner": [*MANAGE, "create_partner", "Name", "slug", "owner@partner.example"],
    "runserver": [*MANAGE, "runserver", "--noreload", "127.0.0.1:0"],
}


@pytest.fixture
def run(tmp_path):
    """Run Python with these settings on top of good ones; it has half a minute to refuse."""

    def start(arguments, environment):
        base = {"SECRET_KEY": RANDOM, "KEYS_DIR": str(settings.KEYS_DIR), "DEBUG": "0"}
        base |= {"BEAT_SCHEDULE": str(tmp_path / "beat")}
        return subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | base | environment,
            cwd=places.CHECKOUT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    return start


@pytest.mark.parametrize("case", WRONG)
def test_web_server_explains_refusal_to_start(run, case):
    environment, sentence = WRONG[case]

    done = run(PROCESSES["web"], environment)

    assert done.returncode == 1
    assert done.stderr.count(sentence) == 1, done.stderr
    assert "The portal does not start." in done.stderr
    # No secret is shown.
    assert RANDOM not in done.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_refuses_with_the_same_words(run, process):
    done = run(PROCESSES[process], HTTPS | {"LOCAL_DEMO": "1", "SECRET_KEY": "change-me"})

    assert done.returncode == 1, done.stdout
    said = done.stdout + done.stderr
    assert "LOCAL_DEMO is on for portal.example, where anyone could sign in" in said
    assert "SECRET_KEY is one that anyone can read in a file; set it to at least 50 random" in said


@pytest.mark.parametrize("content", ["", "c2hvcnQ="])
def test_key_file_without_key_is_named(run, tmp_path, content):
    for name in ("hash", "seal", "link"):
        key = (settings.KEYS_DIR / f"{name}.key").read_text()
        (tmp_path / f"{name}.key").write_text(key if name != "seal" else content)

    done = run(PROCESSES["web"], {"KEYS_DIR": str(tmp_path)})

    assert done.returncode == 1
    assert f"The key file {tmp_path}/seal.key must hold 32 bytes in base64 a line." in done.stderr
    assert "hash.key" not in done.stderr


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_meant_starts(run, case):
    done = run(PROCESSES["web"], RIGHT[case])

    assert (done.returncode, done.stderr) == (0, "")


def test_collectstatic_works_with_key_of_dockerfile(run):
    done = run(
        [*MANAGE, "collectstatic", "--dry-run", "--no-input", "--verbosity=0"],
        {"SECRET_KEY": "only-for-building", "KEYS_DIR": "/nowhere"},
    )

    assert (done.returncode, done.stderr) == (0, "")
