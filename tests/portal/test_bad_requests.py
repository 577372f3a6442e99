"""What cannot be read is refused with a page of the portal's own, whatever has not been set up yet."""

import pytest
from django.test import Client
from django.urls import reverse

FORM = "application/x-www-form-urlencoded"
FILE = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na\r\n'
SAYS = "Check the address, or go back and send less."


@pytest.fixture
def browser(as_alice):
    """A browser that shows what a web server would answer to an exception."""
    as_alice.raise_request_exception = False
    return as_alice


@pytest.mark.parametrize("is_https", [False, True])
@pytest.mark.parametrize("host", ["10.20.30.40", "evil.example", "a_b:99999", ""])
def test_foreign_host_is_refused(settings, host, is_https):
    settings.SECURE_SSL_REDIRECT = is_https
    client = Client(raise_request_exception=False)

    # Without the mark of a test that may use the database.
    answer = client.get("/my/sign-in/", headers={"Host": host, "Accept-Language": "zh-CN"})

    assert answer.status_code == 400
    assert 'lang="zh-Hans"' in answer.content.decode()
    assert f'href="{settings.BASE_URL}/"' in answer.content.decode()
    assert not answer.cookies


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(FORM, "&".join(["ids=a"] * 5_001), id="too many fields"),
        pytest.param(FORM, "q=" + "a" * (5 * 1024 * 1024 + 1), id="too long"),
        pytest.param("multipart/form-data", "a", id="no boundary"),
        pytest.param(
            "multipart/form-data; boundary=x", f"{FILE}{FILE}--x--\r\n", id="too many files"
        ),
    ],
)
def test_unreadable_form_is_refused(browser, contoso, content_type, body):
    page = reverse("users:export", args=["contoso", "csv"])

    answer = browser.post(page, body, content_type=content_type)

    assert answer.status_code == 400
    assert SAYS in answer.content.decode()
