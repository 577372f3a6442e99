from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports.check.rows import find_lookups, validate
from imports.read.table import Row
from partners.names import has_invisible
from tests.imports.samples import FACTS, is_user_name
from users.rules.facts import Defaults, Facts
from users.rules.person import Nearest, check_person
from users.rules.problems import LEAVES_OUT, describe

CHINA = Defaults(location="CN")
AMY = {"user_name": "amy@contoso.com", "display_name": "Amy"}


def check(*rows, facts=FACTS, defaults=CHINA):
    return validate([Row(2 + place, row) for place, row in enumerate(rows)], facts, defaults)


def people(*rows, **options):
    return [person.input for person in check(*rows, **options)[0]]


def problems(*rows, **options):
    return [
        (one.line, one.column, one.code, one.suggestion, one.severity)
        for one in check(*rows, **options)[1]
    ]


def only(*rows, **options):
    (problem,) = check(*rows, **options)[1]
    return problem


def test_a_good_row_becomes_a_person():
    row = {
        "user_name": "Jianguo.WANG@Contoso.com", "first_name": "建国", "last_name": "王",
        "location": "中国", "language": "中文", "contact_email": "wang@example.org",
        "job_title": "工程师", "department": "研发部", "phone": "+86 138", "permissions": "支持人员管理员",
        "products": "Office 365 E3；VISIO-2",
    }  # fmt: skip

    assert problems(row) == []
    assert people(row) == [
        {
            "user_name": "jianguo.wang@contoso.com", "first_name": "建国", "last_name": "王",
            "display_name": "王建国", "location": "CN", "language": "zh-hans",
            "contact_email": "wang@example.org", "job_title": "工程师", "department": "研发部",
            "phone": "+86 138", "permissions": ["helpdesk_administrator"],
            "products": [
                {"subscription": "sub-office", "disabled_plans": []},
                {"subscription": "sub-visio", "disabled_plans": []},
            ],
        }
    ]  # fmt: skip


def test_empty_cells_take_defaults():
    plans = [{"subscription": "sub-office", "disabled_plans": ["plan-1"]}]
    defaults = Defaults("contoso.com", "DE", plans, ["user_administrator"], "en")

    (person,) = people({"user_name": "amy", "display_name": "Amy"}, defaults=defaults)

    assert person["user_name"] == "amy@contoso.com"
    assert (person["location"], person["language"]) == ("DE", "en")
    assert person["products"] == plans
    assert person["permissions"] == ["user_administrator"]


def test_row_can_override_default_permissions():
    defaults = Defaults(permissions=["user_administrator"])

    assert people(AMY | {"permissions": "User"}, defaults=defaults)[0]["permissions"] == []


def test_the_domain_may_stand_in_its_own_column():
    assert people({"user_name": "amy", "domain": "@Contoso.com", "display_name": "A"})[0][
        "user_name"
    ] == ("amy@contoso.com")


def test_only_domain_can_be_omitted():
    assert people({"user_name": "amy", "display_name": "Amy"})[0]["user_name"] == "amy@contoso.com"


TWO_DOMAINS = Facts(("contoso.com", "contoso.cn"), {}, {}, (), frozenset())


@pytest.mark.parametrize(
    ("user_name", "code", "suggestion"),
    [
        ("", "user_name_missing", "amy@contoso.com"),
        ("@contoso.com", "user_name_missing", "amy@contoso.com"),
        ("josé@contoso.com", "user_name_not_ascii", "jose@contoso.com"),
        ("\u212aevin@contoso.com", "user_name_not_ascii", "kevin@contoso.com"),
        ("ｗａｎｇ@contoso.com", "user_name_not_ascii", "wang@contoso.com"),
        ("王建国@contoso.com", "user_name_not_ascii", "wangjianguo@contoso.com"),
        ("\u0430nna@contoso.com", "user_name_not_ascii", "anna@contoso.com"),
        ("a b@contoso.com", "user_name_bad_character", "a.b@contoso.com"),
        ("=cmd|' /C calc'!A0@contoso.com", "user_name_bad_character", "cmd'.c.calc'a0@contoso.com"),
        ("a\x00b@contoso.com", "user_name_bad_character", "ab@contoso.com"),
        (".amy@contoso.com", "user_name_bad_dot", "amy@contoso.com"),
        ("amy..p@contoso.com", "user_name_bad_dot", "amy.p@contoso.com"),
        ("-amy@contoso.com", "user_name_bad_start", "amy@contoso.com"),
        ("a" * 65 + "@contoso.com", "user_name_too_long", "a" * 64 + "@contoso.com"),
        ("amy@contoso@com", "user_name_two_ats", "amy@contoso.com"),
        ("amy@contosso.com", "domain_unknown", "amy@contoso.com"),
        ("amy@evil.com", "domain_unknown", "amy@contoso.com"),
    ],
)
def test_invalid_user_name_is_error_with_suggestion(user_name, code, suggestion):
    problem = only({"user_name": user_name, "display_name": "Amy"})

    assert (problem.code, problem.suggestion) == (code, suggestion)
    assert (problem.column, problem.severity) == ("user_name", "error")
    assert is_user_name(problem.suggestion)


