import json

import pytest
from django.urls import reverse

from imports.models import Upload
from imports.operations.upload import read_content
from imports.read.paste import SKIP, read_options
from tests import factories
from tests.workers import check_upload

HEADER = "User name\tDisplay name\tDepartment"
ROWS = "amy\tAmy Parker\tSales\r\nbob\tBob Stone\tSales"
OPTIONS = {"mode": "good", "purpose": "create", "location": "US", "domain": "contoso.example"}


def rows_of(text, fields=(), meanings=None):
    options = read_options(text, fields, meanings or {})
    parsed = read_content(text.encode(), "", options, meanings=meanings or {})
    return [(row.line, row.values) for row in parsed.rows]


def address(name):
    return reverse(f"imports:{name}", args=["contoso"])


def check(client, rows, **options):
    answer = client.post(address("check_pasted"), OPTIONS | {"rows": rows, **options})
    assert answer.status_code == 200
    return json.loads(answer.content)


@pytest.mark.parametrize(
    ("text", "fields", "rows"),
    [
        (f"{HEADER}\namy\tAmy\tSales", (), [(2, ("amy", "Amy", "Sales"))]),
        ("User name,Display name,Department\namy,Amy,Sales", (), [(2, ("amy", "Amy", "Sales"))]),
        ("amy\tAmy\tSales", ("user_name", "display_name", "department"), [(1, ("amy", "Amy", "Sales"))]),
        (f"{HEADER}\namy\tAmy\tSales", ("", "", "job_title"), [(2, ("amy", "Amy", "Sales"))]),
        (f"{HEADER}\namy\tAmy\tSales", ("", "", SKIP), [(2, ("amy", "Amy"))]),
        ("Parker, Amy\nStone, Bob", ("display_name",), [(1, ("Parker, Amy",)), (2, ("Stone, Bob",))]),
        ('amy\t"Amy\nParker"\nbob\tBob', ("user_name", "display_name"), [(1, ("amy", "Amy\nParker")), (3, ("bob", "Bob"))]),
        ('"User\nname"\tDisplay name\namy\tAmy', ("user_name", ""), [(3, ("amy", "Amy"))]),
        ("amy\t5\" pipe", ("user_name", "display_name"), [(1, ("amy", '5" pipe'))]),
        ("amy\tAmy\tmore\tcells", ("user_name", "display_name"), [(1, ("amy", "Amy"))]),
    ],
)  # fmt: skip
def test_pasted_rows_are_read_as_a_file(text, fields, rows):
    found = [(line, set(values.values())) for line, values in rows_of(text, fields)]

    assert found == [(line, set(cells)) for line, cells in rows]


def test_chosen_column_comes_before_a_header_of_the_same_name():
    ((_line, values),) = rows_of(f"{HEADER}\tx\namy\tAmy\tSales\tHR", ("", "", "", "department"))

    assert values["department"] == "HR"


def test_choice_holds_against_remembered_columns():
    ((_line, values),) = rows_of(
        "amy\tAmy\t555", ("user_name", "display_name", "phone"), {"phone": "", "displayname": ""}
    )

    assert (values["phone"], values["display_name"]) == ("555", "Amy")


def test_pasted_rows_become_a_plan(as_alice, contoso):
    answer = as_alice.post(address("paste"), OPTIONS | {"rows": f"{HEADER}\r\n{ROWS}"})
    batch = contoso.batches.get()
    check_upload(batch_id=batch.pk)

    batch.refresh_from_db()
    assert answer.status_code == 302
    assert (batch.state, batch.total, batch.source_name) == ("planned", 2, "Pasted rows")
    assert Upload.objects.get(batch=batch).options["defaults"]["location"] == "US"


def test_columns_are_chosen_where_there_is_no_header(as_alice, contoso):
    fields = ["user_name", "display_name", "department"]
    as_alice.post(address("paste"), OPTIONS | {"rows": ROWS, "column": fields})
    batch = contoso.batches.get()
    check_upload(batch_id=batch.pk)

    lines = batch.lines.order_by("number").values_list("input__user_name", "input__department")
    assert list(lines) == [("amy@contoso.example", "Sales"), ("bob@contoso.example", "Sales")]


@pytest.mark.parametrize("rows", ["", " \r\n\t\r\n ", "x" * 1_000_001, "a\0b"])
def test_nothing_or_too_much_is_refused_with_what_was_typed(as_alice, contoso, rows):
    answer = as_alice.post(address("paste"), OPTIONS | {"rows": rows})

    assert answer.status_code == 422
    assert not contoso.batches.exists()


def test_problems_are_those_of_the_import(as_alice, contoso):
    factories.user(contoso, "Frank Old", user_name="frank@contoso.example")
    rows = f"{HEADER}\r\namy\tAmy\tSales\r\nb o\tBob\t\r\nfrank\tFrank\t\r\namy\tAmy\t"
    found = check(as_alice, rows)

    assert (found["header"], found["tone"]) == (1, "bad")
    assert {(line, column) for line, column, _tone, _text in found["problems"]} == {
        (3, 0), (4, 0), (5, 0),
    }  # fmt: skip
    assert found["columns"] == ["User name", "Display name", "Department"]
    assert found["text"] == "1 row ready. 3 rows with errors."
    assert not contoso.batches.exists()
    assert not Upload.objects.exists()


def test_lines_are_counted_where_there_is_no_header(as_alice, contoso):
    found = check(as_alice, "a b\tAmy", column=["user_name", "display_name"])

    assert (found["header"], found["problems"][0][:2]) == (0, [1, 0])


@pytest.mark.parametrize("rows", ["", "Shoe\tSize\n1\t2", HEADER, '"'])
def test_rows_that_cannot_be_read_are_explained(as_alice, contoso, rows):
    found = check(as_alice, rows)

    assert found["tone"] == "bad"
    assert found["text"].endswith(".")
    assert found["problems"] == []


def test_check_is_bounded(as_alice, contoso, django_assert_max_num_queries):
    rows = "\n".join([HEADER, *(f"u {n}\tU {n}\t" for n in range(700))])
    with django_assert_max_num_queries(30):
        found = check(as_alice, rows)

    assert len({line for line, *_rest in found["problems"]}) == 500
    assert "Only the first 500 rows are checked here." in found["text"]


def test_the_page_offers_a_textarea_without_scripts(as_alice, contoso):
    page = as_alice.get(address("paste")).content.decode()

    assert '<textarea name="rows"' in page
    for opener in (address("upload"), reverse("users:add", args=["contoso"])):
        assert address("paste") in as_alice.get(opener).content.decode()
