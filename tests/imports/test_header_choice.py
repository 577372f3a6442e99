"""The page where a member names the header and the columns of a file."""

import pytest

from batches.models import Line
from imports.models import ImportColumn, Upload
from imports.queries import find_preview
from tests.imports.test_import import plan, show
from tests.imports.test_import_columns import check_again, settings_of

NO_HEADER = (
    b"mara@contoso.example,Mara Quill,Press\nodo@contoso.example,Odo Rusk,Press\n"
    b"pia@contoso.example,Pia Sorn,Print\n"
)


def people():
    lines = Line.objects.order_by("number")
    return [(line.input["user_name"], line.input["display_name"]) for line in lines]


def page_of(client, batch, **query):
    return client.get(settings_of(batch), query_params=query).content.decode()


def test_file_without_header_is_read_with_its_first_person(as_alice, contoso):
    batch = plan(as_alice, NO_HEADER)
    assert batch.state == "refused"
    page = page_of(as_alice, batch)
    assert 'value="0" id="id_header_line_0" checked' in page
    assert "Mara Quill" in page

    # Nothing but the columns needs to be named.
    check_again(
        as_alice, batch, header_line="0", shown_line="0",
        column_0="user_name", column_1="display_name", column_2="department",
    )  # fmt: skip

    assert batch.state == "planned"
    assert people() == [
        ("mara@contoso.example", "Mara Quill"),
        ("odo@contoso.example", "Odo Rusk"),
        ("pia@contoso.example", "Pia Sorn"),
    ]
    assert not ImportColumn.objects.exists()


def test_choices_without_header_stay_when_one_changes(as_alice, contoso):
    batch = plan(as_alice, NO_HEADER)
    columns = {"column_0": "user_name", "column_1": "display_name", "column_2": ""}
    check_again(as_alice, batch, header_line="0", shown_line="0", **columns)

    check_again(
        as_alice, batch, header_line="0", shown_line="0", **columns | {"column_2": "department"}
    )

    assert Line.objects.get(number=3).input["department"] == "Print"
    assert people()[0] == ("mara@contoso.example", "Mara Quill")


def test_like_columns_have_a_choice_each(as_alice, contoso):
    content = (
        b"Name,Name,E-mail,Email\nMara,Quill,mara@contoso.example,mara@home.example\n"
        b"Odo,Rusk,odo@contoso.example,odo@home.example\n"
    )
    batch = plan(as_alice, content)

    check_again(
        as_alice, batch, header_line="1", shown_line="1", column_0="first_name",
        column_1="last_name", column_2="user_name", column_3="contact_email",
    )  # fmt: skip

    assert people() == [
        ("mara@contoso.example", "Mara Quill"),
        ("odo@contoso.example", "Odo Rusk"),
    ]
    assert Line.objects.get(number=1).input["contact_email"] == "mara@home.example"
    page = page_of(as_alice, batch)
    for number, field in enumerate(["first_name", "last_name", "user_name", "contact_email"]):
        select = page.partition(f'name="column_{number}"')[2].partition("</select>")[0]
        assert f'value="{field}" selected' in select
    # What names several columns says nothing about the next file.
    assert not ImportColumn.objects.exists()


def test_any_first_line_can_be_named_as_header(as_alice, contoso):
    batch = plan(as_alice, b"Case staff\nmore,less\nWho,What\nmara,Mara Quill\n")
    assert batch.state == "refused"
    page = page_of(as_alice, batch, header_line="3")
    assert "What the column Who holds" in page
    assert "Case staff" in page

    check_again(
        as_alice, batch, header_line="3", shown_line="3",
        column_0="user_name", column_1="display_name",
    )  # fmt: skip

    assert people() == [("mara@contoso.example", "Mara Quill")]
    remembered = dict(ImportColumn.objects.values_list("header", "field"))
    assert remembered == {"who": "user_name", "what": "display_name"}


