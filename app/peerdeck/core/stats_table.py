"""Statistics over time: a column for each member of each stats object."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from peerdeck.core.rtc_stats import Member, StatsReport, Value

NOT_KNOWN = math.nan
_TICK_S = 1e-6


# A column that held several sorts of numbers has the widest.
WIDTH = {bool: 0, int: 1, float: 2}


class StatsTable:
    """Reports one after the other, as columns that are quick to draw and small to keep.

    times: POSIX seconds, strictly ascending: a report that a clock set back dates before the last
    one counts as a microsecond after it. Numbers and flags (0, 1) are columns of doubles with NaN
    where a report lacked them; texts are kept as their changes. limit: rows that are kept; the
    oldest tenth goes when there are more, 0 for no limit. appended: rows there ever were, so that
    whoever copies them elsewhere knows which ones it has not seen.
    """

    def __init__(self, limit: int = 0) -> None:
        self.times: array[float] = array("d")
        self.appended = 0
        self._limit = limit
        self._columns: dict[Member, array[float]] = {}
        self._types: dict[Member, type] = {}
        self._texts: dict[Member, list[tuple[float, str | None]]] = {}  # since when, what

    def __len__(self) -> int:
        return len(self.times)

    def append(self, report: StatsReport) -> None:
        row = len(self.times)
        at_s = report.at_s
        if row and at_s <= self.times[-1]:
            at_s = self.times[-1] + _TICK_S
        self.times.append(at_s)
        self.appended += 1
        for name, members in report.objects.items():
            for member, value in members.items():
                self._put((name, member), value, row, at_s)
        for column in self._columns.values():
            if len(column) == row:
                column.append(NOT_KNOWN)
        self._end_texts(report, at_s)
        if self._limit and len(self.times) > self._limit:
            self._forget(len(self.times) - self._limit + self._limit // 10)

    def members(self) -> tuple[Member, ...]:
        """Every column of numbers, in order of first appearance."""
        return tuple(self._columns)

    def texts(self) -> Mapping[Member, Sequence[tuple[float, str | None]]]:
        """Changes of every text: since when (POSIX seconds), and to what; None while absent."""
        return self._texts

    def column(self, member: Member) -> Sequence[float]:
        """As long as `times`; a live view (and a buffer of doubles), empty for what never was."""
        return self._columns.get(member, array("d"))

    def value_type(self, member: Member) -> type:
        """int, float or bool: what the numbers of a column were."""
        return self._types.get(member, float)

    def row_at(self, at_s: float) -> int:
        """The last row not after at_s, -1 before the first."""
        return bisect_right(self.times, at_s) - 1

    def report(self, row: int = -1) -> StatsReport:
        """Row by its number, negative from the end; an empty report where there is none."""
        rows = len(self.times)
        row += rows if row < 0 else 0
        if not 0 <= row < rows:
            return StatsReport(0.0)
        at_s = self.times[row]
        objects: dict[str, dict[str, Value]] = {}
        for (name, member), text in self._texts_at(at_s):
            objects.setdefault(name, {})[member] = text
        for (name, member), value in self._numbers(row):
            if not math.isnan(value):
                objects.setdefault(name, {})[member] = self.value_type((name, member))(value)
        return StatsReport(at_s, objects)

    def copy(self) -> "StatsTable":
        """The same rows, for a thread to read while this table goes on."""
        other = StatsTable(self._limit)
        other.times = self.times[:]
        other.appended = self.appended
        other._columns = {key: column[:] for key, column in self._columns.items()}
        other._types = dict(self._types)
        other._texts = {key: changes[:] for key, changes in self._texts.items()}
        return other

    def _numbers(self, row: int) -> Iterator[tuple[Member, float]]:
        """A row's numbers, NaN for what it lacked."""
        return ((key, column[row]) for key, column in self._columns.items())

    def _put(self, key: Member, value: Value, row: int, at_s: float) -> None:
        if isinstance(value, str):
            changes = self._texts.setdefault(key, [])
            if not changes or changes[-1][1] != value:
                changes.append((at_s, value))
            return
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = array("d", [NOT_KNOWN]) * row
            self._types[key] = type(value)
        elif WIDTH[type(value)] > WIDTH[self._types[key]]:
            self._types[key] = type(value)
        column.append(value)

    def _end_texts(self, report: StatsReport, at_s: float) -> None:
        for (name, member), changes in self._texts.items():
            now = report.objects.get(name, {}).get(member)
            if changes[-1][1] is not None and not isinstance(now, str):
                changes.append((at_s, None))

    def _texts_at(self, at_s: float) -> Iterator[tuple[Member, str]]:
        for key, changes in self._texts.items():
            place = bisect_right(changes, at_s, key=lambda change: change[0]) - 1
            text = changes[place][1] if place >= 0 else None
            if text is not None:
                yield key, text

    def _forget(self, rows: int) -> None:
        del self.times[:rows]
        for column in self._columns.values():
            del column[:rows]
        first = self.times[0]
        for key, changes in tuple(self._texts.items()):
            place = bisect_right(changes, first, key=lambda change: change[0]) - 1
            del changes[: max(0, place)]
            if len(changes) == 1 and changes[0][1] is None:
                del self._texts[key]
        for key, column in tuple(self._columns.items()):
            if all(math.isnan(value) for value in column):
                del self._columns[key], self._types[key]
