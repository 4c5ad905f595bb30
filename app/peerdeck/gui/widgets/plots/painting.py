"""How a plot is painted: what stays, the curves, and the values at the cursor."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from peerdeck.gui.theme import GAP_S, GAP_XS, theme
from peerdeck.gui.widgets.plots.traces import Plot, TimeAxis, Trace
from peerdeck.gui.widgets.plots.units import axis_range, ticks

_DOT: Final = 3.0
_SWATCH: Final = 14
_ROOM: Final = "  1,234,567 /s"
_SOLID, _DASH, _DOTS = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine
_LONG, _LONGER = Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine
# Curves in one plot are told apart by colour and by dashes.
STROKES: Final = (
    ("accent", _SOLID),
    ("info", _DASH),
    ("warn", _DOTS),
    ("text", _LONG),
    ("bad", _LONGER),
    ("ok", _DASH),
)


class Cell:
    """A plot in its place: low and high of its axis, begin and end of the time that is seen.

    before: what stood there until now; lines of which nothing has changed are kept.
    """

    def __init__(
        self,
        plot: Plot,
        whole: QRectF,
        area: QRectF,
        axis: TimeAxis,
        before: "Cell | None" = None,
    ) -> None:
        self.plot, self.whole, self.area = plot, whole, area
        self.span = (axis.begin, axis.end)
        self.low, self.high = axis_range(
            min((trace.low for trace in plot.traces), default=0.0),
            max((trace.high for trace in plot.traces), default=0.0),
            plot.unit.least_top,
            tight=plot.tight,
        )
        self._lines: list[list[QPolygonF]] | None = None
        self._kept: dict[int, list[QPolygonF]] = {}
        if before is not None and before._lines and before._place == self._place:
            pairs = zip(before.plot.traces, before._lines, strict=True)
            self._kept = {id(trace): line for trace, line in pairs}

    @property
    def lines(self) -> list[list[QPolygonF]]:
        """Of each trace its unbroken parts; made when they are first painted."""
        if self._lines is None:
            has_room = self.area.width() >= 1 and self.area.height() >= 1
            traces = self.plot.traces if has_room else ()
            self._lines = [self._kept.get(id(trace)) or self._line(trace) for trace in traces]
            self._kept = {}
        return self._lines

    @property
    def _place(self) -> object:
        return (self.area.getRect(), self.low, self.high, self.span)

    def _line(self, trace: Trace) -> list[QPolygonF]:
        from peerdeck.gui.widgets.plots.rows import polygon, stretches, thinned

        begin, end = self.span
        area = self.area
        x = area.left() + (trace.times - begin) * (area.width() / (end - begin))
        y = area.bottom() - (trace.values - self.low) * (area.height() / (self.high - self.low))
        return [polygon(*part) for part in stretches(*thinned(x, y, int(area.width())))]

    @property
    def static_key(self) -> object:
        return (self.plot.key, self.plot.title, self.low, self.high, len(self.plot.traces))

    def time_at(self, x: float, axis: TimeAxis) -> float:
        return axis.begin + (x - self.area.left()) / self.area.width() * axis.span

    def x_of(self, at: float, axis: TimeAxis) -> float:
        return self.area.left() + (at - axis.begin) / axis.span * self.area.width()

    def title_in(self, metrics: QFontMetricsF) -> str:
        """As much of the title as leaves room for a value beside it."""
        room = self.area.width() - metrics.horizontalAdvance(_ROOM)
        return metrics.elidedText(self.plot.title, Qt.TextElideMode.ElideRight, room)

    def values_at(self, when: float | None) -> str:
        traces = self.plot.traces
        if len(traces) == 1:
            return traces[0].text_at(when)
        return ", ".join(f"{trace.name} {trace.text_at(when)}" for trace in traces)


def draw_static(painter: QPainter, cells: Sequence[Cell], axis: TimeAxis, columns: int) -> None:
    """Grid, scales and names."""
    painter.setFont(theme().font("small"))
    metrics = QFontMetricsF(painter.font())
    line, muted = theme().color("line"), theme().color("muted")
    faint = QColor(line)
    faint.setAlphaF(0.5)
    for place, cell in enumerate(cells):
        area = cell.area
        factor, unit = cell.plot.unit.scale(cell.high)
        for value in ticks(cell.low, cell.high, area.height()):
            y = round(area.bottom() - (value - cell.low) / (cell.high - cell.low) * area.height())
            painter.setPen(line if value == cell.low else faint)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(muted)
            middle = max(y, area.top() + GAP_XS)  # the unit stands above
            room = area.left() - cell.whole.left() - GAP_XS
            box = QRectF(cell.whole.left(), middle - 10, room, 20)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, right, f"{value * factor:.6g}")
        lowest = place >= len(cells) - columns
        _draw_times(painter, cell, axis, faint, metrics if lowest else None)
        baseline = area.top() - GAP_XS - (cell.plot.lines - 1) * metrics.height() - 2
        painter.setPen(muted)
        painter.drawText(QPointF(area.left(), baseline), cell.title_in(metrics))
        _draw_unit(painter, cell, unit, baseline, metrics)


def _draw_unit(
    painter: QPainter, cell: Cell, unit: str, baseline: float, metrics: QFontMetricsF
) -> None:
    """The unit of the scale stands above it, where a short one fits."""
    room = cell.area.left() - cell.whole.left() - GAP_XS
    if 0 < metrics.horizontalAdvance(unit) <= room:
        x = cell.area.left() - GAP_XS - metrics.horizontalAdvance(unit)
        painter.setPen(theme().color("faint"))
        painter.drawText(QPointF(x, baseline), unit)


def _draw_times(
    painter: QPainter, cell: Cell, axis: TimeAxis, grid: QColor, metrics: QFontMetricsF | None
) -> None:
    """metrics: of the labels, None for a plot that has another beneath it."""
    area = cell.area
    for share, text in axis.labels(area.width()):
        x = round(area.left() + share * area.width())
        painter.setPen(grid)
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        if metrics is None:
            continue
        width = metrics.horizontalAdvance(text)
        left = min(max(x - width / 2, cell.whole.left()), cell.whole.right() - width)
        painter.setPen(theme().color("muted"))
        painter.drawText(QPointF(left, area.bottom() + metrics.ascent() + 2), text)


def stroke(place: int) -> QPen:
    tone, dashes = STROKES[place % len(STROKES)]
    return QPen(theme().color(tone), 1, dashes)


def draw_curves(painter: QPainter, cells: Sequence[Cell]) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for cell in cells:
        painter.setClipRect(cell.area.adjusted(-1, -1, 1, 1))
        for place, parts in enumerate(cell.lines):
            painter.setPen(stroke(place))
            for points in parts:
                if points.count() > 1:
                    painter.drawPolyline(points)
                else:  # a sample between two gaps would not be seen as a line
                    painter.fillRect(
                        QRectF(points.at(0).x() - 1, points.at(0).y() - 1, 3, 3),
                        painter.pen().color(),
                    )
    painter.setClipping(False)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def draw_values(
    painter: QPainter, cells: Sequence[Cell], when: float | None, axis: TimeAxis
) -> None:
    """Values beside the names; cursor and marker with a dot on each curve."""
    painter.setFont(theme().font("small"))
    metrics = QFontMetricsF(painter.font())
    shown = when if when is not None else axis.marker
    for cell in cells:
        _draw_marks(painter, cell, axis)
        for at, tone in ((axis.marker, "info"), (when, "muted")):
            if at is not None and axis.begin <= at <= axis.end:
                x = round(cell.x_of(at, axis))
                painter.setPen(theme().color(tone))
                painter.drawLine(QPointF(x, cell.area.top()), QPointF(x, cell.area.bottom()))
        if shown is not None:
            _draw_dots(painter, cell, shown, axis)
        if len(cell.plot.traces) == 1:
            _draw_value(painter, cell, shown, metrics)
        else:
            _draw_legend(painter, cell, shown, metrics)
    if when is not None and cells:
        _draw_moment(painter, cells, when, axis, metrics)


def _draw_marks(painter: QPainter, cell: Cell, axis: TimeAxis) -> None:
    """A dotted line for each loss and rebuild, with a notch at the top; a loss over the rest."""
    for mark in sorted(axis.marks, key=lambda mark: mark.tone == "bad"):
        if axis.begin <= mark.at <= axis.end:
            x = round(cell.x_of(mark.at, axis))
            colour = theme().color(mark.tone)
            painter.setPen(QPen(colour, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x, cell.area.top()), QPointF(x, cell.area.bottom()))
            painter.fillRect(QRectF(x - 2, cell.area.top() - 1, 5, 3), colour)


def _draw_dots(painter: QPainter, cell: Cell, when: float, axis: TimeAxis) -> None:
    height = cell.area.height() / (cell.high - cell.low)
    for place, trace in enumerate(cell.plot.traces):
        found = trace.at(when)
        if found is None or found[1] != found[1] or not axis.begin <= found[0] <= axis.end:
            continue
        y = cell.area.bottom() - (found[1] - cell.low) * height
        dot = QRectF(cell.x_of(found[0], axis) - _DOT, y - _DOT, 2 * _DOT, 2 * _DOT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(stroke(place).color())
        painter.drawEllipse(dot)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_value(painter: QPainter, cell: Cell, when: float | None, metrics: QFontMetricsF) -> None:
    x = cell.area.left() + metrics.horizontalAdvance(cell.title_in(metrics)) + GAP_S
    painter.setPen(theme().color("text"))
    text = cell.plot.traces[0].text_at(when)
    painter.drawText(QPointF(x, cell.area.top() - GAP_XS - 2), text)


def _draw_legend(painter: QPainter, cell: Cell, when: float | None, metrics: QFontMetricsF) -> None:
    """A line for each curve: its stroke, its name, its value."""
    left, right = cell.area.left(), cell.area.right()
    y = cell.area.top() - GAP_XS - 2 - (len(cell.plot.traces) - 1) * metrics.height()
    for place, trace in enumerate(cell.plot.traces):
        value = trace.text_at(when)
        room = right - left - _SWATCH - GAP_S - metrics.horizontalAdvance(value) - GAP_S
        name = metrics.elidedText(trace.name, Qt.TextElideMode.ElideMiddle, room)
        middle = y - metrics.ascent() / 2 + 1
        pen = stroke(place)
        pen.setWidth(2)
        painter.setPen(pen)
        painter.drawLine(QPointF(left, middle), QPointF(left + _SWATCH, middle))
        painter.setPen(theme().color("muted"))
        painter.drawText(QPointF(left + _SWATCH + GAP_XS, y), name)
        painter.setPen(theme().color("text"))
        x = left + _SWATCH + GAP_XS + metrics.horizontalAdvance(name) + GAP_S
        painter.drawText(QPointF(x, y), value)
        y += metrics.height()


def _draw_moment(
    painter: QPainter,
    cells: Sequence[Cell],
    when: float,
    axis: TimeAxis,
    metrics: QFontMetricsF,
) -> None:
    """When the cursor is, once, beneath the plots."""
    text = axis.moment_text(when)
    lowest = max(cells, key=lambda cell: cell.area.bottom())
    width = metrics.horizontalAdvance(text) + 2 * GAP_XS
    x = lowest.x_of(when, axis) - width / 2
    x = min(max(x, lowest.whole.left()), lowest.whole.right() - width)
    box = QRectF(x, lowest.area.bottom() + 1, width, metrics.height() + 2)
    painter.fillRect(box, theme().color("raised"))
    painter.setPen(theme().color("text"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
