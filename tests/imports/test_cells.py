"""Cells as people have them: words for nothing, broken letters, wrapped addresses, other roles."""

from dataclasses import replace

import pytest

from imports.check.rows import validate
from imports.read import broken_letters, cells
from imports.read.table import parse_file
from tests.imports.samples import FACTS
from tests.imports.test_import import plan, show, start
from users.models import CustomerUser
from users.rules.facts import Defaults, ExistingUser, ExistingUsers
from users.rules.problems import describe

US = Defaults(domain="contoso.com", location="US")
HEADER = "User name,First name,Last name,Licenses,Permissions,Department,Phone\n"


def read(text, defaults=US, facts=FACTS):
    """The people, the problems and the notices of a file."""
    rows = parse_file(text.encode(), "people.csv").rows
    cleaned = cells.clean_rows(rows)
    notices = cells.describe(cleaned, {row.line for row in rows})
    people, problems = validate(rows, facts, defaults, notices)
    assert all(describe(notice) for notice in notices)
    return [person.input for person in people], problems, {one.code: one for one in notices}


def read_cell(field, text, **others):
    """What becomes of a cell of one row."""
    values = {"user_name": "mara", "first_name": "Mara", "last_name": "Quill"} | others
    values |= {field: text}
    rows = [cells.Row(2, values)]
    cells.clean_rows(rows)
    return rows[0].values[field]


@pytest.mark.parametrize(
    "word",
    [
        "Unlicensed", "None", "-", "—", "--", "NULL", "N/A", "n/a", "(blank)", "(empty)",
        "nil", "keine", "Keine Lizenz", "aucun", "sans licence", "ninguno", "无", "無", "なし", "없음",
        "未授权", "\\N", "n.a.", "<null>", "...", "not assigned", "Ｎ／Ａ",
    ],
)  # fmt: skip
def test_a_word_for_no_license_is_no_error(word):
    text = f'{HEADER}mara,Mara,Quill,"{word}",,,\n'
    product = [{"subscription": "sub-office", "disabled_plans": []}]

    people, problems, notices = read(text, replace(US, products=product))

    assert (people[0]["products"], problems) == ([], [])
    assert word in notices["words_for_nothing"].params["words"]


@pytest.mark.parametrize("word", ["None", "-", "NULL", "N/A", "(blank)", "无", "なし", "keine"])
@pytest.mark.parametrize("field", ["department", "job_title", "phone", "contact_email", "language"])
def test_a_word_for_nothing_is_an_empty_cell(field, word):
    assert read_cell(field, word) == ""


@pytest.mark.parametrize(
    ("field", "text", "others", "expected"),
    [
        ("last_name", "Null", {}, "Null"),
        ("last_name", "None", {}, "None"),
        ("last_name", "Leer", {}, "Leer"),
        ("first_name", "Na", {}, "Na"),
        ("first_name", "-", {}, ""),
        ("last_name", "N/A", {}, ""),
        ("last_name", "(blank)", {}, ""),
        ("first_name", "???", {}, "???"),
        ("display_name", "NULL", {}, ""),
        ("display_name", "Null", {"first_name": "", "last_name": ""}, "Null"),
        ("display_name", "Null", {"first_name": "", "last_name": "Null"}, "Null"),
        ("user_name", "NULL", {}, ""),
        ("user_name", "null", {"last_name": "Null"}, "null"),
        ("user_name", "na", {"first_name": "Na", "last_name": "Li"}, "na"),
        ("location", "NA", {}, "NA"),
        ("location", "N/A", {}, ""),
        ("location", "None", {}, ""),
        ("department", "NONE", {}, ""),
        ("department", "Non-food", {}, "Non-food"),
        ("phone", "-1", {}, "-1"),
        ("sign_in_blocked", "无", {}, "无"),
        ("status", "✓", {}, "✓"),
        ("status", "N/A", {}, ""),
        ("products", "No", {}, "-"),
        ("permissions", "None", {}, "-"),
    ],
)  # fmt: skip
def test_a_value_is_no_word_for_nothing(field, text, others, expected):
    assert read_cell(field, text, **others) == expected


