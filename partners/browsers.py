"""
Browsers in which an account has signed in before.

Such a browser has wrong tries of its own, so that tries elsewhere do not keep its user out. The
signed cookie names the account by its id and opens nothing; it stays when the user signs out.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

AGE = 90 * 24 * 60 * 60
SALT = "partners.browsers"


def cookie_name(path: str) -> str:
    """The name of the cookie; over https no insecure page and no other host can set it."""
    name = "known" if path == "/" else f"known-{path.strip('/')}"
    if not settings.IS_HTTPS:
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"


def read(request: HttpRequest, *, path: str = "/") -> tuple[str, str]:
    """The id of the account that signed in here before, and the browser's; ('', '') for none."""
    try:
        account, browser = signing.loads(
            request.COOKIES.get(cookie_name(path), ""), salt=SALT + path, max_age=AGE
        )
    except (signing.BadSignature, ValueError, TypeError):
        return "", ""
    return account, browser


def remember(request: HttpRequest, response: HttpResponse, account: object, *, path: str = "/"):
    """Let the browser be known as one in which this account has signed in; returns the response."""
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
