"""Where a session's picture is, and what stands there while there is none."""

import time
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from peerdeck.core.channel import Role
from peerdeck.core.session import Phase, Session
from peerdeck.core.stats import PeerStats
from peerdeck.gui.models.losses import Loss
from peerdeck.gui.models.phases import OVER, has_picture
from peerdeck.gui.theme import GAP_L, GAP_S
from peerdeck.gui.widgets.labels import hairline
from peerdeck.gui.widgets.session_strip import SessionStrip
from peerdeck.gui.widgets.state import Message
from peerdeck.gui.widgets.steps import StepsView
from peerdeck.gui.widgets.video import VideoView

_STEPS_WIDTH: Final = 360
_TICK_MS: Final = 1000


class SessionStage(QFrame):
    """Picture with its strip; steps while joining; the reason after a failure.

    chosen(str): "rejoin" or "dismiss", from the buttons of a session that is over.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.strip = SessionStrip()
        self.video = VideoView()
        self.video.setObjectName("sessions.video")
        self.steps = StepsView(compact=True)
        self.steps.setObjectName("sessions.steps")
        self.message = Message()
        self.message.setObjectName("sessions.message")
        self.message.chosen.connect(self.chosen)
        self._told: tuple[object, ...] = ()
        self._loss: Loss | None = None
        self._ticking = QTimer(self)
        self._ticking.setInterval(_TICK_MS)
        self._ticking.timeout.connect(self._show_lost)
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

    def show_session(
        self, session: Session, stats: PeerStats | None, loss: Loss | None = None
    ) -> None:
        """loss: of its path, while it is being rebuilt."""
        self.strip.show_session(session, stats)
        seen = has_picture(session)
        live = session.phase not in OVER
        heard = live and session.options.receive_audio and session.options.role is Role.VIEWER
        self.strip.controls.show()
        self.strip.controls.offer(picture=seen and live, sound=heard and seen)
        self._follow_loss(loss)
        if not live:
            self._tell(session)
        elif session.phase is Phase.JOINING or not seen:
            self.steps.show_session(session)
            self._stack.setCurrentWidget(self._joining)
        else:
            self._stack.setCurrentWidget(self.video)

    def show_recording(self, stats: PeerStats | None, facts: str) -> None:
        self._ticking.stop()
        self.strip.show_recording(stats)
        key = ("recording", facts)
        if key != self._told:
            self._told = key
            self.message.tell("record", "No picture is recorded", facts)
        self._stack.setCurrentWidget(self.message)

    def _follow_loss(self, loss: Loss | None) -> None:
        self._loss = loss
        self._show_lost()
        if loss is None:
            self._ticking.stop()
            return
        if not self._ticking.isActive():
            self._ticking.start()

    def _show_lost(self) -> None:
        self.video.show_veil(self._loss.text(time.time()) if self._loss is not None else "")

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._ticking.stop()

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
