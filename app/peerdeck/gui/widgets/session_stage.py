"""Where a session's picture is, and what stands there while there is none."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from peerdeck.core.quantities import milliseconds_text
from peerdeck.core.session import Phase, Session
from peerdeck.core.stats import PeerStats
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XS, ROW
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel, hairline, label
from peerdeck.gui.widgets.state import Message
from peerdeck.gui.widgets.steps import StepsView
from peerdeck.gui.widgets.video import VideoView

PHASES = {
    Phase.JOINING: ("Joining…", "info"),
    Phase.CONNECTED: ("Connected", "ok"),
    Phase.LEAVING: ("Leaving…", "muted"),
    Phase.LEFT: ("Left", "muted"),
    Phase.FAILED: ("Failed", "bad"),
}
_STEPS_WIDTH = 360


def path_text(stats: PeerStats | None) -> str:
    """ "relay/udp · 48 ms · VP8 1280×720", as far as it is known."""
    if stats is None:
        return ""
    size = f"{stats.width}×{stats.height}" if stats.width else ""
    parts = (
        stats.pair.path if stats.pair else "",
        "" if stats.rtt_ms is None else milliseconds_text(stats.rtt_ms),
        f"{stats.codec} {size}".strip(),
    )
    return " · ".join(part for part in parts if part)


class _Strip(QWidget):
    """State and path, over the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.state = StatusLabel()
        self.path = ElidedLabel("", "figures", "muted", Qt.TextElideMode.ElideRight)
        self.signaling = label("", "small", "warn")
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_S, GAP_XS, GAP_M, GAP_XS)
        row.setSpacing(GAP_M)
        row.addWidget(self.state)
        row.addWidget(self.path, 1)
        row.addWidget(self.signaling)
        self.setMinimumHeight(ROW)


class SessionStage(QFrame):
    """Picture with its strip; steps while joining; the reason after a failure.

    chosen(str): "rejoin" or "dismiss", from the buttons of a session that is over.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.strip = _Strip()
        self.video = VideoView()
        self.video.setObjectName("sessions.video")
        self.steps = StepsView(compact=True)
        self.steps.setObjectName("sessions.steps")
        self.message = Message()
        self.message.setObjectName("sessions.message")
        self.message.chosen.connect(self.chosen)
        self._told: tuple[object, ...] = ()
        self._joining = self._make_joining()
        self._stack = QStackedLayout()
        for page in (self.video, self._joining, self.message):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(hairline())
        column.addLayout(self._stack, 1)

    def _make_joining(self) -> QWidget:
        page = QWidget()
        self.steps.setMaximumSize(_STEPS_WIDTH, self.steps.whole_height)
        row = QHBoxLayout(page)
        row.setContentsMargins(GAP_L, GAP_S, GAP_L, GAP_S)
        row.addStretch(1)
        row.addWidget(self.steps, 4)
        row.addStretch(1)
        return page

    def show_session(self, session: Session) -> None:
        word, tone = PHASES[session.phase]
        self.strip.state.show_state(word, tone)
        over = session.phase in {Phase.LEFT, Phase.FAILED}
        self.strip.path.setText("" if over else path_text(session.stats))
        lost = session.phase is Phase.CONNECTED and session.signaling != "open"
        self.strip.signaling.setText(f"signaling {session.signaling}" if lost else "")
        self.strip.signaling.setToolTip("Media goes on without the signaling socket." * lost)
        if over:
            self._tell(session)
        elif session.phase is Phase.JOINING or not self._frames(session):
            self.steps.show_session(session)
            self._stack.setCurrentWidget(self._joining)
        else:
            self._stack.setCurrentWidget(self.video)

    @staticmethod
    def _frames(session: Session) -> bool:
        """Whether there is a picture; a channel without video is watched by its data channel."""
        return any(step.name == "First frame" for step in session.steps)

    def _tell(self, session: Session) -> None:
        problem = session.problem
        key = (session.id, session.phase, problem)
        if key != self._told:  # its buttons are made anew, which takes the focus from them
            self._told = key
            actions = (("rejoin", "Join again"), ("dismiss", "Dismiss"))
            if problem is not None:
                self.message.tell(
                    "error",
                    problem.title,
                    problem.remedy,
                    tone="bad",
                    detail=problem.detail,
                    actions=actions,
                )
            else:
                self.message.tell(
                    "sessions",
                    f"You have left {session.channel}",
                    "Plots and time line below are of the session that is over.",
                    actions=actions,
                )
        self._stack.setCurrentWidget(self.message)
