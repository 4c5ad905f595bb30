"""The head of the session page: what is looked at, how, and what can be done with it."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from peerdeck.gui.theme import CONTROL, GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.session_tabs import SessionTabs

DESK, GRID, COMPARE = "desk", "grid", "compare"


class SessionHeader(QWidget):
    """mode_wanted(str): DESK, GRID or COMPARE. leave_wanted(), close_wanted(): of what is chosen.

    files: more buttons, for recordings.
    """

    mode_wanted = Signal(str)
    leave_wanted = Signal()
    close_wanted = Signal()

    def __init__(self, files: Sequence[QWidget]) -> None:
        super().__init__()
        self.setFixedHeight(CONTROL)
        self.switcher = SessionTabs()
        self.grid = IconButton("grid", "All sessions side by side", "Ctrl+G")
        self.grid.setObjectName("sessions.grid")
        self.compare = IconButton("compare", "Compare two sessions or recordings")
        self.compare.setObjectName("sessions.compare")
        self.leave = Button("Leave", "destructive", "stop")
        self.leave.setObjectName("sessions.leave")
        self.close_file = Button("Close", "secondary", "close")
        self.close_file.setObjectName("sessions.close")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_S)
        row.addWidget(label("Sessions", "heading"))
        row.addSpacing(GAP_M - GAP_S)
        row.addWidget(self.switcher, 1)
        for button in (self.grid, self.compare, *files, self.leave, self.close_file):
            row.addWidget(button)
        for mode, button in ((GRID, self.grid), (COMPARE, self.compare)):
            button.setCheckable(True)
            button.clicked.connect(
                lambda _=False, mode=mode, button=button: self.mode_wanted.emit(
                    mode if button.isChecked() else DESK
                )
            )
        self.leave.clicked.connect(self.leave_wanted)
        self.close_file.clicked.connect(self.close_wanted)

    def show_mode(self, mode: str) -> None:
        self.grid.setChecked(mode == GRID)
        self.compare.setChecked(mode == COMPARE)

    def show_counts(self, sessions: int, recordings: int) -> None:
        """What there are several of can be seen side by side."""
        self.switcher.setVisible(sessions + recordings > 0)
        self.grid.setVisible(sessions > 1)
        self.compare.setVisible(sessions + recordings > 1)

    def show_chosen(self, *, can_leave: bool, is_live: bool, is_file: bool) -> None:
        self.leave.setVisible(can_leave)
        self.leave.setEnabled(is_live)
        self.close_file.setVisible(is_file)
