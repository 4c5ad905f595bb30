"""Sessions: what a camera sends, how it gets here, and how long it took to begin."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QTabWidget, QVBoxLayout, QWidget

from peerdeck.core.errors import UserError
from peerdeck.core.session import Phase, Session
from peerdeck.gui.pages.base import Page
from peerdeck.gui.theme import CONTROL, GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.candidates import CandidatesView
from peerdeck.gui.widgets.data_channel import DataView
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.plots import PlotsView
from peerdeck.gui.widgets.session_figures import SessionFigures
from peerdeck.gui.widgets.session_stage import SessionStage
from peerdeck.gui.widgets.session_tabs import SessionTabs
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.steps import StepsView

if TYPE_CHECKING:
    from peerdeck.wiring import Console

_FIGURES_WIDTH: Final = 296
_OVER: Final = {Phase.LEFT, Phase.FAILED}


class SessionsPage(Page):
    """The chosen session: picture, figures, and four views to study it."""

    name = "sessions"

    def __init__(self, console: "Console") -> None:
        super().__init__(console)
        self._shown: Session | None = None
        self._watched = ""
        self.switcher = SessionTabs()
        self.stage = SessionStage()
        self.figures = SessionFigures()
        self.plots = PlotsView()
        self.candidates = CandidatesView()
        self.timeline = StepsView()
        self.data = DataView()
        self.leave = Button("Leave", "destructive", "stop")
        self.pane = StatePane(self._make_body(), "sessions.pane")
        self._lay_out()
        self._connect()
        self.following.follow(console.sessions.state, self._follow)

    # --- how it is built -------------------------------------------------------------------

    def _make_body(self) -> QWidget:
        above = QWidget()
        row = QHBoxLayout(above)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_S)
        row.addWidget(self.stage, 1)
        self.figures.setFixedWidth(_FIGURES_WIDTH)
        row.addWidget(self.figures)
        self.views = self._make_views()
        body = QSplitter(Qt.Orientation.Vertical)
        body.setChildrenCollapsible(False)
        body.setHandleWidth(GAP_S)
        body.addWidget(above)
        body.addWidget(self.views)
        body.setStretchFactor(0, 8)
        body.setStretchFactor(1, 5)
        body.setSizes([300, 190])
        return body

    def _make_views(self) -> QTabWidget:
        tabs = QTabWidget()
        tabs.setObjectName("sessions.views")
        tabs.setDocumentMode(True)
        for title, view in (
            ("Plots", self.plots),
            ("Candidates", self.candidates),
            ("Timeline", self.timeline),
            ("Data", self.data),
        ):
            frame = QFrame()
            frame.setProperty("role", "panel")
            box = QVBoxLayout(frame)
            box.setContentsMargins(1, 1, 1, 1)
            box.addWidget(view)
            tabs.addTab(frame, title)
        for name, view in (
            ("sessions.plots", self.plots),
            ("sessions.candidates", self.candidates),
            ("sessions.timeline", self.timeline),
            ("sessions.data", self.data),
        ):
            view.setObjectName(name)
        tabs.setMinimumHeight(120)
        return tabs

    def _lay_out(self) -> None:
        self.leave.setObjectName("sessions.leave")
        header = QWidget()
        header.setFixedHeight(CONTROL)
        head = QHBoxLayout(header)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(GAP_M)
        head.addWidget(label("Sessions", "heading"))
        head.addWidget(self.switcher, 1)
        head.addWidget(self.leave)
        self.column.addWidget(header)
        self.column.addWidget(self.note)
        self.column.addWidget(self.pane, 1)

    def _connect(self) -> None:
        self.switcher.chosen.connect(self._choose)
        self.stage.chosen.connect(self._act)
        self.stage.video.watched.connect(self._watch)
        self.leave.clicked.connect(self._leave)
        self.data.sent.connect(self._send)
        self.plots.wanted.connect(lambda: self.tasks.run("plots", self.plots.load()))
        self.pane.chosen.connect(lambda _: self.navigate.emit("channels", ""))

    # --- what the service says -------------------------------------------------------------

    def _follow(self, sessions: tuple[Session, ...]) -> None:
        self.switcher.show_sessions(sessions)
        self.switcher.setVisible(bool(sessions))
        if not sessions:
            self.leave.hide()
            self._shown = None
            self._watch(False)
            self.pane.show_empty(
                "video",
                "No session yet.",
                "Join a channel as viewer: its picture, figures and connection path appear here.",
                (("channels", "Go to Channels"),),
            )
            return
        self.pane.show_ready()
        self._show_chosen()

    def _choose(self, session_id: str) -> None:
        if self._shown is None or session_id != self._shown.id:
            self._watch(False)
            self._show_chosen()

    def _show_chosen(self) -> None:
        session = self._session(self.switcher.chosen_id)
        if session is None or session is self._shown or not self.isVisible():
            return
        before, self._shown = self._shown, session
        another = before is None or before.id != session.id
        if another:
            self._show_another(session)
        self.stage.show_session(session)
        self.leave.setVisible(session.phase not in _OVER)
        self.leave.setEnabled(session.is_live)
        if another or before is None or before.stats is not session.stats:
            history = self.console.sessions.history(session.id)
            latest = None if session.phase in _OVER else session.stats
            self.figures.show_samples(history, latest)
            self.candidates.show_stats(session.stats)
        elif before.phase is not session.phase and session.phase in _OVER:
            self.figures.show_samples(self.console.sessions.history(session.id), None)
        self.timeline.show_session(session)
        opened = any(step.name == "Data channel open" for step in session.steps)
        self.data.show_data(
            session.telemetry,
            session.messages,
            can_send=opened and session.phase is Phase.CONNECTED,
        )

    def _show_another(self, session: Session) -> None:
        sessions, chosen = self.console.sessions, session.id
        self.stage.video.set_source(lambda width, height: sessions.picture(chosen, width, height))
        self.plots.set_history(lambda: sessions.history(chosen))
        self.data.forget()
        self._watch(self.stage.video.isVisible())

    def _watch(self, wanted: bool) -> None:
        """Frames are announced only for the session whose picture can be seen."""
        sessions = self.console.sessions
        now = self._shown.id if wanted and self._shown is not None else ""
        if now == self._watched:
            return
        if self._watched:
            sessions.watch_frames(self._watched, None)
        self._watched = now
        if now:
            sessions.watch_frames(now, self.stage.video.frame_arrived)

    def _session(self, session_id: str) -> Session | None:
        found = (s for s in self.console.sessions.state.value if s.id == session_id)
        return next(found, None)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_chosen()

    # --- what the user asks ----------------------------------------------------------------

    def open_item(self, argument: str) -> None:
        self.switcher.choose(argument)

    def _leave(self) -> None:
        session_id = self.switcher.chosen_id
        self.tasks.run(f"leave {session_id}", self.console.sessions.leave(session_id))

    def _act(self, verb: str) -> None:
        sessions, session_id = self.console.sessions, self.switcher.chosen_id
        if verb == "rejoin":
            self._try(lambda: self.switcher.choose(sessions.rejoin(session_id)))
        else:
            self._try(lambda: sessions.dismiss(session_id))

    def _send(self, text: str) -> None:
        session_id = self.switcher.chosen_id
        if self._try(lambda: self.console.sessions.send_text(session_id, text)):
            self.data.text_sent()

    def _try(self, run: Callable[[], object]) -> bool:
        """Whether it could be done; the note says why not."""
        try:
            run()
        except UserError as error:
            self.note.say_problem(error)
            return False
        return True

    async def aclose(self) -> None:
        self._watch(False)
        self.plots.end()
        await super().aclose()
