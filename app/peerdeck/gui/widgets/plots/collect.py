"""From a table and what was chosen to the plots that a canvas draws. Loaded with numpy."""

from collections.abc import Sequence
from dataclasses import replace

from peerdeck.core.rtc_stats import Member
from peerdeck.core.stats_table import StatsTable
from peerdeck.gui.models.definitions import definition_words, is_counter, unit_word
from peerdeck.gui.models.series import STANDARD_OBJECT
from peerdeck.gui.models.stats_objects import StatsObject, stats_objects
from peerdeck.gui.widgets.plots import units
from peerdeck.gui.widgets.plots.chooser import STANDARD_WORDS, Arrangement
from peerdeck.gui.widgets.plots.rows import Array, Rows, value_range
from peerdeck.gui.widgets.plots.standard import STANDARD, Objects, Standard
from peerdeck.gui.widgets.plots.traces import Plot, Trace
from peerdeck.gui.widgets.plots.units import Unit

_STANDARD = {one.name: one for one in STANDARD}


class Collector:
    """Reads one table; knows its objects until there are more of them."""

    def __init__(self, table: StatsTable) -> None:
        self.table = table
        self._objects = Objects(table)
        self._known = -1
        self._named: dict[str, StatsObject] = {}

    @property
    def named(self) -> dict[str, StatsObject]:
        """Objects with numeric members, by id, in the order in which they are offered."""
        count = len(self.table.members())
        if count != self._known:
            self._known = count
            self._named = {one.id: one for one in stats_objects(self.table)}
        return self._named

    def rows(self, begin: float, end: float) -> Rows:
        """What lies between two times, and one sample beyond each, so that lines reach the edge."""
        first = max(0, self.table.row_at(begin))
        last = min(len(self.table) - 1, self.table.row_at(end) + 1)
        return Rows(self.table, first, max(last, first))

    def plots(
        self, rows: Rows, chosen: Sequence[Member], arranged: Arrangement, *, raw: bool
    ) -> list[Plot]:
        found: dict[str, list[Plot]] = {}
        for name, member in chosen:
            if name == STANDARD_OBJECT:
                plot = self.standard(rows, _STANDARD[member])
            elif name in self.named:
                plot = self._member(rows, self.named[name], member, raw=raw)
            else:
                continue
            found.setdefault(_shared(plot, name, member, arranged), []).append(plot)
        return [_together(plots, arranged) for plots in found.values()]

    def standard(self, rows: Rows, one: Standard) -> Plot:
        values = one.values(rows, self._objects)
        return Plot(
            one.name,
            one.name,
            (_trace(one.name, rows, values, one.unit),),
            one.unit,
            STANDARD_WORDS[one.name],
        )

    def _member(self, rows: Rows, one: StatsObject, member: str, *, raw: bool) -> Plot:
        counted = is_counter(one.type, member)
        rate = counted and not raw
        key = (one.id, member)
        values = rows.rate(key) if rate else rows.value(key)
        word = "flag" if self.table.value_type(key) is bool else unit_word(one.type, member)
        unit = units.unit_of(word, rate=rate)
        if unit is units.BITRATE and rate:
            values = 8 * values
        words = f"{one.name}\n{definition_words(one.type, member)}"
        title = f"{member} per second" if rate else member
        trace = _trace(one.name, rows, values, unit)
        tight = counted and raw
        return Plot(f"{one.id}/{member}/{raw}", title, (trace,), unit, words, tight)


def _trace(name: str, rows: Rows, values: Array, unit: Unit) -> Trace:
    return Trace(name, *rows.line(values), unit, *value_range(values))


def _shared(plot: Plot, name: str, member: str, arranged: Arrangement) -> str:
    if arranged is Arrangement.MEMBER and name != STANDARD_OBJECT:
        return f"member {plot.title}"
    if arranged is Arrangement.UNIT:
        return f"unit {plot.unit.scales[-1][2]} {plot.unit.least_top}"
    return f"{name}/{member}"


def _together(plots: Sequence[Plot], arranged: Arrangement) -> Plot:
    """Several plots as curves of one."""
    first = plots[0]
    if len(plots) == 1:
        return first if first.traces[0].name == first.title else _named(first)
    by_unit = arranged is Arrangement.UNIT
    traces = tuple(
        replace(trace, name=_name(plot)) if by_unit else trace
        for plot in plots
        for trace in plot.traces
    )
    title = f"{len(traces)} curves" if by_unit else first.title
    words = "\n\n".join(plot.words for plot in plots)
    key = "+".join(plot.key for plot in plots)
    return Plot(key, title, traces, first.unit, words, all(plot.tight for plot in plots))


def _name(plot: Plot) -> str:
    object_name = plot.traces[0].name
    return plot.title if object_name == plot.title else f"{plot.title} · {object_name}"


def _named(plot: Plot) -> Plot:
    """A single curve that is no standard one says of what it is in its title."""
    return Plot(plot.key, _name(plot), plot.traces, plot.unit, plot.words, plot.tight)
