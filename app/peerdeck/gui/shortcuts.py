"""The list of keyboard shortcuts, opened by "?"."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from peerdeck.gui.theme import GAP_L, GAP_S, GAP_XL
from peerdeck.gui.widgets.buttons import Button, button_row
from peerdeck.gui.widgets.labels import label

SHORTCUTS: Final = (
    ("Ctrl+1 … Ctrl+4", "Channels, Sessions, Tunnels, Journal"),
    ("F5", "Refresh what the page shows"),
    ("/", "Filter"),
    ("Return", "Open what is selected"),
    ("Ctrl+C", "Copy what is selected: an ARN, an id, an entry"),
    ("Ctrl+G", "All sessions side by side, or one alone"),
    ("F11", "The picture on the whole screen"),
    ("M", "Sound on or off"),
    ("Ctrl+S", "Save the picture"),
    ("Ctrl+O", "Open a recording or a dump"),
    ("Space", "Pause the plots, or let them go on"),
    ("Left … Right", "Cursor of the plots; with Shift, earlier and later times"),
    ("+ … -", "Closer to the plots, and back; End returns to the newest"),
    ("Ctrl+D", "Faults of the demo"),
    ("Esc", "Back, or clear the filter"),
    ("?", "This list"),
    ("Ctrl+Q", "Quit"),
)


class ShortcutsDialog(QDialog):
    """Blocks nothing; Esc closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("shortcuts")
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP_XL)
        grid.setVerticalSpacing(GAP_S)
        for row, (keys, words) in enumerate(SHORTCUTS):
            shown = " … ".join(
                QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
                for key in keys.split(" … ")
            )
            grid.addWidget(label(shown, "mono"), row, 0)
            grid.addWidget(label(words, tone="muted"), row, 1)
        close = Button("Close")
        close.clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_XL, GAP_L, GAP_XL, GAP_L)
        column.setSpacing(GAP_L)
        column.addWidget(label("Keyboard shortcuts", "heading"))
        column.addLayout(grid)
        column.addWidget(button_row(close, trailing=True))
