"""First come, first served: the one rule by which seats are given out."""

from collections.abc import Hashable, Iterable, MutableMapping, Sequence


def allocate(
    free: MutableMapping[Hashable, int],
    wanted: Sequence[Hashable],
    *,
    is_swap: bool = False,
    freed: Iterable[Hashable] = (),
) -> list[Hashable]:
    """
    Take the wanted seats out of those that are free, and return those that lack.

    A swap gets all of them or changes nothing: no user loses a license for one that is not there.
    `freed` are seats that are given back for the requests after this one.
    """
    short = [seat for seat in wanted if free[seat] < 1]
    if short and is_swap:
        return short
    for seat in wanted:
        if seat not in short:
            free[seat] -= 1
    for seat in freed:
        free[seat] += 1
    return short