def test_invalid_character_of_user_name_is_shown():
    assert "“é”" in describe(only({"user_name": "josé@contoso.com", "display_name": "x"}))
    assert "“␣”" in describe(only({"user_name": "a b@contoso.com", "display_name": "x"}))


def test_missing_user_name_is_suggested_from_names():
    rows = [
        {"display_name": "王建国"},
        {"first_name": "建国", "last_name": "王"},
        {"first_name": "Amy", "last_name": "Parker"},
        {"department": "Sales"},
    ]
    rows[1]["department"] = "Print"

    found = [one for one in check(*rows)[1] if one.column == "user_name"]

    assert [one.suggestion for one in found] == [
        "jianguo.wang@contoso.com",
        # The first of the two has been given to line 2, the last to a user already.
        "j.wang@contoso.com",
        "a.parker@contoso.com",
        "",
    ]


def test_a_suggestion_is_nobodys_name_in_the_file():
    rows = [
        {"display_name": "Amy Parker"},
        {"user_name": "a.parker@contoso.com", "display_name": "x"},
    ]
    rows += [{"display_name": "Amy Parker", "department": "Print"}]

    assert [one.suggestion for one in check(*rows)[1]] == [
        "amy.parker2@contoso.com",
        "amy.parker3@contoso.com",
    ]


@pytest.mark.parametrize(("chosen", "domain"), [("", "contoso.com"), ("contoso.cn", "contoso.cn")])
def test_missing_names_and_domains_are_suggested_with_chosen_domain(chosen, domain):
    mara = {"first_name": "Mara", "last_name": "Quill"}
    rows = [mara, mara | {"phone": "2"}, {"user_name": "amy", "display_name": "Amy"}]

    found = check(*rows, facts=replace(TWO_DOMAINS, domain=chosen))[1]

    assert [(one.code, one.suggestion) for one in found] == [
        ("user_name_missing", f"mara.quill@{domain}"),
        ("user_name_missing", f"m.quill@{domain}"),
        ("domain_missing", f"amy@{domain}"),
    ]


def test_the_nearest_of_several_domains_is_suggested():
    problem = only({"user_name": "amy@contoso.cmo", "display_name": "Amy"}, facts=TWO_DOMAINS)

    assert problem.suggestion == "amy@contoso.com"


def test_contradicting_domain_column_is_error():
    problem = only(AMY | {"domain": "contoso.cn"})

    assert (problem.column, problem.code, problem.value) == (
        "domain",
        "domain_differs",
        "contoso.cn",
    )
    assert "contoso.com" in describe(problem)


def test_taken_user_name_is_error_with_suggestion():
    assert problems({"user_name": "amy.parker@contoso.com", "display_name": "Ann Parker"}) == [
        (2, "user_name", "user_name_taken", "amy.parker2@contoso.com", "error")
    ]


@pytest.mark.parametrize("name", ["Amy B. Parker", "Dr. A. Parker", "Amy Parker (Press)"])
def test_longer_name_of_existing_user_is_likely_the_same_person(name):
    assert problems({"user_name": "amy.parker@contoso.com", "display_name": name}) == [
        (2, "user_name", "user_name_exists", "amy.parker2@contoso.com", "error")
    ]


def test_the_same_person_again_gets_no_other_name():
    assert problems({"user_name": "Amy.Parker@contoso.com", "display_name": "Amy Parker"}) == [
        (2, "user_name", "user_name_exists", "", "error")
    ]


def test_name_of_deleted_user_is_warning():
    problem = only({"user_name": "old.timer@contoso.com", "display_name": "New"})

    assert (problem.code, problem.severity) == ("user_name_deleted", "warning")
    assert "Old Timer" in describe(problem)


def test_an_official_address_is_a_warning():
    assert problems({"user_name": "postmaster@contoso.com", "display_name": "Amy"}) == [
        (2, "user_name", "user_name_reserved", "", "warning")
    ]


def test_first_row_with_user_name_wins():
    found = check(AMY, {"user_name": "AMY@contoso.com", "display_name": "Amy Two"}, AMY)[1]

    assert [(one.line, one.code, one.params, one.suggestion) for one in found] == [
        (3, "user_name_repeated", {"first": 2}, "amy2@contoso.com"),
        (4, "same_person", {"first": 2}, "amy3@contoso.com"),
    ]


def test_missing_display_name_is_error_with_suggestion():
    assert problems({"user_name": "jane.van-doe@contoso.com"}) == [
        (2, "display_name", "name_missing", "Jane Van Doe", "error")
    ]


