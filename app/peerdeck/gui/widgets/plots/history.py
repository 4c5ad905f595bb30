"""Plots of a session's figures, to be studied: zoom, pan, one cursor through all."""

import asyncio
import importlib
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QElapsedTimer, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QHideEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from peerdeck.core.quantities import bitrate_text, countdown_text, milliseconds_text
from peerdeck.core.stats import PeerStats
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, theme

if TYPE_CHECKING:
    import pyqtgraph  # type: ignore[import-untyped]

SPAN_S = 300
FIRST_SPAN_S = 60  # a young session is not a sliver at the right edge
UPDATE_MS = 1000
_COLUMNS = 4
_TICK_PX = 22
_TIME_PX = 56  # “−0:50” and air
_AXIS_WIDTH = 38
_MIN_HEIGHT = 70


@dataclass(frozen=True, slots=True)
class Figure:
    """A curve: its name, the unit of its axis, its value in that unit, the value as text, and the
    least top of its axis."""

    name: str
    unit: str
    value: Callable[[PeerStats], float | None]
    text: Callable[[float], str]
    least_top: float


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _kbps_text(kbps: float) -> str:
    return bitrate_text(1000 * kbps)


FIGURES = (
    Figure("Bitrate in", "kbps", lambda s: _scaled(s.bitrate_in_bps, 1e-3), _kbps_text, 100),
    Figure("Packets", "/s", lambda s: s.packets_per_s, lambda v: f"{v:.0f} /s", 100),
    Figure("Frame rate", "fps", lambda s: s.fps, lambda v: f"{v:.0f} fps", 10),
    Figure("Resolution", "lines", lambda s: s.height or None, lambda v: f"{v:.0f} lines", 100),
    Figure("Bitrate out", "kbps", lambda s: _scaled(s.bitrate_out_bps, 1e-3), _kbps_text, 10),
    Figure("Loss", "%", lambda s: s.loss_percent, lambda v: f"{v:.1f} %", 4),
    Figure("Jitter", "ms", lambda s: s.jitter_ms, milliseconds_text, 10),
    Figure("Round trip", "ms", lambda s: s.rtt_ms, milliseconds_text, 10),
)


class _Plot:
    """One figure: words, axes, curve, cursor.

    Made of pyqtgraph's parts: its PlotItem brings a menu and a form as hidden windows of their own
    for every plot, which cost more than the plot and outlive it.
    """

    def __init__(self, figure: Figure, layout: "pyqtgraph.GraphicsLayout", place: int) -> None:
        import pyqtgraph

        self.figure = figure
        self.times: list[float] = []
        self.values: list[float] = []
        row, column = divmod(place, _COLUMNS)
        cell = layout.addLayout(row=row, col=column)
        cell.layout.setContentsMargins(0, 0, 0, 0)
        cell.layout.setSpacing(0)
        self.words = cell.addLabel("", row=0, col=1, justify="left")
        self.words.setMaximumHeight(QFontMetrics(theme().font("small")).height() + GAP_XS)
        self.box = pyqtgraph.ViewBox(enableMenu=False, defaultPadding=0)
        self.box.setMouseEnabled(x=True, y=False)
        self.box.disableAutoRange()
        self.axes = (_value_axis(), _time_axis())
        left, bottom = self.axes
        left.setWidth(_AXIS_WIDTH)
        bottom.setStyle(showValues=place >= len(FIGURES) - _COLUMNS)
        cell.addItem(left, row=1, col=0)
        cell.addItem(self.box, row=1, col=1)
        cell.addItem(bottom, row=2, col=1)
        for axis in self.axes:
            axis.linkToView(self.box)
        self.curve = pyqtgraph.PlotCurveItem(connect="finite", antialias=True)
        self.cursor = pyqtgraph.InfiniteLine(angle=90, movable=False)
        self.cursor.hide()
        self.box.addItem(self.curve)
        self.box.addItem(self.cursor, ignoreBounds=True)

    def restyle(self) -> None:
        import pyqtgraph

        text, line = theme().color("muted"), theme().color("line")
        self.curve.setPen(pyqtgraph.mkPen(theme().color("accent"), width=1))
        self.cursor.setPen(pyqtgraph.mkPen(theme().color("muted"), width=1))
        for axis in self.axes:
            axis.setPen(pyqtgraph.mkPen(line))
            axis.setTextPen(pyqtgraph.mkPen(text))
            axis.setStyle(tickFont=theme().font("small"), tickLength=-4, tickTextOffset=4)

    def show(self, times: list[float], values: list[float]) -> None:
        self.times, self.values = times, values
        self.curve.setData(times, values)
        finite = [value for value in values if not math.isnan(value)]
        top = max([self.figure.least_top, *(value * 1.15 for value in finite)])
        self.box.setYRange(0, top, padding=0)

    def point_at(self, at: float | None) -> None:
        """Says the value under the cursor, or the newest."""
        figure, words = self.figure, ""
        index = len(self.times) - 1
        if at is not None and self.times:
            index = min(range(len(self.times)), key=lambda i: abs(self.times[i] - at))
            words = f" · {countdown_text(-self.times[index])} ago"
        value = self.values[index] if index >= 0 else float("nan")
        shown = "–" if math.isnan(value) else figure.text(value)
        strong, faint = theme().tokens.text, theme().tokens.muted
        self.words.setText(
            f'<span style="color:{faint}">{figure.name}</span> '
            f'<span style="color:{strong}">{shown}</span>'
            f'<span style="color:{faint}">{words}</span>',
            justify="left",
            size=f"{theme().font('small').pointSizeF():g}pt",
        )
        self.cursor.setVisible(at is not None)
        if at is not None:
            self.cursor.setPos(at)


