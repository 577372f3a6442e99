from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.allocation import allocate

SEATS = "XYZ"


def allocate_all(requests, **free):
    """Allocate requests, given as (wanted, given back), in order; return what each lacks."""
    free, lacks = Counter(free), {}
    for place, (wanted, back) in enumerate(requests):
        if short := allocate(free, wanted, is_swap=bool(back), freed=back):
            lacks[place] = "".join(short)
    return lacks


def test_first_come_is_first_served():
    assert allocate_all([("X", ""), ("X", ""), ("X", "")], X=2) == {2: "X"}


def test_seat_given_back_goes_to_next_request():
    assert allocate_all([("X", "Y"), ("Y", "Z"), ("Z", "")], X=1) == {}


def test_seat_given_back_later_comes_too_late():
    assert allocate_all([("Z", ""), ("Y", "Z"), ("X", "Y")], X=1) == {0: "Z", 1: "Y"}


def test_two_swaps_of_each_others_seat_both_wait():
    assert allocate_all([("Y", "X"), ("X", "Y")]) == {0: "Y", 1: "X"}


def test_swap_for_two_seats_gets_both_or_none():
    assert allocate_all([("XY", "Z"), ("X", "")], X=1) == {0: "Y"}
    assert allocate_all([("XY", "Z"), ("Z", "")], X=1, Y=1) == {}


def test_request_without_return_gets_what_is_free():
    assert allocate_all([("XY", ""), ("Y", "")], Y=1) == {0: "X", 1: "Y"}


REQUESTS = st.lists(
    st.tuples(st.sets(st.sampled_from(SEATS)), st.sets(st.sampled_from(SEATS))).map(
        lambda pair: ("".join(sorted(pair[0] - pair[1])), "".join(sorted(pair[1])))
    ),
    max_size=7,
)
FREE = st.fixed_dictionaries({one: st.integers(0, 2) for one in SEATS})


@settings(max_examples=300, deadline=None)
@given(requests=REQUESTS, free=FREE)
def test_seats_never_run_negative_and_swaps_are_whole(requests, free):
    lacks = allocate_all(requests, **free)

    left = Counter(free)
    for place, (wanted, back) in enumerate(requests):
        short = lacks.get(place, "")
        # Only what was not there is lacking.
        assert all(left[one] < 1 for one in short)
        if short and back:
            continue
        left.subtract(one for one in wanted if one not in short)
        assert min(left.values(), default=0) >= 0
        left.update(back)
