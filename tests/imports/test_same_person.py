"""The same person in other letters, in another row, or with another user name."""

import pytest

from batches.models import Line
from imports.check.repair import EVERY, How, Kind
from imports.operations.repair import repair_all, repair_line
from tests import factories
from tests.imports.test_import import plan, show, start
from tests.imports.test_repair import codes, person, states
from tests.imports.test_validate import check, problems
from users.models import CustomerUser
from users.rules.same_person import spell_name

pytestmark = pytest.mark.django_db

HEADER = "User name,First name,Last name,Display name,Contact address\r\n"


@pytest.fixture
def planned(as_alice, contoso):
    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


@pytest.fixture
def mara(contoso):
    return factories.user(
        contoso, "Mara Quill", user_name="mara@contoso.example", contact_email="Mara@home.example"
    )


def chosen(page):
    """The preselected choices of the page."""
    return [
        part.partition('"')[0]
        for part in page.split('<option value="')[1:]
        if "selected" in part[:80]
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mara Quill", "MARA QUILL"),
        ("Mara Quill", "Quill, Mara"),
        ("Mara Quill", "  Mara   Quill "),
        ("Zoé Sørn", "Zoe Sorn"),
        ("Jörg Müller", "Joerg Mueller"),
        ("Jörg Müller", "Jorg Muller"),
        ("Ann-Lena O’Dell", "Annlena ODell"),
        ("王建国", "王 建国"),
        ("山元 ひかる", "山元ひかる"),
    ],
)
def test_spellings_of_one_name_are_recognized(one, other):
    assert not spell_name(one).isdisjoint(spell_name(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mara Quill", "Mary Quill"),
        ("Amy Ray", "May Ray"),
        ("Amy Parker", "Amy B. Parker"),
        ("王建国", "王建华"),
        ("", ""),
    ],
)
def test_other_names_are_other_people(one, other):
    assert spell_name(one).isdisjoint(spell_name(other))


def test_same_user_name_is_same_person_or_gets_suggestion():
    rows = [
        {"display_name": "Rusk, Odo", "user_name": "odo@contoso.com"},
        {"display_name": "ODO RUSK", "user_name": "Odo@contoso.com"},
        {"display_name": "Odo Zorn", "user_name": "odo@contoso.com"},
    ]

    assert problems(*rows) == [
        (3, "user_name", "same_person", "odo2@contoso.com", "error"),
        (4, "user_name", "user_name_repeated", "odo3@contoso.com", "error"),
    ]


def test_existing_user_in_other_letters_is_already_here():
    row = {"user_name": "amy.parker@contoso.com", "display_name": "PARKER, Amy"}

    assert problems(row) == [(2, "user_name", "user_name_exists", "", "error")]


@pytest.mark.parametrize("field", ["contact_email", "employee_number"])
def test_same_person_in_another_row_is_skipped(field):
    key = "mara@home.example"
    rows = [
        {"user_name": "mara", "display_name": "Mara Quill", field: key},
        {"user_name": "odo", "display_name": "Odo Quill", field: key},
        {"user_name": "mquill", "display_name": "Quill, Mara", field: key.upper()},
    ]

    (found,) = check(*rows)[1]

    assert (found.line, found.code, found.params) == (4, "person_repeated", {"first": 2})


def test_repeated_row_can_be_created_nevertheless(planned, alice):
    batch = planned("mara,,,Mara Quill,m@home.example", "mq,,,Mara Quill,m@home.example")
    assert states(batch) == {1: "planned", 2: "left_out"}

    repair_all(batch=batch, kind=Kind("person_repeated", "user_name"), how=How.ACCEPT, by=alice)

    assert (states(batch), codes(batch, 2)) == ({1: "planned", 2: "planned"}, [])


def test_user_with_other_user_name_is_recognized(as_alice, planned, mara):
    batch = planned("mara.quill,Mara,Quill,,mara@HOME.example", "odo,Odo,Quill,,mara@home.example")

    assert states(batch) == {1: "left_out", 2: "planned"}
    page = show(as_alice, batch)
    assert "Mara Quill (mara@contoso.example) has the same name and contact address." in page
    assert chosen(page) == ["skip"]
    start(as_alice, batch)
    assert set(CustomerUser.objects.values_list("display_name", flat=True)) == {
        "Mara Quill",
        "Odo Quill",
    }


def test_contact_address_that_is_a_user_name_is_recognized(planned, mara):
    batch = planned("mq,Mara,Quill,,mara@contoso.example")

    assert codes(batch, 1) == ["person_exists"]


def test_list_without_user_names_adds_people_once(as_alice, planned, alice, contoso):
    rows = (",Mara,Quill,,", ",Odo,Rusk,,", ",Mara,Quill,,m2@home.example")
    batch = planned(*rows)
    kind = Kind("user_name_missing", "user_name")
    assert repair_all(batch=batch, kind=kind, how=How.SUGGESTED, by=alice).bad == 0
    start(as_alice, batch)
    assert CustomerUser.objects.count() == 3

    again = planned(*rows, ",Mara,Quill,,", ",Mara,Quill,,m3@home.example")

    assert states(again) == dict.fromkeys((1, 2, 3, 4), "left_out") | {5: "invalid"}
    assert codes(again, 5) == ["user_name_missing"]


