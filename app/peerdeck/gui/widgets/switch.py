"""A switch: on or off, and the state is not its own."""

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from peerdeck.gui.theme import GAP_XS, theme

_TRACK: Final = QSize(34, 18)
_INSET: Final = 3.0


class Switch(QAbstractButton):
    """clicked: the user wants the other state; `show_on` says when it is so.

    tone: token of the track while it is on. The knob's place says it, too.
    """

    def __init__(self, name: str, tone: str = "accent") -> None:
        super().__init__()
        self._tone = tone
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def show_on(self, on: bool) -> None:
        self.setChecked(on)
        self.setToolTip("Switch off" if on else "Switch on")

    def nextCheckState(self) -> None:
        """A click asks; nothing is on before it is."""

    def sizeHint(self) -> QSize:
        return _TRACK + QSize(GAP_XS, GAP_XS)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(0, 0, _TRACK.width(), _TRACK.height())
        area.moveCenter(QRectF(self.rect()).center())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._color(self._tone if self.isChecked() else "faint"))
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        knob = QRectF(0, 0, area.height() - 2 * _INSET, area.height() - 2 * _INSET)
        knob.moveTop(area.top() + _INSET)
        if self.isChecked():
            knob.moveRight(area.right() - _INSET)
        else:
            knob.moveLeft(area.left() + _INSET)
        painter.setBrush(theme().color("surface"))
        painter.drawEllipse(knob)
        if self.hasFocus():
            ring = area.adjusted(-1.5, -1.5, 1.5, 1.5)
            painter.setPen(QPen(theme().color("accent"), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)
        painter.end()

    def _color(self, token: str) -> QColor:
        color = theme().color(token)
        if not self.isEnabled():
            color.setAlphaF(0.5)
        return color
