"""Sessions: what a camera sends, how it gets here, and how long it took to begin."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.session import Session
from peerdeck.gui.models.phases import OVER, PHASES, whose_picture
from peerdeck.gui.models.session_titles import SessionTitles
from peerdeck.gui.pages.base import Page
from peerdeck.gui.pages.session_data import DataSending
from peerdeck.gui.pages.session_files import SessionFiles
from peerdeck.gui.pages.session_live import LiveSession
from peerdeck.gui.pages.session_pictures import Place, SessionPictures, WatchedFrames
from peerdeck.gui.pages.session_recorded import RecordedSession
from peerdeck.gui.widgets.compare import CompareView
from peerdeck.gui.widgets.labels import DOTS
from peerdeck.gui.widgets.session_desk import SessionDesk
from peerdeck.gui.widgets.session_grid import SessionGrid
from peerdeck.gui.widgets.session_header import COMPARE, DESK, GRID, SessionHeader
from peerdeck.gui.widgets.session_tabs import Tab
from peerdeck.gui.widgets.state import StatePane, panel
from peerdeck.gui.widgets.video import PictureSource

if TYPE_CHECKING:
    from peerdeck.services.recordings import OpenRecording
    from peerdeck.wiring import Console


class SessionsPage(Page):
    """The chosen session or recording: picture, figures, and views to study it; or all sessions in
    a grid; or two of them compared."""

    name = "sessions"

    def __init__(self, console: "Console") -> None:
        super().__init__(console)
        self._titles = SessionTitles()
        self._named: dict[str, str] = {}
        self.mode = DESK
        self.desk = SessionDesk()
        self.stage, self.figures = self.desk.stage, self.desk.figures
        self.views = self.desk.views
        self.grid = SessionGrid()
        self.compare: CompareView | None = None
        self.body = QStackedWidget()
        self._bodies: dict[str, QWidget] = {DESK: self.desk, GRID: self.grid}
        for page in self._bodies.values():
            self.body.addWidget(page)
        self.pane = StatePane(self.body, "sessions.pane")
        self.watched = WatchedFrames(console.sessions)
        self.pictures = SessionPictures(
            console.sessions, self.tasks, self.note, self.stage.strip.controls, self
        )
        self.sending = DataSending(
            console.sessions, self.tasks, self.note, self.views.data.line, self
        )
        self.live = LiveSession(console.sessions, self.desk, self.pictures, self.sending, self)
        self.recorded = RecordedSession(self.desk, self.note, self)
        self.files = SessionFiles(console, self.tasks, self.note, self.pictures, self)
        self.header = SessionHeader((self.files.open, self.files.export, self.files.record))
        self.switcher, self.leave = self.header.switcher, self.header.leave
        for widget in (self.header, self.note):
            self.column.addWidget(widget)
        self.column.addWidget(self.pane, 1)
        self._connect()
        self.following.follow(console.recordings.state, self._follow_recordings)
        self.following.follow(console.sessions.state, self._follow)

    def _connect(self) -> None:
        strip, views, header = self.stage.strip, self.views, self.header
        self.switcher.chosen.connect(self._choose)
        self.stage.chosen.connect(self._act)
        self.stage.video.watched.connect(self._watch)
        self.stage.video.opened.connect(self.pictures.toggle_full)
        strip.peer_chosen.connect(self._choose_peer)
        self.live.watch_wanted.connect(self._watch)
        self.live.join_wanted.connect(self._join_as_viewer)
        views.plots.wanted.connect(lambda: self.tasks.run("plots", views.plots.load()))
        self.pictures.changed.connect(self._watch)
        self.grid.opened.connect(self._open_tile)
        self.grid.in_sight_changed.connect(self._watch)
        self.files.opened.connect(self.open_item)
        header.mode_wanted.connect(self.show_mode)
        header.leave_wanted.connect(self._leave)
        header.close_wanted.connect(lambda: self.files.close(self.switcher.chosen_id))
        self.pane.chosen.connect(self._find_a_way)
        for keys, run in (
            ("Ctrl+G", lambda: self.show_grid(self.mode != GRID)),
            ("Ctrl+O", self.files.ask_what_to_open),
            ("F11", self.pictures.toggle_full),
            ("M", strip.controls.sound.click),
            ("Ctrl+S", strip.controls.snapshot.click),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(run)

    # --- what the services say -------------------------------------------------------------

    def _follow(self, sessions: tuple[Session, ...]) -> None:
        self._named = self._titles.name(sessions)
        self._show_tabs()

    def _follow_recordings(self, _: "tuple[OpenRecording, ...]") -> None:
        self._show_tabs()

    def _show_tabs(self) -> None:
        sessions = self.console.sessions.state.value
        recordings = self.console.recordings.state.value
        named = [session for session in sessions if session.id in self._named]
        tabs = [self._tab(session) for session in named]
        self.switcher.show_tabs([*tabs, *map(_recording_tab, recordings)])
        self.header.show_counts(len(sessions), len(recordings))
        if (self.mode == GRID and len(sessions) < 2) or (
            self.mode == COMPARE and len(sessions) + len(recordings) < 2
        ):
            self.show_mode(DESK)
        if sessions or recordings:
            self.pane.show_ready()
        elif self.pane.state != "empty":
            self.pane.show_empty(
                "video",
                "No session yet.",
                "Join a channel as viewer: its picture, figures and connection path appear here. "
                "Recordings and dumps of webrtc-internals open here, too.",
                (("channels", "Go to Channels"), ("open", "Open a recording…")),
            )
        self._show()

    def _tab(self, session: Session) -> Tab:
        word, tone = PHASES[session.phase]
        title = self._named[session.id]
        tip = f"{title}: {word}\n{session.channel_arn}"
        if session.recording is not None and session.recording.problem is None:
            tip += "\nis being recorded"
        return Tab(session.id, title, (DOTS[tone], tone), tip)

    def _choose(self, tab_id: str) -> None:
        showing = self.live.session or self.recorded.recording
        if showing is None or tab_id != showing.id:
            self._show()

    def _show(self) -> None:
        if not self.isVisible():
            return
        if self.mode == GRID:
            self.grid.show_sessions(
                self.console.sessions.state.value,
                self._named,
                self._source,
                self.switcher.chosen_id,
            )
        elif self.mode == COMPARE and self.compare is not None:
            self.compare.show_choices(self._logs())
            self.compare.refresh()
        self._show_chosen()

    def _show_chosen(self) -> None:
        session, recording = self._session(self.switcher.chosen_id), self._recording()
        on_desk = self.mode == DESK
        if session is not None:
            self.recorded.forget()
            self.live.show(session, self._named[session.id])
            log, peer_id = self.console.sessions.log(session.id), self.live.peer_id
            self.files.show_log(self._named[session.id], log, peer_id)
        elif recording is not None:
            self.live.forget()
            self.recorded.show(recording)
            self.files.show_log(recording.title, recording.log, self.recorded.peer_id)
        else:
            self.live.forget()
            self.recorded.forget()
            self.files.show_log("", None, "")
        self.files.show_session(session if on_desk else None)
        self.header.show_chosen(
            can_leave=on_desk and session is not None and session.phase not in OVER,
            is_live=session is not None and session.is_live,
            is_file=on_desk and recording is not None,
        )

    def _logs(self) -> Sequence[tuple[str, SessionLog]]:
        """All that can be compared."""
        service = self.console.sessions
        return [
            *((self._named[s.id], service.log(s.id)) for s in service.state.value),
            *((r.title, r.log) for r in self.console.recordings.state.value),
        ]

    def _choose_peer(self, peer_id: str) -> None:
        self.live.choose_peer(peer_id)
        self.recorded.choose_peer(peer_id)

    # --- whose frames are wanted -----------------------------------------------------------

    def _source(self, session: Session) -> PictureSource:
        return self.pictures.source_of((session.id, whose_picture(session)))

    def _watch(self) -> None:
        """Frames are announced only to what can be seen."""
        wanted: dict[Place, Callable[[], None]] = {}
        if self.pictures.full_view is not None:
            wanted[self.pictures.place] = self.pictures.full_view.frame_arrived
        elif self.mode == GRID and self.isVisible():
            for session_id, view in self.grid.in_sight().items():
                if (session := self._session(session_id)) is not None:
                    wanted[session_id, whose_picture(session)] = view.frame_arrived
        elif self.live.session is not None and self.stage.video.isVisible():
            wanted[self.pictures.place] = self.stage.video.frame_arrived
        self.watched.show(wanted)

    def _session(self, session_id: str) -> Session | None:
        found = (s for s in self.console.sessions.state.value if s.id == session_id)
        return next(found, None)

    def _recording(self) -> "OpenRecording | None":
        chosen = self.switcher.chosen_id
        found = (r for r in self.console.recordings.state.value if r.id == chosen)
        return next(found, None)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()
        self._watch()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._watch()

    # --- what the user asks ----------------------------------------------------------------

    def show_mode(self, mode: str) -> None:
        """DESK, GRID or COMPARE; the last two only where there are several."""
        sessions, recordings = (
            self.console.sessions.state.value,
            self.console.recordings.state.value,
        )
        several = {GRID: len(sessions) > 1, COMPARE: len(sessions) + len(recordings) > 1}
        self.mode = mode if several.get(mode) else DESK
        if self.mode == COMPARE and self.compare is None:
            self._make_comparison()
        self.header.show_mode(self.mode)
        self.body.setCurrentWidget(self._bodies[self.mode])
        self._show()
        self._watch()

    def _make_comparison(self) -> None:
        """When it is first wanted: few ever compare."""
        compare = self.compare = CompareView()
        compare.setObjectName("sessions.comparison")
        compare.wanted.connect(lambda: self.tasks.run("compare", compare.load()))
        self._bodies[COMPARE] = panel(compare)
        self.body.addWidget(self._bodies[COMPARE])

    def show_grid(self, wanted: bool) -> None:
        self.show_mode(GRID if wanted else DESK)

    def _open_tile(self, session_id: str) -> None:
        self.switcher.choose(session_id)
        self.show_mode(DESK)

    def back(self) -> bool:
        if super().back():
            return True
        if self.mode != DESK:
            self.show_mode(DESK)
            return True
        return False

    def open_item(self, argument: str) -> None:
        """The session or recording with this id."""
        self.switcher.choose(argument)
        self.show_mode(DESK)

    def open_files(self, paths: Sequence[Path]) -> None:
        """Recordings and dumps that were dropped on the window."""
        self.files.open_files(paths)

    def _leave(self) -> None:
        session_id = self.switcher.chosen_id
        self.tasks.run(f"leave {session_id}", self.console.sessions.leave(session_id))

    def _act(self, verb: str) -> None:
        sessions, session_id = self.console.sessions, self.switcher.chosen_id
        if verb == "rejoin":
            self._try(lambda: self.switcher.choose(sessions.rejoin(session_id)))
        else:
            self._try(lambda: sessions.dismiss(session_id))

    def _find_a_way(self, key: str) -> None:
        if key == "open":
            self.files.ask_what_to_open()
        else:
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
        self.recorded.forget()
        self.pictures.end()
        self.watched.show({})
        self.views.end()
        if self.compare is not None:
            self.compare.end()
        await super().aclose()


def _recording_tab(recording: "OpenRecording") -> Tab:
    tip = f"{recording.kind}\n{recording.path}"
    return Tab(recording.id, recording.title, ("record", "muted"), tip)