def test_row_without_user_name_and_any_difference_is_the_same_person(as_alice, planned, contoso):
    factories.user(contoso, "Odo Rusk", user_name="odo@contoso.example")

    batch = planned(
        ",Mara,Quill,,", ",QUILL,Mara,,", ",Mara,Quill,,m@home.example", *[",Odo,Rusk,,"] * 2
    )

    assert states(batch) == {
        1: "invalid",
        2: "left_out",
        3: "invalid",
        4: "left_out",
        5: "left_out",
    }
    assert [codes(batch, n)[-1] for n in (2, 4, 5)] == [
        "person_repeated", "name_exists", "person_repeated"
    ]  # fmt: skip


@pytest.mark.parametrize("purpose", ["both", "full_list", "update"])
def test_file_that_updates_takes_existing_user(as_alice, planned, alice, mara, purpose):
    fields = {"purpose": purpose, "max_missing": "100"}
    row = "" if purpose == "update" else "mara.quill"
    batch = planned(f"{row},Mara,Quill,,mara@home.example", **fields)
    number = Line.objects.get(batch=batch, act="add").number
    assert codes(batch, number) == ["person_known"]
    assert "suggested" in chosen(show(as_alice, batch))

    kind = Kind("person_known", "user_name")
    assert repair_all(batch=batch, kind=kind, how=How.SUGGESTED, by=alice).bad == 0

    line = Line.objects.get(batch=batch, number=number)
    assert (line.act, line.user_id, line.state) == ("update", mara.pk, "planned")
    assert not Line.objects.filter(batch=batch, act="leave", state="planned").exists()


@pytest.mark.parametrize(
    ("first", "last"), [("Zoe", "Sorn"), ("SØRN", "ZOÉ"), ("Zoé", "Soern"), ("Zoé  ", "Sørn")]
)
def test_existing_name_is_found_in_other_letters(planned, contoso, first, last):
    factories.user(contoso, "Sørn, Zoé", user_name="z@contoso.example")

    assert codes(planned(f",{first},{last},,"), 1) == ["name_exists"]


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ("Mara Quill", "Dr. Mara J. Quill (Press)", "same_person"),
        ("M. Quill", "Mara Quill", "same_person"),
        ("Mara Quill", "Mary Quill", "user_name_repeated"),
        ("M. Q.", "Mara Quill", "user_name_repeated"),
        ("Mara", "Mara Quill", "user_name_repeated"),
    ],
)
def test_longer_and_shorter_names_with_one_user_name(one, other, code):
    rows = [{"display_name": name, "user_name": "mara@contoso.com"} for name in (one, other)]

    assert [found[2] for found in problems(*rows)] == [code]


@pytest.mark.parametrize(
    ("field", "one", "other", "code"),
    [
        ("employee_number", "1", "2", "user_name_repeated"),
        ("contact_email", "a@home.example", "b@home.example", "user_name_repeated"),
        ("contact_email", "a@home.example", "A@home.example", "same_person"),
        ("department", "Press", "Print", "same_person"),
    ],
)
def test_people_of_one_user_name_and_name_differ(field, one, other, code):
    rows = [
        {"display_name": "Mara Quill", "user_name": "mara@contoso.com", field: value}
        for value in (one, other)
    ]

    assert [found[2] for found in problems(*rows)] == [code]


def test_suggestions_make_no_second_account_of_a_person(as_alice, planned, alice):
    batch = planned("mara,,,Mara Quill,", "mara,,,Mara Quill,", "mara,,,Pia Sorn,")
    page = show(as_alice, batch)
    assert sorted(chosen(page)) == ["skip", "suggested"]
    assert "Create another account, such as mara2@contoso.example" in page

    repair_all(batch=batch, kind=EVERY, how=How.SUGGESTED, by=alice)

    assert states(batch) == {1: "planned", 2: "invalid", 3: "planned"}
    assert codes(batch, 2) == ["same_person"]
    repair_all(batch=batch, kind=Kind("same_person", "user_name"), how=How.SUGGESTED, by=alice)
    assert states(batch) == {1: "planned", 2: "planned", 3: "planned"}


def test_new_account_for_known_person_is_a_choice(planned, alice, mara):
    batch = planned("mara.quill,Mara,Quill,,mara@home.example", purpose="both")

    repair_all(batch=batch, kind=Kind("person_known", "user_name"), how=How.ACCEPT, by=alice)

    assert (states(batch), codes(batch, 1)) == ({1: "planned"}, [])
    assert Line.objects.get(batch=batch).act == "add"


def test_renamed_row_is_no_known_person(planned, alice, mara):
    batch = planned("mara.quill,Mara,Quill,,mara@home.example", purpose="both")
    changes = {"user_name": "mara2@contoso.example"}

    assert repair_line(batch=batch, number=1, changes=changes, by=alice) == []

    assert person(batch, 1)["user_name"] == "mara2@contoso.example"
