"""Writes down what happens at a peer connection, in the W3C's words."""

from collections.abc import Callable

from peerdeck.core.peer_log import (
    MESSAGE_BYTES_KEPT,
    DataMessage,
    Description,
    Direction,
    Event,
    PeerLog,
)
from peerdeck.core.stats import CandidatePair

_TONES = {
    "connected": "ok",
    "completed": "ok",
    "open": "ok",
    "failed": "bad",
    "closed": "warn",
}


class PeerDiary:
    """clock: POSIX seconds. log: where it all goes."""

    def __init__(self, log: PeerLog, clock: Callable[[], float]) -> None:
        self.log = log
        self._clock = clock
        self._pair = ""

    def tell(self, kind: str, name: str, detail: str = "", tone: str = "") -> None:
        self.log.events.append(Event(self._clock(), kind, name, detail, tone))

    def state(self, name: str, state: str) -> None:
        self.tell("peer", name, state, _TONES.get(state, ""))

    def description(self, side: str, type_: str, sdp: str, before: str) -> None:
        self.log.descriptions.append(
            Description(self._clock(), side, type_, sdp, before if before != sdp else "")
        )

    def message(self, direction: Direction, label: str, data: str | bytes) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self.log.messages.append(
            DataMessage(
                self._clock(),
                direction,
                label,
                raw[:MESSAGE_BYTES_KEPT],
                len(raw),
                isinstance(data, str),
            )
        )

    def pair(self, pair: CandidatePair | None) -> None:
        """Told when it is another one than the last time."""
        text = (
            ""
            if pair is None
            else f"{pair.local_kind} {pair.local_address} → "
            f"{pair.remote_kind} {pair.remote_address} over {pair.protocol}"
        )
        if text and text != self._pair:
            name = "selected pair changed" if self._pair else "selected pair"
            self.tell("candidate", name, text, "ok")
        self._pair = text or self._pair
