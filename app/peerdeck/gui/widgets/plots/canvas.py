"""Where plots are drawn and looked at: one time axis, one cursor through all of them."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from peerdeck.gui.models.rows import plain_tip
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XS, theme
from peerdeck.gui.widgets.plots import painting
from peerdeck.gui.widgets.plots.painting import Cell
from peerdeck.gui.widgets.plots.traces import Plot, TimeAxis

_LEAST_WIDTH: Final = 212  # of a plot
_LEAST_HEIGHT: Final = 56
_MOST_COLUMNS: Final = 4
_SHAPE: Final = 2.2  # width to height that columns are chosen for
_AXIS_PX: Final = 40
_ZOOM: Final = 0.8  # for one notch of the wheel
_PAN: Final = 0.1
_DRAG_PX: Final = 3


class Canvas(QWidget):
    """A grid of plots.

    zoomed(factor, around): seconds on the axis. panned(seconds). live_wanted(): back to the newest.
    pause_wanted(): stop or go on.
    """

    zoomed = Signal(float, float)
    panned = Signal(float)
    live_wanted = Signal()
    pause_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plots: tuple[Plot, ...] = ()
        self.axis = TimeAxis()
        self.cursor_at: float | None = None
        self._cells: list[Cell] = []
        self._given: Sequence[Plot] = ()
        self._laid_out: TimeAxis | None = None
        self._base: QPixmap | None = None
        self._base_key: object = None
        self._dragged_from: QPointF | None = None
        self._pans = False
        self._pointer: QPointF | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        # It fills itself: without this, everything beneath is painted with it every second.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Plots")
        theme().changed.connect(self.update)

    # --- what is shown ---------------------------------------------------------------------

    def show_plots(self, plots: Sequence[Plot], axis: TimeAxis) -> None:
        """The same sequence over the same stretch of time is not laid out anew."""
        stays = plots is self._given and replace(axis, marker=None) == self._laid_out
        another = [plot.key for plot in plots] != [plot.key for plot in self.plots]
        self.plots, self.axis, self._given = tuple(plots), axis, plots
        if another:
            self._set_least_height()
        if not stays:
            self._arrange()
        if self._pointer is not None:  # it rests while time goes on
            self._point(self._pointer)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, 2 * _LEAST_HEIGHT + 40)

    @property
    def columns(self) -> int:
        """As many as make plots of a good shape: wider than high, never slivers."""
        count = len(self.plots)
        most = max(1, min(_MOST_COLUMNS, count, self.width() // _LEAST_WIDTH))
        shape = math.sqrt(count * self.width() / (_SHAPE * max(1, self.height())))
        wanted = min(most, max(1, round(shape)))
        # One column more where that leaves no place empty.
        fits = count % wanted and wanted < most and count % (wanted + 1) == 0
        return wanted + 1 if fits else wanted

    @property
    def cells(self) -> Sequence[Cell]:
        return self._cells

    def _set_least_height(self) -> None:
        lines = max((plot.lines for plot in self.plots), default=1)
        rows = -(-len(self.plots) // self.columns) if self.plots else 1
        line = QFontMetricsF(theme().font("small")).height()
        self.setMinimumHeight(round(rows * (_LEAST_HEIGHT + (lines - 1) * line) + line))

    def _arrange(self) -> None:
        """Gives every plot its place; the time is written beneath the lowest row alone."""
        columns = self.columns
        rows = -(-len(self.plots) // columns) if self.plots else 0
        line = QFontMetricsF(theme().font("small")).height()
        before = {cell.plot.key: cell for cell in self._cells}
        self._cells, self._laid_out = [], replace(self.axis, marker=None)
        if not rows:
            return
        width = (self.width() - GAP_S) / columns
        height = (self.height() - line - GAP_S) / rows
        for place, plot in enumerate(self.plots):
            row, column = divmod(place, columns)
            whole = QRectF(GAP_XS + column * width, GAP_XS + row * height, width, height)
            area = whole.adjusted(_AXIS_PX, plot.lines * line + GAP_XS, -GAP_M, -GAP_S)
            self._cells.append(Cell(plot, whole, area, self.axis, before.get(plot.key)))

    # --- painting --------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._static())
        seen = QRectF(event.rect())  # of many plots most may be scrolled away
        cells = [cell for cell in self._cells if cell.whole.intersects(seen)]
        painting.draw_curves(painter, cells)
        painting.draw_values(painter, cells, self.cursor_at, self.axis)
        if self.hasFocus():
            painter.setPen(theme().color("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _static(self) -> QPixmap:
        """What stays from second to second: grid, scales, names."""
        key = (
            self.size(),
            self.devicePixelRatioF(),
            theme().tokens,
            self.axis.labels_key,
            tuple(cell.static_key for cell in self._cells),
        )
        if self._base is None or key != self._base_key:
            ratio = self.devicePixelRatioF()
            base = QPixmap(self.size() * ratio)
            base.setDevicePixelRatio(ratio)
            base.fill(theme().color("surface"))
            painter = QPainter(base)
            painting.draw_static(painter, self._cells, self.axis, self.columns)
            painter.end()
            self._base, self._base_key = base, key
        return self._base

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_least_height()
        self._arrange()

    # --- looking ---------------------------------------------------------------------------

    def _cell_at(self, where: QPointF) -> Cell | None:
        reach = GAP_L
        return next(
            (
                c
                for c in self._cells
                if c.area.adjusted(-reach, -reach, reach, reach).contains(where)
            ),
            None,
        )

    def point_at(self, at: float | None) -> None:
        """Puts the cursor at a time of the axis, None takes it away."""
        if at != self.cursor_at:
            self.cursor_at = at
            self.update()

    def values_text(self) -> str:
        """What stands under the cursor, for those who do not see it."""
        said = [f"{cell.plot.title} {cell.values_at(self.cursor_at)}" for cell in self._cells]
        when = "" if self.cursor_at is None else f"{self.axis.moment_text(self.cursor_at)}: "
        return when + ", ".join(said)

    def _step(self, samples: int) -> None:
        """Moves the cursor along the samples of the first plot that has some."""
        times = next((t.times for p in self.plots for t in p.traces if len(t.times)), None)
        if times is None:
            return
        seen = [float(t) for t in times if self.axis.begin <= t <= self.axis.end]
        if not seen:
            return
        self._pointer = None
        place = len(seen) if self.cursor_at is None else bisect_left(seen, self.cursor_at - 1e-6)
        self.point_at(seen[min(max(place + samples, 0), len(seen) - 1)])
        self.setAccessibleDescription(self.values_text())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        where = event.position()
        start = self._dragged_from
        if start is not None and (self._pans or abs(where.x() - start.x()) >= _DRAG_PX):
            cell = self._cell_at(start) or (self._cells[0] if self._cells else None)
            if cell is not None:
                self._pans = True
                self._dragged_from = where
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
                self.panned.emit((start.x() - where.x()) / cell.area.width() * self.axis.span)
            return
        self._point(where)

    def _point(self, where: QPointF) -> None:
        cell = self._cell_at(where)
        self._pointer = where if cell is not None else None
        self.point_at(None if cell is None else self.axis.held(cell.time_at(where.x(), self.axis)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged_from, self._pans = event.position(), False

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged_from, self._pans = None, False
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.live_wanted.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        cell = self._cell_at(event.position())
        if not notches or cell is None:
            event.ignore()
            return
        self.zoomed.emit(_ZOOM**notches, cell.time_at(event.position().x(), self.axis))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._pointer = None
        self.point_at(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, span = event.key(), self.axis.span
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        around = self.axis.end if self.cursor_at is None else self.cursor_at
        if key in {Qt.Key.Key_Left, Qt.Key.Key_Right}:
            way = -1 if key == Qt.Key.Key_Left else 1
            if shifted:
                self.panned.emit(way * _PAN * span)
            else:
                self._step(way)
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus}:
            self.zoomed.emit(1 / _ZOOM if key == Qt.Key.Key_Minus else _ZOOM, around)
        elif key == Qt.Key.Key_End:
            self.live_wanted.emit()
        elif key == Qt.Key.Key_Space:
            self.pause_wanted.emit()
        elif key == Qt.Key.Key_Escape and self.cursor_at is not None:
            self._pointer = None
            self.point_at(None)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = QPointF(event.pos())
            cell = next((c for c in self._cells if c.whole.contains(place)), None)
            in_words = cell is not None and place.y() < cell.area.top()
            words = cell.plot.words if cell is not None and in_words else ""
            QToolTip.showText(event.globalPos(), plain_tip(words) or "", self)
            return True
        return super().event(event)