def test_long_text_is_error_with_shortened_suggestion():
    problem = only(AMY | {"first_name": "x" * 65})

    assert (problem.column, problem.code, problem.suggestion) == (
        "first_name",
        "too_long",
        "x" * 64,
    )
    assert problem.params == {"length": 65, "limit": 64}
    assert "First name" in describe(problem)


@pytest.mark.parametrize(
    "field", ["display_name", "first_name", "department", "job_title", "phone"]
)
@pytest.mark.parametrize("hidden", ["\x00", "\u202e", "\u200b", "\ud800", "\x07"])
def test_invisible_characters_are_removed_with_warning(field, hidden):
    row = AMY | {field: f"a{hidden}b"}

    assert people(row)[0][field] == "ab"
    assert problems(row) == [(2, field, "invisible_removed", "", "warning")]
    assert not has_invisible(only(row).value)


def test_white_space_is_normalized_silently():
    row = AMY | {"department": "R\u00a0&\n D\u3000"}

    assert people(row)[0]["department"] == "R & D"
    assert problems(row) == []


def test_names_are_kept_in_one_form():
    assert people(AMY | {"display_name": "Jose\u0301"})[0]["display_name"] == "Jos\u00e9"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"location": "Chian"}, ("location", "location_unknown", "CN", "error")),
        ({"location": "Atlantis"}, ("location", "location_unknown", "", "error")),
        ({"language": "Klingon"}, ("language", "language_unknown", "", "warning")),
        ({"contact_email": "amy(at)x.org"}, ("contact_email", "contact_email_bad", "", "error")),
        ({"contact_email": "a@b"}, ("contact_email", "contact_email_bad", "", "error")),
        ({"phone": "1.38001E+10"}, ("phone", "phone_damaged", "", "warning")),
        ({"permissions": "<Emperor>"}, ("permissions", "permission_unknown", "", "error")),
        ({"permissions": "Site administrator"}, ("permissions", "role_unknown", "", "warning")),
        ({"permissions": "Helpdesk administratr"},
         ("permissions", "permission_unknown", "helpdesk_administrator", "error")),
        ({"permissions": "Global administrator"}, ("permissions", "permission_not_yours", "", "error")),
        ({"products": "Office 365 E4"}, ("products", "product_unknown", "Office 365 E3", "error")),
        ({"products": "Toaster"}, ("products", "product_unknown", "", "error")),
        ({"products": "Copilot"}, ("products", "product_requires", "", "error")),
        ({"products": "Office 365 E3; Office 365 E1"}, ("products", "product_excludes", "", "error")),
        ({"products": "Project, Standard"}, ("products", "product_suspended", "", "error")),
        ({"products": "VISIO-2", "location": "RU"}, ("products", "product_not_sold", "", "error")),
    ],
)  # fmt: skip
def test_each_problem_is_reported_at_its_column(cells, expected):
    row = AMY | cells

    assert problems(row) == [(2, *expected)]
    assert describe(only(row)).endswith(".")


@pytest.mark.parametrize("mail", ["a.b+c@example.org", "o'b@sub.example.co.uk", "x@例子.中国"])
def test_real_addresses_are_accepted(mail):
    assert problems(AMY | {"contact_email": mail}) == []


@pytest.mark.parametrize(
    "text",
    ["office 365 e3;visio plan 2", "O365-E3 ； VISIO-2", "O365-E3\nVISIO-2", "O365-E3+VISIO-2",
     "O365-E3, VISIO-2", "O365-E3|VISIO-2", "O365-E3、VISIO-2;", "O365-E3; visio-2; O365-E3"],
)  # fmt: skip
def test_products_are_written_in_many_ways(text):
    (person,) = people(AMY | {"products": text})

    assert [one["subscription"] for one in person["products"]] == ["sub-office", "sub-visio"]


def test_a_name_with_a_comma_is_one_name():
    assert [one.value for one in check(AMY | {"products": "O365-E3; Project, Standart"})[1]] == [
        "Project, Standart"
    ]


def test_products_of_one_name_need_part_number():
    one = FACTS.subscriptions[0]
    facts = replace(
        FACTS, subscriptions=(one, replace(one, id="2", product="2", part_number="O-2"))
    )

    assert only(AMY | {"products": "Office 365 E3"}, facts=facts).code == "product_ambiguous"
    assert people(AMY | {"products": "o-2"}, facts=facts)[0]["products"][0]["subscription"] == "2"


def test_licenses_without_a_location_are_an_error():
    assert problems(AMY | {"products": "O365-E3"}, defaults=Defaults()) == [
        (2, "location", "location_missing", "", "error")
    ]
    assert problems(AMY, defaults=Defaults()) == []


