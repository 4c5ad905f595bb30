"""One number that is glanced at: large, with its unit small and its last minute as a line."""

from collections import deque
from collections.abc import Iterable

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, set_tone, theme
from peerdeck.gui.widgets.labels import label

NOTHING = "–"


class Sparkline(QWidget):
    """The last `length` samples, scaled from zero to the highest; None is a gap.

    least_top: what reaches the top at least, so that noise near zero looks like noise.
    """

    def __init__(self, length: int = 60, height: int = 26, least_top: float = 0.0) -> None:
        super().__init__()
        self._least_top = least_top
        self._samples: deque[float | None] = deque(maxlen=length)
        self._height = height
        self._tone = "accent"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def add(self, sample: float | None) -> None:
        self._samples.append(sample)
        self.update()

    def set_samples(self, samples: Iterable[float | None]) -> None:
        self._samples.clear()
        self._samples.extend(samples)
        self.update()

    def set_tone(self, tone: str) -> None:
        self._tone = tone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(96, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(32, self._height)

    def points(self) -> list[list[QPointF]]:
        """The unbroken stretches of the line, newest sample at the right edge."""
        known = [s for s in self._samples if s is not None]
        if not known:
            return []
        low, high = min(0.0, *known), max(self._least_top, *known)
        span = (high - low) or 1.0
        step = self.width() / max(1, (self._samples.maxlen or 2) - 1)
        left = self.width() - step * (len(self._samples) - 1)
        usable = self.height() - 3
        stretches: list[list[QPointF]] = [[]]
        for place, sample in enumerate(self._samples):
            if sample is None:
                stretches.append([])
            else:
                y = 1.5 + usable * (1 - (sample - low) / span)
                stretches[-1].append(QPointF(left + place * step, y))
        return [stretch for stretch in stretches if stretch]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme().color(self._tone)
        wash = QColor(colour)
        wash.setAlphaF(0.14)
        for stretch in self.points():
            ground = [
                QPointF(stretch[-1].x(), self.height()),
                QPointF(stretch[0].x(), self.height()),
            ]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(wash)
            painter.drawPolygon(QPolygonF([*stretch, *ground]))
            painter.setPen(QPen(colour, 1.5))
            painter.drawPolyline(QPolygonF(stretch))
        painter.end()


class FigureCard(QFrame):
    """Title small, value large, unit small, sparkline beneath; colour only past a threshold."""

    def __init__(self, title: str, *, sparkline: bool = True) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._title = label(title, "small", "muted")
        self._value = label(NOTHING, "figure")
        self._unit = label("", "unit", "muted")
        self._line = Sparkline() if sparkline else None
        figures = QHBoxLayout()
        figures.setSpacing(GAP_XS)
        figures.addWidget(self._value, 0, Qt.AlignmentFlag.AlignBaseline)
        figures.addWidget(self._unit, 0, Qt.AlignmentFlag.AlignBaseline)
        figures.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_M, GAP_S, GAP_M, GAP_S)
        column.setSpacing(GAP_XS)
        column.addWidget(self._title)
        column.addLayout(figures)
        if self._line is not None:
            column.addWidget(self._line)

    @property
    def text(self) -> str:
        return f"{self._value.text()} {self._unit.text()}".strip()

    def show_value(self, value: str, unit: str = "", tone: str = "") -> None:
        """tone: "warn" or "bad" past a threshold, else ""."""
        self._value.setText(value or NOTHING)
        self._unit.setText(unit)
        set_tone(self._value, "tone", tone)
        if self._line is not None:
            self._line.set_tone(tone or "accent")
        self.setAccessibleName(f"{self._title.text()} {self.text}")

    def show_text(self, text: str, tone: str = "") -> None:
        """As peerdeck.core.quantities writes it: "48 ms" is split into value and unit."""
        value, _, unit = text.partition(" ")
        self.show_value(value, unit, tone)

    def add_sample(self, sample: float | None) -> None:
        if self._line is not None:
            self._line.add(sample)

    def set_samples(self, samples: Iterable[float | None]) -> None:
        if self._line is not None:
            self._line.set_samples(samples)
