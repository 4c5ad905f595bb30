"""What goes through a tunnel, both ways, over the last minutes."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from peerdeck.core.quantities import rate_text
from peerdeck.gui.theme import GAP_L, GAP_S, GAP_XS, ICON_S, theme
from peerdeck.gui.widgets.labels import label

SPAN_S: Final = 300
_HEIGHT: Final = 72
_LEAST_TOP: Final = 10_000.0  # bytes/s: keep-alives shall not look like traffic
_DOWN, _UP = "accent", "info"


class ThroughputPlot(QWidget):
    """Two lines on one scale: out of the tunnel filled, into it not."""

    def __init__(self) -> None:
        super().__init__()
        self._history: tuple[tuple[float, float], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Throughput of the last five minutes")
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT)

    def show_history(self, history: Sequence[tuple[float, float]]) -> None:
        """(up, down) in bytes per second, once a second, oldest first."""
        shown = tuple(history[-SPAN_S:])
        if shown != self._history:
            self._history = shown
            self.update()

    @property
    def top(self) -> float:
        return max([_LEAST_TOP, *(rate for pair in self._history for rate in pair)])

    def _line(self, which: int, area: QRectF) -> list[QPointF]:
        step = area.width() / (SPAN_S - 1)
        left = area.right() - step * (len(self._history) - 1)
        scale = area.height() / self.top
        return [
            QPointF(left + place * step, area.bottom() - pair[which] * scale)
            for place, pair in enumerate(self._history)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme().font("small"))
        metrics = painter.fontMetrics()
        area = QRectF(self.rect()).adjusted(0, metrics.height() + 2, 0, -metrics.height() - 2)
        painter.setPen(theme().color("line"))
        for y in (area.top(), area.bottom()):
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(theme().color("muted"))
        above = QRectF(0, 0, self.width(), metrics.height())
        below = QRectF(0, area.bottom() + 2, self.width(), metrics.height())
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft, rate_text(self.top))
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{SPAN_S // 60} min ago")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, "now")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(self._history) > 1:
            self._draw(painter, self._line(1, area), _DOWN, area.bottom())
            self._draw(painter, self._line(0, area), _UP, None)
        painter.end()

    @staticmethod
    def _draw(painter: QPainter, line: list[QPointF], tone: str, ground: float | None) -> None:
        colour = theme().color(tone)
        if ground is not None:
            wash = QColor(colour)
            wash.setAlphaF(0.16)
            ends = [QPointF(line[-1].x(), ground), QPointF(line[0].x(), ground)]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(wash)
            painter.drawPolygon(QPolygonF([*line, *ends]))
        painter.setPen(QPen(colour, 1.5))
        painter.drawPolyline(QPolygonF(line))


class _Key(QWidget):
    """A swatch of the line's colour before its name and value."""

    def __init__(self, name: str, tone: str) -> None:
        super().__init__()
        self._tone = tone
        self.value = label("", "figures")
        row = QHBoxLayout(self)
        row.setContentsMargins(ICON_S, 0, 0, 0)
        row.setSpacing(GAP_XS)
        row.addWidget(label(name, tone="muted"))
        row.addWidget(self.value)
        theme().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = self.height() // 2
        painter.fillRect(0, middle - 1, ICON_S - GAP_XS, 3, theme().color(self._tone))
        painter.end()


class Throughput(QWidget):
    """The plot, its key and the rates now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = ThroughputPlot()
        self._down = _Key("↓ received", _DOWN)
        self._up = _Key("↑ sent", _UP)
        keys = QHBoxLayout()
        keys.setSpacing(GAP_L)
        keys.addWidget(self._down)
        keys.addWidget(self._up)
        keys.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_S)
        column.addLayout(keys)
        column.addWidget(self.plot)

    @property
    def text(self) -> str:
        return f"↓ {self._down.value.text()} ↑ {self._up.value.text()}"

    def show_rates(self, up: float, down: float, history: Sequence[tuple[float, float]]) -> None:
        self._down.value.setText(rate_text(down))
        self._up.value.setText(rate_text(up))
        self.plot.show_history(history)
