"""The selection of users in a list, as a form or an address holds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.http import urlencode

# With more ids an address can be too long for proxies.
MAX_IN_ADDRESS = 50


@dataclass(frozen=True)
class Choice:
    """These ids, or all users of a query `without` some."""

    ids: str = ""
    all: bool = False
    # None if no query was sent, '' for a list without filters.
    query: str | None = None
    without: str = ""
    # The number of users at the time of the selection, if the list had counted them.
    counted: int | None = None

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> "Choice":
        """Read the selection from a form or an address."""
        counted = sent.get("counted", "")
        return cls(
            ids=sent.get("ids", ""),
            all=sent.get("all") == "1",
            query=sent.get("query"),
            without=sent.get("without", ""),
            # A number of more digits is invalid, and too large for the database.
            counted=int(counted)
            if counted.isascii() and counted.isdigit() and len(counted) < 9
            else None,
        )

    @property
    def of_users(self) -> dict:
        """The arguments of `find_chosen`."""
        return {
            "ids": self.ids,
            "all": self.all,
            "query": self.query,
            "without": self.without,
        }

    @property
    def is_short(self) -> bool:
        """Whether it fits into an address."""
        return (self.ids + self.without).count(",") < MAX_IN_ADDRESS and len(
            self.query or ""
        ) < 1_000

    @property
    def values(self) -> dict[str, str]:
        """The values that `read` reads; empty ones are omitted."""
        values = {
            "ids": self.ids,
            "all": "1" if self.all else "",
            "query": self.query if self.all else None,
            "without": self.without,
            "counted": "" if self.counted is None else str(self.counted),
        }
        # An empty query means all users, so it is kept.
        return {
            name: value
            for name, value in values.items()
            if value or (name == "query" and value is not None)
        }

    @property
    def query_string(self) -> str:
        return urlencode(self.values)
