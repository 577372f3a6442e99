"""Rows that are skipped unless a member includes them: totals, notes, guests, built-in accounts."""

import pytest
from django.urls import reverse

from batches.models import Batch, Line
from imports.check.repair import How, Kind
from imports.operations.repair import include_lines, repair_all, repair_line
from imports.queries import count_repaired_rows
from tests import factories
from tests.imports.test_full_list_repairs import missing_users
from tests.imports.test_import import plan, show, start
from tests.imports.test_multi_uploads import split
from tests.imports.test_repair import codes, person, states
from tests.imports.test_validate import problems
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

HEADER = "User name,First name,Last name,Display name,Department\r\n"
KRBTGT = "krbtgt,,,krbtgt,"
GUEST = "mara_home.example#EXT#@contoso.onmicrosoft.com,Mara,Quill,Mara Quill,"
AMY = "amy,Amy,Parker,Amy Parker,"


@pytest.fixture
def planned(as_alice, contoso):
    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


def decide(batch, by, code, how, **more):
    kind = Kind(code, "" if code == "not_a_person" else "user_name")
    done = repair_all(batch=batch, kind=kind, how=how, by=by, **more)
    batch.refresh_from_db()
    return done


def names(batch):
    rows = Line.objects.filter(batch=batch).exclude(act="leave").order_by("number")
    return [(row.input["display_name"], row.state) for row in rows]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"first_name": "Total", "last_name": "2"}, "not_a_person"),
        ({"first_name": "Total:", "last_name": ""}, "not_a_person"),
        ({"display_name": "Grand total = 12"}, "not_a_person"),
        ({"display_name": "Sum"}, "not_a_person"),
        ({"display_name": "Number of users: 3"}, "not_a_person"),
        ({"display_name": "2 users"}, "not_a_person"),
        ({"display_name": "Gesamt", "department": "2"}, "not_a_person"),
        ({"last_name": "Anzahl", "first_name": "17"}, "not_a_person"),
        ({"display_name": "Zwischensumme"}, "not_a_person"),
        ({"display_name": "Sous-total"}, "not_a_person"),
        ({"display_name": "Total général : 4"}, "not_a_person"),
        ({"display_name": "合计"}, "not_a_person"),
        ({"last_name": "总计", "first_name": "2"}, "not_a_person"),
        ({"display_name": "小计：3人"}, "not_a_person"),
        ({"display_name": "共 2 人"}, "not_a_person"),
        ({"last_name": "合計", "first_name": "3名"}, "not_a_person"),
        ({"display_name": "총 인원: 3명"}, "not_a_person"),
        ({"user_name": "Total", "first_name": "2"}, "not_a_person"),
        ({"user_name": "合计"}, "not_a_person"),
        ({"user_name": "2", "display_name": "Total"}, "not_a_person"),
        ({"first_name": "Return to the office until Friday"}, "not_a_person"),
        ({"user_name": "Return to the office until Friday"}, "not_a_person"),
        ({"display_name": "Generated on 30 Nov 2026"}, "not_a_person"),
        ({"display_name": "© Contoso"}, "not_a_person"),
        ({"last_name": "第 1 页"}, "not_a_person"),
        ({"last_name": "第1页，共3页"}, "not_a_person"),
        ({"display_name": "Page 1 of 3"}, "not_a_person"),
        ({"display_name": "Seite 2"}, "not_a_person"),
        ({"display_name": "— end of list —"}, "not_a_person"),
        ({"display_name": "-----"}, "not_a_person"),
        ({"display_name": "*** Ende ***"}, "not_a_person"),
        ({"display_name": "制表人：张三"}, "not_a_person"),
        ({"display_name": "All passwords were sent to parents yesterday"}, "not_a_person"),
        ({"department": "Total"}, "not_a_person"),
        ({"user_name": "m_home.example#EXT#@contoso.com", "display_name": "M"}, "guest"),
        ({"user_name": "krbtgt", "display_name": "krbtgt"}, "built_in"),
        ({"user_name": "Guest", "display_name": "Guest"}, "built_in"),
        ({"user_name": "Gast", "display_name": ""}, "built_in"),
        ({"user_name": "Administrator@contoso.com", "display_name": "Administrator"}, "built_in"),
        ({"user_name": "DefaultAccount", "display_name": "DefaultAccount"}, "built_in"),
        ({"user_name": "SystemMailbox{1f05a927-3be2}", "display_name": "Microsoft"}, "built_in"),
        ({"user_name": "HealthMailbox0a1b2c3d4e5f@contoso.com"}, "built_in"),
        ({"user_name": "DiscoverySearchMailbox{D919BA05-46A6}@contoso.com"}, "built_in"),
        ({"user_name": "MSOL_0123456789ab", "display_name": "MSOL_0123456789ab"}, "built_in"),
        ({"user_name": "Sync_DC01_0123456789ab@contoso.com", "display_name": "Sync"}, "built_in"),
        ({"user_name": "AAD_0123456789ab", "display_name": "x"}, "built_in"),
        ({"user_name": "PC-01$", "display_name": "PC-01"}, "built_in"),
        ({"display_name": "SystemMailbox{1f05a927-3be2}"}, "built_in"),
    ],
)
def test_row_is_not_about_a_person(cells, code):
    (found,) = problems(cells)

    assert (found[2], found[4]) == (code, "warning")


