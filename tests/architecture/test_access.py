"""Nobody gets through a door that is not theirs: every URL, every role, and a rival."""

from datetime import timedelta

import pytest
from allauth.account import views
from allauth.mfa.models import Authenticator
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from batches.acts import get_acts
from customers import access
from customers.models import Customer
from imports.operations.selection import select_named
from imports.operations.split import receive_multi_upload
from partners import tenancy
from partners.operations.invitations import invite_member
from partners.roles import Permission, Role
from tests import factories
from tests.architecture import walk
from tests.proof import prove
from tests.workers import split_file
from users.acts.add import add_user
from users.acts.reset import plan_resets
from users.rules.named import read_lines

# What the sign-in library answers. A page of it that is not here, or of another library, fails the
# test: first look at what it does for a stranger, for a member, and with each method.
OF_LIBRARIES = {
    "accounts/2fa/",
    "accounts/2fa/authenticate/",
    "accounts/2fa/reauthenticate/",
    "accounts/2fa/recovery-codes/",
    "accounts/2fa/recovery-codes/download/",
    "accounts/2fa/recovery-codes/generate/",
    "accounts/2fa/totp/activate/",
    "accounts/2fa/totp/deactivate/",
    "accounts/2fa/webauthn/",
    "accounts/2fa/webauthn/add/",
    "accounts/2fa/webauthn/keys/<int:pk>/edit/",
    "accounts/2fa/webauthn/keys/<int:pk>/remove/",
    "accounts/2fa/webauthn/reauthenticate/",
    "accounts/inactive/",
    "accounts/login/",
    "accounts/logout/",
    "accounts/password/change/",
    "accounts/password/reset/",
    "accounts/password/reset/done/",
    "accounts/password/reset/key/<word:uidb36>-<str:key>/",
    "accounts/password/reset/key/done/",
    "accounts/reauthenticate/",
}
# Left out of a walk, with why.
PUBLIC_BUT_SENT_AWAY = {
    "accounts/2fa/authenticate/": "strangers have not typed a password yet",
    "accounts/logout/": "strangers are signed out already",
}
ENDS_THE_WALK = {"accounts/logout/": "the member who walks would be signed out"}
# About the member who is signed in alone, whichever role they have.
OWN_PAGES = {
    "profile/",
    "profile/address/",
    "profile/address/<str:token>/",
}

PUBLIC = {
    "accounts/2fa/authenticate/",
    "accounts/inactive/",
    "accounts/login/",
    "accounts/logout/",
    "accounts/password/reset/",
    "accounts/password/reset/done/",
    "accounts/password/reset/key/<word:uidb36>-<str:key>/",
    "accounts/password/reset/key/done/",
    "invitation/<str:token>/",
    "language/",
    "link/<str:token>/",
    "my/",
    "my/password/",
    "my/sign-in/",
    "my/sign-out/",
    "styleguide/",
}


def furnish(partner, member, word: str) -> walk.Ids:
    """Give the partner one of everything, with the word in every text."""
    with tenancy.tenant(partner.pk), transaction.atomic():
        customer = factories.customer(
            f"{word}-customer".lower(), word, (f"{word}.example".lower(),)
        )
        subscription = factories.subscription(customer, word, plans=(word,))
        user = factories.user(
            customer,
            word,
            first_name=word,
            last_name=word,
            department=word,
            job_title=word,
            contact_email=f"{word}@mail.example",
        )
        factories.user(
            customer,
            f"{word} deleted",
            deleted_at=timezone.now(),
            purge_at=timezone.now() + timedelta(days=30),
        )
        added = add_user(
            customer=customer,
            person={
                "user_name": f"{word}2@{word}.example".lower(),
                "display_name": word,
                "products": [{"subscription": str(subscription.pk), "disabled_plans": []}],
            },
            by=member,
        )
        plan_resets(customer=customer, users=[user.pk], by=member)
        domain = customer.domains.get()
        invited = invite_member(
            email=f"{word}@invited.example", role=Role.READER, is_limited=False, by=member
        )
        upload = receive_multi_upload(
            name=f"{word}.csv",
            parts=[f"Customer,User name,Display name\n{word},{word}3,{word}\n".encode()],
            options={"mode": "good"},
            by=member,
        )
        split_file(upload_id=upload.pk)
        entries = list(read_lines(f"{user.user_name}\n{word}-0"))
        selection = select_named(customer=customer, entries=entries, by=member)
    colleague = factories.member(partner, f"{word}.colleague".lower(), full_name=word)
    key = Authenticator.objects.create(
        id=walk.next_number(), user=colleague, type="webauthn", data={"name": word}
    )
    return walk.Ids(
        customer.slug,
        user.pk,
        added.batch.pk,
        subscription.pk,
        subscription.product_id,
        domain.pk,
        colleague.pk,
        invited.invitation.pk,
        upload.pk,
        selection.pk,
        key.pk,
    )


