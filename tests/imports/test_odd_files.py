"""What stays of a file that is odd or hostile, and what goes back in the file of errors."""

import pytest

from imports.check.rows import validate
from imports.read import broken_letters, secrets
from imports.read.table import parse_file
from imports.write.rows import failed_rows
from tests.imports.samples import FACTS
from users.rules.facts import Defaults


def test_half_of_a_broken_letter_stays():
    assert broken_letters.repair("ﾃa") == "ﾃa"


def test_file_of_many_headers_is_read_to_its_end():
    lines = "".join(f"User name,First name,Last name,x{n}\nu{n},Mara,Quill\n" for n in range(1_200))

    parsed = parse_file(f"User name,First name,Last name\n{lines}".encode(), "people.csv")

    named = [row.values["user_name"] for row in parsed.rows]
    assert [name for name in named if name != "User name"] == [f"u{n}" for n in range(1_200)]
    assert len(parsed.notices) < 100


def test_role_of_another_system_is_in_the_file_of_errors():
    file = b"User name,Display name,Role\nmara quill,Mara Quill,teacher\n"
    people, problems = validate(parse_file(file, "people.csv").rows, FACTS, Defaults(location="DE"))

    header, row = failed_rows([(people[0].input, problems)], {}, "en")

    assert row[header.index("Permissions")] == "teacher"


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        (["correcthorse", "batterystaple", "bluefish"], True),
        (["83920174", "19283746", "55501928"], True),
        (["1001", "1002", "1003"], False),
        (["maraquill", "odorusk", "piasorn"], False),
        (["Press", "Print", "Sales"], False),
        (["marketing", "marketing", "marketing"], False),
    ],
)
def test_words_that_differ_in_each_row_may_be_passwords(cells, hidden):
    names = ("Mara Quill", "Odo Rusk", "Pia Sorn")
    rows = [[name, cell] for name, cell in zip(names, cells, strict=True)]

    assert secrets.may_be_secrets(cells, rows) == hidden