def test_words_for_nothing_change_nothing_in_updates():
    values = {
        "first_name": "Mara", "last_name": "Quill", "display_name": "Mara Quill", "job_title": "",
        "department": "Press", "phone": "1", "contact_email": "", "location": "US", "language": "",
        "permissions": ["helpdesk_administrator"], "is_blocked": False,
    }  # fmt: skip
    mara = ExistingUser("id", values, frozenset({"sub-office"}))
    existing = ExistingUsers("update", {"mara@contoso.com": mara}, "exact")

    people, problems, notices = read(
        f"{HEADER}mara,Mara,Quill,Unlicensed,None,N/A,-\n", facts=replace(FACTS, existing=existing)
    )

    assert problems == []
    assert (people[0]["changes"], people[0]["remove"], people[0]["add"]) == ({}, [], [])
    assert notices["words_for_nothing"].params["words"].count("“") == 4


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("InÃ¨s", "Inès"),
        ("MuÃ±oz", "Muñoz"),
        ("NicolÃ", "Nicolà"),
        ("InÃƒÂ¨s", "Inès"),
        ("Zoë MuÃ±oz", "Zoë Muñoz"),
        ("Oâ€™Dell", "O’Dell"),
        ("JosĂ©", "José"),
        ("PaweÅ‚", "Paweł"),
        ("Mu√±oz", "Muñoz"),
        ("Mu├▒oz", "Muñoz"),
        ("In猫s", "Inès"),
        ("Mu帽oz", "Muñoz"),
        ("Ð˜Ð²Ð°Ð½", "Иван"),
        ("å±±ç”°", "山田"),
        ("螻ｱ逕ｰ", "山田"),
        ("鏉庡▉", "李威"),
        ("Mﾃｼller", "Müller"),
    ],
)
def test_broken_letters_are_repaired_where_it_is_certain(broken, whole):
    assert broken_letters.repair(broken) == whole


ENCODINGS = ("cp1252", "latin-1", "cp1250", "cp1251", "mac_roman", "cp850", "gb18030", "cp932")


@pytest.mark.parametrize(
    "name",
    [
        "Inès Muñoz", "Jürgen Groß", "João São", "JOÃO", "ÂNGELA", "Åsa Ærø", "Łęcki Żak", "Dvořák",
        "Şahin Çelik", "Zoë", "Ödön", "Иван Мельник", "Γιώργος", "王建国", "刘娜", "毛宁", "欧阳娜娜",
        "山田太郎", "ｻﾄｳ", "김철수", "Amy毛", "Tom猫", "O’Dell", "Nguyễn Thị Ánh", "MENÜ–X", "Renée",
        "ÉLODIE", "محمد",
    ],
)  # fmt: skip
def test_names_are_never_repaired(name):
    assert broken_letters.repair(name) == name
    for encoding in ENCODINGS:
        try:
            broken = name.encode().decode(encoding)
        except UnicodeError:
            continue
        # Not understood, or right.
        assert broken_letters.repair(broken) in {broken, name}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("J\ufffdrgen", "Jürgen"),
        ("M?ller", "Müller"),
        ("Jos?", "José"),
        ("Jos茅", "José"),
        ("Quist\ufffdr", ""),
        ("??", ""),
    ],
)
def test_lost_letters_are_a_warning_with_what_was_meant(text, meant):
    _people, (problem,), _notices = read(f"{HEADER}mara,{text},Quill,,,,\n")

    assert (problem.code, problem.severity) == ("letters_lost", "warning")
    assert (problem.column, problem.value, problem.suggestion) == ("first_name", text, meant)


@pytest.mark.parametrize("text", ["Amy毛", "Mara", "Zoë", "毛宁"])
def test_whole_names_are_no_warning(text):
    assert read(f"{HEADER}mara,{text},Quill,,,,\n")[1] == []


def test_a_name_of_the_file_is_what_was_meant():
    text = f"{HEADER}a,Söanne,Quill,,,,\nb,S?anne,Rusk,,,,\n"

    (problem,) = read(text)[1]

    assert (problem.line, problem.suggestion) == (3, "Söanne")


@pytest.mark.parametrize(
    ("typed", "user_name"),
    [
        ("mailto:mara@contoso.com", "mara@contoso.com"),
        ("mailto:mara@contoso.com?subject=Hi", "mara@contoso.com"),
        ("SMTP:mara@contoso.com", "mara@contoso.com"),
        ("smtp:m@contoso.com;SMTP:mara@contoso.com", "mara@contoso.com"),
        ("CONTOSO\\mara", "mara@contoso.com"),
        ("CONTOSO＼mara", "mara@contoso.com"),
        ("CONTOSO/mara", "mara@contoso.com"),
        ("Mara Quill <mara@contoso.com>", "mara@contoso.com"),
        ('"Quill, Mara" <mara@contoso.com>', "mara@contoso.com"),
        ("<mara@contoso.com>", "mara@contoso.com"),
        ("mara@contoso.com (Mara Quill)", "mara@contoso.com"),
        ("[mara@contoso.com](mailto:mara@contoso.com)", "mara@contoso.com"),
        ("ｍａｒａ＠ｃｏｎｔｏｓｏ．ｃｏｍ", "mara@contoso.com"),
        ("mara＠contoso.com", "mara@contoso.com"),
        ("o’dell", "o'dell@contoso.com"),
        ("ma\u200bra@contoso.com", "mara@contoso.com"),
        ("\u00a0mara\u00a0@ contoso.com", "mara@contoso.com"),
        ("mara@contoso.com.", "mara@contoso.com"),
        ("mara@contoso.com;", "mara@contoso.com"),
        ("uid=mara,ou=people,dc=contoso,dc=com", "mara@contoso.com"),
    ],
)
def test_a_wrapped_user_name_is_unwrapped(typed, user_name):
    quoted = typed.replace('"', '""')
    people, problems, notices = read(f'User name,Display name\n"{quoted}",Mara Quill\n')

    assert (people[0]["user_name"], problems) == (user_name, [])
    assert "addresses_unwrapped" in notices


