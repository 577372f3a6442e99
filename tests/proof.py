"""A browser in which a member has just proven again that it is them."""

import time

from django.test import Client


def prove(client: Client, member) -> Client:
    """Let the client pass for one that has typed the password again a moment ago."""
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(member.pk)
    session.save()
    return client
