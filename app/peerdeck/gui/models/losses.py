"""Since when a session has no path, and how often it has tried to get another."""

import time
from dataclasses import dataclass

from peerdeck.core.peer_log import PeerLog
from peerdeck.core.quantities import countdown_text

LOST, FAILED = "path lost", "try failed"  # names of the events that tell of it


@dataclass(frozen=True, slots=True)
class Loss:
    """at_s: POSIX seconds. attempt: the one that is under way, from 1."""

    at_s: float
    attempt: int = 1

    def text(self, now: float) -> str:
        """ "Path lost 2 s ago, joining again (attempt 2)"."""
        seconds = max(0.0, now - self.at_s)
        ago = f"{seconds:.0f} s" if seconds < 60 else countdown_text(seconds)
        return f"Path lost {ago} ago, joining again (attempt {self.attempt})"


def loss_of(peer: PeerLog | None) -> Loss:
    """The last one in the log; just now where it tells of none."""
    failed = 0
    for event in reversed(peer.events if peer is not None else ()):
        if event.kind == "session" and event.name == LOST:
            return Loss(event.at_s, failed + 1)
        failed += event.kind == "session" and event.name == FAILED
    return Loss(time.time())
