"""A list of people, pasted or in a file, becomes a selection on the list of users."""

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from partners.roles import Role
from tests import factories
from tests.imports.samples import workbook
from users.acts.selection import delete_old_selections
from users.models import CustomerUser, Selection

LIST = "/customers/contoso/users/"
SELECT = f"{LIST}select/"


@pytest.fixture
def people(contoso):
    return {
        name: factories.user(
            contoso, f"{name} Lee", user_name=f"{name.lower()}@contoso.example", location="US"
        )
        for name in ("Ann", "Ben", "Cy", "Dora")
    }


def delete(user) -> None:
    now = timezone.now()
    CustomerUser.objects.filter(pk=user.pk).update(
        deleted_at=now, purge_at=now + timedelta(days=30)
    )


def paste(client, text, **more):
    return client.post(SELECT, {"people": text, **more}, follow=True)


def upload(client, name, content, **more):
    return client.post(SELECT, {"file": SimpleUploadedFile(name, content), **more}, follow=True)


def selected() -> list[str]:
    """The first names in the last selection."""
    names = dict(CustomerUser.objects.values_list("pk", "display_name"))
    return [names[pk].split()[0] for pk in Selection.objects.latest("pk").users]


def page(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def typed(answer) -> str:
    """What stands in the field of the list."""
    return answer.context["form"]["people"].value()


def shown(answer) -> list[str]:
    return [row.user.display_name.split()[0] for row in answer.context["list"].rows]


def test_users_found_are_the_list(as_alice, people):
    answer = paste(as_alice, "cy@contoso.example\nLee, Ann")

    assert answer.redirect_chain[-1][0].startswith(f"{LIST}?selection=")
    assert shown(answer) == ["Ann", "Cy"]
    text = page(answer)
    assert "data-selection-given" in text
    assert "Remove the filter Selection: From a list" in text


def test_acts_take_all_of_the_selection(as_alice, people):
    address = paste(as_alice, "cy@contoso.example\nLee, Ann").redirect_chain[-1][0]
    query = address.partition("?")[2]

    as_alice.post(f"{LIST}block/", {"all": "1", "query": query, "counted": "2"})

    assert [line.input["display_name"] for line in Line.objects.order_by("number")] == [
        "Ann Lee",
        "Cy Lee",
    ]
    assert "moved" not in Batch.objects.get().plan


def test_selection_can_be_filtered_and_searched(as_alice, people):
    CustomerUser.objects.filter(pk=people["Ann"].pk).update(is_blocked=True)
    address = paste(as_alice, "ann\nben\ncy").redirect_chain[-1][0]

    assert shown(as_alice.get(f"{address}&status=blocked")) == ["Ann"]
    assert shown(as_alice.get(f"{address}&q=be")) == ["Ben"]
    assert shown(as_alice.get(f"{address}&sort=-name")) == ["Cy", "Ben", "Ann"]
    assert "data-selection-given" not in page(as_alice.get(f"{address}&status=blocked"))


def test_entries_without_user_have_reasons(as_alice, people, contoso):
    factories.user(contoso, "Ann Lee", department="Sales")
    delete(people["Ben"])

    answer = paste(as_alice, "Ann Lee\nben\ncy\nnobody@else.example\ncy@contoso.example")

    assert answer.redirect_chain[-1][0].startswith(SELECT)
    text = page(answer)
    assert "1 user found" in text
    assert "4 entries select no users." in text
    for reason in (
        "Several users match. Select the ones you mean.",
        "Deleted on ",
        "No user here has this name or address.",
        "The same user as in line 3.",
    ):
        assert reason in text
    assert "Sales" in text
    assert selected() == ["Ben", "Cy"]


def test_chosen_users_are_added(as_alice, people, contoso):
    other = factories.user(contoso, "Ann Lee")
    address = paste(as_alice, "Ann Lee\ncy").redirect_chain[-1][0]

    answer = as_alice.post(address, {"do": "active", "users": [str(other.pk)]}, follow=True)

    assert answer.redirect_chain[-1][0].startswith(f"{LIST}?selection=")
    assert {row.user.pk for row in answer.context["list"].rows} == {other.pk, people["Cy"].pk}
    assert "select no user" not in page(answer)


def test_entries_can_be_corrected(as_alice, people):
    answer = paste(as_alice, "ann\nbne\nnobody")
    assert typed(answer) == "bne\nnobody"

    answer = as_alice.post(
        answer.redirect_chain[-1][0], {"do": "again", "people": "ben\nnobody"}, follow=True
    )

    assert typed(answer) == "nobody"
    assert selected() == ["Ann", "Ben"]


def test_entries_left_open_are_said_on_the_list(as_alice, people):
    address = paste(as_alice, "ann\nbne").redirect_chain[-1][0]

    answer = as_alice.post(address, {"do": "active"}, follow=True)

    assert "1 entry of your list selects no user." in page(answer)
    assert shown(answer) == ["Ann"]


def test_repeated_lines_do_not_stop(as_alice, people):
    answer = paste(as_alice, "ann\nben\nann")

    assert shown(answer) == ["Ann", "Ben"]
    assert "1 entry of your list selects no user." in page(answer)


def test_deleted_users_can_be_selected(as_alice, people):
    delete(people["Ann"])
    delete(people["Ben"])
    address = paste(as_alice, "ann\nben\ncy").redirect_chain[-1][0]

    answer = as_alice.post(address, {"do": "deleted"}, follow=True)

    assert "tab=deleted&selection=" in answer.redirect_chain[-1][0]
    assert sorted(shown(answer)) == ["Ann", "Ben"]
    query = answer.redirect_chain[-1][0].partition("?")[2]
    as_alice.post(f"{LIST}restore/", {"all": "1", "query": query})
    assert Batch.objects.get().total == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "leavers.csv",
            "User name,Display name\nann@contoso.example,Ann\nben@contoso.example,Ben\n",
        ),
        ("leavers.csv", "ann@contoso.example\nben@contoso.example\n"),
        ("leavers.txt", "Lee, Ann\nLee, Ben\n"),
        ("leavers.csv", "Name\nLee, Ann\nLee, Ben\n"),
        ("leavers.csv", "Display name;Department\nAnn Lee;Sales\nBen Lee;Sales\n"),
        ("leavers.csv", "ann@contoso.example;Ann\nben@contoso.example;Ben\n"),
        ("名单.csv", "姓名,部门\nAnn Lee,销售\nBen Lee,销售\n"),
    ],
)
def test_file_names_users(as_alice, people, name, content):
    upload(as_alice, name, content.encode())

    assert set(selected()) == {"Ann", "Ben"}


