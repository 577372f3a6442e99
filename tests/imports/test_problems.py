import json

import pytest
from django.utils.translation import override

from imports.read.columns import read_header
from imports.read.dialects import NAMES, plain_header
from spreadsheets.errors import FILE, UnreadableFile
from users.rules import problems
from users.rules.fields import LABELS, label_of
from users.rules.problems import Problem, describe

# Everything that a sentence may be given.
PARAMS = {
    "characters": "é", "name": "Amy", "first": 2, "domain": "contoso.com", "other": "contoso.cn",
    "length": 200, "limit": 100, "permission": "global_administrator", "product": "Office",
    "location": "CN", "line": 3, "others": "Notes", "encoding": "UTF-8", "found": "Amy",
    "kind": "PDF", "lines": "3",
}  # fmt: skip


def test_a_problem_survives_being_stored():
    problem = Problem(
        7, "location", "王", "product_not_sold", {"product": "A", "location": "CN"}, "x", "warning"
    )

    assert Problem.from_json(json.loads(json.dumps(problem.as_json()))) == problem


@pytest.mark.parametrize("code", problems.CELL)
def test_every_problem_is_a_sentence(code):
    said = describe(Problem(1, "products", "typed", code, PARAMS))

    assert said.endswith(".")
    assert "%" not in said


@pytest.mark.parametrize("code", FILE)
def test_every_refusal_is_a_sentence(code):
    error = UnreadableFile(code, **PARAMS)

    assert error.message == str(error)
    assert error.message.endswith(".")
    assert "%" not in error.message


def test_problem_is_described_in_language_of_reader():
    problem = Problem(1, "products", "A", "product_not_sold", {"product": "A", "location": "CN"})

    assert describe(problem) == "“A” isn’t available in China."
    with override("zh-hans"):
        assert "中国" in describe(problem)


@pytest.mark.parametrize("params", [{}, {"first": None}])
def test_unknown_problem_code_is_still_described(params):
    assert "from_the_future" in describe(Problem(1, "x", "y", "from_the_future", params))
    assert describe(Problem(1, "x", "y", "user_name_taken", params)).endswith(".")


def test_percent_sign_in_value_is_no_placeholder():
    assert "100%s" in describe(Problem(1, "location", "100%s", "location_unknown"))


def test_no_header_means_two_things():
    meanings = {}
    for field, languages in NAMES.items():
        for header in (header for headers in languages.values() for header in headers):
            meanings.setdefault(plain_header(header), set()).add(field)

    assert [header for header, fields in meanings.items() if len(fields) > 1] == []
    assert len(meanings) > 1500


@pytest.mark.parametrize(
    "language", ["en", "zh-hans", "zh-hant", "ja", "ko", "de", "fr", "es", "pt"]
)
def test_every_field_has_a_header_in_every_language(language):
    assert all(NAMES[field][language] for field in LABELS)


def test_a_field_has_a_label():
    assert str(label_of("user_name")) == "User name"
    assert label_of("") == ""


@pytest.mark.parametrize(
    "cells", [[], [""], ["Amy", "Parker"], ["Name", "1", "2", "3"], ["Department", "Phone"]]
)
def test_a_line_of_data_is_no_header(cells):
    assert read_header(cells) is None
