"""Shows numbers as a spreadsheet does by the number format of their cell."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

# Excel's limit; longer ones come from elsewhere.
MAX_CODE = 255

# The numbers of formats that files use without spelling them out. Other numbers are of formats
# that change nothing that matters here, or of dates that the reader of workbooks knows.
BUILT_IN = {9: "0%", 10: "0.00%"}
# Dates of Chinese, Japanese and Korean spreadsheets, which that reader does not know.
EAST_ASIAN_DATES = frozenset({*range(27, 37), *range(50, 59)})

_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?\d+(?:\.\d+)?)\Z")
_COMPARE = {
    "<=": float.__le__, ">=": float.__ge__, "<>": float.__ne__,
    "<": float.__lt__, ">": float.__gt__, "=": float.__eq__,
}  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<quoted>"[^"]*"?)|[\\!](?P<escaped>.)|(?P<skipped>[_*].?)|\[(?P<bracket>[^\]]*)\]?"""
    r"""|(?P<general>General|G/通用格式)|(?P<exponent>[Ee][+-])|(?P<date>AM/PM|A/P|[ymdhsbgeYMDHSBGE])"""
    r"""|(?P<digit>[0#?])|(?P<at>@)|(?P<percent>%)|(?P<point>[.,])|(?P<section>;)|(?P<other>.)""",
    re.DOTALL,
)
_CURRENCY = re.compile(r"[$€£¥￥₩₽]")


@dataclass(frozen=True, slots=True)
class _Section:
    """What a format does with some of the numbers, or with texts."""

    # Literal texts, and single placeholders: 0, # and ? for digits, @ for a text.
    parts: tuple[tuple[bool, str], ...]
    condition: tuple[str, float] | None = None
    is_percent: bool = False
    # Has decimals, separators of thousands, a currency and the like: the plain number is better.
    is_amount: bool = False

    @property
    def placeholders(self) -> str:
        return "".join(text for is_literal, text in self.parts if not is_literal)

    @property
    def has_literals(self) -> bool:
        return any(is_literal and text.strip() for is_literal, text in self.parts)

    @property
    def matters(self) -> bool:
        """Whether a number looks different with the section."""
        if self.is_percent:
            return True
        return not self.is_amount and (self.has_literals or self.placeholders.count("0") > 1)


class NumberFormat:
    """A number format that shows something else than the plain value."""

    def __init__(self, numbers: Sequence[_Section], texts: _Section | None):
        self.numbers = numbers
        self.texts = texts

    def show(self, value: object) -> str | None:
        """The text that a cell with the value shows; None where it shows the plain value."""
        if isinstance(value, str):
            return _fill(self.texts, value) if self.texts and value else None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        number = float(value)
        section = self._section_of(number)
        if section is None:
            return _fill(self.texts, plain_number(number)) if self.texts else None
        if section.is_percent:
            return f"{plain_number(round(number * 100, 10))}%"
        if not section.matters:
            return None
        text = _put_digits(section, round_half_up(abs(number))).strip()
        # Sections of their own for negative numbers have the sign among their literals.
        is_signed = number < 0 and section is self.numbers[0] and not section.condition
        return f"-{text}" if is_signed else text

    def _section_of(self, number: float) -> _Section | None:
        sections = self.numbers
        if any(section.condition for section in sections):
            for section in sections:
                if section.condition is None:
                    return section
                compare, limit = section.condition
                if _COMPARE[compare](number, limit):
                    return section
            return None
        if number == 0 and len(sections) > 2:
            return sections[2]
        if number < 0 and len(sections) > 1:
            return sections[1]
        return sections[0] if sections else None


