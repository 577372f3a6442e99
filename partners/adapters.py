"""Adapts allauth: no sign-up, the portal's own mails, encrypted second factors."""

import base64
import ipaddress
import logging
import os
from contextlib import ExitStack
from functools import partial

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from partners import browsers, hashers, keys, mails
from partners.operations.sign_in import (
    begin_member_attempt,
    change_password,
    fail_member_attempt,
    record_own,
)
from partners.operations.tries import TooManyTries, clear_attempt, withdraw_attempt

log = logging.getLogger(__name__)

# Session key between password and second factor: the number of wrong tries before.
FAILED = "failed_before"


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request) -> bool:
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link to choose a password, from BASE_URL: the Host header can be forged."""
        uid, _dash, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.BASE_URL}{path}"

    def send_password_reset_mail(self, user, email, context) -> None:
        mails.send_aside(mails.write_reset(user, link=context["password_reset_url"]))

    def send_notification_mail(self, template_prefix, user, context=None, email=None) -> None:
        """Send a notice of a change after its commit."""
        if template_prefix not in mails.NOTICES:
            self.send_mail(template_prefix, email or user.email, context or {})
            return
        letter = mails.write_notice(user, template_prefix, to=email or "")
        transaction.on_commit(partial(mails.send, letter), robust=True)

    def send_mail(self, template_prefix, email, context) -> None:
        """Send nothing: every mail of the library has a replacement of the portal's own."""
        log.error("the mail %s has no text here and was not sent", template_prefix)

    def get_client_ip(self, request) -> str:
        """The address of the client behind settings.TRUSTED_PROXY_COUNT proxies."""
        address = ipaddress.ip_address(super().get_client_ip(request).partition("%")[0])
        return str(getattr(address, "ipv4_mapped", None) or address)

    # Signing in: allauth's own limits refuse a right password by the client's address alone.

    def pre_authenticate(self, request, **credentials) -> None:
        """Count the try before the password is checked."""
        is_again = request.user.is_authenticated
        try:
            self._attempt = begin_member_attempt(
                email=credentials.get("email", ""),
                browser=browsers.read(request),
                session=request.session.session_key if is_again else "",
            )
        except TooManyTries as error:
            raise self.validation_error("too_many_login_attempts") from error
        if self._attempt.is_suspicious:
            self._while_hashing.enter_context(hashers.without_waiting())

    def authenticate(self, request, **credentials):
        """Check the password, unless too many are being hashed."""
        try:
            with ExitStack() as self._while_hashing:
                return super().authenticate(request, **credentials)
        except hashers.Busy as error:
            withdraw_attempt(self._attempt)
            raise ValidationError(error.message, code="busy") from error

    def authentication_failed(self, request, **credentials) -> None:
        """Count a wrong password, and record it."""
        log.warning("a sign-in failed, from %s", self.get_client_ip(request))
        fail_member_attempt(attempt=self._attempt, email=credentials.get("email", ""))

    def _rollback_login_failed_rl_usage(self) -> None:
        # Called once the password was right.
        clear_attempt(self._attempt)
        if self._attempt.number > 1:
            self.request.session[FAILED] = self._attempt.number - 1

    @transaction.atomic
    def login(self, request, user) -> None:
        """Begin the session, saved in one transaction with its record."""
        super().login(request, user)
        failed = request.session.pop(FAILED, 0)
        request.session.save()
        after = {"failed": failed} if failed else {}
        record_own("member.signed_in", member=user, after=after)

    def post_login(self, request, user, **details):
        response = super().post_login(request, user, **details)
        return browsers.remember(request, response, user.pk)

    def set_password(self, user, password) -> None:
        is_recovered = not self.request.user.is_authenticated
        change_password(member=user, password=password, is_recovered=is_recovered)


class MFAAdapter(DefaultMFAAdapter):
    """Encrypts the secrets of second factors; allauth itself stores them in plain text."""

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(12)
        sealed = AESGCM(keys.load("seal")).encrypt(nonce, text.encode(), b"mfa")
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        data = base64.b64decode(encrypted_text)
        return AESGCM(keys.load("seal")).decrypt(data[:12], data[12:], b"mfa").decode()
