"""Writes series of a log as CSV (RFC 4180)."""

import csv
import io
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from peerdeck.core.peer_log import PeerLog
from peerdeck.core.rtc_stats import TYPE, Member
from peerdeck.storage.dumps.files import replace_with

_ROWS_AT_ONCE = 1_000


def write(
    peer: PeerLog, path: Path, members: Sequence[Member], *, unit_of: Callable[[str, str], str]
) -> None:
    """Blocks. unit_of: of a type and its member, "" for none. Raises OSError.

    A line per report: time as ISO 8601 in UTC, then the members in their order, empty where the
    report lacked them. The header names each with its unit.
    """
    replace_with(path, _lines(peer, members, unit_of))


def _lines(
    peer: PeerLog, members: Sequence[Member], unit_of: Callable[[str, str], str]
) -> Iterator[bytes]:
    table = peer.table
    header = [_title(peer, member, unit_of) for member in members]
    columns = [tuple(_values(peer, member)) for member in members]
    yield _encoded([["time", *header]])
    for first in range(0, len(table), _ROWS_AT_ONCE):
        rows = range(first, min(first + _ROWS_AT_ONCE, len(table)))
        yield _encoded([_iso(table.times[r]), *(column[r] for column in columns)] for r in rows)


def _title(peer: PeerLog, member: Member, unit_of: Callable[[str, str], str]) -> str:
    changes = peer.table.texts().get((member[0], TYPE), ())
    kind = next((text for _, text in reversed(changes) if text), "")
    unit = unit_of(kind, member[1])
    return f"{member[0]} {member[1]} ({unit})" if unit else f"{member[0]} {member[1]}"


def _values(peer: PeerLog, member: Member) -> Iterator[str]:
    table = peer.table
    changes = table.texts().get(member, ())
    column = table.column(member)
    kind = table.value_type(member)
    starts = [at_s for at_s, _ in changes]
    for row, at_s in enumerate(table.times):
        value = column[row] if column else math.nan
        if not math.isnan(value):
            yield _number(value, kind)
        else:
            place = bisect_right(starts, at_s) - 1
            yield (changes[place][1] or "") if place >= 0 else ""


def _number(value: float, kind: type) -> str:
    if kind is bool:
        return "true" if value else "false"
    return str(int(value)) if kind is int else repr(value)


def _iso(at_s: float) -> str:
    return (
        datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _encoded(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()