@pytest.mark.parametrize(
    "rows",
    [
        [["User name"], ["ann@contoso.example"], ["ben@contoso.example"]],
        [["ann@contoso.example"], ["ben@contoso.example"]],
        [["Ann", "Lee"], ["Ben", "Lee"]],
        [["1", "Ann Lee", "Sales"], ["2", "Ben Lee", "Sales"]],
    ],
)
def test_workbook_names_users(as_alice, people, rows):
    upload(as_alice, "leavers.xlsx", workbook(rows))

    assert selected() == ["Ann", "Ben"]


def test_pasted_table_is_read_by_its_header(as_alice, people):
    paste(
        as_alice,
        "Department\tUser name\tName\nSales\tann@contoso.example\tX\nIT\tben@contoso.example\tY",
    )

    assert selected() == ["Ann", "Ben"]


def test_text_and_file_are_one_list(as_alice, people):
    upload(as_alice, "leavers.csv", b"User name\nann\n", people="ben")

    assert set(selected()) == {"Ann", "Ben"}


def test_refused_file_loses_no_text(as_alice, people):
    answer = upload(as_alice, "leavers.xlsx", b"%PDF-1.7", people="ann\r\nben")

    assert answer.status_code == 422
    assert "looks like PDF" in answer.content.decode()
    assert typed(answer) == "ann\r\nben"
    assert not Selection.objects.exists()


def test_empty_list_is_refused(as_alice, people):
    for sent in ({"people": ""}, {"people": " \r\n \0 ;;"}):
        answer = as_alice.post(SELECT, sent)
        assert answer.status_code == 422
        assert "Enter at least one user, or choose a file." in answer.content.decode()


def test_too_long_list_is_refused_with_its_text(as_alice, people):
    text = "a\n" * 100_001

    answer = as_alice.post(SELECT, {"people": text})

    assert answer.status_code == 422
    assert "more than 100000 rows" in answer.content.decode()
    assert typed(answer) == text


@pytest.mark.parametrize(
    "sent", ["x" * 1_000_000, "ann%00%40contoso.example%00%00", "%ED%A0%80", "%E2%80%AEann%ff"]
)
def test_hostile_text_is_answered(as_alice, people, sent):
    form = "application/x-www-form-urlencoded"
    answer = as_alice.post(SELECT, f"people={sent}", content_type=form, follow=True)

    assert answer.status_code == 200
    assert answer.redirect_chain


def test_ids_of_others_are_refused(as_alice, people, contoso):
    """Neither users of other customers nor users that were no choice."""
    fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    theirs = factories.user(fabrikam, "Bo", user_name="bo@fabrikam.example")
    factories.user(contoso, "Ann Lee")
    address = paste(as_alice, "Ann Lee\ncy\nbo@fabrikam.example").redirect_chain[-1][0]

    for user in (theirs, people["Ben"]):
        answer = as_alice.post(address, {"do": "active", "users": [str(user.pk)]})
        assert answer.status_code == 422
    assert selected() == ["Cy"]