@pytest.fixture(autouse=True)
def _every_url(settings):
    walk.route_everything(settings)


@pytest.fixture
def own(northwind, alice):
    return furnish(northwind, alice, "OWN")


@pytest.fixture
def foreign(rival, mallory):
    return furnish(rival, mallory, "CANARY")


def signed_in(member) -> Client:
    client = Client(raise_request_exception=False)
    if member:
        client.force_login(member)
        # Else some pages would ask for a fresh proof first, whatever is asked of them.
        prove(client, member)
    return client


@pytest.mark.django_db(transaction=True)
def test_a_stranger_is_sent_to_sign_in(own):
    client = signed_in(None)
    wrong = []
    for door in walk.doors():
        for method in ("get", "post"):
            response = walk.ask(client, method, door.url(own.values()))
            is_sent = response.status_code == 302 and "/accounts/login/" in response["Location"]
            if is_sent == (door.is_public and door.route not in PUBLIC_BUT_SENT_AWAY):
                wrong.append((method, door.route, response.status_code))
            if not door.is_public:
                swapped = walk.ask(client, method, door.url(own.values()), htmx=True)
                if "/accounts/login/" not in swapped.headers.get("HX-Redirect", ""):
                    wrong.append(("htmx", door.route))

    assert wrong == []


def test_only_known_doors_are_public():
    assert {door.route for door in walk.doors() if door.is_public} == PUBLIC


def test_every_door_that_is_not_public_declares_a_permission():
    silent = {door.route for door in walk.doors() if not door.is_public and not door.permission}

    assert silent == OWN_PAGES | (OF_LIBRARIES - PUBLIC)


def test_every_url_of_a_library_is_known():
    assert {door.route for door in walk.doors() if not door.is_ours} == OF_LIBRARIES


def test_a_url_that_a_library_adds_is_noticed():
    stranger = walk.Door("accounts/passkeys/", views.email, ())

    assert not stranger.is_ours


@pytest.mark.django_db(transaction=True)
def test_no_method_breaks_a_page(own, alice):
    clients = [signed_in(None), signed_in(alice)]
    broken = []
    for door in walk.doors():
        for method in ("get", "post", "head", "put", "patch", "delete", "options", "trace"):
            for client in clients if door.route not in ENDS_THE_WALK else clients[:1]:
                address = door.url(own.values())
                answer = client.generic(method.upper(), address)
                if answer.status_code >= 500:
                    broken.append((method, door.route))

    assert broken == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_pages_of_the_library_take_no_other_method(own, alice, method):
    client = signed_in(alice)
    taken = [
        door.route
        for door in walk.doors()
        if not door.is_ours and getattr(client, method)(door.url(own.values())).status_code != 405
    ]

    assert taken == []


def test_every_door_of_a_customer_asks_whose_it_is():
    assert [
        door.route
        for door in walk.doors()
        if door.is_customers and not getattr(door.view, "is_customer_view", False)
    ] == []


@pytest.mark.django_db(transaction=True)
def test_a_foreign_id_answers_like_an_absent_one(own, foreign, alice, rival):
    before = walk.checksum(rival.pk)

    assert walk.leaks(signed_in(alice), own, foreign) == []
    assert walk.checksum(rival.pk) == before


