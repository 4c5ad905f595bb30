"""What every view of a session's log has in common."""

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from peerdeck.core.peer_log import PeerLog, SessionLog


class LogView(QWidget):
    """Shows one peer of a log, at its newest or at a time. Draws only while it can be seen.

    Subclasses draw in `draw_log` what `log`, `peer` and `at_s` say; `peer` is None where the log
    has no such peer (yet).
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.log: SessionLog | None = None
        self.peer_id = ""
        self.at_s: float | None = None
        self._drawn = False

    @property
    def peer(self) -> PeerLog | None:
        return self.log.peers.get(self.peer_id) if self.log is not None else None

    def show_log(self, log: SessionLog | None, peer_id: str, at_s: float | None = None) -> None:
        """at_s: POSIX seconds of what is looked at, None for the newest of a living session."""
        another = log is not self.log or peer_id != self.peer_id
        self.log, self.peer_id, self.at_s = log, peer_id, at_s
        if another:
            self.forget()
        self.refresh()

    def refresh(self) -> None:
        """There may be more in the log; a hidden view catches up when it is shown."""
        self._drawn = self.isVisible()
        if self._drawn:
            self.draw_log()

    def forget(self) -> None:
        """Another log or peer is shown from now on: selections and caches go."""

    def draw_log(self) -> None:
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._drawn:
            self.refresh()