def test_selection_of_another_customer_selects_no_users(as_alice, people, contoso):
    fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    factories.user(fabrikam, "Bo", user_name="bo@fabrikam.example")
    paste(as_alice, "ann\nben")
    selection = Selection.objects.get()

    theirs = as_alice.get(f"/customers/fabrikam/users/?selection={selection.pk}")
    assert theirs.context["list"].rows == []
    assert "This selection is no longer available." in page(theirs)
    assert as_alice.get(f"/customers/fabrikam/users/select/{selection.pk}/").status_code == 404
    as_alice.post(
        "/customers/fabrikam/users/delete/", {"all": "1", "query": f"selection={selection.pk}"}
    )
    assert not Batch.objects.exists()


def test_ids_of_other_customers_in_a_selection_select_no_users(as_alice, people, contoso, alice):
    """As if a row of the table had been forged."""
    fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    theirs = factories.user(fabrikam, "Bo", user_name="bo@fabrikam.example")
    forged = Selection.objects.create(
        customer=contoso, by=alice, users=[theirs.pk, people["Ann"].pk, uuid4()]
    )

    as_alice.post(f"{LIST}delete/", {"all": "1", "query": f"selection={forged.pk}"})

    assert [line.user_id for line in Line.objects.all()] == [people["Ann"].pk]


def test_entries_are_shown_to_their_member_alone(as_alice, people, client, northwind):
    address = paste(as_alice, "ann\nsecret name").redirect_chain[-1][0]
    query = f"selection={Selection.objects.get().pk}"
    client.force_login(factories.member(northwind, "bob"))

    assert client.get(address).status_code == 404
    assert client.post(f"{address}not-found.csv").status_code == 404
    colleague = client.get(f"{LIST}?{query}")
    assert shown(colleague) == ["Ann"]
    assert "of your list" not in page(colleague)


@pytest.mark.parametrize("selection", ["x", uuid4(), ""])
def test_unknown_selection_selects_no_users(as_alice, people, selection):
    as_alice.post(f"{LIST}delete/", {"all": "1", "query": f"selection={selection}&q=zzz"})

    assert not Batch.objects.exists()


def test_old_selections_are_deleted(as_alice, people):
    paste(as_alice, "ann\nben")
    paste(as_alice, "cy\nben")
    old = Selection.objects.earliest("pk")
    Selection.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))

    delete_old_selections()

    assert Selection.objects.get() != old


def test_entries_without_user_can_be_downloaded(as_alice, people):
    delete(people["Ben"])
    address = paste(as_alice, "ann\n=cmd()\nben").redirect_chain[-1][0]

    answer = as_alice.post(f"{address}not-found.csv")

    rows = list(csv.reader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert rows[0] == ["Line", "Entry", "Reason", "Users"]
    assert rows[1][:2] == ["2", "'=cmd()"]
    assert rows[2][1] == "ben"
    assert rows[2][3] == "ben@contoso.example"
    event = Event.objects.get(action="import.names_exported")
    assert event.after == {"lines": 2, "file": "csv"}
    assert "cmd" not in str(event.subject_name)


def test_search_for_several_users_offers_the_selection(as_alice, people):
    text = page(as_alice.get(LIST, {"q": "ann@contoso.example; ben@contoso.example"}))

    assert "Select these 2 users" in text
    assert f'action="{SELECT}"' in text
    for query in ("Lee, Ann Bo", "ann", "zzz"):
        assert "Your search names several users." not in page(as_alice.get(LIST, {"q": query}))


def test_reader_selects_nothing(client, people, northwind):
    client.force_login(factories.member(northwind, "rae", Role.READER))

    assert "Select from a list" not in page(client.get(LIST))


def test_without_scripts_the_bar_acts_on_the_selection(as_alice, people):
    text = page(paste(as_alice, "ann\nben"))

    selection = Selection.objects.get()
    assert f'name="query" value="selection={selection.pk}"' in text
    assert 'name="all" value="1"' in text
    assert 'name="counted" value="2"' in text
    assert "2 selected" in text


def test_a_hundred_thousand_names_are_one_selection(
    as_alice, people, django_assert_max_num_queries
):
    text = "\n".join(f"user{number}@contoso.example" for number in range(99_996))

    with django_assert_max_num_queries(40):
        answer = paste(as_alice, f"{text}\nann\nben\ncy\nDora Lee")

    assert "4 users found" in page(answer)
    assert "Only the first 200 are shown here." in page(answer)
    assert "</textarea>" not in page(answer)


def test_long_word_as_header_is_read_at_once(as_alice, people):
    """A pattern that tries all ways to cut a word would not end in years."""
    answer = paste(as_alice, "Wolfeschlegelsteinhausenbergerdorff" * 3)

    assert "0 users found" in page(answer)
