"""Measuring in turns: what disturbs one side disturbs the other too."""

from collections.abc import Callable
from time import perf_counter


def seconds(act: Callable, *arguments) -> float:
    """How long it takes."""
    start = perf_counter()
    act(*arguments)
    return perf_counter() - start


def in_turns(
    ours: Callable[[], object],
    opponent: Callable[[], object],
    *,
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> tuple[list[float], list[float]]:
    """The seconds of both sides, round by round; who begins changes."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        turn = [(ours, times[0]), (opponent, times[1])]
        for act, taken in turn if number % 2 == 0 else reversed(turn):
            before()
            taken.append(seconds(act))
    return times
