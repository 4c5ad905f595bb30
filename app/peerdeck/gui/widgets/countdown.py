"""Time that runs out: as text and as a thin bar."""

import time
from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPainter, QShowEvent
from PySide6.QtWidgets import QLabel

from peerdeck.core.quantities import countdown_text
from peerdeck.gui.theme import set_tone, theme

SOON_S = 60


def urgency(left_s: float, soon_s: float = SOON_S) -> str:
    """Theme token for time that is left: only what needs attention is coloured."""
    return "bad" if left_s <= 0 else "warn" if left_s < soon_s else ""


class CountdownLabel(QLabel):
    """ "expires in 4:31", once a second while it is visible.

    ended(): once, when nothing is left. clock: POSIX seconds. soon_s: from when on it is coloured.
    """

    ended = Signal()

    def __init__(
        self,
        words: str = "{} left",
        over: str = "expired",
        clock: Callable[[], float] = time.time,
        soon_s: float = SOON_S,
    ) -> None:
        super().__init__()
        self._words, self._over, self._clock = words, over, clock
        self._soon_s = soon_s
        self._ends_at = 0.0
        self._announced = True
        self.setFont(theme().font("figures"))
        self.setProperty("tone", "muted")
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self.tick)

    def set_end(self, ends_at: float) -> None:
        """POSIX seconds; 0 shows nothing."""
        self._ends_at = ends_at
        self._announced = not ends_at
        self.tick()
        self._run()

    @property
    def seconds_left(self) -> float:
        return self._ends_at - self._clock() if self._ends_at else 0.0

    def tick(self) -> None:
        if not self._ends_at:
            self.setText("")
            return
        left = self.seconds_left
        self.setText(self._words.format(countdown_text(left)) if left > 0 else self._over)
        set_tone(self, "tone", urgency(left, self._soon_s) or "muted")
        if left <= 0 and not self._announced:
            self._announced = True
            self._run()
            self.ended.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.tick()
        self._run()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _run(self) -> None:
        if self._ends_at and not self._announced and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()


def paint_bar(painter: QPainter, area: QRectF, share: float, tone: str) -> None:
    """A bar of `share` (0–1) over its track, as high as `area`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    radius = area.height() / 2
    painter.setBrush(theme().color("line"))
    painter.drawRoundedRect(area, radius, radius)
    if share > 0:
        filled = QRectF(area)
        filled.setWidth(max(area.height(), area.width() * share))
        painter.setBrush(theme().color(tone))
        painter.drawRoundedRect(filled, radius, radius)
    painter.restore()
