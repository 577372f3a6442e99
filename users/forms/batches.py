from collections.abc import Container
from dataclasses import dataclass
from uuid import UUID

from django.http import QueryDict


@dataclass(frozen=True)
class Place:
    """Which rows of a list a page shows: a filter and the place where the page begins."""

    show: str = ""
    after: object = None
    before: object = None

    @classmethod
    def of(cls, query: QueryDict, shows: Container[str], *, kind: type = int) -> "Place":
        """Read it from the address; what means nothing is taken for the first page of all."""
        show = query.get("show", "")
        return cls(
            show=show if show in shows else "",
            after=_read(query.get("after"), kind),
            before=_read(query.get("before"), kind),
        )


def _read(text: str | None, kind: type) -> int | UUID | None:
    try:
        place = kind(text) if text else None
    except ValueError:
        return None
    # No line has a higher number; Postgres would refuse it.
    return None if isinstance(place, int) and not 0 <= place < 2**31 else place
