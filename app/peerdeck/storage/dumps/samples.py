"""Puts a browser's single series together into reports."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from peerdeck.core.rtc_stats import TYPE, StatsReport, Value

# Members whose text looks like a number, which Chromium's page then takes it for.
_TEXTS = frozenset({"mid", "rid", "foundation", "usernameFragment", "label"})
_SLACK_S = 0.0015  # times are written in milliseconds


@dataclass(slots=True)
class Series:
    """values: newest last. starts_at, ends_at: POSIX seconds of the first and the last."""

    values: Sequence[Any]
    starts_at: float
    ends_at: float


@dataclass(slots=True)
class StatsObject:
    """timestamps: POSIX seconds, one per report that had the object, of when it was measured: for
    a remote object when the other end's report came, which may be the same several times."""

    kind: str
    timestamps: Sequence[float] = ()
    members: dict[str, Series] = field(default_factory=dict)

    @property
    def is_remote(self) -> bool:
        return self.kind.startswith("remote-") and self.kind.endswith("-rtp")


def reports(objects: Mapping[str, StatsObject]) -> list[StatsReport]:
    """One for each time at which the browser asked, oldest first."""
    times = _times(objects.values())
    found: list[dict[str, dict[str, Value]]] = [{} for _ in times]
    for name, thing in objects.items():
        rows = _rows(thing, times)
        for row in rows:
            found[row].setdefault(name, {})[TYPE] = thing.kind
        for member, series in thing.members.items():
            for row, value in zip(
                _rows_of(series, thing, rows, times), series.values, strict=False
            ):
                for key, plain in plain_values(member, value):
                    found[row].setdefault(name, {TYPE: thing.kind})[key] = plain
    return [StatsReport(at_s, row) for at_s, row in zip(times, found, strict=True)]


def plain_values(member: str, value: Any) -> Iterable[tuple[str, Value]]:
    """A record such as qualityLimitationDurations becomes a member for each of its parts."""
    if isinstance(value, dict):
        for part, inner in value.items():
            yield from plain_values(f"{member}.{part}", inner)
    elif isinstance(value, list):
        yield member, msgspec.json.encode(value).decode()
    elif member in _TEXTS and isinstance(value, int):
        yield member, str(value)
    elif isinstance(value, bool | int | float | str):
        yield member, value


def _times(objects: Iterable[StatsObject]) -> list[float]:
    """When reports were asked for: all times at which anything local was measured."""
    objects = tuple(objects)
    stamps = [x.timestamps for x in objects if x.timestamps and not x.is_remote]
    if not stamps:
        stamps = [x.timestamps for x in objects if x.timestamps]
    if not stamps:  # before M117 there were none: the longest series has them all
        stamps = [
            max((_spread(s) for x in objects for s in x.members.values()), key=len, default=[])
        ]
    times: list[float] = []
    for at_s in sorted({at_s for some in stamps for at_s in some}):
        if not times or at_s - times[-1] > _SLACK_S:
            times.append(at_s)
    return times


def _spread(series: Series) -> list[float]:
    count = len(series.values)
    step = (series.ends_at - series.starts_at) / (count - 1) if count > 1 else 0.0
    return [series.starts_at + step * place for place in range(count)]


def _rows(thing: StatsObject, times: Sequence[float]) -> list[int]:
    """The report that each timestamp was in: the first not before it that is still free."""
    rows: list[int] = []
    for at_s in thing.timestamps:
        row = bisect_left(times, at_s - _SLACK_S)
        if rows:
            row = max(row, rows[-1] + 1)
        if row >= len(times):
            break
        rows.append(row)
    return rows


def _rows_of(
    series: Series, thing: StatsObject, rows: Sequence[int], times: Sequence[float]
) -> Sequence[int]:
    """Values stand without gaps: a member that came late is found by its first time, otherwise it
    ends with its object."""
    count = len(series.values)
    if not rows:
        first = min(bisect_left(times, series.starts_at - _SLACK_S), max(0, len(times) - count))
        return range(first, min(first + count, len(times)))
    last = max(0, len(rows) - count)
    if thing.is_remote:
        return rows[last:]
    for place in range(last):
        if abs(thing.timestamps[place] - series.starts_at) <= _SLACK_S:
            return rows[place : place + count]
    return rows[last:]
