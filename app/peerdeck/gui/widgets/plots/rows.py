"""Columns of a StatsTable as numpy arrays: rates, sums, and few points from many.

numpy is imported here and by nothing above at import time: `view` loads this module beside the
loop, when plots are first looked at.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QDataStream
from PySide6.QtGui import QPolygonF

from peerdeck.core.rtc_stats import Member
from peerdeck.core.stats_table import StatsTable

Array = NDArray[np.float64]
_GAP_S: Final = 5.0  # a longer silence between two samples breaks the line
_GAP_STEPS: Final = 3
_MOST: Final = 1e30


class Rows:
    """Rows first..last of a table; one more before them, where there is one, for rates.

    Arrays are copies: a column that numpy looks into could not grow.
    """

    def __init__(self, table: StatsTable, first: int, last: int) -> None:
        self.table = table
        self._from = max(0, first - 1)
        self._to = last + 1
        self._skip = first - self._from
        self._times = np.array(table.times[self._from : self._to], dtype=np.float64)
        self._columns: dict[Member, Array] = {}
        self._wide: NDArray[np.intp] | None = None

    @property
    def key(self) -> object:
        """Equal for the same rows of the same table."""
        table = self.table
        return (self._from, self._to, self._skip, table.times[0], table.times[self._to - 1])

    @property
    def times(self) -> Array:
        return self._times[self._skip :]

    def _column(self, member: Member) -> Array:
        found = self._columns.get(member)
        if found is None:
            values = self.table.column(member)[self._from : self._to]
            if len(values) == len(self._times):
                found = np.array(values, dtype=np.float64)
                # A foreign file may hold anything; what no axis could show is not known.
                found[~(np.abs(found) < _MOST)] = np.nan
            else:
                found = np.full(len(self._times), np.nan)
            self._columns[member] = found
        return found

    def value(self, member: Member) -> Array:
        return self._column(member)[self._skip :]

    def rate(self, member: Member) -> Array:
        """Growth per second since the row before; unknown where a counter began anew."""
        return self._rate(self._column(member))

    def growth(self, member: Member) -> Array:
        """Since the row before; may be negative."""
        return self._since_before(self._column(member))[self._skip :]

    def _rate(self, values: Array) -> Array:
        seconds = self._since_before(self._times)
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = self._since_before(values) / seconds
            return np.where((rate < 0) | ~(seconds > 0), np.nan, rate)[self._skip :]

    @staticmethod
    def _since_before(values: Array) -> Array:
        result = np.full(len(values), np.nan)
        np.subtract(values[1:], values[:-1], out=result[1:])
        return result

    def nothing(self) -> Array:
        return np.full(len(self.times), np.nan)

    def total(self, parts: Sequence[Array]) -> Array:
        """Sum of those that are known, unknown where none is."""
        if not parts:
            return self.nothing()
        if len(parts) == 1:
            return parts[0]
        stacked = np.stack(parts)
        unknown = np.isnan(stacked).all(axis=0)
        return np.where(unknown, np.nan, np.nansum(stacked, axis=0))

    def first_known(self, parts: Sequence[Array]) -> Array:
        """At each row the first that is known there."""
        result = self.nothing()
        for part in parts:
            result = np.where(np.isnan(result), part, result)
        return result

    def line(self, values: Array) -> tuple[Array, Array]:
        """(times, values) with NaN where samples lack for longer than their distance explains."""
        if self._wide is None:
            steps = np.diff(self.times)
            usual = float(np.median(steps)) if len(steps) else 0.0
            self._wide = np.flatnonzero(steps > max(_GAP_S, _GAP_STEPS * usual))
        wide, times = self._wide, self.times
        if not len(wide):
            return times, values
        middles = (times[wide] + times[wide + 1]) / 2
        return np.insert(times, wide + 1, middles), np.insert(values, wide + 1, np.nan)

    def while_text(self, member: Member) -> list[tuple[str, NDArray[np.bool_]]]:
        """Each text that a member had, and at which rows."""
        times = self.times
        changes = self.table.texts().get(member, ())
        ends = [*(since for since, _ in changes), np.inf][1:]
        masks: dict[str, NDArray[np.bool_]] = {}
        for (since, text), end in zip(changes, ends, strict=False):
            if text is not None:
                mask = (times >= since) & (times < end)
                masks[text] = masks[text] | mask if text in masks else mask
        return list(masks.items())


def thinned(x: Array, y: Array, width: int) -> tuple[Array, Array]:
    """Lowest and highest of each pixel column, where there are more points than they need.

    x: px, ascending. A peak of one sample stays to be seen however many share its column.
    """
    if len(x) <= 2 * width or width < 1:
        return x, y
    columns = np.floor(x)
    starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    # fmin and fmax pass over NaN; a column without any value stays NaN and breaks the line.
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    thin_x = np.repeat(columns[starts] + 0.5, 2)
    thin_y = np.empty(2 * len(starts))
    thin_y[0::2], thin_y[1::2] = low, high
    return thin_x, thin_y


def stretches(x: Array, y: Array) -> list[tuple[Array, Array]]:
    """The unbroken parts of a line."""
    known = np.isfinite(y)
    if known.all():
        return [(x, y)] if len(x) else []
    edges = np.flatnonzero(np.diff(known.astype(np.int8), prepend=0, append=0))
    return [(x[a:b], y[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def polygon(x: Array, y: Array) -> QPolygonF:
    """Points for a painter. As Qt's own stream of them: an object for each of thousands of points
    would cost ten times as much, memory written past Qt's back may end in a crash."""
    points = np.empty(2 * len(x), ">f8")
    points[0::2], points[1::2] = x, y
    made = QPolygonF()
    QDataStream(QByteArray(len(x).to_bytes(4, "big") + points.tobytes())) >> made
    return made


def value_range(values: Array) -> tuple[float, float]:
    """Lowest and highest value that is known; (0, 0) where none is."""
    low = float(np.fmin.reduce(values, initial=np.nan))
    return (0.0, 0.0) if np.isnan(low) else (low, float(np.fmax.reduce(values)))
