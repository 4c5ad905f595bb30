"""Plots of a session's figures, to be studied: zoom, pan, one cursor through all."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QTimer
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
_COLUMNS = 3
_TICK_PX = 22
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
    Figure("Frame rate", "fps", lambda s: s.fps, lambda v: f"{v:.0f} fps", 10),
    Figure("Round trip", "ms", lambda s: s.rtt_ms, milliseconds_text, 10),
    Figure("Bitrate out", "kbps", lambda s: _scaled(s.bitrate_out_bps, 1e-3), _kbps_text, 10),
    Figure("Loss", "%", lambda s: s.loss_percent, lambda v: f"{v:.1f} %", 4),
    Figure("Jitter", "ms", lambda s: s.jitter_ms, milliseconds_text, 10),
)


class _Plot:
    """One figure: plot item, curve, cursor."""

    def __init__(self, figure: Figure, layout: "pyqtgraph.GraphicsLayout", place: int) -> None:
        import pyqtgraph

        self.figure = figure
        self.times: list[float] = []
        self.values: list[float] = []
        row, column = divmod(place, _COLUMNS)
        axis = _time_axis()
        last_row = place >= len(FIGURES) - _COLUMNS
        axes = {"bottom": axis, "left": _value_axis()}
        self.item = layout.addPlot(row=row, col=column, axisItems=axes)
        self.item.setTitle(figure.name)
        # setTitle makes room for 30 px; ours is a line of small text.
        title_height = QFontMetrics(theme().font("small")).height() + 2
        self.item.titleLabel.setMaximumHeight(title_height)
        self.item.layout.setRowFixedHeight(0, title_height)
        axis.setStyle(showValues=last_row)
        self.item.hideButtons()
        self.item.setMenuEnabled(False)
        self.item.setMouseEnabled(x=True, y=False)
        self.item.getAxis("left").setWidth(38)
        self.item.getAxis("left").enableAutoSIPrefix(False)
        self.item.getViewBox().setDefaultPadding(0)
        self.curve = self.item.plot(connect="finite")
        self.cursor = pyqtgraph.InfiniteLine(angle=90, movable=False)
        self.cursor.hide()
        self.item.addItem(self.cursor, ignoreBounds=True)

    def restyle(self) -> None:
        import pyqtgraph

        text, line = theme().color("muted"), theme().color("line")
        self.curve.setPen(pyqtgraph.mkPen(theme().color("accent"), width=1))
        self.cursor.setPen(pyqtgraph.mkPen(theme().color("muted"), width=1))
        for side in ("left", "bottom"):
            axis = self.item.getAxis(side)
            axis.setPen(pyqtgraph.mkPen(line))
            axis.setTextPen(pyqtgraph.mkPen(text))
            axis.setStyle(tickFont=theme().font("small"), tickLength=-4, tickTextOffset=4)

    def show(self, times: list[float], values: list[float]) -> None:
        self.times, self.values = times, values
        self.curve.setData(times, values)
        finite = [value for value in values if not math.isnan(value)]
        top = max([self.figure.least_top, *(value * 1.15 for value in finite)])
        self.item.setYRange(0, top, padding=0)

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
        self.item.titleLabel.setText(
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
            step = next((s for s in (5, 10, 15, 30, 60) if span / s <= 6), 60)
            first = int(low // step + 1) * step
            return [(step, [float(v) for v in range(first, int(high) + 1, step)])]

    return TimeAxis(orientation="bottom")


class PlotsView(QWidget):
    """The last five minutes of every figure over one time axis.

    Asks `history` once a second, only while visible; pyqtgraph is imported at the first showing.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history: Callable[[], Sequence[PeerStats]] | None = None
        self._plots: list[_Plot] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setInterval(UPDATE_MS)
        self._timer.timeout.connect(self.refresh)
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
            self._plots[0].item.setXRange(-shown_s, 0, padding=0)
        for plot in self._plots:
            values = [plot.figure.value(s) for s in recent]
            plot.show(times, [float("nan") if v is None else v for v in values])
            plot.point_at(self._cursor)
        self.last_cost_ms = clock.nsecsElapsed() / 1e6

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._plots:
            self._build()
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _build(self) -> None:
        import pyqtgraph

        self._canvas = pyqtgraph.GraphicsLayoutWidget(self)
        self._canvas.ci.layout.setContentsMargins(GAP_XS, GAP_S, GAP_M, GAP_XS)
        self._canvas.ci.layout.setHorizontalSpacing(GAP_S)
        self._canvas.ci.layout.setVerticalSpacing(0)
        self._plots = [
            _Plot(figure, self._canvas.ci, place) for place, figure in enumerate(FIGURES)
        ]
        first = self._plots[0].item
        for plot in self._plots:
            plot.item.getViewBox().sigRangeChangedManually.connect(self._zoomed)
            plot.item.setLimits(xMin=-SPAN_S, xMax=0, minXRange=10)
            if plot.item is not first:
                plot.item.setXLink(first)
        self._canvas.scene().sigMouseMoved.connect(self._mouse_moved)
        self._canvas.scene().sigMouseClicked.connect(self._clicked)
        self._layout.addWidget(self._canvas)
        self._restyle()

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
            box = plot.item.getViewBox()
            if box.sceneBoundingRect().contains(where):
                self._cursor = min(0.0, box.mapSceneToView(where).x())
        for plot in self._plots:
            plot.point_at(self._cursor)

    def _restyle(self) -> None:
        if not self._plots:
            return
        self._canvas.setBackground(theme().color("surface"))
        for plot in self._plots:
            plot.restyle()
            plot.point_at(self._cursor)