def test_known_columns_are_shown_as_read_below_another_header(as_alice, contoso):
    batch = plan(as_alice, b"Staff\nWho,Department\nmara,Press\n")

    page = page_of(as_alice, batch, header_line="2")

    select = page.partition('name="column_1"')[2].partition("</select>")[0]
    assert 'value="department" selected' in select


def test_choices_typed_stay_when_another_line_is_named(as_alice, contoso):
    batch = plan(as_alice, NO_HEADER)

    page = page_of(as_alice, batch, header_line="1", column_0="user_name")

    select = page.partition('name="column_0"')[2].partition("</select>")[0]
    assert 'value="user_name" selected' in select


def test_columns_of_another_line_are_not_chosen(as_alice, contoso):
    batch = plan(as_alice, b"User name,First name\nName,Login\nMara,mara\n")

    # The page shows the columns of the first line: without scripts, they stay.
    check_again(
        as_alice, batch, header_line="2", shown_line="1",
        column_0="first_name", column_1="user_name",
    )  # fmt: skip

    assert people() == [("mara@contoso.example", "Mara")]
    assert Line.objects.get().input["line"] == 3


@pytest.mark.parametrize("line", ["-1", "99", "x", "1.5"])
def test_line_that_is_none_is_refused(as_alice, contoso, line):
    batch = plan(as_alice, NO_HEADER)

    assert check_again(as_alice, batch, header_line=line).status_code == 422
    assert page_of(as_alice, batch, header_line=line)
    assert batch.state == "refused"


def test_page_says_which_column_is_taken(as_alice, contoso):
    batch = plan(as_alice, b"User name,Country,Usage location\nmara,DE,AT\n")

    assert Line.objects.get().input["location"] == "AT"
    assert "“Usage location” is read as “Usage location”. “Country” is used where" in show(
        as_alice, batch
    )
    assert "Used where “Usage location” is empty or can’t be read" in page_of(as_alice, batch)
    check_again(as_alice, batch, column_0="user_name", column_1="location", column_2="")
    assert Line.objects.get().input["location"] == "DE"


def test_sign_in_columns_can_be_chosen(as_alice, contoso):
    batch = plan(as_alice, b"User name,Display name,Gone\nmara,Mara,yes\n")

    check_again(
        as_alice, batch, column_0="user_name", column_1="display_name", column_2="sign_in_blocked"
    )

    columns = find_preview(batch)["columns"]
    assert columns[2]["field"] == "sign_in_blocked"


@pytest.mark.parametrize(
    "header", ["Kennwort", "TempPassword", "Mot de passe", "密码", "Notes", ""]
)
def test_passwords_are_shown_on_no_page(as_alice, contoso, header):
    content = f"Name,Email,{header}\nMara Quill,mara quill@contoso.example,Zz9!aaaa\n".encode()
    batch = plan(as_alice, content)

    pages = show(as_alice, batch) + page_of(as_alice, batch)
    pages += "".join(page_of(as_alice, batch, header_line=line) for line in "012")

    assert "Zz9!aaaa" not in pages
    assert "Zz9!aaaa" not in str([*Line.objects.values(), batch.plan, Upload.objects.get().preview])


def test_column_of_passwords_cannot_be_chosen(as_alice, contoso):
    batch = plan(as_alice, b"User name,Display name,Kennwort\nmara,Mara,Zz9!aaaa\n")

    check_again(
        as_alice, batch, column_0="user_name", column_1="display_name", column_2="department"
    )

    assert Line.objects.get().input["department"] == ""
    assert "Passwords are never read" in page_of(as_alice, batch)


def test_passwords_in_a_file_without_header_are_hidden(as_alice, contoso):
    batch = plan(as_alice, b"mara@contoso.example;Mara Quill;Zz9!aaaa\n")

    assert batch.state == "refused"
    pages = (
        show(as_alice, batch) + page_of(as_alice, batch) + page_of(as_alice, batch, header_line=1)
    )
    assert "Zz9!aaaa" not in pages
