"""The figures of a peer: lines that are glanced at."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from peerdeck.core.stats import PeerStats
from peerdeck.gui.models.session_figures import RECEIVED, SENT, Line
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, RADIUS, theme
from peerdeck.gui.widgets.cards import scrolled
from peerdeck.gui.widgets.labels import NOTHING

SPARK_SAMPLES: Final = 60
_HEIGHT: Final = 34
_SPARK_WIDTH: Final = 84
_SPARK_HEIGHT: Final = 22
_WIDEST_TITLE: Final = "Frames sent"
_WIDE_COLUMNS: Final = 2


class FigureLine(QWidget):
    """Title, value large, unit small, last minute as a line; a word beside a coloured value.

    Painted in one go: labels in a layout would have the window laid out anew with every number.
    """

    def __init__(self, title: str, *, sparkline: bool = True, least_top: float = 0.0) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(_HEIGHT)
        self._title = title
        self._value, self._unit, self._word, self._tone = NOTHING, "", "", ""
        self._samples: deque[float | None] | None = deque(maxlen=SPARK_SAMPLES)
        if not sparkline:
            self._samples = None
        self._least_top = least_top
        self._ground: QPixmap | None = None  # the card alone
        self._ground_key: object = None
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT)

    @property
    def text(self) -> str:
        parts = (self._value, self._unit, self._word)
        return " ".join(part for part in parts if part)

    def show_text(self, text: str, tone: str = "", word: str = "") -> None:
        """ "48 ms" is split into value and unit; tone: "warn", "bad" or "", named by `word`."""
        value, _, unit = text.partition(" ")
        now = (value or NOTHING, unit, word if tone else "", tone)
        if now != (self._value, self._unit, self._word, self._tone):
            self._value, self._unit, self._word, self._tone = now
            self.setAccessibleName(f"{self._title} {self.text}")
            self.update()

    def set_samples(self, samples: Iterable[float | None]) -> None:
        if self._samples is not None:
            before = list(self._samples)
            self._samples.clear()
            self._samples.extend(samples)
            if before != list(self._samples):
                self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._card())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = self._paint_words(painter)
        if self._samples:
            width = min(_SPARK_WIDTH, self.width() - left - GAP_S)
            height = min(self.height() - 2 * GAP_XS, 2 * _SPARK_HEIGHT)
            top = (self.height() - height) / 2
            if width > _SPARK_HEIGHT:
                self._paint_spark(painter, QRectF(self.width() - GAP_S - width, top, width, height))
        painter.end()

    def _card(self) -> QPixmap:
        """Painted once, not every second."""
        ratio = self.devicePixelRatioF()
        key = (self.size(), ratio, theme().tokens)
        if self._ground is None or key != self._ground_key:
            ground = QPixmap(self.size() * ratio)
            ground.setDevicePixelRatio(ratio)
            ground.fill(Qt.GlobalColor.transparent)
            painter = QPainter(ground)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(theme().color("line"))
            painter.setBrush(theme().color("raised"))
            whole = QRectF(self.rect())
            painter.drawRoundedRect(whole.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
            painter.end()
            self._ground, self._ground_key = ground, key
        return self._ground

    def _paint_words(self, painter: QPainter) -> int:
        """Where they end."""
        small, middle = theme().font("small"), int(Qt.AlignmentFlag.AlignVCenter)
        title = QFontMetrics(small).horizontalAdvance(_WIDEST_TITLE) + GAP_XS
        colour = theme().color(self._tone or "text")
        left = GAP_M
        for text, font, pen, width in (
            (self._title, small, theme().color("muted"), title),
            (self._value, theme().font("figure"), colour, 0),
            (self._unit, theme().font("unit"), theme().color("muted"), 0),
            (self._word, small, colour, 0),
        ):
            if not text:
                continue
            painter.setFont(font)
            painter.setPen(pen)
            room = QRect(left, 0, self.width() - left, self.height())
            painter.drawText(room, middle, text)
            left += (width or QFontMetrics(font).horizontalAdvance(text)) + GAP_XS
        return left

    def _paint_spark(self, painter: QPainter, area: QRectF) -> None:
        colour = theme().color(self._tone or "accent")
        wash = QColor(colour)
        wash.setAlphaF(0.14)
        for stretch in self.points(area):
            ground = (
                QPointF(stretch[-1].x(), area.bottom()),
                QPointF(stretch[0].x(), area.bottom()),
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(wash)
            painter.drawPolygon(QPolygonF([*stretch, *ground]))
            painter.setPen(QPen(colour, 1.5))
            painter.drawPolyline(QPolygonF(stretch))

    def points(self, area: QRectF) -> list[list[QPointF]]:
        """The unbroken stretches of the line, newest sample at the right edge."""
        samples = list(self._samples or ())
        known = [s for s in samples if s is not None]
        if not known:
            return []
        low, high = min(0.0, *known), max(self._least_top, *known)
        span = (high - low) or 1.0
        step = area.width() / (SPARK_SAMPLES - 1)
        left = area.right() - step * (len(samples) - 1)
        stretches: list[list[QPointF]] = [[]]
        for place, sample in enumerate(samples):
            if sample is None:
                stretches.append([])
            else:
                y = area.top() + 1 + (area.height() - 2) * (1 - (sample - low) / span)
                stretches[-1].append(QPointF(left + place * step, y))
        return [stretch for stretch in stretches if stretch]


class SessionFigures(QWidget):
    """One line per figure; `show_samples` once a second.

    Of what is received, or, at whoever sends a picture, of what is sent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sends = False
        self._groups = {sends: _lines(SENT if sends else RECEIVED) for sends in (False, True)}
        self.resolution = FigureLine("Picture", sparkline=False)
        inner = QWidget()
        self._grid = QGridLayout(inner)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_XS)
        self._columns = 1
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolled(inner))
        self.setAccessibleName("Figures")
        self._arrange()

    @property
    def lines(self) -> dict[str, FigureLine]:
        """By title, those that are shown."""
        return self._groups[self._sends]

    def show_sent(self, sends: bool) -> None:
        """Whether the figures are of what we send."""
        if sends is not self._sends:
            self._sends = sends
            self._arrange()

    def spread(self, wide: bool) -> None:
        """Over several columns, where there is no picture beside them."""
        columns = _WIDE_COLUMNS if wide else 1
        if columns != self._columns:
            self._columns = columns
            self._arrange()

    def _arrange(self) -> None:
        for which, group in self._groups.items():
            for widget in group.values():
                self._grid.removeWidget(widget)
                widget.setVisible(which is self._sends)
        self._grid.removeWidget(self.resolution)
        shown = [*self.lines.values(), self.resolution]
        rows = -(-len(shown) // self._columns)
        for place, widget in enumerate(shown):
            self._grid.addWidget(widget, place % rows, place // rows)
        for row in range(self._grid.rowCount()):
            self._grid.setRowStretch(row, int(row < rows))

    def show_samples(self, history: Sequence[PeerStats], latest: PeerStats | None) -> None:
        """history: oldest first; latest: None dashes everything out."""
        recent = list(history)[-SPARK_SAMPLES:]
        for line in SENT if self._sends else RECEIVED:
            shown = self.lines[line.title]
            shown.set_samples(line.value(sample) for sample in recent)
            value = line.value(latest) if latest else None
            if value is None:
                shown.show_text("")
                continue
            tone = line.limit.tone(value) if line.limit else ""
            shown.show_text(line.text(value), tone, line.limit.words if line.limit else "")
        self._show_picture(latest)

    def _show_picture(self, latest: PeerStats | None) -> None:
        if latest is None:
            self.resolution.show_text("")
            return
        width, height, codec = (
            (latest.out_width, latest.out_height, latest.out_codec)
            if self._sends
            else (latest.width, latest.height, latest.codec)
        )
        self.resolution.show_text(f"{width}×{height} {codec}" if width else "")


def _lines(lines: Sequence[Line]) -> dict[str, FigureLine]:
    made = {line.title: FigureLine(line.title, least_top=line.least_top) for line in lines}
    for line in lines:
        made[line.title].setToolTip(f"<p>{line.definition}</p>")
    return made
