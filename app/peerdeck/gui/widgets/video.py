"""The picture of a session."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QRegion,
    QShowEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from peerdeck.core.stats import Picture

PictureSource = Callable[[int, int], Picture | None]
# Bars beside the picture are black in every theme, as on any screen.
_SURROUND = Qt.GlobalColor.black


class VideoView(QWidget):
    """Paints the newest frame, as large as it fits, in physical pixels.

    Asks its source only while painting, so frames that arrive faster than the window paints, or
    while it is hidden, cost nothing. watched(bool): whether frames are wanted now (visible).
    """

    watched = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source: PictureSource | None = None
        self._picture: Picture | None = None
        self._image = QImage()
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
        self._picture, self._image = None, QImage()
        self.update()

    @property
    def has_picture(self) -> bool:
        return not self._image.isNull()

    def frame_arrived(self) -> None:
        """A newer frame can be had; Qt merges what comes before the next paint."""
        if self.isVisible():
            self.update()

    def picture_rect(self) -> QRect:
        """Where the picture is, in device-independent pixels."""
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
        target = self.picture_rect()
        painter.setClipRegion(QRegion(self.rect()).subtracted(QRegion(target)))
        painter.fillRect(self.rect(), _SURROUND)
        painter.setClipping(False)
        if not self._image.isNull():
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(target.topLeft(), self._image)
            self.painted += 1
        painter.end()

    def _fetch(self) -> None:
        if self._source is None:
            return
        ratio = self.devicePixelRatioF()
        picture = self._source(round(self.width() * ratio), round(self.height() * ratio))
        if picture is None or picture is self._picture:
            return
        # The image borrows the picture's memory: keep the picture as long as the image.
        self._image = QImage(
            picture.data,
            picture.width,
            picture.height,
            picture.stride,
            QImage.Format.Format_RGB32,
        )
        self._image.setDevicePixelRatio(ratio)
        self._picture = picture

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.watched.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.watched.emit(False)
