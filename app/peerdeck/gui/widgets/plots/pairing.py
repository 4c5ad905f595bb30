"""Two logs in the same plots: each from its own start on. Loaded with numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.rtc_stats import Member
from peerdeck.gui.models.comparison import FigureRow, Summary
from peerdeck.gui.models.series import STANDARD_OBJECT
from peerdeck.gui.models.stats_objects import StatsObject
from peerdeck.gui.widgets.plots.chooser import Arrangement
from peerdeck.gui.widgets.plots.collect import Collector
from peerdeck.gui.widgets.plots.painting import Plot, Trace
from peerdeck.gui.widgets.plots.rows import Array


@dataclass(slots=True)
class Side:
    """One of both. offset_s: how much later than its start it is drawn."""

    title: str
    log: SessionLog
    peer: PeerLog
    offset_s: float = 0.0
    collector: Collector | None = None

    def reader(self) -> Collector:
        if self.collector is None or self.collector.table is not self.peer.table:
            self.collector = Collector(self.peer.table)
        return self.collector

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

    def plots(self, begin: float, end: float, chosen: Sequence[Member], *, raw: bool) -> list[Plot]:
        if not len(self.peer.table):
            return []
        shift = self.starts_at - self.offset_s
        reader = self.reader()
        rows = reader.rows(begin + shift, end + shift)
        return reader.plots(rows, chosen, Arrangement.EACH, raw=raw)


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
    for member in chosen:
        found = []
        for side, wanted in ((a, member), (b, counterpart(member, a.reader(), b.reader()))):
            made = side.plots(begin, end, [wanted], raw=raw) if wanted is not None else []
            found.append(made[0] if made else None)
        first = found[0] or found[1]
        if first is None:
            continue
        traces = tuple(
            _moved(side, plot.traces[0])
            for side, plot in zip((a, b), found, strict=True)
            if plot is not None
        )
        title = first.title.partition(" · ")[0]
        plots.append(Plot(first.key, title, traces, first.unit, first.words, first.tight))
        sums = [
            summary(trace, begin, end) for trace in (_of(traces, side.title) for side in (a, b))
        ]
        figures.append(FigureRow(first.key, title, first.unit.text, *sums))
    return plots, figures


def _moved(side: Side, trace: Trace) -> Trace:
    times = trace.times - side.starts_at + side.offset_s
    return Trace(side.title, times, trace.values, trace.unit)


def _of(traces: Sequence[Trace], title: str) -> Trace | None:
    return next((trace for trace in traces if trace.name == title), None)


def summary(trace: Trace | None, begin: float, end: float) -> Summary | None:
    """Of what is known between two times; None where nothing is."""
    if trace is None:
        return None
    seen: Array = trace.values[(trace.times >= begin) & (trace.times <= end)]
    known = seen[np.isfinite(seen)]
    if not len(known):
        return None
    return Summary(
        float(known.mean()),
        float(known.min()),
        float(known.max()),
        float(np.percentile(known, 95)),
    )
