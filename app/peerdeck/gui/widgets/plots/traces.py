"""What a plot shows, before it has a place: curves, their scale, the time that they share."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peerdeck.core.quantities import countdown_text
from peerdeck.gui.widgets.plots.units import Unit, time_step

if TYPE_CHECKING:
    from peerdeck.gui.widgets.plots.rows import Array

_TIME_PX: Final = 56  # “−0:50” and air
_NEAR: Final = 0.015  # of what is seen: the cursor is at a mark
_MOST_NAMES: Final = 2
NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve. times: seconds on the axis, ascending; values: as many, NaN where unknown. low,
    high: of the values, 0 where none is known."""

    name: str
    times: "Array"
    values: "Array"
    unit: Unit
    low: float = 0.0
    high: float = 0.0

    def at(self, when: float | None) -> tuple[float, float] | None:
        """(time, value) of the sample nearest to a time, of the newest for None."""
        count = len(self.times)
        if not count:
            return None
        place = count - 1
        if when is not None:
            place = int(self.times.searchsorted(when))
            nearer = place == count or (
                place > 0 and when - self.times[place - 1] < self.times[place] - when
            )
            place -= nearer
        return float(self.times[place]), float(self.values[place])

    def text_at(self, when: float | None) -> str:
        found = self.at(when)
        return NOTHING if found is None or found[1] != found[1] else self.unit.text(found[1])


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over one scale. words: the definition, for the tooltip. tight: see axis_range."""

    key: str
    title: str
    traces: tuple[Trace, ...]
    unit: Unit
    words: str = ""
    tight: bool = False

    @property
    def lines(self) -> int:
        """Of text above the curves: one for the title, one for each of several curves."""
        return 1 if len(self.traces) <= 1 else 1 + len(self.traces)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened. tone: "ok", "warn" or "bad"."""

    at: float
    name: str
    tone: str


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """begin, end: what is seen, in seconds; newest: of the samples. zero: what times are told
    from. relative: times are told before now instead. moment: POSIX seconds of 0 on the axis,
    None where it has none. marker: a time that is pointed to, None for none. marks: what happened
    meanwhile."""

    begin: float = 0.0
    end: float = 60.0
    newest: float = 60.0
    zero: float = 0.0
    relative: bool = True
    has_moments: bool = True
    marker: float | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def span(self) -> float:
        return self.end - self.begin

    @property
    def labels_key(self) -> object:
        """Equal while the labels stay: before now, they do while time goes on."""
        if self.relative:
            return ("before now", round(self.span, 3))
        return (self.begin, self.end, self.zero)

    def held(self, at: float) -> float:
        return min(max(at, self.begin), self.end)

    def labels(self, width_px: float) -> list[tuple[float, str]]:
        """(share of the width, text)."""
        step = time_step(self.span, width_px, _TIME_PX)
        origin = self.end if self.relative else self.zero
        number = int((self.begin - origin) // step) + 1
        found = []
        while (at := origin + number * step) <= self.end + 1e-9:
            found.append(((at - self.begin) / self.span, self.text(at, step)))
            number += 1
        return found

    def text(self, at: float, step: float = 1.0) -> str:
        if self.relative:
            before = self.end - at
            return "now" if before < step / 2 else f"−{clock_text(before, step)}"
        since = at - self.zero
        return f"{'−' if since < 0 else ''}{clock_text(abs(since), step)}"

    def moment_text(self, at: float) -> str:
        """Of the cursor: "1:05 ago · 12:31:07", or since the start; and what happened there."""
        told = [f"{countdown_text(self.newest - at)} ago" if self.relative else self.text(at, 0.1)]
        if self.has_moments:
            told.append(time.strftime("%H:%M:%S", time.localtime(at)))
        near = [mark for mark in self.marks if abs(mark.at - at) <= _NEAR * self.span]
        told += [mark.name for mark in near[:_MOST_NAMES]]
        return " · ".join(told)


def clock_text(seconds: float, step: float = 1.0) -> str:
    """65.0 → "1:05", 3725 → "1:02:05"; with tenths for steps below a second."""
    if step >= 1:
        return countdown_text(seconds + 0.5)
    return f"{countdown_text(seconds)}.{int(seconds * 10 + 0.5) % 10}"