@pytest.mark.parametrize(
    "cells",
    [
        {"user_name": "total", "display_name": "Total"},
        {"user_name": "total", "first_name": "Ann", "last_name": "Total"},
        {"user_name": "guest", "first_name": "Mara", "last_name": "Guest"},
        {"user_name": "4711", "first_name": "Ann", "last_name": "Sum"},
        {"first_name": "Ann", "last_name": "Total"},
        {"display_name": "María del Carmen de la Fuente y Ruiz"},
        {"display_name": "Jan van der Berg"},
        {"display_name": "mohammed bin salman al saud"},
        {"display_name": "Dr. Ann-Sofie O’Dell, M.D."},
        {"display_name": "阿卜杜拉·买买提·吐尔逊江·阿不都热依木"},
        {"display_name": "Ann Page"},
        {"display_name": "Ann Note"},
        {"display_name": "欧阳娜娜"},
        {"display_name": "Sum", "contact_email": "sum@home.example"},
        {"user_name": "sync.smith", "display_name": "Sync Smith"},
    ],
)
def test_person_stays_a_person(cells):
    assert {found[2] for found in problems(cells)} <= {"user_name_missing", "user_name_reserved"}


def test_totals_and_notes_are_skipped(as_alice, planned):
    batch = planned(AMY, ",Total,2,,", ",Return to the office until Friday,,,")

    assert states(batch) == {1: "planned", 2: "left_out", 3: "left_out"}
    assert batch.plan["counts"] == {"ready": 1, "warned": 0, "failed": 0, "skipped": 2}
    page = show(as_alice, batch)
    assert "3 rows read: 1 ready, 2 skipped." in page
    assert "These look like totals or notes, not people. They’re skipped." in page
    assert '<option value="skip" selected>Skip these rows</option>' in page
    start(as_alice, batch)
    assert list(CustomerUser.objects.values_list("display_name", flat=True)) == ["Amy Parker"]


def test_skipped_rows_are_included_together(planned, alice):
    batch = planned(AMY, KRBTGT, "guest,,,Guest,")

    assert decide(batch, alice, "built_in", How.ACCEPT).changed == 2

    assert states(batch) == {1: "planned", 2: "planned", 3: "planned"}
    assert codes(batch, 2) == []
    # “guest” still looks like a shared mailbox.
    assert batch.plan["counts"] == {"ready": 2, "warned": 1, "failed": 0, "skipped": 0}


def test_one_skipped_row_is_included(planned, alice):
    batch = planned(KRBTGT, "defaultaccount,,,DefaultAccount,", ",Total,2,,")

    decide(batch, alice, "built_in", How.ACCEPT, number=1)
    include_lines(batch=batch, numbers=[3], by=alice)

    assert states(batch) == {1: "planned", 2: "left_out", 3: "invalid"}
    assert codes(batch, 3) == ["user_name_missing"]


def test_included_row_stays_included_after_other_repairs(planned, alice):
    batch = planned("krbtgt@contoso.exmaple,,,krbtgt,")
    decide(batch, alice, "built_in", How.ACCEPT)
    kind = Kind("domain_unknown", "user_name", "contoso.exmaple")

    repair_all(batch=batch, kind=kind, how=How.SET, value="contoso.example", by=alice)

    assert (states(batch), codes(batch, 1)) == ({1: "planned"}, [])
    assert person(batch, 1)["user_name"] == "krbtgt@contoso.example"


def test_edited_row_is_included(planned, alice):
    batch = planned(",Total,2,,")
    changes = {"user_name": "total@contoso.example", "last_name": "Recall", "display_name": "T R"}

    assert repair_line(batch=batch, number=1, changes=changes, by=alice) == []

    assert states(batch) == {1: "planned"}


def test_decided_rows_are_asked_about_once(as_alice, planned, alice):
    batch = planned(AMY, KRBTGT)
    assert count_repaired_rows(batch) == 0

    assert decide(batch, alice, "built_in", How.SKIP).changed == 1

    assert states(batch) == {1: "planned", 2: "left_out"}
    assert "These are built-in accounts" not in show(as_alice, batch)
    assert count_repaired_rows(batch) == 1
    assert decide(batch, alice, "built_in", How.ACCEPT).changed == 0
    include_lines(batch=batch, numbers=[2], by=alice)
    assert states(batch) == {1: "planned", 2: "planned"}


def test_skipped_row_takes_no_name_and_no_seat(planned, alice, office):
    products = [str(office.pk)]
    batch = planned(
        "amy#EXT#,,,Amy,", *(f"u{n},,,U {n}," for n in range(5)), products=products, location="US"
    )

    assert batch.plan["counts"]["ready"] == 5
    assert batch.plan["seats"][0]["wanted"] == 5


def test_existing_user_is_no_built_in_account(as_alice, planned, contoso):
    factories.user(contoso, "Administrator", user_name="administrator@contoso.example")

    batch = planned("administrator,,,Administrator,IT", purpose="update")

    assert (states(batch), codes(batch, 1)) == ({1: "planned"}, [])


def test_multi_customer_upload_skips_totals(as_alice, contoso, alice):
    upload = split(alice, "Customer,User name,Display name\nContoso,ann,Ann\nContoso,,Total\n")

    assert states(Batch.objects.get(split_from=upload.pk)) == {1: "planned", 2: "left_out"}
    page = as_alice.get(reverse("imports:multi_upload", args=[upload.pk])).content.decode()
    assert "2 rows read: 1 ready, 1 skipped." in page


def test_user_of_skipped_row_is_missing_from_full_list(as_alice, planned, contoso, alice):
    factories.user(contoso, "Amy Parker", user_name="amy@contoso.example")
    factories.user(contoso, "Bo", user_name="bo@contoso.example")

    batch = planned("amy,Amy,Parker,,", GUEST, purpose="full_list", max_missing="100")

    assert missing_users(batch) == {"bo": "planned"}
    assert batch.plan["counts"] == {"ready": 1, "warned": 0, "failed": 0, "skipped": 1}
    assert "Skip these rows. Existing users in them are deleted" in show(as_alice, batch)
