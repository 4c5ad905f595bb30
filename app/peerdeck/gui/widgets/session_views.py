"""The views to study a session by, live or recorded: one tab each."""

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


class SessionViews(QTabWidget):
    """All but the viewers show one peer of one log, at one time; each draws only while seen."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("sessions.views")
        self.setDocumentMode(True)
        self.viewers = ViewersView()
        self.plots = PlotsView()
        self.candidates = CandidatesView()
        self.timeline = TimelineView()
        self.signaling = TranscriptView()
        self.descriptions = DescriptionsView()
        self.data = DataView()
        for title, name, view in (
            ("Viewers", "viewers", self.viewers),
            ("Plots", "plots", self.plots),
            ("Candidates", "candidates", self.candidates),
            ("Timeline", "timeline", self.timeline),
            ("Signaling", "signaling", self.signaling),
            ("SDP", "sdp", self.descriptions),
            ("Data", "data", self.data),
        ):
            view.setObjectName(f"sessions.{name}")
            self.addTab(_framed(view), title)
        self.setTabVisible(0, False)
        self.setCurrentIndex(1)
        self.setMinimumHeight(_LEAST_HEIGHT)

    @property
    def log_views(self) -> tuple[LogView, ...]:
        return (
            self.plots,
            self.candidates,
            self.timeline,
            self.signaling,
            self.descriptions,
            self.data,
        )

    def show_log(self, log: SessionLog | None, peer_id: str, at_s: float | None = None) -> None:
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


def _framed(view: QWidget) -> QFrame:
    frame = QFrame()
    frame.setProperty("role", "panel")
    box = QVBoxLayout(frame)
    box.setContentsMargins(1, 1, 1, 1)
    box.addWidget(view)
    return frame
