"""Figures of a peer at any time of its log, derived once each."""

from bisect import bisect_right
from typing import Final

from peerdeck.core.glance import glance
from peerdeck.core.peer_log import PeerLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats import PeerStats

KEPT: Final = 1200
_REPORTS_KEPT: Final = 2


class Glances:
    """Of one peer's table; the newest KEPT that were asked for are remembered by their time."""

    def __init__(self, peer: PeerLog) -> None:
        self.peer = peer
        self._known: dict[float, PeerStats] = {}
        self._reports: dict[float, StatsReport] = {}

    def until(self, at_s: float | None, count: int, budget: int = KEPT) -> list[PeerStats]:
        """At most `count` without a gap, oldest first, up to `at_s` (POSIX seconds; None: up to the
        newest). Derives at most `budget` of them, newest first, 0.25 ms each: ask again for the
        rest."""
        times = self.peer.table.times
        end = len(times) if at_s is None else bisect_right(times, at_s)
        found: list[PeerStats] = []
        for row in range(end - 1, max(0, end - count) - 1, -1):
            known = self._known.get(times[row])
            if known is None:
                if budget <= 0:
                    break
                budget -= 1
                known = self._derive(row)
            found.append(known)
        found.reverse()
        return found

    def wanted(self, at_s: float | None, count: int) -> int:
        """How many `until` would give without a budget."""
        times = self.peer.table.times
        return min(count, len(times) if at_s is None else bisect_right(times, at_s))

    def _derive(self, row: int) -> PeerStats:
        before = self._report(row - 1) if row else None
        made = self._known[self.peer.table.times[row]] = glance(before, self._report(row))
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return made

    def _report(self, row: int) -> StatsReport:
        at_s = self.peer.table.times[row]
        if at_s not in self._reports:
            while len(self._reports) >= _REPORTS_KEPT:
                del self._reports[next(iter(self._reports))]
            self._reports[at_s] = self.peer.table.report(row)
        return self._reports[at_s]
