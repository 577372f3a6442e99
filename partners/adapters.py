"""Where allauth asks this house: no sign-up, and second factors are sealed."""

import base64
import os

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import keys


def display(member) -> str:
    """The name allauth's pages call a member by."""
    return member.name


class AccountAdapter(DefaultAccountAdapter):
    """Members are invited by their partner; nobody signs up."""

    def is_open_for_signup(self, request) -> bool:
        """Never."""
        return False


class MFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of second factors encrypted; allauth itself stores them as they are."""

    def encrypt(self, text: str) -> str:
        """Seal the text under the installation's key."""
        nonce = os.urandom(12)
        sealed = AESGCM(keys.load("seal")).encrypt(nonce, text.encode(), b"mfa")
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open what encrypt() sealed."""
        data = base64.b64decode(encrypted_text)
        return AESGCM(keys.load("seal")).decrypt(data[:12], data[12:], b"mfa").decode()
