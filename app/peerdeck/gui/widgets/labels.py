"""Text: labels in our roles, a state as dot and word, long ids elided in the middle."""

import re
from html import escape
from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QWidget

from peerdeck.gui import assets
from peerdeck.gui.theme import GAP_XS, ICON_S, FontRole, set_tone, theme

# The shape says it too: colour is never alone.
NOTHING: Final = "–"  # where a value would stand
DOTS: Final = {"ok": "dot", "warn": "half", "bad": "error", "info": "half", "muted": "ring"}


def label(text: str = "", font: FontRole = "body", tone: str = "", *, wrap: bool = False) -> QLabel:
    """tone: "muted", "ok", "warn", "bad", "info", "accent" or ""."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(theme().font(font))
    made.setWordWrap(wrap)
    if tone:
        made.setProperty("tone", tone)
    return made


class Prose(QLabel):
    """Wrapped text in which `backticks` mean something to type; `plain` is what it was given."""

    def __init__(self, tone: str = "", font: FontRole = "body") -> None:
        super().__init__()
        self.plain = ""
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setFont(theme().font(font))
        self.setWordWrap(True)
        if tone:
            self.setProperty("tone", tone)

    def setText(self, text: str) -> None:
        self.plain = text
        family = theme().font("mono").family()
        code = rf'<span style="font-family:{family}">\1</span>'
        super().setText(re.sub(r"`([^`]+)`", code, escape(text)))


def hairline() -> QFrame:
    line = QFrame()
    line.setProperty("role", "hairline")
    line.setFixedHeight(1)
    return line


class StatusLabel(QWidget):
    """A dot and a word; both say the same."""

    def __init__(self, word: str = "", tone: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = tone
        self._shown = (word, tone, "")
        self._dot = QLabel()
        self._dot.setFixedSize(ICON_S, ICON_S)
        self._word = label(word)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_XS)
        row.addWidget(self._dot)
        row.addWidget(self._word)
        theme().changed.connect(self._paint_dot)
        self._paint_dot()

    def show_state(self, word: str, tone: str, tooltip: str = "") -> None:
        """tone: "ok", "warn", "bad", "info" or "muted"."""
        if (word, tone, tooltip) == self._shown:
            return  # it is told with every sample
        self._shown = word, tone, tooltip
        self._tone = tone
        self._word.setText(word)
        self.setToolTip(tooltip)
        self.setAccessibleName(word)
        self._paint_dot()

    @property
    def word(self) -> str:
        return self._word.text()

    @property
    def tone(self) -> str:
        return self._tone

    def _paint_dot(self) -> None:
        ratio = self.devicePixelRatioF()
        self._dot.setPixmap(assets.pixmap(DOTS[self._tone], self._tone, ICON_S, ratio))
        set_tone(self._word, "tone", self._tone if self._tone in {"warn", "bad"} else "")


class IconLabel(QLabel):
    """An icon that is no button."""

    def __init__(self, name: str, tone: str = "muted", size: int = ICON_S) -> None:
        super().__init__()
        self._name, self._tone, self._size = name, tone, size
        self.setFixedSize(size, size)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme().changed.connect(self._tint)
        self._tint()

    def show_icon(self, name: str, tone: str) -> None:
        self._name, self._tone = name, tone
        self._tint()

    def _tint(self) -> None:
        ratio = self.devicePixelRatioF()
        self.setPixmap(assets.pixmap(self._name, self._tone, self._size, ratio))


class ElidedLabel(QWidget):
    """One line, elided in the middle where there is no room; tooltip and copy have it whole."""

    def __init__(
        self,
        text: str = "",
        font: FontRole = "body",
        tone: str = "text",
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
    ) -> None:
        super().__init__()
        self._text = text
        self._tone = tone
        self._elide = elide
        self._tip = ""
        self.setFont(theme().font(font))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        theme().changed.connect(self.update)
        self._explain()

    def text(self) -> str:
        return self._text

    def setText(self, text: str) -> None:
        if text == self._text:
            return
        before, self._text = self.sizeHint(), text
        if before != self.sizeHint():  # or numbers that change would lay out the window
            self.updateGeometry()
        self._explain()
        self.update()

    def set_tone(self, tone: str) -> None:
        if tone != self._tone:
            self._tone = tone
            self.update()

    def explain(self, tip: str) -> None:
        """What it means, in place of the whole text."""
        self._tip = tip
        self._explain()

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text)

    @property
    def is_elided(self) -> bool:
        return self.fontMetrics().horizontalAdvance(self._text) > self.width()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self._text[:3] + "…"), metrics.height() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._explain()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(theme().color(self._tone if self.isEnabled() else "faint"))
        shown = self.fontMetrics().elidedText(self._text, self._elide, self.width())
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), flags, shown)
        painter.end()

    def _explain(self) -> None:
        whole = self._tip or (self._text if self.is_elided else "")
        if self.toolTip() != whole:
            self.setToolTip(whole)
        self.setAccessibleName(self._text)

    def _menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(assets.icon("copy"), "Copy", self.copy)
        menu.popup(self.cursor().pos())
