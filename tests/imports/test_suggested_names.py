"""Suggested user names are free at the customer and in the file; all are taken in one round."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from batches.models import Line
from customers.models import Domain
from imports.check.repair import EVERY, How, Kind
from imports.operations.repair import repair_all, repair_line
from tests import factories
from tests.imports.test_import import plan, show
from tests.imports.test_large_repairs import work
from tests.imports.test_repair import person, states
from tests.imports.test_validate import check, people
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

HEADER = "User name,First name,Last name,Department\r\n"


@pytest.fixture
def planned(as_alice, contoso):
    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


def apply_all(batch, by):
    done = repair_all(batch=batch, kind=EVERY, how=How.SUGGESTED, by=by)
    batch.refresh_from_db()
    return done


def user_names(batch):
    lines = Line.objects.filter(batch=batch).order_by("number")
    return [line.input["user_name"].partition("@")[0] for line in lines]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_suggestion_is_free_at_customer(planned, alice, contoso, is_deleted):
    factories.user(contoso, "Jan Quill", user_name="j.quill@contoso.example")
    for taken in ("jo.quill", "joq"):
        user = factories.user(contoso, taken, user_name=f"{taken}@contoso.example")
        if is_deleted:
            CustomerUser.objects.filter(pk=user.pk).update(
                deleted_at=timezone.now(), purge_at=timezone.now()
            )
    batch = planned("j.quill,Jo,Quill,")

    assert apply_all(batch, alice).bad == 0

    assert user_names(batch) == ["quill.jo"]


def test_numbered_names_are_found_in_one_round(planned, alice, contoso):
    for name in ("alee", *(f"alee{number}" for number in range(2, 130))):
        factories.user(contoso, f"{name} x", user_name=f"{name}@contoso.example")
    batch = planned("alee,,Lee,", "alee,,Leeds,", "alee131,A,B,")

    assert apply_all(batch, alice).bad == 0

    assert user_names(batch) == ["alee130", "alee132", "alee131"]


def test_thousands_of_namesakes_get_names():
    rows = [{"first_name": "Mara", "last_name": "Quill", "phone": f"{n}"} for n in range(5_000)]

    suggestions = [one.suggestion for one in check(*rows)[1]]

    assert len(set(suggestions)) == 5_000
    assert "" not in suggestions


def test_repaired_row_takes_no_name_suggested_for_another(planned, alice):
    batch = planned(",Mara,Quill,", "amy,Amy,Parker,")
    changes = {"user_name": "", "first_name": "Mara", "last_name": "Quill"}

    (problem,) = repair_line(batch=batch, number=2, changes=changes, by=alice)

    assert problem.suggestion == "m.quill@contoso.example"


def test_all_suggestions_are_applied_at_once(as_alice, planned, alice):
    batch = planned(",Mara,Quill,Press", ",Odo,Rusk,Press", ",Mara,Quill,Print", "zo e,Zoe,Zorn,")
    assert "Apply all suggestions" in show(as_alice, batch)
    url = reverse("imports:apply_suggestions", args=["contoso", batch.pk])

    page = as_alice.post(url, follow=True).content.decode()

    assert "4 rows changed." in page
    assert "Apply all suggestions" not in page
    assert set(states(batch).values()) == {"planned"}
    assert user_names(batch) == ["mara.quill", "odo.rusk", "m.quill", "zo.e"]


def test_nothing_is_applied_without_suggestions(as_alice, planned, alice):
    batch = planned("amy,Amy,Parker,")

    assert "Apply all suggestions" not in show(as_alice, batch)
    assert apply_all(batch, alice).changed == 0


def test_worker_applies_suggestions_of_large_plan(planned, alice, monkeypatch):
    monkeypatch.setattr("imports.operations.repair.MAX_LINES_AT_ONCE", 2)
    batch = planned(",Mara,Quill,", ",Odo,Rusk,", ",Mara,Quill,Print")

    assert apply_all(batch, alice).is_in_worker
    work(batch)

    assert set(states(batch).values()) == {"planned"}


def test_skipped_rows_keep_their_suggestions(planned, alice):
    batch = planned("zo e,Zoe,Zorn,", "am y,Amy,Parker,")
    repair_all(
        batch=batch, kind=Kind("user_name_bad_character", "user_name"), how=How.SKIP, number=1,
        by=alice,
    )  # fmt: skip

    assert apply_all(batch, alice).changed == 1

    assert states(batch) == {1: "left_out", 2: "planned"}


def test_suggestions_take_as_many_statements_for_fifty_rows(planned, alice):
    counts = []
    for number in (1, 50):
        batch = planned(*(f",Mara{number},Quill,{n}" for n in range(number)))
        with CaptureQueriesContext(connection) as queries:
            apply_all(batch, alice)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("choice", ["", "branch.example"])
def test_names_are_suggested_with_chosen_domain(planned, alice, contoso, choice):
    Domain.objects.create(customer=contoso, name="branch.example", is_verified=True)
    batch = planned(",Mara,Quill,", ",Mara,Quill,Print", "odo,Odo,Rusk,", domain=choice)

    assert apply_all(batch, alice).bad == 0

    assert [person(batch, n)["user_name"] for n in (1, 2, 3)] == [
        f"{name}@{choice or 'contoso.example'}" for name in ("mara.quill", "m.quill", "odo")
    ]


JAPANESE = [
    {"last_name": "山元", "first_name": "ひかる", "latin_last_name": "yamamoto", "latin_first_name": "hikaru"},
    {"last_name": "須本", "first_name": "美智", "latin_last_name": "Sumoto", "latin_first_name": "Michi"},
]  # fmt: skip


def test_japanese_names_keep_their_order():
    assert [one["display_name"] for one in people(*JAPANESE)] == ["山元 ひかる", "須本 美智"]
    assert [one.suggestion for one in check(*JAPANESE)[1]] == [
        "hikaru.yamamoto@contoso.com",
        "michi.sumoto@contoso.com",
    ]


@pytest.mark.parametrize(
    ("cells", "display_name", "suggestion"),
    [
        ({"last_name": "さとう", "first_name": "ゆうき"}, "さとう ゆうき", "yuki.sato"),
        ({"last_name": "キョウ", "first_name": "シュンッペイ"}, "キョウ シュンッペイ", "shunppei.kyo"),
        ({"last_name": "김", "first_name": "민준"}, "김민준", "minjun.gim"),
        ({"display_name": "박 서연"}, "박 서연", "seoyeon.bak"),
        ({"last_name": "山田", "first_name": "太郎", "latin_name": "やまだ たろう"}, "山田 太郎", "taro.yamada"),
        ({"last_name": "山田", "first_name": "太郎", "latin_name": "YAMADA Taro"}, "山田 太郎", "taro.yamada"),
        ({"last_name": "王", "first_name": "建国", "latin_first_name": "Jianguo", "latin_last_name": "Wong"},
         "王建国", "jianguo.wong"),
        ({"last_name": "王", "first_name": "建国"}, "王建国", "jianguo.wang"),
        ({"last_name": "山田", "first_name": "太郎", "contact_email": "taro.y@home.example"},
         "山田 太郎", "taro.y"),
        ({"last_name": "山田", "first_name": "太郎"}, "山田 太郎", ""),
    ],
)  # fmt: skip
def test_names_are_spelled_as_they_are_read(cells, display_name, suggestion):
    made, found = check(cells)

    assert made[0].input["display_name"] == display_name
    assert found[0].suggestion == (f"{suggestion}@contoso.com" if suggestion else "")


def test_header_language_makes_names_japanese():
    row = {"last_name": "林", "first_name": "学"}

    assert people(row)[0]["display_name"] == "林学"
