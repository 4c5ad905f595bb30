"""The figures of two logs as rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from peerdeck.gui.models.rows import Column


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one figure of one log. p95: 95 of 100 samples are not above it."""

    mean: float
    low: float
    high: float
    p95: float


@dataclass(frozen=True, slots=True)
class FigureRow:
    """text: a value in the figure's unit. a, b: None where a log does not know it."""

    key: str
    name: str
    text: Callable[[float], str]
    a: Summary | None
    b: Summary | None

    @property
    def difference(self) -> float | None:
        """Of the means, B less A."""
        return None if self.a is None or self.b is None else self.b.mean - self.a.mean

    @property
    def difference_text(self) -> str:
        """ "+12 ms (+30 %)"; the share is left out where A is 0; "same" where both read alike."""
        if self.difference is None or self.a is None or self.b is None:
            return "–"
        if self.text(self.a.mean) == self.text(self.b.mean):
            return "same"
        sign = "+" if self.difference > 0 else "−"
        shown = f"{sign}{self.text(abs(self.difference))}"
        if not self.a.mean:
            return shown
        share = 100 * self.difference / abs(self.a.mean)
        return f"{shown} ({share:+.0f} %)".replace("(-", "(−")


def _figure(side: str, title: str, value: Callable[[Summary], float]) -> Column[FigureRow]:
    def of(row: FigureRow) -> Summary | None:
        return row.a if side == "A" else row.b

    def text(row: FigureRow) -> str:
        found = of(row)
        return "–" if found is None else row.text(value(found))

    def key(row: FigureRow) -> float:
        found = of(row)
        return float("-inf") if found is None else value(found)

    return Column(f"{side} {title}", text, key=key, align="right", font="figures", width=76)


COMPARISON_COLUMNS: Final[tuple[Column[FigureRow], ...]] = (
    Column("Figure", lambda row: row.name, width=0),
    *(
        _figure(side, title, value)
        for side in ("A", "B")
        for title, value in (
            ("mean", lambda s: s.mean),
            ("min", lambda s: s.low),
            ("max", lambda s: s.high),
            ("p95", lambda s: s.p95),
        )
    ),
    Column(
        "B − A",
        lambda row: row.difference_text,
        key=lambda row: row.difference if row.difference is not None else float("-inf"),
        tooltip=lambda row: "Difference of the means",
        tone=lambda row: "muted" if row.difference_text in {"same", "–"} else "",
        align="right",
        font="figures",
        width=156,
    ),
)


def comparison_text(rows: tuple[FigureRow, ...]) -> str:
    """Tab-separated with a header, for the clipboard."""
    head = "\t".join(column.title for column in COMPARISON_COLUMNS)
    lines = ["\t".join(column.text(row) for column in COMPARISON_COLUMNS) for row in rows]
    return "\n".join([head, *lines])
