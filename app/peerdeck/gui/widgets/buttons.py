"""Buttons: one main action to a page, the rest quieter."""

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QWidget

from peerdeck.gui import assets
from peerdeck.gui.theme import GAP_S, GAP_XS, ICON_S, theme

Kind = Literal["primary", "secondary", "destructive", "quiet"]
_TINTS = {"primary": "on_accent", "secondary": "text", "destructive": "bad", "quiet": "text"}
CONFIRMED_MS = 1600


class Button(QPushButton):
    """A button with words, and perhaps an icon before them."""

    def __init__(self, text: str, kind: Kind = "secondary", icon: str = "") -> None:
        super().__init__(text)
        self._icon = icon
        self._tone = _TINTS[kind]
        self.setProperty("kind", kind)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAutoDefault(False)
        if icon:
            self.setIconSize(QSize(ICON_S + GAP_XS, ICON_S))
            theme().changed.connect(self._tint)
            self._tint()

    def set_icon(self, icon: str, tone: str = "") -> None:
        """tone: theme token, "" for the one it has."""
        self._icon, self._tone = icon, tone or self._tone
        self._tint()

    def _tint(self) -> None:
        self.setIcon(assets.icon(self._icon, self._tone, ICON_S, GAP_XS))


class IconButton(QToolButton):
    """An icon alone; `tip` names it for eyes and for screen readers."""

    def __init__(self, icon: str, tip: str, shortcut: str = "", *, size: int = ICON_S) -> None:
        super().__init__()
        self._icon = icon
        self._tone = "muted"
        self._size = size
        self.setProperty("kind", "icon")
        self.setIconSize(QSize(size, size))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.set_tip(tip, shortcut)
        theme().changed.connect(self._tint)
        self._tint()

    def be_compact(self) -> None:
        """For lines of text: little higher than the icon."""
        self.setProperty("compact", "true")

    def set_tip(self, tip: str, shortcut: str = "") -> None:
        keys = QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)
        whole = f"{tip} ({keys})" if keys else tip
        if self.toolTip() != whole:
            self.setToolTip(whole)
            self.setAccessibleName(tip)

    def show_icon(self, icon: str, tone: str = "muted") -> None:
        if (icon, tone) != (self._icon, self._tone):
            self._icon, self._tone = icon, tone
            self._tint()

    def _tint(self) -> None:
        self.setIcon(assets.icon(self._icon, self._tone, self._size))


class CopyButton(IconButton):
    """Copies what `text` gives at the click, and says so by a tick for a moment.

    copied(): it is in the clipboard. An empty text copies nothing.
    """

    copied = Signal()

    def __init__(self, text: Callable[[], str], what: str) -> None:
        super().__init__("copy", f"Copy {what}")
        self._text = text
        self._what = what
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(CONFIRMED_MS)
        self._back.timeout.connect(self._rest)
        self.clicked.connect(self.copy)

    def copy(self) -> None:
        if not (text := self._text()):
            return
        QGuiApplication.clipboard().setText(text)
        self.show_icon("check", "ok")
        self.set_tip("Copied")
        self._back.start()
        self.copied.emit()

    def _rest(self) -> None:
        self.show_icon("copy")
        self.set_tip(f"Copy {self._what}")


def button_row(*buttons: QWidget, trailing: bool = False) -> QWidget:
    """Buttons side by side; `trailing` puts them at the right."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GAP_S)
    if trailing:
        layout.addStretch(1)
    for button in buttons:
        layout.addWidget(button)
    if not trailing:
        layout.addStretch(1)
    return row