class EastAsianDate:
    """A format that shows the number of a day as a date."""

    def __init__(self, is_1904: bool):
        # Day 60 is the 29th of February 1900, which never was.
        self.first = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)

    def show(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        if not 1 <= value < 2_958_466:
            return None
        return plain_text(self.first + timedelta(days=round(value * 86400) / 86400))


def read_format(number: int, code: str, *, is_1904: bool) -> NumberFormat | EastAsianDate | None:
    """
    The format with that number and code; None where cells show what the reader gives anyway.

    `code` is '' where the file does not spell it out.
    """
    if not code and number in EAST_ASIAN_DATES:
        return EastAsianDate(is_1904)
    code = code or BUILT_IN.get(number, "")
    if not code or len(code) > MAX_CODE:
        return None
    sections = list(_read_sections(code))
    if None in sections:
        # A date: read as one.
        return None
    texts = None
    if len(sections) > 3 or "@" in sections[-1].placeholders:
        texts = sections[3] if len(sections) > 3 else sections[-1]
        sections = [section for section in sections[:3] if section is not texts]
        texts = texts if "@" in texts.placeholders and texts.has_literals else None
    if texts or any(section.matters for section in sections):
        return NumberFormat(sections, texts)
    return None


def _read_sections(code: str) -> Iterator[_Section | None]:
    parts: list[tuple[bool, str]] = []
    condition = None
    is_percent = is_amount = is_date = False
    for token in [*_TOKEN.finditer(code), None]:
        kind = token.lastgroup if token else "section"
        if kind == "section":
            yield None if is_date else _Section(tuple(parts), condition, is_percent, is_amount)
            parts, condition = [], None
            is_percent = is_amount = is_date = False
            continue
        text = token[kind]
        if kind == "quoted":
            parts.append((True, text.strip('"')))
        elif kind == "escaped":
            parts.append((True, text))
        elif kind == "skipped":
            # A blank as wide as the letter, or the letter as often as there is room.
            parts.append((True, " " if text[0] == "_" else ""))
        elif kind == "bracket":
            found = _CONDITION.match(text)
            condition = (found[1], float(found[2])) if found else condition
            is_date = is_date or text.lower().strip("hms") == "" != text
            is_amount = is_amount or (text.startswith("$") and text[1:2] not in ("-", ""))
        elif kind in {"digit", "at"}:
            parts.append((False, text))
        elif kind == "percent":
            is_percent = True
        elif kind == "date":
            is_date = True
        elif (
            kind in {"point", "exponent", "general"}
            or _CURRENCY.match(text)
            or (text == "/" and parts and not parts[-1][0])
        ):
            is_amount = True
        else:
            parts.append((True, text))
        if kind in {"quoted", "escaped"} and _CURRENCY.search(text):
            is_amount = True


def _fill(section: _Section, value: str) -> str:
    return "".join(text if is_literal else value for is_literal, text in section.parts).strip()


def _put_digits(section: _Section, number: int) -> str:
    digits = list(str(number)) if number else []
    left = len(section.placeholders)
    shown: list[str] = []
    for is_literal, text in reversed(section.parts):
        if is_literal:
            shown.append(text)
            continue
        left -= 1
        if not left:
            # All further digits stand at the first place.
            rest = "".join(digits)
            shown.append(rest or {"0": "0", "?": " "}.get(text, ""))
        elif digits:
            shown.append(digits.pop())
        else:
            shown.append({"0": "0", "?": " "}.get(text, ""))
    return "".join(reversed(shown))


def round_half_up(number: float) -> int:
    return int(number) + (number - int(number) >= 0.5)


def plain_number(number: float) -> str:
    """The number as a cell without a format shows it in a wide column."""
    # A telephone number in a cell of numbers: 13800138000.0
    if number.is_integer() and abs(number) < 1e16:
        return str(int(number))
    # Spreadsheets compute with 15 digits: 0.1 + 0.2 is 0.3.
    return f"{number:.15g}" if abs(number) < 1e15 else repr(number)


def plain_text(value: object) -> str:
    """The text of a value of a cell, without a format."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds") if value.time() != time() else str(value.date())
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)
