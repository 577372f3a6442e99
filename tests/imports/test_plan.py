from imports.check.plan import make_plan
from imports.check.rows import validate
from imports.read.table import Row
from licensing.forecast import SeatForecast
from tests.imports.samples import FACTS, OFFICE
from users.rules.facts import Defaults
from users.rules.problems import describe


def plan_of(*rows):
    rows = [Row(10 + 2 * place, row) for place, row in enumerate(rows)]
    return make_plan(*validate(rows, FACTS, Defaults(location="CN")), FACTS)


def person(name, **cells):
    return {"user_name": name, "display_name": name} | cells


def test_each_line_has_number_and_row_number():
    plan = plan_of(person("a"), person("b"))

    assert [(line.position, line.line) for line in plan.lines] == [(1, 10), (2, 12)]
    assert plan.lines[1].input["user_name"] == "b@contoso.com"


def test_lines_are_ready_warned_or_failed():
    plan = plan_of(
        person("a"), person("postmaster"), person("b b"), person("admin", location="Atlantis")
    )

    assert [line.state for line in plan.lines] == ["ready", "warned", "failed", "failed"]
    assert [[problem.code for problem in line.problems] for line in plan.lines] == [
        [],
        ["user_name_reserved"],
        ["user_name_bad_character"],
        ["location_unknown", "user_name_reserved"],
    ]
    assert plan.counts == {"ready": 1, "warned": 1, "failed": 2, "skipped": 0}


def test_seats_are_counted_before_and_after():
    plan = plan_of(person("a", products="O365-E3; VISIO-2"), person("b", products="VISIO-2"))

    assert plan.seats == (
        SeatForecast("sub-office", "Office 365 E3", 3, wanted=1, left=2),
        SeatForecast("sub-visio", "Visio Plan 2", 10, wanted=2, left=8),
    )
    assert [(seats.left, seats.short) for seats in plan.seats] == [(2, 0), (8, 0)]


def test_seats_go_to_first_rows_with_warnings_after():
    plan = plan_of(*(person(name, products="O365-E3") for name in "abcde"))

    assert OFFICE.free == 3
    assert [line.state for line in plan.lines] == ["ready"] * 3 + ["warned"] * 2
    (problem,) = plan.lines[3].problems
    assert (problem.line, problem.column, problem.code) == (16, "products", "seat_short")
    assert "Office 365 E3" in describe(problem)
    assert (plan.seats[0].wanted, plan.seats[0].left, plan.seats[0].short) == (5, 0, 2)


def test_a_failed_line_takes_no_seat():
    plan = plan_of(
        *(person(f"{name} x", products="O365-E3") for name in "abc"),
        person("d", products="O365-E3"),
    )

    assert plan.lines[3].state == "ready"
    assert plan.seats[0].wanted == 1


def test_plan_without_rows_is_empty():
    plan = plan_of()

    assert (plan.lines, plan.seats, set(plan.counts.values())) == ([], (), {0})
