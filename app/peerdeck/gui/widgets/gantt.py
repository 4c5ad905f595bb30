"""The join as bars: which step began when, how long it took, and where the time was lost."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from peerdeck.core.quantities import milliseconds_text
from peerdeck.core.session import Step
from peerdeck.gui.models.rows import plain_tip
from peerdeck.gui.models.steps import StepRow, join_rows
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, theme
from peerdeck.gui.widgets.plots.units import round_step

_BAR: Final = 8
_LEAST: Final = 3.0
_LINE: Final = 17
_LEAST_LINE: Final = 13  # where all steps would not be seen otherwise
_NAME_WIDTH: Final = 138
_TIME_WIDTH: Final = 56


class Gantt(QWidget):
    """A line for each step that was reached: its name, its bar on a scale that all share, its ms.

    The longest has its name in words of its own: that is where to look first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[StepRow] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme().changed.connect(self.update)
        self.show_steps(())

    def show_steps(self, steps: Sequence[Step], until_ms: float = 0.0) -> None:
        """until_ms: of the last thing that is known, since the click."""
        rows = join_rows(steps, until_ms)
        if rows == self.rows:
            return
        self.rows = rows
        self.setAccessibleName(f"Join: {self.summary}")
        self.updateGeometry()
        self.update()

    @property
    def longest(self) -> StepRow | None:
        return max(self.rows, key=lambda row: row.took_ms, default=None)

    @property
    def summary(self) -> str:
        """ "365 ms from click to first frame. Longest: Answer received, 120 ms (33 %)." """
        longest = self.longest
        if longest is None:
            return "No step was reached yet."
        last = self.rows[-1]
        if last.waiting:
            return f"{last.name}: not yet, after {milliseconds_text(last.took_ms)} of waiting."
        whole = milliseconds_text(last.at_ms)
        until = last.name[:1].lower() + last.name[1:] if last.name[1:2].islower() else last.name
        lost = f"Longest: {longest.name}, {milliseconds_text(longest.took_ms)}"
        share = longest.took_ms / last.at_ms if last.at_ms else 0
        return f"{whole} from click to {until}. {lost} ({100 * share:.0f} %)."

    def sizeHint(self) -> QSize:
        return QSize(480, self._height(_LINE))

    def minimumSizeHint(self) -> QSize:
        return QSize(280, self._height(_LEAST_LINE))

    def _height(self, line: int) -> int:
        return line * (len(self.rows) + 1) + GAP_XS if self.rows else 0

    @property
    def line(self) -> int:
        """Height of a step's line, px."""
        fits = (self.height() - GAP_XS) // (len(self.rows) + 1)
        return max(_LEAST_LINE, min(_LINE, fits))

    def _track(self) -> QRectF:
        left = GAP_M + _NAME_WIDTH + _TIME_WIDTH + GAP_S
        return QRectF(left, 0, max(1, self.width() - left - GAP_M), self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.rows:
            return
        painter = QPainter(self)
        painter.setFont(theme().font("small"))
        metrics = QFontMetricsF(painter.font())
        track = self._track()
        self._paint_scale(painter, track, metrics)
        for place, row in enumerate(self.rows):
            self._paint_row(painter, row, self.line * (place + 1), track, metrics)
        painter.end()

    def _paint_scale(self, painter: QPainter, track: QRectF, metrics: QFontMetricsF) -> None:
        whole = self.rows[-1].at_ms or 1.0
        step = round_step(whole / max(1.0, track.width() / 64))
        at = 0.0
        while at <= whole:
            x = round(track.left() + at / whole * track.width())
            painter.setPen(theme().color("line"))
            painter.drawLine(QPointF(x, self.line), QPointF(x, self._height(self.line)))
            painter.setPen(theme().color("muted"))
            text = "0" if at == 0 else milliseconds_text(at)
            width = metrics.horizontalAdvance(text)
            left = min(max(x - width / 2, track.left()), track.right() - width)
            painter.drawText(QPointF(left, metrics.ascent() + 1), text)
            at += step

    def _paint_row(
        self, painter: QPainter, row: StepRow, top: float, track: QRectF, metrics: QFontMetricsF
    ) -> None:
        is_longest = row is self.longest
        baseline = top + (self.line + metrics.ascent() - metrics.descent()) / 2
        painter.setPen(theme().color("text"))
        painter.drawText(QPointF(GAP_M, baseline), row.name)
        took = milliseconds_text(row.took_ms)
        x = GAP_M + _NAME_WIDTH + _TIME_WIDTH - metrics.horizontalAdvance(took)
        tone = "bad" if row.waiting else "warn" if is_longest else ""
        painter.setPen(theme().color(tone or "muted"))
        painter.drawText(QPointF(x, baseline), took)
        width = max(_LEAST, (row.end - row.start) * track.width())
        left = min(track.left() + row.start * track.width(), track.right() - width)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme().color(tone or "accent")
        # What has not ended is an outline.
        painter.setPen(colour if row.waiting else Qt.PenStyle.NoPen)
        painter.setBrush(Qt.BrushStyle.NoBrush if row.waiting else colour)
        bar = QRectF(left, top + (self.line - _BAR) / 2, width, _BAR)
        painter.drawRoundedRect(bar, _BAR / 4, _BAR / 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if is_longest or row.waiting:
            painter.setPen(theme().color(tone))
            word = "not yet" if row.waiting else "longest"
            self._mark(painter, word, bar, track, baseline, metrics)

    @staticmethod
    def _mark(
        painter: QPainter,
        word: str,
        bar: QRectF,
        track: QRectF,
        baseline: float,
        metrics: QFontMetricsF,
    ) -> None:
        """A word beside the bar, on the side where there is room; in its pen."""
        width = metrics.horizontalAdvance(word)
        right = bar.right() + GAP_XS
        left = bar.left() - GAP_XS - width
        x = right if right + width <= track.right() else left
        if x >= track.left():
            painter.drawText(QPointF(x, baseline), word)

    def row_at(self, y: float) -> StepRow | None:
        place = int(y // self.line) - 1
        return self.rows[place] if 0 <= place < len(self.rows) else None

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = self.row_at(event.pos().y())
            words = ""
            if row is not None:
                after = milliseconds_text(row.at_ms)
                words = (
                    f"{row.name}: {milliseconds_text(row.took_ms)}, done {after} after the click"
                )
                words += f"\n{row.detail}" if row.detail else ""
            QToolTip.showText(event.globalPos(), plain_tip(words) or "", self)
            return True
        return super().event(event)
