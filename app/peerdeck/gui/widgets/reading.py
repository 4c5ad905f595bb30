"""Text that is read, searched and copied, not written: payloads and SDP."""

from typing import Final

from PySide6.QtGui import QColor, QTextCursor, QTextDocument
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit

from peerdeck.gui.theme import theme

_MOST_MARKS: Final = 500


class ReadingPane(QPlainTextEdit):
    """Monospace; `mark` highlights words in it and scrolls to the first."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._words = ""
        self.marks = 0
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFont(theme().font("mono"))
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        theme().changed.connect(self._mark_again)

    def show_text(self, text: str) -> None:
        """Equal text stays where it is scrolled to."""
        if text != self.toPlainText():
            self.setPlainText(text)
            self.mark(self._words)

    def _mark_again(self) -> None:
        self.mark(self._words)

    def mark(self, words: str) -> None:
        """Each word wherever it occurs, case aside; "" takes the marks away."""
        self._words = words
        colour = QColor(theme().color("warn"))
        colour.setAlphaF(0.35)
        found: list[QTextEdit.ExtraSelection] = []
        for word in words.split():
            cursor = QTextCursor(self.document())
            while len(found) < _MOST_MARKS:
                cursor = self.document().find(word, cursor, QTextDocument.FindFlag(0))
                if cursor.isNull():
                    break
                selection = QTextEdit.ExtraSelection()
                selection.cursor = cursor
                selection.format.setBackground(colour)
                found.append(selection)
        self.marks = len(found)
        self.setExtraSelections(found)
        if found:
            place = QTextCursor(found[0].cursor)
            place.clearSelection()
            self.setTextCursor(place)
            self.ensureCursorVisible()
