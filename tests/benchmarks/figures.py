"""The form of every benchmark: a table for people, `{"figures": […]}` for machines."""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """value: the median. target: the most it may be, or the least where more is better, or None
    where nothing was promised.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    least: float | None = None
    most: float | None = None
    more_is_better: bool = False

    @property
    def holds(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.more_is_better else self.value <= self.target


def median_of(name: str, values: Sequence[float], unit: str, target: float | None = None) -> Figure:
    return Figure(name, statistics.median(values), unit, target, min(values), max(values))


def at_least(name: str, values: Sequence[float], unit: str, target: float) -> Figure:
    figure = median_of(name, values, unit, target)
    return replace(figure, more_is_better=True)


def options(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="shorter and less sure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def report(figures: Sequence[Figure], file: Path | None) -> int:
    """Prints and writes; returns the exit status: 1 where a figure misses its target."""
    width = max(len(figure.name) for figure in figures)
    for f in figures:
        spread = f" ({f.least:.3g}–{f.most:.3g})" if f.least is not None else ""
        sign = "≥" if f.more_is_better else "≤"
        target = f"   {sign} {f.target:g}: {'holds' if f.holds else 'MISSED'}" if f.target else ""
        sys.stdout.write(f"{f.name:<{width}}  {f.value:10.3g} {f.unit}{spread}{target}\n")
    if file is not None:
        rows = [{**asdict(figure), "holds": figure.holds} for figure in figures]
        file.write_text(json.dumps({"figures": rows}, indent=2) + "\n")
    return 0 if all(figure.holds for figure in figures) else 1
