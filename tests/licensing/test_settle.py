"""Changes of licenses that are done at once: what one gives back is another's."""

from collections import Counter
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.operations import swaps as exchanges
from licensing.operations import swaps as licensing_exchanges
from licensing.operations.swaps import Change

SEATS = "XYZ"


def settle(changes, **free):
    """Settle changes that are told as (wanted, given back), and give what each lacks."""
    found = [
        Change(place, place, tuple(wants), tuple(gives))
        for place, (wants, gives) in enumerate(changes)
    ]
    lacks = licensing_exchanges.settle(found, free)
    return {place: "".join(ones) for place, ones in lacks.items()}


def test_two_get_each_others_seat():
    assert settle([("Y", "X"), ("X", "Y")]) == {}


def test_three_get_the_seat_of_the_next():
    assert settle([("Y", "X"), ("Z", "Y"), ("X", "Z")]) == {}


def test_who_only_gives_back_serves_the_first_who_wants_it():
    assert settle([("X", ""), ("X", ""), ("", "X")]) == {1: "X"}


def test_a_chain_that_begins_with_a_free_seat_is_served_whatever_its_order():
    assert settle([("X", "Y"), ("Y", "Z"), ("Z", "")], X=1) == {}
    assert settle([("Z", ""), ("Y", "Z"), ("X", "Y")], X=1) == {}


def test_a_swap_that_nobody_completes_is_not_done_and_gives_nothing():
    assert settle([("Y", "X"), ("X", "")]) == {0: "Y", 1: "X"}


def test_who_asks_for_too_much_breaks_no_circle_of_the_others():
    assert settle([("X", "Z"), ("X", "Y"), ("Y", "X")]) == {0: "X"}


def test_a_swap_of_two_gets_both_or_neither():
    assert settle([("XY", "Z"), ("Z", "X")]) == {0: "XY", 1: "Z"}
    assert settle([("XY", "Z"), ("Z", "X")], Y=1) == {}


def test_who_gives_nothing_back_gets_what_there_is():
    assert settle([("XY", "")], Y=1) == {0: "X"}


def test_nobody_gets_what_nobody_has():
    assert settle([("X", "")]) == {0: "X"}
    assert settle([]) == {}


def test_what_was_given_too_often_is_given_back_first():
    assert settle([("Y", "X"), ("X", "Y")], X=-1) == {0: "Y", 1: "X"}


def test_the_swaps_that_are_tried_are_bounded(monkeypatch):
    monkeypatch.setattr(exchanges, "MOST_KINDS", 2)

    assert settle([("Y", "X"), ("X", "Y"), ("Z", "Y"), ("Y", "Z"), ("Y", "X"), ("X", "Y")]) == {
        2: "Z",
        3: "Y",
    }


CHANGES = st.lists(
    st.tuples(st.sets(st.sampled_from(SEATS)), st.sets(st.sampled_from(SEATS))).map(
        lambda pair: ("".join(sorted(pair[0] - pair[1])), "".join(sorted(pair[1])))
    ),
    max_size=7,
)
FREE = st.fixed_dictionaries({one: st.integers(0, 2) for one in SEATS})


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, free=FREE)
def test_no_seat_is_given_that_is_not_there_and_a_swap_is_whole(changes, free):
    lacks = settle(changes, **free)

    left = Counter(free)
    for place, (wants, gives) in enumerate(changes):
        if place in lacks and gives:
            continue
        left.update(gives)
        left.subtract(one for one in wants if one not in lacks.get(place, ""))
    assert min(left.values()) >= 0
    # And none is left over that would have completed something.
    for place, short in lacks.items():
        assert short
        assert all(left[one] == 0 for one in short) or changes[place][1]


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, free=FREE)
def test_no_circle_of_those_who_want_one_thing_is_overlooked(changes, free):
    changes = [(wants[:1], gives) for wants, gives in changes]
    lacks = settle(changes, **free)

    left = Counter(free)
    for place, (wants, gives) in enumerate(changes):
        if place not in lacks:
            left.update(gives)
            left.subtract(wants)
    swaps = [changes[place] for place in lacks if changes[place][1]]
    for number in range(1, len(swaps) + 1):
        for some in combinations(swaps, number):
            after = Counter(left)
            for wants, gives in some:
                after.update(gives)
                after.subtract(wants)
            assert min(after.values(), default=0) < 0
