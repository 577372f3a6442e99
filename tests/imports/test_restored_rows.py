"""Deleted users in a file are restored instead of getting a second account."""

import pytest

from batches.models import Batch, Line
from batches.operations.control import start_batch
from imports.check.repair import How, Kind
from imports.operations.repair import include_lines, repair_all, skip_lines
from tests import factories
from tests.imports.test_import import plan, show, start
from tests.imports.test_repair import codes, states
from tests.imports.test_same_person import chosen
from users.acts.delete import plan_deletes
from users.acts.undo import plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

FILE = (
    "User name,Display name,Usage location,Licenses\r\n"
    "mara,Mara Quill,US,Office E3\r\nodo,Odo Rusk,US,Office E3\r\n"
)
DELETED = Kind("person_deleted", "user_name")


@pytest.fixture
def mara(as_alice, contoso, office, alice):
    """A user of the file who was deleted."""
    start(as_alice, plan(as_alice, FILE.encode()))
    mara = CustomerUser.objects.get(user_name="mara@contoso.example")
    start_batch(batch=plan_deletes(customer=contoso, users=[mara.pk], by=alice), by=alice)
    return mara


def test_deleted_person_is_restored_with_licenses(as_alice, mara, alice, office):
    batch = plan(as_alice, FILE.encode())
    assert states(batch) == {1: "left_out", 2: "invalid"}
    page = show(as_alice, batch)
    assert "These users were deleted." in page
    assert "restore" in chosen(page)

    assert repair_all(batch=batch, kind=DELETED, how=How.RESTORE, by=alice).bad == 0

    batch.refresh_from_db()
    assert states(batch) == {1: "planned", 2: "invalid"}
    (seats,) = batch.plan["seats"]
    assert (seats["wanted"], seats["short"]) == (1, 0)
    page = show(as_alice, batch)
    assert "Add or restore 1 user" in page
    assert "1 deleted user is restored with the profile from before." in page
    start(as_alice, batch)
    restored = CustomerUser.objects.get(user_name="mara@contoso.example")
    assert (restored.pk, restored.deleted_at) == (mara.pk, None)
    assert office.assignments.filter(user=mara).exists()
    assert "1 user added or restored" in show(as_alice, batch)


def test_person_is_restored_without_free_seat(as_alice, mara, alice):
    others = "".join(f"u{n},U {n},US,Office E3\r\n" for n in range(4))
    start(as_alice, plan(as_alice, (FILE.partition("\r\n")[0] + "\r\n" + others).encode()))
    batch = plan(as_alice, FILE.encode())
    repair_all(batch=batch, kind=DELETED, how=How.RESTORE, by=alice)
    assert codes(batch, 1) == ["seat_short"]

    start(as_alice, batch)

    mara.refresh_from_db()
    assert mara.deleted_at is None
    assert states(batch)[1] == "partly"


def test_one_row_is_restored(as_alice, mara, alice):
    batch = plan(as_alice, FILE.encode())
    assert "Restore the deleted user<span" in show(as_alice, batch).replace("</bdi>", "")

    repair_all(batch=batch, kind=DELETED, how=How.RESTORE, number=1, by=alice)

    line = Line.objects.get(batch=batch, number=1)
    assert (line.act, line.user_id, line.state) == ("restore", mara.pk, "planned")
    skip_lines(batch=batch, numbers=[1], by=alice)
    include_lines(batch=batch, numbers=[1], by=alice)
    line.refresh_from_db()
    assert (line.act, line.state) == ("restore", "planned")


def test_second_account_is_a_choice(as_alice, mara, alice):
    batch = plan(as_alice, FILE.encode())

    repair_all(batch=batch, kind=DELETED, how=How.ACCEPT, by=alice)

    line = Line.objects.get(batch=batch, number=1)
    assert (line.act, line.state, line.problems) == ("add", "planned", [])
    assert line.user_id != mara.pk


