"""
Known browsers: those in which an account has signed in before.

Wrong tries in a known browser are counted separately, so that tries elsewhere do not lock out its
user. The signed cookie holds the id of the account and gives no access; it outlives the session.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

AGE = 90 * 24 * 60 * 60
SALT = "partners.browsers"


def cookie_name(path: str) -> str:
    """The cookie's name; its prefix keeps insecure pages and other hosts from setting it."""
    name = "known" if path == "/" else f"known-{path.strip('/')}"
    if not settings.IS_HTTPS:
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"


def read(request: HttpRequest, *, path: str = "/") -> tuple[str, str]:
    """The ids of the account that signed in before and of the browser; ('', '') for none."""
    try:
        account, browser = signing.loads(
            request.COOKIES.get(cookie_name(path), ""), salt=SALT + path, max_age=AGE
        )
    except (signing.BadSignature, ValueError, TypeError):
        return "", ""
    return account, browser


def remember(request: HttpRequest, response: HttpResponse, account: object, *, path: str = "/"):
    """Make the browser known to this account, and return the response."""
    known, browser = read(request, path=path)
    if known != str(account):
        browser = secrets.token_urlsafe(12)
    response.set_cookie(
        cookie_name(path),
        signing.dumps([str(account), browser], salt=SALT + path),
        max_age=AGE,
        path=path,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response
