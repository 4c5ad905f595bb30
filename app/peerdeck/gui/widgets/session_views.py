"""The views to study a session by, live or recorded: one tab each."""

from collections.abc import Callable
from typing import Final

from PySide6.QtWidgets import QFrame, QTabWidget, QVBoxLayout, QWidget

from peerdeck.core.peer_log import SessionLog
from peerdeck.gui.widgets.candidates import CandidatesView
from peerdeck.gui.widgets.data_channel import DataView
from peerdeck.gui.widgets.descriptions import DescriptionsView
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.plots.view import PlotsView
from peerdeck.gui.widgets.timeline import TimelineView
from peerdeck.gui.widgets.transcript import TranscriptView
from peerdeck.gui.widgets.viewers import ViewersView

_LEAST_HEIGHT: Final = 120
# Made when they are first looked at: together they take a tenth of a second, amid a join.
_LATER: Final[tuple[tuple[str, str, Callable[[], LogView]], ...]] = (
    ("Candidates", "candidates", CandidatesView),
    ("Timeline", "timeline", TimelineView),
    ("Signaling", "signaling", TranscriptView),
    ("SDP", "sdp", DescriptionsView),
)


class SessionViews(QTabWidget):
    """All but the viewers show one peer of one log, at one time; each draws only while seen."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("sessions.views")
        self.setDocumentMode(True)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self._log: SessionLog | None = None
        self._peer_id = ""
        self._at_s: float | None = None
        self._waiting: dict[QWidget, tuple[str, Callable[[], LogView]]] = {}
        self.viewers = ViewersView()
        self.plots = PlotsView()
        self.data = DataView()
        self.log_views: list[LogView] = [self.plots, self.data]
        self._add("Viewers", "viewers", self.viewers)
        self._add("Plots", "plots", self.plots)
        for title, name, make in _LATER:
            self._waiting[self._add(title)] = (name, make)
        self._add("Data", "data", self.data)
        self.setTabVisible(0, False)
        self.setCurrentIndex(1)
        self.currentChanged.connect(self._make)

    def _add(self, title: str, name: str = "", view: QWidget | None = None) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "panel")
        box = QVBoxLayout(frame)
        box.setContentsMargins(1, 1, 1, 1)
        if view is not None:
            view.setObjectName(f"sessions.{name}")
            box.addWidget(view)
        self.addTab(frame, title)
        return frame

    def _make(self, place: int) -> None:
        frame = self.widget(place)
        waiting = self._waiting.pop(frame, None) if frame is not None else None
        layout = frame.layout() if frame is not None else None
        if waiting is None or layout is None:
            return
        name, make = waiting
        view = make()
        view.setObjectName(f"sessions.{name}")
        self.log_views.append(view)
        layout.addWidget(view)
        view.show_log(self._log, self._peer_id, self._at_s)

    def show_log(self, log: SessionLog | None, peer_id: str, at_s: float | None = None) -> None:
        self._log, self._peer_id, self._at_s = log, peer_id, at_s
        for view in self.log_views:
            view.show_log(log, peer_id, at_s)

    def refresh(self) -> None:
        """There is more in the log."""
        for view in self.log_views:
            view.refresh()

    def show_viewers(self, wanted: bool) -> None:
        """Whether there are viewers: they are what one looks at first."""
        if wanted != self.isTabVisible(0):
            self.setTabVisible(0, wanted)
            self.setCurrentIndex(0 if wanted else 1)

    def end(self) -> None:
        """Idempotent; before the owner goes."""
        self.plots.end()
