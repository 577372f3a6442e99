from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tests import factories
from users import passwords
from users.models import CustomerUser

OWN = "purple harbor lantern seventy"


@pytest.fixture
def ann(contoso):
    """A user of Contoso with a temporary password that is valid for a week."""
    (secret,) = passwords.make_temporary_passwords(1)
    (stored,) = passwords.hash_temporary([secret])
    user = factories.user(
        contoso,
        "Ann Lee",
        user_name="ann@contoso.example",
        password=stored,
        password_state=CustomerUser.PasswordState.TEMPORARY,
        password_expires_at=timezone.now() + timedelta(days=7),
    )
    user.temporary = secret.reveal()
    return user


@pytest.fixture
def settled(ann):
    """The same user with a chosen password."""
    change(
        ann,
        password=passwords.hash_chosen(OWN),
        password_state=CustomerUser.PasswordState.CHOSEN,
        password_expires_at=None,
    )
    return ann


@pytest.fixture
def visitor():
    """A signed-out browser, with the steps of users at /my/."""
    client = Client()

    def sign_in(user_name, password):
        return client.post("/my/sign-in/", {"user_name": user_name, "password": password})

    def choose(password, **more):
        return client.post("/my/password/", {"password": password, "again": password} | more)

    return SimpleNamespace(
        client=client, cookies=client.cookies, get=client.get, sign_in=sign_in, choose=choose
    )


def change(user, **columns):
    """Change the row past all operations, as time and other members do."""
    with transaction.atomic():
        CustomerUser.objects.filter(pk=user.pk).update(**columns)
        user.refresh_from_db(fields=list(columns))
