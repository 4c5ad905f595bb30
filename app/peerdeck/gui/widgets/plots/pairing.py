"""Two logs in the same plots: each from its own start on. Loaded with numpy."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.rtc_stats import Member
from peerdeck.gui.models.comparison import FigureRow, Summary
from peerdeck.gui.models.series import STANDARD_OBJECT
from peerdeck.gui.models.stats_objects import StatsObject
from peerdeck.gui.widgets.plots.chooser import Arrangement
from peerdeck.gui.widgets.plots.collect import Collector
from peerdeck.gui.widgets.plots.rows import Array, Rows
from peerdeck.gui.widgets.plots.traces import Plot


class Side:
    """One of both. offset_s: how much later than its start it is drawn.

    What was read is kept while it stays the same: a day beside a session that grows is read once.
    """

    def __init__(self, title: str, log: SessionLog, peer: PeerLog, offset_s: float = 0.0) -> None:
        self.title, self.log, self.peer, self.offset_s = title, log, peer, offset_s
        self._reader = Collector(peer.table)
        self._read: dict[tuple[Member, bool], tuple[object, Plot]] = {}
        self._sums: dict[tuple[Member, bool], tuple[object, Summary | None]] = {}

    @property
    def reader(self) -> Collector:
        if self._reader.table is not self.peer.table:
            self._reader = Collector(self.peer.table)
        return self._reader

    @property
    def starts_at(self) -> float:
        """POSIX seconds of 0 on the common axis, before the offset."""
        return self.log.started_at or (self.peer.table.times[0] if len(self.peer.table) else 0.0)

    def extent(self) -> tuple[float, float] | None:
        """On the common axis; None without a sample."""
        times = self.peer.table.times
        if not len(times):
            return None
        shift = self.offset_s - self.starts_at
        return times[0] + shift, times[-1] + shift

    def rows(self, begin: float, end: float) -> Rows | None:
        """Between two times of the common axis."""
        shift = self.starts_at - self.offset_s
        return self.reader.rows(begin + shift, end + shift) if len(self.peer.table) else None

    def plot(self, rows: Rows, member: Member, *, raw: bool) -> Plot | None:
        """On the common axis, named for this side."""
        state = (rows.key, self.offset_s, self.starts_at)
        known = self._read.get((member, raw))
        if known is not None and known[0] == state:
            return known[1]
        made = self.reader.plots(rows, [member], Arrangement.EACH, raw=raw)
        if not made:
            return None
        trace = made[0].traces[0]
        times = trace.times - self.starts_at + self.offset_s
        plot = replace(made[0], traces=(replace(trace, name=self.title, times=times),))
        self._read[member, raw] = (state, plot)
        return plot

    def summary(
        self, plot: Plot, member: Member, begin: float, end: float, *, raw: bool
    ) -> Summary | None:
        """Of what is known between two times; None where nothing is."""
        trace = plot.traces[0]
        first, last = np.searchsorted(trace.times, (begin, end + 1e-9))
        state = (id(trace), int(first), int(last))
        known = self._sums.get((member, raw))
        if known is None or known[0] != state:
            known = (state, summary(trace.values[first:last]))
            self._sums[member, raw] = known
        return known[1]


def counterpart(member: Member, one: Collector, other: Collector) -> Member | None:
    """The same member of the object that plays the same part in another log: ids differ from
    session to session, type and kind do not."""
    name, what = member
    if name == STANDARD_OBJECT:
        return member
    mine = one.named.get(name)
    if mine is None:
        return None
    same = [found for found in other.named.values() if _part(found) == _part(mine)]
    before = [found for found in one.named.values() if _part(found) == _part(mine)]
    place = next(i for i, found in enumerate(before) if found.id == name)
    if place >= len(same):
        return None
    return (same[place].id, what)


def _part(one: StatsObject) -> tuple[str, str]:
    """Type, and what its name begins with: "Inbound video"."""
    return one.type, one.name.partition(" · ")[0] if one.type.endswith("-rtp") else ""


def paired(
    a: Side, b: Side, begin: float, end: float, chosen: Sequence[Member], *, raw: bool
) -> tuple[list[Plot], list[FigureRow]]:
    """One plot for each member with a curve for each log, and their figures over what is seen."""
    plots: list[Plot] = []
    figures: list[FigureRow] = []
    rows = (a.rows(begin, end), b.rows(begin, end))
    for member in chosen:
        wanted = (member, counterpart(member, a.reader, b.reader))
        found: list[Plot] = []
        sums: list[Summary | None] = []
        for side, there, one in zip((a, b), rows, wanted, strict=True):
            plot = side.plot(there, one, raw=raw) if there is not None and one else None
            if plot is None or one is None:
                sums.append(None)
                continue
            found.append(plot)
            sums.append(side.summary(plot, one, begin, end, raw=raw))
        if not found:
            continue
        first = found[0]
        title = first.title.partition(" · ")[0]
        traces = tuple(plot.traces[0] for plot in found)
        plots.append(replace(first, title=title, traces=traces))
        figures.append(FigureRow(first.key, title, first.unit.text, *sums))
    return plots, figures


def summary(values: Array) -> Summary | None:
    """None where no value is known."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return Summary(
        float(known.mean()),
        float(known.min()),
        float(known.max()),
        float(np.percentile(known, 95)),
    )