def test_other_person_with_name_of_deleted_user_is_added(as_alice, mara, alice):
    content = FILE.replace("Mara Quill", "Mara Zorn").encode()
    batch = plan(as_alice, content)
    assert (states(batch)[1], codes(batch, 1)) == ("planned", ["user_name_deleted"])

    repair_all(batch=batch, kind=Kind("user_name_deleted", "user_name"), how=How.RESTORE, by=alice)

    assert Line.objects.get(batch=batch, number=1).act == "restore"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",Mara,Quill,", "name_deleted"),
        (",Quill,MARA,", "name_deleted"),
        ("mara.quill,Mara,Quill,mara@home.example", "contact_deleted"),
    ],
)
def test_deleted_person_without_the_user_name_is_restored(as_alice, mara, alice, row, code):
    CustomerUser.objects.filter(pk=mara.pk).update(contact_email="Mara@home.example")
    content = f"User name,First name,Last name,Contact address\r\n{row}\r\n".encode()
    batch = plan(as_alice, content)
    assert (states(batch), codes(batch, 1)[-1:]) == ({1: "left_out"}, [code])
    page = show(as_alice, batch)
    assert "Mara Quill (mara@contoso.example) was deleted" in page
    assert chosen(page) == ["restore"]

    assert repair_all(batch=batch, kind=Kind(code, "user_name"), how=How.RESTORE, by=alice).bad == 0
    start(as_alice, batch)

    mara.refresh_from_db()
    assert (mara.user_name, mara.deleted_at) == ("mara@contoso.example", None)
    assert CustomerUser.objects.count() == 2


def test_new_account_instead_of_deleted_person_is_a_choice(as_alice, mara, alice):
    batch = plan(as_alice, b"First name,Last name\r\nMara,Quill\r\n")

    repair_all(batch=batch, kind=Kind("name_deleted", "user_name"), how=How.ACCEPT, by=alice)

    assert codes(batch, 1) == ["user_name_missing"]


def test_user_name_taken_meanwhile_is_not_restored(as_alice, mara, contoso):
    factories.user(contoso, "Pia Sorn", user_name=mara.user_name)

    batch = plan(as_alice, b"First name,Last name\r\nMara,Quill\r\n")

    assert codes(batch, 1) == ["user_name_missing"]


@pytest.mark.parametrize(
    ("purpose", "code"), [("update", "user_deleted"), ("both", "person_deleted"), ("full_list", "person_deleted")]
)  # fmt: skip
def test_files_that_update_restore_too(as_alice, mara, alice, purpose, code):
    batch = plan(as_alice, FILE.encode(), purpose=purpose, max_missing="100")
    kind = Kind(code, "user_name")

    assert repair_all(batch=batch, kind=kind, how=How.RESTORE, by=alice).bad == 0

    batch.refresh_from_db()
    start_batch(batch=batch, by=alice)
    mara.refresh_from_db()
    assert mara.deleted_at is None


def test_undo_deletes_restored_user_again(as_alice, mara, alice):
    batch = plan(as_alice, FILE.encode())
    repair_all(batch=batch, kind=DELETED, how=How.RESTORE, by=alice)
    start(as_alice, batch)

    undo = plan_undo(batch=Batch.objects.get(pk=batch.pk), by=alice)
    start_batch(batch=undo, by=alice)

    mara.refresh_from_db()
    assert mara.deleted_at is not None


def test_user_purged_since_is_added(as_alice, mara, alice):
    batch = plan(as_alice, FILE.encode())
    repair_all(batch=batch, kind=DELETED, how=How.RESTORE, by=alice)
    skip_lines(batch=batch, numbers=[1], by=alice)
    CustomerUser.objects.filter(pk=mara.pk).update(user_name="gone@contoso.example")

    include_lines(batch=batch, numbers=[1], by=alice)

    line = Line.objects.get(batch=batch, number=1)
    assert (line.act, line.state) == ("add", "planned")
    assert line.user_id != mara.pk
