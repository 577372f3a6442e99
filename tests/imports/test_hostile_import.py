"""Ten thousand rows that mean harm, through the real operations: each is added or reported."""

import csv
import io
import json
import random

from django.urls import reverse

from audit.models import Event
from batches.models import Job, Line
from partners.names import has_invisible
from tests.imports.samples import is_user_name
from tests.imports.test_corpus import PAYLOADS
from tests.imports.test_import import plan, show, start
from tests.workers import run_chunk
from users.models import CustomerUser
from users.rules.problems import Problem, describe

SEED = 20261122
ROWS = 10_000
FIELDS = [
    "User name", "Last name", "First name", "Display name", "Usage location", "Licenses",
    "Permissions", "Job title", "Department", "Phone", "Contact address", "Language",
]  # fmt: skip
NASTY = [
    *PAYLOADS,
    "\0", "a\0b", "\ufeff", "\u202e\u2066x", "\u200b", "\x85", "\u2028", "\x1b[31m", "\x7f",
    "аmy", "ａｄｍｉｎ", "\u212aim", "ſam", "İ", "ß", "e\u0301", "\U0001f600", "\uffff", "﷽" * 9,
    "x" * 65, "x" * 4096, "王" * 130, "=" * 50, '"', '""', "'", "''", "a\nb", "a\r\nb", "a,b", "a;b",
    "\t", " ", "", "NULL", "None", "true", "NaN", "1e999", "-0", "99999999999999999999", "\\N",
    "\\", "%", "_", "\\x00", "admin", "root@contoso.example", "@", "a@b@c", "a@contoso.example.evil",
    "Office E3", "Office E3; Office E3", "Global administrator", "CN", "zh-Hans", "{}", "[]", '{"a":1}',
]  # fmt: skip


def hostile_rows():
    """Rows of which about half are good in the cells that matter."""
    chance = random.Random(SEED)
    for number in range(ROWS):
        cells = [chance.choice(NASTY) if chance.random() < 0.3 else "" for _ in FIELDS]
        if chance.random() < 0.7:
            cells[0] = f"u{number % 9000}" + chance.choice(
                ["", "", "@contoso.example", "@CONTOSO.example"]
            )
        if chance.random() < 0.8:
            cells[3] = f"Person {number}" + chance.choice(["", "", *NASTY[:20]])
            cells[4] = chance.choice(["CN", "US", ""])
            cells[6] = cells[7] = cells[10] = ""
        yield cells


def as_csv(rows):
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows([FIELDS, *rows])
    return file.getvalue().encode()


def test_each_hostile_row_is_added_or_reported(as_alice, contoso, office):
    batch = plan(as_alice, as_csv(hostile_rows()), products=[str(office.pk)])

    assert batch.state == "planned"
    lines = list(Line.objects.order_by("number"))
    # Blank rows are skipped.
    assert ROWS - 50 < len(lines) == batch.total <= ROWS
    bad = [line for line in lines if line.state == "invalid"]
    skipped = [line for line in lines if line.state == "left_out"]
    assert len(skipped) < len(lines) / 15
    assert len(lines) / 5 < len(bad) < len(lines) * 4 / 5
    numbers = [line.input["line"] for line in lines]
    assert numbers == sorted(set(numbers))
    for line in bad:
        problems = [Problem.from_json(problem) for problem in line.problems]
        assert {problem.line for problem in problems} == {line.input["line"]}
        assert any(problem.severity == "error" for problem in problems)
        assert all(describe(problem).endswith(".") for problem in problems)
    for shown in ("", "errors", "warnings"):
        page = show(as_alice, batch, show=shown)
        assert "<script>alert" not in page
        assert "<img src=x" not in page

    start(as_alice, batch)
    for number in Job.objects.filter(batch=batch, state="pending").values_list("number", flat=True):
        run_chunk(batch_id=batch.pk, number=number)

    batch.refresh_from_db()
    assert batch.state == "done"
    check_what_was_added(len(lines) - len(bad) - len(skipped), office)
    check_the_rows_that_came_back(as_alice, batch, len(bad))


def check_what_was_added(number, office):
    """Each added user is complete: with an event, a password, and a seat if the line has one."""
    added = {line.user_id: line for line in Line.objects.exclude(state__in=["invalid", "left_out"])}
    assert {line.state for line in added.values()} <= {"done", "partly"}
    users = list(CustomerUser.objects.all())
    assert {user.pk for user in users} == set(added)
    assert len(users) == number
    assert len({user.user_name for user in users}) == number
    for user in users:
        assert is_user_name(user.user_name)
        assert user.user_name.endswith("@contoso.example")
        assert user.display_name
        assert not has_invisible(user.display_name)
        assert user.password.startswith("temp1$")
        assert added[user.pk].sealed
    events = Event.objects.filter(action="user.added").values_list("subject_id", flat=True)
    assert sorted(events) == sorted(added)
    seated = {pk for pk, line in added.items() if line.result.get("assigned")}
    assert set(office.assignments.values_list("user_id", flat=True)) == seated
    assert len(seated) == 5


def check_the_rows_that_came_back(client, batch, number):
    """The file of refused rows has reasons in every row and no formulas, and can be read again."""
    answer = client.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]))
    content = b"".join(answer.streaming_content)
    header, *table = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert len(table) == number
    assert all(row[-1].endswith(".") for row in table)
    assert not any(cell.startswith(tuple("=+-@\t\r\n")) for row in table for cell in row)
    again = plan(client, content, "errors.csv")
    assert again.state == "planned", again.plan
    assert json.dumps(again.plan)
    # Some of it was no more than what cannot be seen, and was taken out.
    assert number * 0.9 < again.total <= number
    assert CustomerUser.objects.count() == len(set(CustomerUser.objects.values_list("user_name")))
