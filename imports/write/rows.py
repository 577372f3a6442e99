"""Writes rows of users to a file that can be uploaded again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from imports.read import columns, dialects
from users.rules import sign_in, vocabulary
from users.rules.problems import NOTICE, Problem, describe

# The import knows these headers and skips the column.
_ERROR = {"en": "Error", "zh-hans": "错误"}

# A cell grows by half at most when it is neutralized, and must be readable again.
_MAX_CELL = 2700

_NOT_UNDERSTOOD = {
    "location": "location",
    "language": "language",
    "permissions": "permission",
    "products": "product",
}


# The column of a file with the sign-in of existing users: blocked or not.
STATUS = "status"


def header_of(language: str) -> dict[str, str]:
    """The columns of the template by field, and that of sign-in."""
    header = columns.template_names(language)
    # The user name contains the domain.
    del header["domain"]
    with translation.override(language):
        return header | {STATUS: _("Sign-in")}


def sign_in_words(language: str) -> dict[str, str]:
    """The words for the states of sign-in."""
    with translation.override(language):
        allowed, blocked, left = _("Allowed"), _("Blocked"), _("Has left")
    return {
        sign_in.ALLOWED: allowed,
        sign_in.BLOCKED: blocked,
        sign_in.LICENSED: blocked,
        sign_in.LEFT: left,
    }


class ProductCells:
    """Writes the products of users so that the import finds the same ones again."""

    def __init__(self, products: Iterable[tuple[str, str, str]]):
        """`products` are tuples of key, name and part number."""
        products = list(products)
        self._known = Counter(
            plain
            for _key, *names in products
            for plain in {vocabulary.plain(name) for name in names}
        )
        self._names = {key: self._unique_name(*names) for key, *names in products}
        self._numbers = {key: number for key, _name, number in products}
        self._written: dict[tuple[str, ...], str] = {}

    def _unique_name(self, name: str, part_number: str) -> str:
        # The part number, where the name would be split or is not unique.
        plain = vocabulary.plain(name)
        is_whole = vocabulary.split_list(name) == [name.strip()]
        return name if plain and is_whole and self._known[plain] == 1 else part_number

    def write(self, keys: Iterable[str]) -> str:
        """The text of one cell with the products of these keys."""
        keys = tuple(key for key in keys if key in self._names)
        if keys not in self._written:
            text = "; ".join(self._names[key] for key in keys)
            # "Office; E3" must not be read as the product "Office E3".
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
    The cells of a file with the failed rows: the columns of the template, and the errors.

    It can be corrected and uploaded again. `names` are the products by subscription.
    """
    language = "zh-hans" if language.lower().startswith("zh") else "en"
    header, words = header_of(language), sign_in_words(language)
    yield [*header.values(), _ERROR[language]]
    for person, problems in lines:
        problems = list(problems)
        # Unknown texts are only in the problems, not in the person.
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
        roles = [*person["permissions"], *typed["permissions"], person.get("other_roles", "")]
        cells["permissions"] = "; ".join(filter(None, roles))
        said = person.get(sign_in.KEY, {})
        cells[STATUS] = words.get(said.get("state"), said.get("word", ""))
        # Those of a blocked user, too, which wait for a decision.
        wanted = [*person["products"], *person.get(sign_in.WITHHELD, ())]
        products = [product["subscription"] for product in wanted]
        cells["products"] = "; ".join(
            dict.fromkeys([*(names.get(id, id) for id in products), *typed["products"]])
        )
        sentences = [describe(problem) for problem in problems if problem.severity != NOTICE]
        yield [_cut(cell) for cell in (*cells.values(), " ".join(sentences))]


def unmatched_rows(
    rows: Iterable[tuple[Mapping[str, str], str]], language: str
) -> Iterator[list[str]]:
    """
    The cells of a file with rows that belong to no customer, and the reasons.

    `rows` are pairs of the texts by field and a sentence. The file can be corrected and uploaded
    again, as a file for several customers.
    """
    language = "zh-hans" if language.lower().startswith("zh") else "en"
    fields = {columns.CUSTOMER: dialects.NAMES[columns.CUSTOMER][language][0]}
    fields |= columns.template_names(language)
    fields |= {field: dialects.NAMES[field][language][0] for field in columns.SIGN_IN}
    yield [*fields.values(), _ERROR[language]]
    for cells, sentence in rows:
        yield [_cut(cell) for cell in (*(cells.get(field, "") for field in fields), sentence)]


def _cut(cell: str) -> str:
    return cell if len(cell) <= _MAX_CELL else f"{cell[:_MAX_CELL]}…"
