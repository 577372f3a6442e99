import io
import json
import subprocess
import sys

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
from django.urls import reverse

from portal.middleware import Length

GIGABYTE = 1024**3


class Endless(io.RawIOBase):
    """A body that never ends, and counts what is taken of it."""

    def __init__(self):
        self.given = 0

    def read(self, size=-1):
        assert size >= 0
        self.given += size
        return b"x" * size


def post(length, language="en"):
    """Send a request as the web server hands it over; the status, the page and the body."""
    body, answered = Endless(), []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": reverse("imports:upload", args=["contoso"]),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT_LANGUAGE": language,
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "CONTENT_LENGTH": length,
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
    }
    page = b"".join(WSGIHandler()(environ, lambda status, headers: answered.append(status)))
    return answered[0], page.decode(), body.given


# The handler looks at connections that earlier tests have left open.
@pytest.mark.django_db
@pytest.mark.parametrize("length", [str(GIGABYTE), "9" * 5000])
def test_a_gigabyte_is_refused_unread_in_a_sentence(length):
    status, page, given = post(length)

    assert status.startswith("413")
    assert "50.0\xa0MB" in page
    assert "Split the list into several files" in page
    assert given == 0


@pytest.mark.parametrize("length", ["", "x", "-1", "٣", str(200 * 1024**2)])
def test_slightly_too_large_request_reaches_form(length):
    request = RequestFactory().post("/", CONTENT_LENGTH=length)

    assert Length(lambda _request: "read")(request) == "read"


CHILD = """
import json, resource, sys
from django.conf import settings
settings.configure(UPLOAD_LIMIT_BYTES=50 * 1024 * 1024)
from imports.handlers import LimitedFile
handler = LimitedFile()
handler.new_file("file", "people.csv", "text/csv", None)
part = b"x" * 65536
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for start in range(0, 1024**3, len(part)):
    handler.receive_data_chunk(part, start)
with handler.file_complete(1024**3) as kept:
    kept.seek(0, 2)
    print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, kept.tell()]))
"""


def test_unannounced_gigabyte_fills_no_memory_or_disk():
    run = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)

    kilobytes, kept = json.loads(run.stdout)
    assert kilobytes < 50 * 1024
    assert kept <= 50 * 1024 * 1024 + 65536
