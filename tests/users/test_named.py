"""Lists of people as mails and spreadsheets have them: who is meant by each line."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import factories
from users.models import CustomerUser
from users.queries.named import find_named
from users.rules.named import TEXT_LIMIT, name_key, read_lines, read_row


def user(customer, display_name, user_name="", **fields):
    if user_name:
        fields["user_name"] = user_name
    return factories.user(customer, display_name, **fields)


def delete(found) -> None:
    now = timezone.now()
    CustomerUser.objects.filter(pk=found.pk).update(
        deleted_at=now, purge_at=now + timedelta(days=30)
    )


def find(customer, text):
    return find_named(customer, list(read_lines(text)))


def reasons(found) -> list[tuple]:
    return [(one.text, one.code) for one in found.unmatched]


@pytest.fixture
def people(contoso):
    return {
        "mara": user(
            contoso, "Mara Quill", "mara.quill@contoso.example", contact_email="Mara@home.example"
        ),
        "zoe": user(contoso, "Zoë Ångström", "zoe@contoso.example"),
        "odell": user(contoso, "Pat O’Dell", "pat.o'dell@contoso.example"),
        "jianguo": user(contoso, "王建国", "wjg@contoso.example"),
        "taro": user(contoso, "山田 太郎", "taro@contoso.example"),
        "student": user(contoso, "Student One", "20260017@contoso.example"),
    }


@pytest.mark.parametrize(
    ("text", "who"),
    [
        # user names
        ("mara.quill@contoso.example", "mara"),
        ("MARA.Quill@Contoso.Example", "mara"),
        ("mara.quill＠contoso．example", "mara"),
        ("mailto:mara.quill@contoso.example?subject=Bye", "mara"),
        ("SMTP:mara.quill@contoso.example", "mara"),
        ("<mara.quill@contoso.example>", "mara"),
        ("“mara.quill@contoso.example”,", "mara"),
        ("mara.quill@contoso.example.", "mara"),
        ("mara.\u200bquill@contoso.example\ufeff", "mara"),
        ("pat.o’dell@contoso.example", "odell"),
        ("mara.quill", "mara"),
        ("CONTOSO\\mara.quill", "mara"),
        ("20260017", "student"),
        # contact addresses
        ("mara@HOME.example", "mara"),
        # with a name
        ("Mara Quill <mara.quill@contoso.example>", "mara"),
        ("Quill, Mara (mara.quill@contoso.example)", "mara"),
        ("Mara Quill, mara.quill@contoso.example", "mara"),
        ("3\tMara\tQuill\tSales\tmara.quill@contoso.example", "mara"),
        ("Sales\tmara@home.example\tmara.quill@contoso.example", "mara"),
        # names
        ("Mara Quill", "mara"),
        ("mara QUILL", "mara"),
        ("Quill, Mara", "mara"),
        ("Quill Mara", "mara"),
        ("Mara\tQuill", "mara"),
        ("Mara Quill\tSales", "mara"),
        ("Zoe Angstrom", "zoe"),
        ("ANGSTRÖM, ZOË", "zoe"),
        ("Pat O'Dell", "odell"),
        ("王建国", "jianguo"),
        ("王 建国", "jianguo"),
        ("王，建国", "jianguo"),
        ("山田太郎", "taro"),
        # bullets and quotes of mails
        ("- Mara Quill", "mara"),
        ("• mara.quill@contoso.example", "mara"),
        ("12. Mara Quill", "mara"),
        ("2、王建国", "jianguo"),
        ("> > mara.quill@contoso.example", "mara"),
        ("[ ] Mara Quill", "mara"),
    ],
)
def test_line_names_its_user(contoso, people, text, who):
    found = find(contoso, text)

    assert (found.users, found.unmatched) == ([people[who].pk], [])


@pytest.mark.parametrize(
    "text",
    [
        "mara.quill@contoso.example\r\nzoe@contoso.example",
        "mara.quill@contoso.example; zoe@contoso.example;",
        "mara.quill@contoso.example, zoe@contoso.example",
        "mara.quill@contoso.example zoe@contoso.example",
        "Mara Quill <mara.quill@contoso.example>, Zoë <zoe@contoso.example>",
        "Quill, Mara <mara.quill@contoso.example>; Ångström, Zoë <zoe@contoso.example>",
        "Mara Quill；Zoë Ångström",
        "Mara Quill, Zoe Angstrom",
        "Quill, Mara\n\n  Angstrom, Zoe  \n",
        "Mara Quill\u2028Zoe Angstrom",
    ],
)
def test_text_names_several_users(contoso, people, text):
    found = find(contoso, text)

    assert (found.users, found.unmatched) == ([people["mara"].pk, people["zoe"].pk], [])


def test_names_with_chinese_commas_are_several(contoso, people):
    other = user(contoso, "李娜")

    for text in ("王建国、李娜", "王建国，李娜", "王建国,李娜"):
        assert find(contoso, text).users == [people["jianguo"].pk, other.pk]


def test_user_name_wins_over_contact_address(contoso):
    other = user(contoso, "Ben", contact_email="ann@contoso.example")
    ann = user(contoso, "Ann", "ann@contoso.example")

    found = find(contoso, "ann@contoso.example")

    assert found.users == [ann.pk] != [other.pk]


def test_users_of_one_name_are_not_selected(contoso):
    pair = [user(contoso, "Ann Lee"), user(contoso, "Lee, Ann")]

    found = find(contoso, "ann lee")

    assert found.users == []
    assert reasons(found) == [("ann lee", "several")]
    assert set(found.unmatched[0].users) == {str(one.pk) for one in pair}


def test_local_part_at_two_domains_is_not_selected(contoso):
    for domain in ("contoso.example", "contoso.test"):
        user(contoso, "Ann", f"ann@{domain}")

    assert reasons(find(contoso, "ann")) == [("ann", "several")]


def test_shared_contact_address_is_not_selected(contoso):
    for name in ("Ann", "Ben"):
        user(contoso, name, contact_email="family@home.example")

    assert reasons(find(contoso, "family@home.example")) == [("family@home.example", "several")]


def test_other_address_with_known_name_is_only_suggested(contoso, people):
    found = find(contoso, "Mara Quill <mara@elsewhere.example>")

    assert found.users == []
    assert reasons(found) == [("Mara Quill <mara@elsewhere.example", "perhaps")]
    assert found.unmatched[0].users == [str(people["mara"].pk)]


def test_first_name_in_a_cell_is_no_user_name(contoso, people):
    user(contoso, "Mara Bent", "mara@contoso.example")

    assert find(contoso, "Mara\tQuill").users == [people["mara"].pk]


@pytest.mark.parametrize("text", ["ann@contoso.example", "ann", "Ann Lee"])
def test_deleted_user_is_named_as_deleted(contoso, text):
    ann = user(contoso, "Ann Lee", "ann@contoso.example")
    delete(ann)

    found = find(contoso, text)

    assert found.users == [ann.pk]
    assert reasons(found) == [(text, "deleted")]


def test_active_user_wins_over_deleted_one(contoso):
    delete(user(contoso, "Ann Lee", "ann@contoso.example"))
    ann = user(contoso, "Ann Lee", "ann@contoso.example")

    for text in ("ann@contoso.example", "ann", "Ann Lee"):
        assert (find(contoso, text).users, find(contoso, text).unmatched) == ([ann.pk], [])


def test_namesake_of_deleted_user_is_not_selected(contoso):
    """The address says which of them left."""
    gone = user(contoso, "Ann Lee", "ann@contoso.example")
    delete(gone)
    user(contoso, "Ann Lee", "ann2@contoso.example")

    found = find(contoso, "Ann Lee <ann@contoso.example>")

    assert found.users == [gone.pk]
    assert [one.code for one in found.unmatched] == ["deleted"]


def test_second_line_about_a_user_is_said(contoso, people):
    found = find(contoso, "mara.quill@contoso.example\nZoë Ångström\nQuill, Mara")

    assert found.users == [people["mara"].pk, people["zoe"].pk]
    assert [(one.line, one.code, one.first) for one in found.unmatched] == [(3, "twice", 1)]


def test_users_of_other_customers_are_never_found(contoso, people):
    fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    user(fabrikam, "Bo Ek", "bo@fabrikam.example", contact_email="bo@home.example")

    found = find(contoso, "bo@fabrikam.example\nbo@home.example\nBo Ek\nbo")

    assert found.users == []
    assert {one.code for one in found.unmatched} == {"absent"}


def test_row_of_a_file_names_its_user(contoso, people):
    rows = [
        {"user_name": "mara.quill@contoso.example", "display_name": "Someone"},
        {"user_name": "zoe", "domain": "contoso.example"},
        {"user_name": "", "contact_email": "mara@home.example"},
        {"first_name": "Zoe", "last_name": "Angstrom"},
        {"user_name": "wrong@contoso.example", "contact_email": "mara@home.example"},
        {"user_name": "wrong", "display_name": "Zoë Ångström"},
    ]

    found = find_named(contoso, [read_row(line, row) for line, row in enumerate(rows, 2)])

    assert found.users == [people["mara"].pk, people["zoe"].pk]
    codes = [(one.line, one.code) for one in found.unmatched]
    assert codes == [(4, "twice"), (5, "twice"), (6, "perhaps"), (7, "perhaps")]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "@" * 1_000_000,
        "a@" * 500_000,
        "," * 1_000_000,
        ", ".join(["a"] * 300_000),
        "\t" * 1_000_000,
        "- " * 500_000,
        "<" * 1_000_000 + "a@b",
        "?a=" * 300_000 + " a@b.example",
        "\ufdfa" * 100_000,
        "\0a\0@\0b",
        "\ud800 \udfff",
        "a\x1fb\x1e%s \\ {}",
    ],
    ids=lambda text: ascii(text[:6]),
)
def test_hostile_text_selects_no_user(contoso, people, text):
    found = find(contoso, text)

    assert found.users == []
    assert all(len(one.text) <= TEXT_LIMIT for one in found.unmatched)


def test_any_list_takes_one_statement(contoso, people):
    text = "\n".join(f"Name {number}\nuser{number}@contoso.example" for number in range(5_000))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        find(contoso, text + "\nMara Quill")

    assert len(queries) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mara Quill", "QUILL, mara"),
        ("Zoë", "zoe"),
        ("王 建国", "王建国"),
        ("Ana-Lucia", "ana lucia"),
    ],
)
def test_name_key_ignores_case_accents_and_order(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("王建国", "汪建国"), ("Ann Lee", "Ann Lee Ann")])
def test_name_key_keeps_names_apart(one, other):
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize("limit", [0, 20])
def test_short_and_long_lists_find_the_same_names(contoso, people, monkeypatch, limit):
    monkeypatch.setattr("users.queries.named.MAX_SEARCHED", limit)
    for number in (1, 2):
        user(contoso, "Ann_Lee 50%", f"ann{number}@contoso.example")
    delete(user(contoso, "Jörg Weiß", "joerg@contoso.example"))

    found = find(contoso, "Angstrom, ZOE\nO'Dell Pat\nAnn Lee 50%\nWEISS Jorg\nPia Sorn\n山田太郎")

    assert set(found.users[:3]) >= {people["zoe"].pk, people["odell"].pk}
    assert people["taro"].pk in found.users
    assert [one.code for one in found.unmatched] == ["several", "deleted", "absent"]