def test_cells_beyond_header_are_error():
    found = validate([Row(2, AMY, extra=True)], FACTS, CHINA)[1]

    assert [(one.line, one.code, one.severity) for one in found] == [(2, "cells_too_many", "error")]


def test_all_problems_are_listed_in_order():
    found = problems(
        {"user_name": "a b", "location": "Atlantis", "contact_email": "x"},
        AMY,
        {
            "user_name": "amy@contoso.com",
            "display_name": "x" * 121,
            "products": "Toaster;O365-E3;Sofa",
        },
    )

    assert [one[:3] for one in found] == [
        (2, "location", "location_unknown"),
        (2, "display_name", "name_missing"),
        (2, "user_name", "user_name_bad_character"),
        (2, "contact_email", "contact_email_bad"),
        (4, "products", "product_unknown"),
        (4, "products", "product_unknown"),
        (4, "display_name", "too_long"),
        (4, "user_name", "user_name_repeated"),
    ]


def test_typed_person_is_checked_by_same_rules():
    person, found = check_person(
        {"user_name": " Amy.Parker@contoso.com ", "display_name": "A\u202eB", "location": "RU",
         "products": [{"subscription": "sub-visio", "disabled_plans": []}], "permissions": ["emperor"]},
        FACTS,
    )  # fmt: skip

    assert person["user_name"] == "amy.parker@contoso.com"
    assert person["display_name"] == "AB"
    assert [one.code for one in found] == [
        "invisible_removed",
        "user_name_taken",
        "permission_unknown",
        "product_not_sold",
    ]


def test_empty_person_lists_missing_values():
    person, found = check_person({}, FACTS)

    assert [one.code for one in found] == ["name_missing", "user_name_missing"]
    assert person["products"] == []


def test_product_of_another_customer_is_refused():
    chosen = [{"subscription": "sub-foreign", "disabled_plans": []}]
    _, found = check_person(AMY | {"location": "CN", "products": chosen}, FACTS)

    assert [one.code for one in found] == ["product_unknown"]


def test_names_and_addresses_are_looked_up():
    rows = [
        Row(2, {"user_name": "AMY"}),
        Row(3, {"user_name": "bob@contoso.cn"}),
        Row(4, {"display_name": "Mara  Quill", "contact_email": "Mara@Home.example"}),
        Row(5, {"user_name": "\u212aevin@contoso.com"}),
        Row(6, {"user_name": "a\x00@contoso.com"}),
        Row(7, {"department": "x"}),
        Row(8, {"user_name": "amy@contoso.com"}),
    ]

    assert find_lookups(rows, Defaults("contoso.com"), {"contoso.com", "contoso.cn"}) == (
        ["amy@contoso.com", "bob@contoso.cn"],
        ["mara@home.example"],
        ["Mara  Quill"],
    )


FIELD = st.sampled_from(
    ["user_name", "domain", "first_name", "last_name", "display_name", "location", "language", "products",
     "permissions", "contact_email", "phone", "department", "job_title"]
)  # fmt: skip
TEXT = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["amy@contoso.com", "CN", "O365-E3;Copilot", "=1", "王", "\x00", "a@b@c", "x" * 4096]
    ),
)


@given(st.lists(st.dictionaries(FIELD, TEXT), max_size=8))
@settings(deadline=None)
def test_any_texts_are_accepted_or_reported(rows):
    made, found = check(*rows)

    assert len(made) == len(rows)
    failed = {one.line for one in found if one.severity == "error" or one.code in LEAVES_OUT}
    good = [person.input for person in made if person.line not in failed]
    assert len({person["user_name"] for person in good}) == len(good)
    for person in good:
        assert is_user_name(person["user_name"])
        assert person["user_name"].endswith("@contoso.com")
        assert person["display_name"]
        texts = [value for value in person.values() if isinstance(value, str)]
        assert not any(map(has_invisible, texts))
    for one in found:
        assert describe(one)
        # What is stored must be storable: no NUL, no lone surrogate.
        stored = str(one.as_json())
        assert "\\x00" not in stored
        assert "\\ud" not in stored


def test_file_of_invalid_rows_lists_all_problems():
    rows = [
        Row(n, {"user_name": f"ü{n}@contoso{n}.com", "display_name": "x", "location": f"Lànd {n}",
                "products": f"Thing {n}", "permissions": f"Boss {n}", "contact_email": "a@" + "b-" * 60})
        for n in range(20_000)
    ]  # fmt: skip

    found = validate(rows, FACTS, CHINA)[1]

    # A role of another system is none.
    assert len(found) == 80_000


def test_looking_for_the_nearest_stops_somewhere():
    nearest = Nearest(budget=2)

    words = [
        nearest.find("x", word, ["apple", "pear"], 0.5) for word in ("aple", "per", "peer", "aple")
    ]

    assert words == ["apple", "pear", "", "apple"]
