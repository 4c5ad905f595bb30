"""Messages of the signaling socket as rows, and their payloads as people read them."""

import json
from collections.abc import MutableSequence
from dataclasses import dataclass
from typing import Final

from peerdeck.core.peer_log import Direction, SignalingEntry, appended, since
from peerdeck.gui.models.events import moment_text, since_text
from peerdeck.gui.models.rows import Column

# AWS refuses longer payloads (after base64): WebSocket API reference, "messagePayload".
MOST_SIZE: Final = 10_000
_NEAR: Final = 0.8
_PLAIN: Final = {"open", "closed", "refused"}


@dataclass(frozen=True, slots=True)
class SignalingRow:
    """number: of the entry in its log, counted from 0."""

    number: int
    entry: SignalingEntry
    since_s: float

    @property
    def share(self) -> float:
        """Of the largest payload that is allowed."""
        return self.entry.size / MOST_SIZE


def signaling_rows(
    entries: MutableSequence[SignalingEntry],
    started_at: float,
    *,
    until_s: float | None = None,
    peer: str = "",
    words: str = "",
    seen: int = 0,
) -> list[SignalingRow]:
    """Oldest first. peer: leaves out what is another one's. words: each must occur in it, payload
    included. seen: how many there ever were that are not wanted again."""
    new = since(entries, seen)
    first = appended(entries) - len(new)
    wanted = words.lower().split()
    return [
        SignalingRow(first + place, entry, entry.at_s - started_at)
        for place, entry in enumerate(new)
        if (until_s is None or entry.at_s <= until_s)
        and (not peer or entry.peer in {"", peer})
        and (not wanted or _holds(entry, wanted))
    ]


def _holds(entry: SignalingEntry, words: list[str]) -> bool:
    parts = (entry.what, entry.peer, entry.direction, entry.outcome, entry.correlation_id)
    text = "\n".join((*parts, entry.text)).lower()
    return all(word in text for word in words)


def payload_text(entry: SignalingEntry) -> str:
    """Indented JSON; an SDP inside it with lines of its own."""
    try:
        decoded = json.loads(entry.text)
    except ValueError:
        return entry.text
    if not isinstance(decoded, dict):
        return json.dumps(decoded, indent=2, ensure_ascii=False)
    sdp = decoded.pop("sdp", None)
    head = json.dumps(decoded, indent=2, ensure_ascii=False)
    if not isinstance(sdp, str):
        return head
    return "\n".join((head, "", *sdp.splitlines()))


def full_text(row: SignalingRow) -> str:
    """A message with all that is known of it, for the lower pane and the clipboard."""
    entry = row.entry
    facts = [
        f"{moment_text(entry.at_s)} · {entry.direction} · {entry.what}",
        f"peer {entry.peer}" if entry.peer else "",
        f"correlation id {entry.correlation_id}" if entry.correlation_id else "",
        f"{entry.size:,} of {MOST_SIZE:,} characters" if entry.size else "",
        entry.outcome,
    ]
    payload = payload_text(entry)
    head = "\n".join(fact for fact in facts if fact)
    return f"{head}\n\n{payload}" if payload else head


def _tone(row: SignalingRow) -> str:
    return "bad" if row.share > 1 else "warn" if row.share > _NEAR else ""


def _size_words(row: SignalingRow) -> str:
    words = f"{row.entry.size:,} of {MOST_SIZE:,} characters after base64"
    if row.share > 1:
        return f"{words}: the service refuses more"
    return f"{words}: close to the limit" if row.share > _NEAR else words


def _icon(row: SignalingRow) -> tuple[str, str]:
    if row.entry.what in _PLAIN:
        return ("plug", "bad" if row.entry.what == "refused" else "muted")
    return ("upload", "info") if row.entry.direction is Direction.SENT else ("download", "accent")


def _outcome_icon(row: SignalingRow) -> tuple[str, str] | None:
    if not row.entry.outcome:
        return None
    good = row.entry.outcome.lower() in {"accepted", "ok", "200", "sent"}
    return ("ok", "ok") if good else ("warning", "warn")


SIGNALING_COLUMNS: Final[tuple[Column[SignalingRow], ...]] = (
    Column(
        "After",
        lambda row: since_text(row.since_s),
        tooltip=lambda row: moment_text(row.entry.at_s),
        align="right",
        font="figures",
        width=84,
    ),
    Column("Direction", lambda row: str(row.entry.direction), icon=_icon, width=96),
    Column("What", lambda row: row.entry.what, width=140),
    Column(
        "Peer",
        lambda row: row.entry.peer,
        elide="middle",
        tooltip=lambda row: row.entry.peer,
        width=90,
    ),
    Column(
        "Size",
        lambda row: f"{row.entry.size:,}" if row.entry.size else "",
        tone=_tone,
        tooltip=_size_words,
        bar=lambda row: min(1.0, row.share) if row.entry.size else None,
        align="right",
        font="figures",
        width=84,
    ),
    Column(
        "Outcome",
        lambda row: row.entry.outcome,
        icon=_outcome_icon,
        tooltip=lambda row: row.entry.outcome,
        width=0,
    ),
)
