"""The table of results: ratios, targets, and how they are printed and kept."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Row:
    """What was measured: ours and the opponent's in the same unit, and the ratio aimed at."""

    name: str
    ours: float
    # None where nobody competes; then the target is for our own figure.
    opponent: float | None
    target: float
    unit: str
    # What the name cannot say: which case was the worst, or how many rounds.
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the opponent's: smaller is better."""
        return self.ours / self.opponent if self.opponent else None

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return (self.ours if self.opponent is None else self.ratio) <= self.target

    def as_json(self) -> dict:
        """The row as bench.json keeps it."""
        return {
            "name": self.name,
            "ours": _short(self.ours),
            "opponent": _short(self.opponent),
            "ratio": _short(self.ratio),
            "target": self.target,
            "unit": self.unit,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, kept: dict) -> "Row":
        """The row that bench.json keeps."""
        fields = ("name", "ours", "opponent", "target", "unit", "note")
        return cls(*(kept[field] for field in fields))


def compare(
    name: str,
    ours: Sequence[float],
    opponent: Sequence[float],
    *,
    target: float,
    unit: str,
    note: str = "",
) -> Row:
    """Make a row of the medians of both sides' rounds."""
    return Row(name, median(ours), median(opponent), target, unit, note)


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


HEADINGS = ("", "ours", "opponent", "unit", "ratio", "target", "")


def cells(row: Row) -> tuple[str, ...]:
    """What the table says of a row."""
    return (
        row.name,
        _figure(row.ours),
        "–" if row.opponent is None else _figure(row.opponent),
        row.unit,
        "–" if row.ratio is None else _figure(row.ratio),
        f"≤ {row.target:g}",
        "" if row.is_met else "missed",
    )


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    table = [HEADINGS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    aligned = [_align(line, widths) for line in table]
    notes = ["", *(f"  {row.note}" if row.note else "" for row in rows)]
    return "\n".join((line + note).rstrip() for line, note in zip(aligned, notes, strict=True))


def _align(line: Sequence[str], widths: Sequence[int]) -> str:
    # Names and units begin alike, figures end alike.
    places = (str.ljust, str.rjust, str.rjust, str.ljust, str.rjust, str.rjust, str.ljust)
    return "  ".join(
        place(cell, width) for place, cell, width in zip(places, line, widths, strict=True)
    )


def as_markdown(rows: Sequence[Row]) -> str:
    """The table for a page in Markdown."""
    lines = ["| row | ours | opponent | unit | ratio | target | |", "|---|--:|--:|---|--:|--:|---|"]
    for row in rows:
        name, ours, opponent, unit, ratio, target, missed = cells(row)
        remark = "; ".join(filter(None, (missed, row.note)))
        lines.append(f"| `{name}` | {ours} | {opponent} | {unit} | {ratio} | {target} | {remark} |")
    return "\n".join(lines)


def write(rows: Sequence[Row], path: Path) -> None:
    """Keep the rows as JSON."""
    kept = json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False)
    path.write_text(f"{kept}\n", encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows that were kept."""
    return [Row.from_json(one) for one in json.loads(path.read_text(encoding="utf-8"))]


def _figure(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number >= 0.1 else f"{number:.3f}"


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