@pytest.mark.parametrize("typed", ["\u212aate@contoso.com", "a@contoso.com b@contoso.com", "m/n"])
def test_another_user_name_stays_an_error(typed):
    _people, (problem,), _notices = read(f"User name,Display name\n{typed},Mara\n")

    assert problem.severity == "error"


def test_a_name_of_a_directory_is_a_name():
    people, problems, _notices = read(
        'User name,Display name\nmara,"CN=Quill\\, Mara,OU=Press,DC=contoso"\n'
    )

    assert (people[0]["display_name"], problems) == ("Quill, Mara", [])


def test_contact_addresses_are_unwrapped():
    people, problems, _notices = read(
        "User name,Display name,Contact address\nmara,Mara,mailto:mara@home.example\n"
    )

    assert (people[0]["contact_email"], problems) == ("mara@home.example", [])


@pytest.mark.parametrize(
    "role",
    [
        "student",
        "teacher",
        "guardian",
        "aide",
        "Staff",
        "一般社員",
        "member",
        "学生",
        "Lehrer",
        "élève",
    ],
)
def test_a_role_of_another_system_is_a_plain_user(role):
    defaults = replace(US, permissions=["helpdesk_administrator"])

    people, problems, notices = read(f"{HEADER}mara,Mara,Quill,,{role},,\n", defaults)

    assert (people[0]["permissions"], problems) == ([], [])
    known = role in {"member"}
    assert known or f"“{role}” (1)" in notices["roles_ignored"].params["words"]


@pytest.mark.parametrize(
    ("role", "code", "suggestion"),
    [
        ("Helpdesk administratr", "permission_unknown", "helpdesk_administrator"),
        ("Globl admin", "permission_unknown", "global_administrator"),
        ("Exchange administrator", "role_unknown", ""),
        ("管理者", "role_unknown", ""),
        ("Owner", "role_unknown", ""),
    ],
)
def test_a_role_of_administrators_is_asked_about(role, code, suggestion):
    people, (problem,), _notices = read(f"{HEADER}mara,Mara,Quill,,{role},,\n")

    assert (problem.code, problem.suggestion) == (code, suggestion)
    assert people[0]["permissions"] == []


def test_a_contact_address_that_is_the_user_name_is_not_kept():
    text = "displayName,userPrincipalName,mail\n" + "".join(
        f"{name},{name}@contoso.com,{name.upper()}@contoso.com\n" for name in ("mara", "odo")
    )

    people, problems, notices = read(text)

    assert [person["contact_email"] for person in people] == ["", ""]
    assert problems == []
    assert notices["own_addresses"].params == {"count": 2}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DEU", "DE"), ("CHN", "CN"), ("GBR", "GB"), ("Germany, Federal Republic of", "DE"),
        ("United States of America", "US"), ("PRC", "CN"), ("UK", "GB"), ("中华人民共和国", "CN"),
        ("Deutschland", "DE"), ("Allemagne", "DE"), ("Alemania", "DE"), ("日本", "JP"),
        ("대한민국", "KR"), ("Россия", "RU"), ("Korea, Republic of", "KR"), ("🇩🇪", "DE"),
        ("🇩🇪 Germany", "DE"), ("Germany (DE)", "DE"), ("香港", "HK"), ("臺灣", "TW"),
        ("Côte d'Ivoire", "CI"), ("Schweiz", "CH"), ("Österreich", "AT"), ("NGA", "NG"),
    ],
)  # fmt: skip
def test_a_country_has_many_names(text, code):
    people, problems, _notices = read(
        f'User name,Display name,Usage location\nmara,Mara,"{text}"\n'
    )

    assert (people[0]["location"], problems) == (code, [])


@pytest.mark.django_db
def test_the_plan_says_what_was_read_differently(as_alice, contoso, office):
    text = (
        "User name,First name,Last name,Licenses,Role,Mail\n"
        "mailto:ines@contoso.example,InÃ¨s,MuÃ±oz,Unlicensed,student,ines@contoso.example\n"
        "odo,Odo,Rusk,-,teacher,\n"
    )

    batch = plan(as_alice, text.encode(), products=[str(office.pk)])

    page = show(as_alice, batch)
    for notice in (
        "These words mean that a cell is empty: “Unlicensed” (1), “-” (1).",
        "Broken letters were repaired, such as “InÃ¨s” → “Inès”. Cells: 2.",
        "“mailto:ines@contoso.example” → “ines@contoso.example”. Cells: 1.",
        "so the rows become plain users: “student” (1), “teacher” (1).",
        "A contact address that is the user name isn’t kept",
    ):
        assert notice.replace("’", "’") in page
    assert batch.plan["counts"]["ready"] == 2
    start(as_alice, batch)
    ines = CustomerUser.objects.get(user_name="ines@contoso.example")
    assert (ines.display_name, ines.contact_email) == ("Inès Muñoz", "")
    assert not ines.assignments.exists()