@pytest.mark.django_db(transaction=True)
def test_a_rival_who_owns_another_partner_gets_no_further(own, foreign, mallory, northwind):
    before = walk.checksum(northwind.pk)

    assert walk.leaks(signed_in(mallory), foreign, own) == []
    assert walk.checksum(northwind.pk) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", Role)
def test_each_role_passes_where_its_permission_says(own, foreign, northwind, rival, role):
    member = factories.member(northwind, f"{role}.walker", role=role)
    client = signed_in(member)
    before = walk.checksum(rival.pk)
    wrong, canaries = [], []
    for door in walk.doors():
        if (door.is_public and door.is_ours) or {"token"} & set(door.names):
            continue
        if door.route in ENDS_THE_WALK:
            continue
        for method in ("get", "post"):
            response = walk.ask(client, method, door.url(own.values()))
            body = walk.bare(response)[2]
            if b"CANARY" in body:
                canaries.append(door.route)
            refused = door.permission is not None and not member.may(door.permission)
            if response.status_code >= 500 or (response.status_code == 403) < refused:
                wrong.append((method, door.route, response.status_code))

    assert wrong == []
    assert canaries == []
    assert walk.checksum(rival.pk) == before


@pytest.mark.django_db(transaction=True)
def test_a_limited_member_sees_only_chosen_customers(own, northwind, alice):
    member = factories.member(northwind, "limited", is_limited=True)
    with tenancy.tenant(northwind.pk), transaction.atomic():
        other = factories.customer("chosen", "Chosen")
        other.scopes.create(member=member)

    assert walk.leaks(signed_in(member), walk.nobodys("chosen"), own, is_same_partner=True) == []
    assert signed_in(member).get("/customers/chosen/").status_code == 200
    for url in ("/", "/customers/", "/batches/", "/search/?q=own"):
        assert b"OWN" not in walk.bare(signed_in(member).get(url))[2]


# The test of the tests: one layer alone is enough, and without both the walk finds the leak.


@pytest.fixture
def careless(monkeypatch):
    """The first layer is gone: the customer is looked up without asking whose it is."""
    monkeypatch.setattr(
        access.queries,
        "get_customer",
        lambda slug, member: Customer.objects.filter(slug=slug).first(),
    )


@pytest.fixture
def without_row_security(transactional_db):
    """The third layer is gone: no table has its policy any more."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        tables = [row[0] for row in cursor.fetchall()]
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        yield
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


@pytest.mark.django_db(transaction=True)
def test_row_security_alone_keeps_a_careless_view_from_showing(own, foreign, alice, careless):
    assert walk.leaks(signed_in(alice), own, foreign) == []


@pytest.mark.django_db(transaction=True)
def test_the_views_alone_keep_out_what_is_foreign(own, foreign, alice, without_row_security):
    assert walk.leaks(signed_in(alice), own, foreign) == []


@pytest.mark.django_db(transaction=True)
def test_the_walk_finds_what_neither_layer_stops(
    own, foreign, alice, careless, without_row_security
):
    assert walk.leaks(signed_in(alice), own, foreign) != []


def test_the_table_of_roles_is_the_products():
    granted = {role: {str(p) for p in role.permissions} for role in Role}

    assert granted[Role.OWNER] == {str(p) for p in Permission}
    assert granted[Role.ADMIN_AGENT] == granted[Role.OWNER] - {"manage_staff", "purge_users"}
    assert granted[Role.HELPDESK_AGENT] == {
        "view",
        "manage_users",
        "assign_licenses",
        "reset_passwords",
        "restore_users",
        "undo_own_batches",
        "export_lists",
        "view_own_activity",
    }
    assert granted[Role.SALES_AGENT] == {
        "view",
        "manage_customers",
        "assign_licenses",
        "manage_products",
        "undo_own_batches",
        "export_lists",
        "view_own_activity",
    }
    assert granted[Role.READER] == {"view", "view_own_activity", "view_all_activity"}


def test_every_act_can_be_undone_or_says_why_not():
    for act in get_acts():
        can_be_undone = bool(act.invert) or act.kind in {"import", "undo"}
        assert can_be_undone != bool(act.why_final), act.kind
        assert act.apply or act.kind in {"import", "undo", "queue"}
