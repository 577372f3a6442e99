"""An id of one customer means nothing at another of the same partner, wherever it is put."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from imports.operations.check import receive_file
from partners import tenancy
from partners.roles import Role
from tests import factories
from tests.handover.handing_over import add
from tests.workers import check_upload
from users.acts.reset import plan_resets
from users.models import CustomerUser

LISTS = ("reset", "delete", "block", "unblock", "licenses", "restore", "purge")


@pytest.fixture
def fabrikam(inside):
    """Another customer of Northwind."""
    return factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))


@pytest.fixture
def theirs(fabrikam):
    """A user of the other customer."""
    return factories.user(fabrikam, "Their User", location="US")


@pytest.fixture
def their_office(fabrikam):
    """A subscription of the other customer, with a seat to take."""
    return factories.subscription(fabrikam, "Their Office", plans=("Their Mail",))


def as_they_were() -> list:
    fields = ("pk", "version", "location", "is_blocked", "deleted_at", "password", "customer_id")
    return list(CustomerUser.objects.filter(customer__slug="fabrikam").values_list(*fields))


@pytest.mark.parametrize("act", LISTS)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_act_ignores_users_of_another_customer(as_alice, contoso, office, theirs, act, is_deleted):
    if is_deleted:
        CustomerUser.objects.filter(pk=theirs.pk).update(
            deleted_at="2026-11-01T00:00Z", purge_at="2026-12-01T00:00Z"
        )
    before = as_they_were()

    as_alice.post(
        f"/customers/contoso/users/{act}/",
        {"ids": str(theirs.pk), "location": "DE", "shown": "1-x", f"do_{office.pk}": "give"},
    )

    assert as_they_were() == before
    assert not Line.objects.filter(user_id=theirs.pk).exists()


@pytest.mark.parametrize("act", ["reset", "block"])
def test_among_ones_own_the_others_are_left_out(as_alice, contoso, theirs, act):
    mine = factories.user(contoso, "My User")

    as_alice.post(f"/customers/contoso/users/{act}/", {"ids": f"{theirs.pk},{mine.pk}"})

    assert list(Line.objects.values_list("user_id", flat=True)) == [mine.pk]


def test_filter_by_foreign_subscription_selects_no_users(as_alice, contoso, theirs, their_office):
    factories.user(contoso, "My User")

    as_alice.post(
        "/customers/contoso/users/reset/", {"all": "1", "query": f"lacks={their_office.pk}"}
    )

    assert not Batch.objects.exists()


def typed(**more):
    return {
        "token": str(tenancy.uuid7()),
        "display_name": "Kim",
        "user_name": "kim",
        "domain": "contoso.example",
        "location": "US",
        "kind": "user",
    } | more


@pytest.mark.parametrize("field", ["products", "plans"])
def test_user_cannot_get_license_of_another_customer(
    as_alice, contoso, office, their_office, field
):
    plan = their_office.product.plans.get()
    foreign = {"products": str(their_office.pk), "plans": str(plan.pk)}[field]

    response = as_alice.post("/customers/contoso/users/add/", typed(**{field: foreign}))

    assert response.status_code == 422
    assert not contoso.users.exists()
    their_office.refresh_from_db()
    assert their_office.assigned == 0


def test_user_cannot_get_domain_of_another_customer(as_alice, contoso, fabrikam):
    for name in (typed(domain="fabrikam.example"), typed(user_name="kim@fabrikam.example")):
        assert as_alice.post("/customers/contoso/users/add/", name).status_code == 422

    assert not contoso.users.exists()


def test_form_with_foreign_user_id_changes_no_users(as_alice, contoso, theirs):
    before = as_they_were()

    response = as_alice.post("/customers/contoso/users/add/", typed(token=str(theirs.pk)))

    assert response.status_code == 422
    assert as_they_were() == before
    assert not contoso.users.exists()


def test_repeated_form_of_colleague_keeps_set_open(client, as_alice, northwind, contoso, alice):
    batch = add(contoso, alice, "kim")
    helen = factories.member(northwind, "helen", role=Role.HELPDESK_AGENT)
    client.force_login(helen)

    client.post(
        "/customers/contoso/users/add/",
        typed(token=str(Line.objects.get(batch=batch).user_id)),
    )

    batch.refresh_from_db()
    assert batch.state == Batch.State.OPEN


def test_an_import_takes_no_license_of_another_customer(as_alice, contoso, their_office):
    file = SimpleUploadedFile("people.csv", b"user name,display name\nkim,Kim\n")

    response = as_alice.post(
        "/customers/contoso/users/import/",
        {"file": file, "mode": "good", "products": str(their_office.pk)},
    )

    assert response.status_code == 422
    assert not Batch.objects.exists()


BATCH_DOORS = (
    "",
    "finish/",
    "start/",
    "cancel/",
    "restore/",
    "rename/",
    "settings/",
    "failed/",
    "sheet/",
    "sheet/print/",
    "sheet/download/",
    "sheet/mail/",
    "sheet/handed-over/",
)


@pytest.mark.parametrize("door", BATCH_DOORS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_batch_of_another_customer_is_absent(as_alice, contoso, fabrikam, alice, door, method):
    batch = add(fabrikam, alice, "kim")

    response = getattr(as_alice, method)(f"/customers/contoso/batches/{batch.pk}/{door}")

    # The method may be refused before the batch is looked for.
    assert response.status_code in (404, 405)
    batch.refresh_from_db()
    assert (batch.state, batch.handed_over_at) == (Batch.State.OPEN, None)


@pytest.mark.parametrize("page", ["", "edit/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_user_of_another_customer_is_absent(as_alice, contoso, theirs, page, method):
    url = f"/customers/contoso/users/{theirs.pk}/{page}"

    assert getattr(as_alice, method)(url).status_code in (404, 405)


# --- Among colleagues ----------------------------------------------------------------------------


@pytest.fixture
def as_helen(client, helen):
    """A browser of the help desk."""
    client.force_login(helen)
    return client


def test_the_help_desk_cannot_start_an_owners_plan(as_helen, contoso, alice):
    person = factories.user(contoso, "Root", permissions=["global_administrator"])
    plan = plan_resets(customer=contoso, users=[person.pk], by=alice)

    for act in ("start", "cancel"):
        url = f"/customers/contoso/batches/{plan.pk}/{act}/"
        assert as_helen.post(url).status_code == 403

    plan.refresh_from_db()
    assert plan.state == Batch.State.PLANNED


def test_demoted_member_adds_no_administrators(contoso, helen, alice):
    batch = create_batch(customer=contoso, kind="import", by=helen)
    people = [
        {"user_name": "root@contoso.example", "display_name": "Root"}
        | {"permissions": ["global_administrator"]},
        {"user_name": "kim@contoso.example", "display_name": "Kim"},
    ]
    lines = [PlannedLine(tenancy.uuid7(), one) for one in people]
    save_lines(batch=batch, lines=lines)

    start_batch(batch=batch, by=helen)

    assert list(contoso.users.values_list("user_name", flat=True)) == ["kim@contoso.example"]
    failed = Line.objects.get(batch=batch, number=1)
    assert (failed.state, failed.result) == (Line.State.FAILED, {"code": "administrator"})
    assert failed.sealed is None


def test_help_desk_cannot_start_import_of_owner(as_helen, contoso, alice):
    plan = receive_file(
        customer=contoso,
        name="people.csv",
        parts=[b"user name,display name\nkim,Kim\n"],
        options={"mode": "good", "defaults": {}},
        by=alice,
    )
    check_upload(batch_id=plan.pk)

    response = as_helen.post(f"/customers/contoso/batches/{plan.pk}/settings/", {"mode": "good"})

    assert response.status_code == 403
    plan.refresh_from_db()
    assert (plan.by_id, plan.state) == (alice.pk, Batch.State.PLANNED)
