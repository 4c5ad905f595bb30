"""Two logs side by side."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from peerdeck.core.peer_log import SessionLog


class CompareView(QWidget):
    """The same figures of two logs, live, recorded or imported, in one plot and one table."""

    def show_choices(self, choices: Sequence[tuple[str, SessionLog]]) -> None:
        """(title, log) of everything that is open, in the order in which it is offered."""

    def refresh(self) -> None:
        """One of the logs may have grown."""
