"""Whom a member chose in a list, as the list says it and as an address can say it again."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.http import urlencode

# So many ids stand in an address without making it too long for anything between.
MAX_IN_ADDRESS = 50


@dataclass(frozen=True)
class Choice:
    """These ids, or all that the query asks for without those taken out again."""

    ids: str = ""
    all: bool = False
    # None where the list's query was not sent at all; that is not "without any filter".
    query: str | None = None
    without: str = ""
    # How many they were when the member chose, where the list could say it.
    counted: int | None = None

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> "Choice":
        """Read the choice from what a form or an address says."""
        counted = sent.get("counted", "")
        return cls(
            ids=sent.get("ids", ""),
            all=sent.get("all") == "1",
            query=sent.get("query"),
            without=sent.get("without", ""),
            # More digits are no number of users, and none that the database could hold.
            counted=int(counted)
            if counted.isascii() and counted.isdigit() and len(counted) < 9
            else None,
        )

    @property
    def of_users(self) -> dict:
        """What the queries are asked with."""
        return {
            "ids": self.ids,
            "all": self.all,
            "query": self.query,
            "without": self.without,
        }

    @property
    def is_short(self) -> bool:
        """Whether it can stand in an address."""
        return (self.ids + self.without).count(",") < MAX_IN_ADDRESS and len(
            self.query or ""
        ) < 1_000

    @property
    def values(self) -> dict[str, str]:
        """What says this choice again."""
        said = {
            "ids": self.ids,
            "all": "1" if self.all else "",
            "query": self.query if self.all else None,
            "without": self.without,
            "counted": "" if self.counted is None else str(self.counted),
        }
        # An empty query asks for everybody and must not get lost.
        return {
            name: value
            for name, value in said.items()
            if value or (name == "query" and value is not None)
        }

    @property
    def query_string(self) -> str:
        """The choice as an address says it."""
        return urlencode(self.values)
