"""Sessions: what a camera sends, how it gets here, and how long it took to begin."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.session import Phase, Session
from peerdeck.gui.models.phases import OVER, PHASES
from peerdeck.gui.models.session_titles import SessionTitles
from peerdeck.gui.pages.base import Page
from peerdeck.gui.pages.session_data import DataSending
from peerdeck.gui.pages.session_live import LiveSession
from peerdeck.gui.pages.session_pictures import Place, SessionPictures, WatchedFrames
from peerdeck.gui.theme import CONTROL, GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.labels import DOTS, label
from peerdeck.gui.widgets.session_desk import SessionDesk
from peerdeck.gui.widgets.session_grid import SessionGrid
from peerdeck.gui.widgets.session_tabs import SessionTabs, Tab
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.video import PictureSource

if TYPE_CHECKING:
    from peerdeck.wiring import Console


class SessionsPage(Page):
    """The chosen session: picture, figures, and views to study it; or all of them in a grid."""

    name = "sessions"

    def __init__(self, console: "Console") -> None:
        super().__init__(console)
        self._lost: dict[str, float] = {}  # since when by session id
        self._titles = SessionTitles()
        self._named: dict[str, str] = {}
        self.switcher = SessionTabs()
        self.desk = SessionDesk()
        self.stage, self.figures = self.desk.stage, self.desk.figures
        self.views = self.desk.views
        self.grid = SessionGrid()
        self.leave = Button("Leave", "destructive", "stop")
        self.side_by_side = IconButton("grid", "All sessions side by side", "Ctrl+G")
        self.body = QStackedWidget()
        for page in (self.desk, self.grid):
            self.body.addWidget(page)
        self.pane = StatePane(self.body, "sessions.pane")
        strip = self.stage.strip
        self.watched = WatchedFrames(console.sessions)
        self.pictures = SessionPictures(
            console.sessions, self.tasks, self.note, strip.controls, self
        )
        self.sending = DataSending(
            console.sessions, self.tasks, self.note, self.views.data.line, self
        )
        self.live = LiveSession(console.sessions, self.desk, self.pictures, self.sending, self)
        self._lay_out()
        self._connect()
        self.following.follow(console.sessions.state, self._follow)

    # --- how it is built -------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.leave.setObjectName("sessions.leave")
        self.side_by_side.setObjectName("sessions.grid")
        self.side_by_side.setCheckable(True)
        header = QWidget()
        header.setFixedHeight(CONTROL)
        self.head = QHBoxLayout(header)
        self.head.setContentsMargins(0, 0, 0, 0)
        self.head.setSpacing(GAP_S)
        self.head.addWidget(label("Sessions", "heading"))
        self.head.addSpacing(GAP_M - GAP_S)
        self.head.addWidget(self.switcher, 1)
        self.head.addWidget(self.side_by_side)
        self.head.addWidget(self.leave)
        self.column.addWidget(header)
        self.column.addWidget(self.note)
        self.column.addWidget(self.pane, 1)

    def _connect(self) -> None:
        strip, views = self.stage.strip, self.views
        self.switcher.chosen.connect(self._choose)
        self.stage.chosen.connect(self._act)
        self.stage.video.watched.connect(self._watch)
        self.stage.video.opened.connect(self.pictures.toggle_full)
        strip.peer_chosen.connect(self.live.choose_peer)
        self.live.watch_wanted.connect(self._watch)
        self.live.join_wanted.connect(self._join_as_viewer)
        views.plots.wanted.connect(lambda: self.tasks.run("plots", views.plots.load()))
        self.pictures.changed.connect(self._watch)
        self.grid.opened.connect(self._open_tile)
        self.grid.in_sight_changed.connect(self._watch)
        self.side_by_side.clicked.connect(lambda: self.show_grid(self.side_by_side.isChecked()))
        self.leave.clicked.connect(self._leave)
        self.pane.chosen.connect(self._find_a_way)
        controls = strip.controls
        for keys, run in (
            ("Ctrl+G", lambda: self.show_grid(not self.in_grid)),
            ("F11", self.pictures.toggle_full),
            ("M", controls.sound.click),
            ("Ctrl+S", controls.snapshot.click),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(run)

    # --- what the service says -------------------------------------------------------------

    def _follow(self, sessions: tuple[Session, ...]) -> None:
        self._named = self._titles.name(sessions)
        self._note_losses(sessions)
        self.switcher.show_tabs([self._tab(session) for session in sessions])
        self.switcher.setVisible(bool(sessions))
        self.side_by_side.setVisible(len(sessions) > 1)
        if len(sessions) < 2 and self.in_grid:
            self.show_grid(False)
        if not sessions:
            self.leave.hide()
            self.live.forget()
            self.pane.show_empty(
                "video",
                "No session yet.",
                "Join a channel as viewer: its picture, figures and connection path appear here.",
                (("channels", "Go to Channels"),),
            )
            return
        self.pane.show_ready()
        self._show()

    def _tab(self, session: Session) -> Tab:
        word, tone = PHASES[session.phase]
        title = self._named[session.id]
        tip = f"{title}: {word}\n{session.channel_arn}"
        return Tab(session.id, title, (DOTS[tone], tone), tip)

    def _note_losses(self, sessions: tuple[Session, ...]) -> None:
        """Since when those that are being rebuilt have no path."""
        now = time.time()
        lost = [s.id for s in sessions if s.phase is Phase.REBUILDING]
        self._lost = {key: self._lost.get(key, now) for key in lost}

    def _choose(self, session_id: str) -> None:
        if self.live.session is None or session_id != self.live.session.id:
            self._show()

    def _show(self) -> None:
        if not self.isVisible():
            return
        if self.in_grid:
            self.grid.show_sessions(
                self.console.sessions.state.value,
                self._named,
                self._source,
                self.switcher.chosen_id,
            )
        self._show_chosen()

    def _show_chosen(self) -> None:
        session = self._session(self.switcher.chosen_id)
        if session is None:
            return
        self.live.show(session, self._named[session.id], self._lost.get(session.id, 0.0))
        over = session.phase in OVER
        self.leave.setVisible(not over and not self.in_grid)
        self.leave.setEnabled(session.is_live)

    # --- whose frames are wanted -----------------------------------------------------------

    def _source(self, session: Session) -> PictureSource:
        return self.pictures.source_of((session.id, ""))

    def _watch(self) -> None:
        """Frames are announced only to what can be seen."""
        wanted: dict[Place, Callable[[], None]] = {}
        if self.pictures.full_view is not None:
            wanted[self.pictures.place] = self.pictures.full_view.frame_arrived
        elif self.in_grid and self.isVisible():
            for session_id, view in self.grid.in_sight().items():
                wanted[session_id, ""] = view.frame_arrived
        elif self.live.session is not None and self.stage.video.isVisible():
            wanted[self.pictures.place] = self.stage.video.frame_arrived
        self.watched.show(wanted)

    def _session(self, session_id: str) -> Session | None:
        found = (s for s in self.console.sessions.state.value if s.id == session_id)
        return next(found, None)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()
        self._watch()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._watch()

    # --- what the user asks ----------------------------------------------------------------

    @property
    def in_grid(self) -> bool:
        return self.body.currentWidget() is self.grid

    def show_grid(self, wanted: bool) -> None:
        """All sessions side by side, or the chosen one alone."""
        wanted = wanted and len(self.console.sessions.state.value) > 1
        self.side_by_side.setChecked(wanted)
        self.body.setCurrentWidget(self.grid if wanted else self.desk)
        session = self._session(self.switcher.chosen_id)
        self.leave.setVisible(session is not None and session.phase not in OVER and not wanted)
        self._show()
        self._watch()

    def _open_tile(self, session_id: str) -> None:
        self.switcher.choose(session_id)
        self.show_grid(False)

    def back(self) -> bool:
        if super().back():
            return True
        if self.in_grid:
            self.show_grid(False)
            return True
        return False

    def open_item(self, argument: str) -> None:
        self.switcher.choose(argument)
        self.show_grid(False)

    def _leave(self) -> None:
        session_id = self.switcher.chosen_id
        self.tasks.run(f"leave {session_id}", self.console.sessions.leave(session_id))

    def _act(self, verb: str) -> None:
        sessions, session_id = self.console.sessions, self.switcher.chosen_id
        if verb == "rejoin":
            self._try(lambda: self.switcher.choose(sessions.rejoin(session_id)))
        else:
            self._try(lambda: sessions.dismiss(session_id))

    def _find_a_way(self, _: str) -> None:
        self.navigate.emit("channels", "")

    def _join_as_viewer(self, channel_arn: str) -> None:
        """A viewer of our own for the master that waits for some."""
        self._try(lambda: self.console.sessions.join(channel_arn))

    def _try(self, run: Callable[[], object]) -> bool:
        """Whether it could be done; the note says why not."""
        try:
            run()
        except UserError as error:
            self.note.say_problem(error)
            return False
        except FieldError as error:
            self.note.say("bad", str(error))
            return False
        return True

    async def aclose(self) -> None:
        self.pictures.end()
        self.watched.show({})
        self.views.end()
        await super().aclose()