def _value_axis() -> "pyqtgraph.AxisItem":
    import pyqtgraph

    class ValueAxis(pyqtgraph.AxisItem):  # type: ignore[misc]
        """Few round values, as many as have room."""

        def tickValues(self, low: float, high: float, size: float) -> list[Any]:
            step = round_step((high - low) / max(1.0, size / _TICK_PX))
            if step > high > 0:  # no room for two, but one value gives the scale
                step = round_step(high / 2.5)
            count = int(high / step)
            return [(step, [step * number for number in range(count + 1)])]

    return ValueAxis(orientation="left")


def round_step(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)


def _time_axis() -> "pyqtgraph.AxisItem":
    import pyqtgraph

    class TimeAxis(pyqtgraph.AxisItem):  # type: ignore[misc,name-defined,unused-ignore]
        """Minutes and seconds before now."""

        def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
            return ["now" if v > -0.5 else f"−{countdown_text(-v)}" for v in values]

        def tickValues(self, low: float, high: float, size: float) -> list[Any]:
            span = high - low
            most = max(1.0, size / _TIME_PX)
            step = next((s for s in (5, 10, 15, 30, 60, 120) if span / s <= most), 120)
            first = int(low // step + 1) * step
            return [(step, [float(v) for v in range(first, int(high) + 1, step)])]

    return TimeAxis(orientation="bottom")


class PlotsView(QWidget):
    """The last five minutes of every figure over one time axis.

    Asks `history` once a second, only while visible. wanted(): they are to be seen for the first
    time, and their owner awaits `load()`; that import would hold up the window for a third of a
    second, and on a thread it does not.
    """

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history: Callable[[], Sequence[PeerStats]] | None = None
        self._plots: list[_Plot] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setInterval(UPDATE_MS)
        self._timer.timeout.connect(self.refresh)
        self._canvas: pyqtgraph.GraphicsLayoutWidget | None = None
        self._cursor: float | None = None
        self._follows = True
        self.last_cost_ms = 0.0
        self.setMinimumHeight(2 * _MIN_HEIGHT)
        self.setAccessibleName("Plots of the last five minutes")
        theme().changed.connect(self._restyle)

    def set_history(self, history: Callable[[], Sequence[PeerStats]] | None) -> None:
        """history(): samples, oldest first."""
        self._history = history
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        if not self._plots:
            return
        clock = QElapsedTimer()
        clock.start()
        samples = tuple(self._history()) if self._history else ()
        now = samples[-1].at_s if samples else 0.0
        recent = [s for s in samples if now - s.at_s <= SPAN_S]
        times = [s.at_s - now for s in recent]
        if self._follows:
            shown_s = max(FIRST_SPAN_S, -times[0] if times else 0)
            self._plots[0].box.setXRange(-shown_s, 0, padding=0)
        for plot in self._plots:
            values = [plot.figure.value(s) for s in recent]
            plot.show(times, [float("nan") if v is None else v for v in values])
            plot.point_at(self._cursor)
        self.last_cost_ms = clock.nsecsElapsed() / 1e6

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._plots and "pyqtgraph" in sys.modules:
            self._build()
        if self._plots:
            self.refresh()
            self._timer.start()
        else:
            self.wanted.emit()

    async def load(self) -> None:
        """Imports what draws plots, and draws them if they are still to be seen."""
        await asyncio.to_thread(importlib.import_module, "pyqtgraph")
        if self.isVisible() and not self._plots:
            self._build()
            self.refresh()
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _build(self) -> None:
        import pyqtgraph

        canvas = self._canvas = pyqtgraph.GraphicsLayoutWidget(self)
        canvas.ci.layout.setContentsMargins(GAP_XS, GAP_S, GAP_M, GAP_XS)
        canvas.ci.layout.setHorizontalSpacing(GAP_S)
        canvas.ci.layout.setVerticalSpacing(0)
        self._plots = [_Plot(figure, canvas.ci, place) for place, figure in enumerate(FIGURES)]
        first = self._plots[0].box
        for plot in self._plots:
            plot.box.sigRangeChangedManually.connect(self._zoomed)
            plot.box.setLimits(xMin=-SPAN_S, xMax=0, minXRange=10)
            if plot.box is not first:
                plot.box.setXLink(first)
        canvas.scene().sigMouseMoved.connect(self._mouse_moved)
        canvas.scene().sigMouseClicked.connect(self._clicked)
        self._layout.addWidget(canvas)
        self._restyle()

    def end(self) -> None:
        """Takes the plots down; idempotent. Their owner calls it before it goes itself.

        pyqtgraph's scene and items refer to each other from both languages: left to the garbage
        collector they would be freed in any order, which ends in a crash.
        """
        self._timer.stop()
        self._history = None
        self._plots = []
        if self._canvas is not None:
            canvas, self._canvas = self._canvas, None
            self._layout.removeWidget(canvas)
            shiboken6.delete(canvas)

    def _zoomed(self) -> None:
        """The user looks closer; a double click shows everything again."""
        self._follows = False

    def _clicked(self, event: Any) -> None:
        if event.double():
            self._follows = True
            self.refresh()

    def _mouse_moved(self, where: Any) -> None:
        self._cursor = None
        for plot in self._plots:
            if plot.box.sceneBoundingRect().contains(where):
                self._cursor = min(0.0, plot.box.mapSceneToView(where).x())
        for plot in self._plots:
            plot.point_at(self._cursor)

    def _restyle(self) -> None:
        if self._canvas is None:
            return
        self._canvas.setBackground(theme().color("surface"))
        for plot in self._plots:
            plot.restyle()
            plot.point_at(self._cursor)
