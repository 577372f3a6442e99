"""Rows of people to a file that can be uploaded again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from imports.read import columns
from users.rules import vocabulary
from users.rules.problems import NOTICE, Problem, describe

# Known to the import, which leaves the column alone.
_ERROR = {"en": "Error", "zh-hans": "错误"}

# A cell grows by half at most when it is neutralized, and is to be read again.
_LONGEST = 2700

_NOT_UNDERSTOOD = {
    "location": "location",
    "language": "language",
    "permissions": "permission",
    "products": "product",
}


class ProductCells:
    """Writes the products that somebody holds so that the import finds the same ones again."""

    def __init__(self, products: Iterable[tuple[str, str, str]]):
        """Take each product's key, name and part number."""
        products = list(products)
        self._known = Counter(
            plain
            for _key, *names in products
            for plain in {vocabulary.plain(name) for name in names}
        )
        self._names = {key: self._tell_apart(*names) for key, *names in products}
        self._numbers = {key: number for key, _name, number in products}
        self._written: dict[tuple[str, ...], str] = {}

    def _tell_apart(self, name: str, part_number: str) -> str:
        # Where a name would be cut in two, or could be another's, the part number says which.
        plain = vocabulary.plain(name)
        is_whole = vocabulary.split_list(name) == [name.strip()]
        return name if plain and is_whole and self._known[plain] == 1 else part_number

    def write(self, keys: Iterable[str]) -> str:
        """The products of these keys in one cell."""
        keys = tuple(key for key in keys if key in self._names)
        if keys not in self._written:
            text = "; ".join(self._names[key] for key in keys)
            # All of it read as one name: "Office" and "E3" are not "Office E3".
            if len(keys) > 1 and vocabulary.plain(text) in self._known:
                text = "; ".join(self._numbers[key] for key in keys)
            self._written[keys] = text
        return self._written[keys]


def failed_rows(
    lines: Iterable[tuple[dict[str, Any], Iterable[Problem]]],
    names: Mapping[str, str],
    language: str,
) -> Iterator[list[str]]:
    """
    Make the file of the rows that failed: the template's columns and what is wrong.

    It can be repaired and uploaded again. The names are those of the products by subscription.
    """
    language = "zh-hans" if language.lower().startswith("zh") else "en"
    header = columns.template_names(language)
    del header["domain"]
    yield [*header.values(), _ERROR[language]]
    for person, problems in lines:
        problems = list(problems)
        # What was not understood stands in no person, only in the problem.
        typed = {
            column: [
                problem.value
                for problem in problems
                if problem.code in (f"{code}_unknown", f"{code}_ambiguous")
            ]
            for column, code in _NOT_UNDERSTOOD.items()
        }
        cells = {field: str(person.get(field) or "") for field in header}
        cells["location"] = person["location"] or "".join(typed["location"])
        cells["language"] = person["language"] or "".join(typed["language"])
        cells["permissions"] = "; ".join([*person["permissions"], *typed["permissions"]])
        products = [product["subscription"] for product in person["products"]]
        cells["products"] = "; ".join(
            dict.fromkeys([*(names.get(id, id) for id in products), *typed["products"]])
        )
        sentences = [describe(problem) for problem in problems if problem.severity != NOTICE]
        yield [_cut(cell) for cell in (*cells.values(), " ".join(sentences))]


def stray_rows(rows: Iterable[tuple[Mapping[str, str], str]], language: str) -> Iterator[list[str]]:
    """
    Make the file of the rows that belong to no customer: whose they say they are, and why not.

    Each row has the texts of its cells by field, and a sentence. It can be repaired and uploaded
    again, as a file for many customers.
    """
    language = "zh-hans" if language.lower().startswith("zh") else "en"
    fields = {columns.CUSTOMER: columns.NAMES[columns.CUSTOMER][language][0]}
    fields |= columns.template_names(language)
    yield [*fields.values(), _ERROR[language]]
    for cells, sentence in rows:
        yield [_cut(cell) for cell in (*(cells.get(field, "") for field in fields), sentence)]


def _cut(cell: str) -> str:
    return cell if len(cell) <= _LONGEST else f"{cell[:_LONGEST]}…"
