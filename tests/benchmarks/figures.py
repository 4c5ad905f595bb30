"""The form of every benchmark: a table for people, `{"figures": […]}` for machines."""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """value: the median. target: the most it may be ("≤ …"), or None where nothing was promised."""

    name: str
    value: float
    unit: str
    target: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        return self.target is None or self.value <= self.target


def median_of(name: str, values: Sequence[float], unit: str, target: float | None = None) -> Figure:
    return Figure(name, statistics.median(values), unit, target, min(values), max(values))


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
        target = f"   ≤ {f.target:g}: {'holds' if f.holds else 'MISSED'}" if f.target else ""
        sys.stdout.write(f"{f.name:<{width}}  {f.value:10.3g} {f.unit}{spread}{target}\n")
    if file is not None:
        rows = [{**asdict(figure), "holds": figure.holds} for figure in figures]
        file.write_text(json.dumps({"figures": rows}, indent=2) + "\n")
    return 0 if all(figure.holds for figure in figures) else 1
