"""Writes a log as chrome://webrtc-internals would have.

Analysers (webrtc-dump-importer, rtcstats) place the values of `<id>-<member>` at the last times of
`<id>-timestamp`. So a series goes from the report that first had the member to the last that had
its object, with null where it was absent between. They also want `UserAgentData`, texts for every
`value` of an update log, and descriptions that begin with `{"type":`.
"""

import math
import platform
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.rtc_stats import TYPE
from peerdeck.core.stats_table import StatsTable
from peerdeck.storage.dumps.derived import derived
from peerdeck.storage.dumps.files import replace_with
from peerdeck.storage.dumps.updates import logged

_RECORDS = frozenset({"qualityLimitationDurations"})  # Chromium itself has some as members
_encode = msgspec.json.Encoder().encode


def write(log: SessionLog, path: Path, *, program: str) -> None:
    """Blocks. gzip where the name ends in .gz. program: "Peerdeck 0.1.0". Raises OSError."""
    replace_with(path, parts(log, program=program))


def parts(log: SessionLog, *, program: str) -> Iterator[bytes]:
    """The file's text, a series at a time: a day's is larger than anybody wants to hold."""
    yield from _encoded(_Members(_dump(log, program)))
    yield b"\n"


@dataclass(frozen=True, slots=True)
class _Members:
    """A JSON object whose members are made while it is written."""

    of: Iterable[tuple[str, Any]]


def _encoded(value: Any) -> Iterator[bytes]:
    if not isinstance(value, _Members):
        yield _encode(value)
        return
    before = b"{"
    for name, member in value.of:
        yield before + _encode(name) + b":"
        yield from _encoded(member)
        before = b","
    yield b"{}" if before == b"{" else b"}"


def _dump(log: SessionLog, program: str) -> Iterator[tuple[str, Any]]:
    """Members as Chromium 156 has them; null for what it says of its machine and page."""
    name, _, version = program.rpartition(" ")
    yield "cpuPerformance", None
    yield "deviceMemory", None
    yield "hardwareConcurrency", None
    yield "timestamp", round(1000 * log.span()[1])
    yield "getUserMedia", []
    peers = ((peer_id, _Members(_connection(log, p))) for peer_id, p in log.peers.items())
    yield "PeerConnections", _Members(peers)
    yield "UserAgent", log.facts.get("User agent") or program
    brands = [{"brand": name, "version": version}]
    yield (
        "UserAgentData",
        {
            "brands": brands,
            "fullVersionList": brands,
            "mobile": False,
            "platform": platform.system(),
        },
    )


def _connection(log: SessionLog, peer: PeerLog) -> Iterator[tuple[str, Any]]:
    yield "pid", 0
    yield "rtcConfiguration", log.facts.get("Configuration") or "{}"
    yield "stats", _Members(_stats(peer.table))
    yield "updateLog", logged(peer)
    yield "url", log.facts.get("Page") or log.title


def _stats(table: StatsTable) -> Iterator[tuple[str, dict[str, str]]]:
    ids = dict.fromkeys(name for name, _ in (*table.texts(), *table.members()))
    for name in ids:
        yield from _object(table, name)


def _object(table: StatsTable, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The series of one stats object, Chromium's `type` and `timestamp` last."""
    members: dict[str, list[Any]] = {}
    for key in table.members():
        if key[0] == name:
            members[key[1]] = _numbers(table.column(key), table.value_type(key))
    for key, changes in table.texts().items():
        if key[0] == name:
            texts = _texts(table.times, changes)
            numbers = members.get(key[1])
            members[key[1]] = _merged(texts, numbers) if numbers else texts
    kinds = members.pop(TYPE, [])
    kind = next((value for value in reversed(kinds) if value is not None), "")
    rows = [row for row, value in enumerate(kinds) if value is not None]
    found = {member: [values[row] for row in rows] for member, values in _folded(members).items()}
    found |= derived(kind, found, [table.times[row] for row in rows])
    for member, values in found.items():
        first = next((place for place, value in enumerate(values) if value is not None), None)
        if first is not None:
            yield _series(f"{name}-{member}", kind, table, rows[first:], values[first:])
    if not rows:
        return
    yield _series(f"{name}-{TYPE}", kind, table, rows, [kind] * len(rows))
    stamps = [round(1000 * table.times[row], 3) for row in rows]
    yield _series(f"{name}-timestamp", kind, table, rows, stamps)


def _series(
    key: str, kind: str, table: StatsTable, rows: Sequence[int], values: Sequence[Any]
) -> tuple[str, dict[str, str]]:
    return key, {
        "startTime": _iso(table.times[rows[0]]),
        "endTime": _iso(table.times[rows[-1]]),
        "statsType": kind,
        "values": _encode(values).decode(),
    }


def _numbers(column: Sequence[float], kind: type) -> list[Any]:
    """None for NaN; whole numbers without a fraction, where a double holds them exactly."""
    import numpy as np

    values = np.asarray(column)
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    if kind is not float and np.abs(filled).max(initial=0) < 2**53:
        values = filled.astype(bool if kind is bool else np.int64)
    numbers: list[Any] = values.tolist()
    if known.all():
        return numbers
    return [number if there else None for number, there in zip(numbers, known, strict=True)]


def _texts(times: Sequence[float], changes: Sequence[tuple[float, str | None]]) -> list[Any]:
    values: list[Any] = [None] * len(times)
    for place, (at_s, text) in enumerate(changes):
        first = bisect_left(times, at_s)
        after = changes[place + 1][0] if place + 1 < len(changes) else math.inf
        last = bisect_left(times, after)
        values[first:last] = [text] * (last - first)
    return values


def _merged(texts: Sequence[Any], numbers: Sequence[Any]) -> list[Any]:
    return [a if b is None else b for a, b in zip(texts, numbers, strict=True)]


def _folded(members: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Records again, which reports have as members: `durations.cpu`, `durations.none` …"""
    folded: dict[str, list[Any]] = {}
    for member, values in members.items():
        name, dot, part = member.partition(".")
        if not dot or name not in _RECORDS:
            folded[member] = values
            continue
        records = folded.setdefault(name, [None] * len(values))
        for row, value in enumerate(values):
            if value is not None:
                records[row] = {**(records[row] or {}), part: value}
    return folded


def _iso(at_s: float) -> str:
    """As JavaScript's toISOString()."""
    return (
        datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
