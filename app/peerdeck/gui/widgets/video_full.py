"""The picture on the whole screen."""

from typing import Final

from PySide6.QtCore import QEasingCurve, QPropertyAnimation, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QFrame, QGraphicsOpacityEffect, QHBoxLayout, QVBoxLayout, QWidget

from peerdeck.gui.theme import FADE_MS, GAP_L, GAP_M, GAP_S
from peerdeck.gui.widgets.labels import ElidedLabel
from peerdeck.gui.widgets.video import VideoView
from peerdeck.gui.widgets.video_controls import VideoControls

STAYS_MS: Final = 2500


class FullScreen(QWidget):
    """A window of its own over everything. Esc, F11, a double click or its button close it.

    A thin strip with the path and the controls comes when the mouse moves, and goes by itself.
    closed(): it is gone; it deletes itself.
    """

    closed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("fullscreen")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMouseTracking(True)
        self.video = VideoView()
        self.video.setObjectName("fullscreen.video")
        self.video.setMouseTracking(True)
        self.video.opened.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.video)
        self.controls = VideoControls("fullscreen", full=True)
        self.controls.full_requested.connect(self.close)
        self.words = ElidedLabel(title, "figures", "text", Qt.TextElideMode.ElideRight)
        self.strip = self._make_strip()
        self._fade = QPropertyAnimation(self._opacity, b"opacity", self)
        self._fade.setDuration(FADE_MS)
        self._fade.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(STAYS_MS)
        self._rest.timeout.connect(self._hide_strip)
        QShortcut(QKeySequence("F11"), self).activated.connect(self.close)

    def _make_strip(self) -> QFrame:
        strip = QFrame(self)
        strip.setProperty("role", "card")
        row = QHBoxLayout(strip)
        row.setContentsMargins(GAP_M, GAP_S, GAP_S, GAP_S)
        row.setSpacing(GAP_M)
        row.addWidget(self.words, 1)
        row.addWidget(self.controls)
        self._opacity = QGraphicsOpacityEffect(strip)
        self._opacity.setOpacity(0.0)
        strip.setGraphicsEffect(self._opacity)
        strip.setMouseTracking(True)
        strip.hide()
        return strip

    def show_words(self, words: str) -> None:
        self.words.setText(words)

    @property
    def strip_shown(self) -> bool:
        return not self.strip.isHidden()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._rest.start()
        if self.strip.isHidden():
            self.strip.show()
            self.strip.raise_()
            self._fade.stop()
            self._fade.setStartValue(0.0)
            self._fade.setEndValue(1.0)
            self._fade.start()

    def _hide_strip(self) -> None:
        if self.strip.underMouse():
            self._rest.start()
            return
        self._fade.stop()
        self.strip.hide()
        self.setCursor(Qt.CursorShape.BlankCursor)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        height = self.strip.sizeHint().height()
        width = min(self.width() - 2 * GAP_L, 720)
        left = (self.width() - width) // 2
        self.strip.setGeometry(left, self.height() - height - GAP_L, width, height)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._rest.stop()
        self._fade.stop()
        self.video.set_source(None)
        super().closeEvent(event)
        self.closed.emit()
