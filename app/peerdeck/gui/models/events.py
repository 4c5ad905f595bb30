"""What happened in a session, as rows."""

import time
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from typing import Final

from peerdeck.core.peer_log import Event, appended, since
from peerdeck.gui.models.rows import Column

# Kinds in the order in which the filter offers them: word, icon.
KINDS: Final = {
    "session": ("Session", "sessions"),
    "peer": ("Connection", "plug"),
    "candidate": ("Candidates", "tunnels"),
    "sdp": ("SDP", "journal"),
    "signaling": ("Signaling", "send"),
    "ice-server": ("ICE servers", "globe"),
    "media": ("Media", "video"),
    "data": ("Data", "terminal"),
}
_TONES: Final = {"ok": ("ok", "ok"), "warn": ("warning", "warn"), "bad": ("error", "bad")}


@dataclass(frozen=True, slots=True)
class EventRow:
    """number: of the event in its log, counted from 0; since_s: after the start of the session."""

    number: int
    event: Event
    since_s: float


def event_rows(
    events: MutableSequence[Event],
    started_at: float,
    until_s: float | None,
    kind: str = "",
    seen: int = 0,
) -> list[EventRow]:
    """Oldest first. until_s: POSIX seconds of the last that is wanted. kind: "" for all. seen: how
    many there ever were that are not wanted again."""
    wanted = since(events, seen)
    first = appended(events) - len(wanted)
    return [
        EventRow(first + place, event, event.at_s - started_at)
        for place, event in enumerate(wanted)
        if (until_s is None or event.at_s <= until_s) and (not kind or event.kind == kind)
    ]


def since_text(seconds: float) -> str:
    """0.1234 → "0.123 s", 75.5 → "1:15.5", 3725 → "1:02:05"; "−" before the start."""
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    if round(seconds, 3) < 60:
        return f"{sign}{seconds:.3f} s"
    tenths = round(10 * seconds)
    if tenths < 36_000:
        return f"{sign}{tenths // 600}:{tenths % 600 // 10:02}.{tenths % 10}"
    whole = round(seconds)
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def moment_text(at_s: float) -> str:
    """Local time with milliseconds and zone."""
    local = time.localtime(at_s)
    return (
        f"{time.strftime('%Y-%m-%d %H:%M:%S', local)}.{int(at_s * 1000) % 1000:03} {local.tm_zone}"
    )


def kind_word(kind: str) -> str:
    return KINDS.get(kind, (kind.capitalize(), ""))[0]


def _icon(row: EventRow) -> tuple[str, str]:
    return _TONES.get(row.event.tone) or (KINDS.get(row.event.kind, ("", "info"))[1], "muted")


EVENT_COLUMNS: Final[tuple[Column[EventRow], ...]] = (
    Column(
        "After",
        lambda row: since_text(row.since_s),
        key=lambda row: row.number,
        tooltip=lambda row: moment_text(row.event.at_s),
        align="right",
        font="figures",
        width=72,
        searched=False,
    ),
    Column("Kind", lambda row: kind_word(row.event.kind), icon=_icon, width=106),
    Column(
        "Event",
        lambda row: row.event.name,
        tone=lambda row: row.event.tone if row.event.tone in {"warn", "bad"} else "",
        tooltip=lambda row: row.event.name,
        width=182,
    ),
    Column(
        "Detail",
        lambda row: row.event.detail,
        font="mono",
        tooltip=lambda row: row.event.detail,
        elide="right",
        width=0,
    ),
)


def events_text(rows: Sequence[EventRow]) -> str:
    """Tab-separated, one line each, for the clipboard."""
    return "\n".join(
        "\t".join((moment_text(r.event.at_s), r.event.kind, r.event.name, r.event.detail))
        for r in rows
    )
