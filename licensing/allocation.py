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
    short = [one for one in wanted if free[one] < 1]
    if short and is_swap:
        return short
    for one in wanted:
        if one not in short:
            free[one] -= 1
    for one in freed:
        free[one] += 1
    return short
