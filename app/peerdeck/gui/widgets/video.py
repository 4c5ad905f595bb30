"""The picture of a session."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from peerdeck.core.stats import Picture
from peerdeck.gui.theme import GAP_L, theme

PictureSource = Callable[[int, int], Picture | None]
# Bars beside the picture and the veil over it are black in every theme, as on any screen.
_SURROUND = Qt.GlobalColor.black
_VEIL_ALPHA = 165
_WORDS = Qt.GlobalColor.white


class VideoView(QWidget):
    """Paints the newest frame, as large as it fits, in physical pixels.

    Asks its source only while painting, so frames that arrive faster than the window paints, or
    while it is hidden, cost nothing; and paints no more than the picture itself.
    watched(bool): whether frames are wanted now (visible). opened(): a double click.
    """

    watched = Signal(bool)
    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source: PictureSource | None = None
        self._picture: Picture | None = None
        self._image = QImage()
        self._target = QRect()
        self._ratio = self.devicePixelRatioF()
        self._asked = (0, 0)  # physical pixels
        self._veil = ""
        self.painted = 0
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 90)
        self.setAccessibleName("Video")

    def sizeHint(self) -> QSize:
        return QSize(640, 360)

    def set_source(self, source: PictureSource | None) -> None:
        """source(width, height) in physical pixels; None blanks the view."""
        self._source = source
        self._picture, self._image, self._target = None, QImage(), QRect()
        self.update()

    def show_veil(self, text: str) -> None:
        """Dims the last picture and says over it why it stands still; "" lifts it."""
        if text != self._veil:
            self._veil = text
            self.setAccessibleDescription(text)
            self.update()

    @property
    def veil(self) -> str:
        return self._veil

    @property
    def has_picture(self) -> bool:
        return not self._image.isNull()

    def frame_arrived(self) -> None:
        """A newer frame can be had; Qt merges what comes before the next paint."""
        if not self.isVisible():
            return
        if self._target.isEmpty() or self._veil:
            self.update()
        else:
            self.update(self._target)

    def picture_rect(self) -> QRect:
        """Where the picture is, in device-independent pixels."""
        return QRect(self._target)

    def _placed(self) -> QRect:
        if self._image.isNull():
            return QRect()
        ratio = self.devicePixelRatioF()
        size = (self._image.deviceIndependentSize()).toSize()
        # Whole physical pixels, or every frame would be resampled while painting.
        x = round((self.width() - size.width()) / 2 * ratio) / ratio
        y = round((self.height() - size.height()) / 2 * ratio) / ratio
        return QRect(QPoint(int(x), int(y)), size)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._fetch()
        painter = QPainter(self)
        if not self._target.contains(event.rect()):
            self._paint_bars(painter, self._target)
        if self._picture is not None:
            painter.drawImage(self._target.topLeft(), self._image)
            self.painted += 1
        if self._veil:
            self._paint_veil(painter)
        painter.end()

    def _paint_bars(self, painter: QPainter, target: QRect) -> None:
        whole = self.rect()
        if target.isEmpty():
            painter.fillRect(whole, _SURROUND)
            return
        right, bottom = target.x() + target.width(), target.y() + target.height()
        for bar in (
            QRect(0, 0, whole.width(), target.y()),
            QRect(0, bottom, whole.width(), whole.height() - bottom),
            QRect(0, target.y(), target.x(), target.height()),
            QRect(right, target.y(), whole.width() - right, target.height()),
        ):
            if not bar.isEmpty():
                painter.fillRect(bar, _SURROUND)

    def _paint_veil(self, painter: QPainter) -> None:
        shade = QColor(_SURROUND)
        shade.setAlpha(_VEIL_ALPHA)
        painter.fillRect(self.rect(), shade)
        painter.setPen(_WORDS)
        painter.setFont(theme().font("strong"))
        where = self.rect().adjusted(GAP_L, GAP_L, -GAP_L, -GAP_L)
        centre = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(where, int(centre), self._veil)

    def _fetch(self) -> None:
        if self._source is None:
            return
        if self.devicePixelRatioF() != self._ratio:  # carried to another screen
            self._measure()
        picture = self._source(*self._asked)
        if picture is None or picture is self._picture:
            return
        self._image = image_of(picture)
        if self._ratio != 1:
            self._image.setDevicePixelRatio(self._ratio)
        before, self._picture = self._picture, picture
        if (
            before is None
            or self._target.isEmpty()
            or (before.width, before.height) != (picture.width, picture.height)
        ):
            self._target = self._placed()
            self.update()  # what was asked to be painted may be less than what has moved

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def _measure(self) -> None:
        """Not with every frame: a question to Qt costs more than it seems."""
        self._ratio = self.devicePixelRatioF()
        self._asked = round(self.width() * self._ratio), round(self.height() * self._ratio)
        self._target = self._placed()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._measure()
        self.watched.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.watched.emit(False)


def image_of(picture: Picture) -> QImage:
    """Borrows the picture's memory: keep the picture as long as the image, or copy it."""
    return QImage(
        picture.data,
        picture.width,
        picture.height,
        picture.stride,
        QImage.Format.Format_RGB32,
    )
