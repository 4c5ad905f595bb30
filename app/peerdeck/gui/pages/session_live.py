"""A living session on the desk: whose connection, whose picture, which figures."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from peerdeck.core.channel import Role
from peerdeck.core.session import OWN_PICTURE, Phase, Session
from peerdeck.gui.models.glances import Glances
from peerdeck.gui.models.losses import loss_of
from peerdeck.gui.models.phases import OVER
from peerdeck.gui.pages.session_data import DataSending
from peerdeck.gui.pages.session_pictures import SessionPictures
from peerdeck.gui.widgets.session_desk import SessionDesk
from peerdeck.gui.widgets.session_figures import SPARK_SAMPLES
from peerdeck.gui.widgets.session_strip import OURS

if TYPE_CHECKING:
    from peerdeck.services.sessions import SessionsService

MASTER: Final = "master"  # whom a viewer's only connection is to


class LiveSession(QObject):
    """watch_wanted(): another picture is on the stage. joined(str): ARN of the channel that the
    user wants to be a viewer of, while master of it."""

    watch_wanted = Signal()
    join_wanted = Signal(str)

    def __init__(
        self,
        sessions: "SessionsService",
        desk: SessionDesk,
        pictures: SessionPictures,
        sending: DataSending,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sessions = sessions
        self._desk = desk
        self._pictures = pictures
        self._sending = sending
        self._peer_id = ""
        self._title = ""
        self._glances: Glances | None = None
        self.session: Session | None = None
        viewers, strip = desk.views.viewers, desk.stage.strip
        strip.side_chosen.connect(self._show_place)
        viewers.chosen.connect(self._choose_peer)
        viewers.join_requested.connect(self._ask_to_join)

    @property
    def peer_id(self) -> str:
        return self._peer_id

    def show(self, session: Session, title: str) -> None:
        if session is self.session:
            return
        before, self.session, self._title = self.session, session, title
        if before is None or before.id != session.id:
            self._show_another(session)
        if session.options.role is Role.MASTER:
            self._desk.views.viewers.show_session(session)
            self._offer_peers(session)
        self._show_figures(session)
        over = session.phase in OVER
        latest = None if over or self._glances is None else self._glances.until(None, 1)
        loss = None
        if session.phase is Phase.REBUILDING:
            loss = loss_of(self._sessions.log(session.id).peers.get(self._peer_id))
        self._desk.stage.show_session(session, latest[-1] if latest else None, loss)
        self._pictures.show_session(session, self._desk.stage.strip.path.text())
        self._desk.views.data.line.show_open(_can_send(session))
        self._desk.views.refresh()

    def forget(self) -> None:
        """Something else is on the desk."""
        if self.session is None:
            return
        self.session, self._glances, self._peer_id = None, None, ""
        self._pictures.show_place(("", ""), "")
        self._desk.views.data.line.show_open(False)
        self._desk.views.show_log(None, "")
        self.watch_wanted.emit()

    def _show_another(self, session: Session) -> None:
        is_master = session.options.role is Role.MASTER
        desk, strip = self._desk, self._desk.stage.strip
        desk.show_recorded(False)
        desk.views.viewers.forget()
        desk.views.show_viewers(is_master)
        desk.figures.show_sent(is_master)
        desk.views.data.line.show_peers(several=is_master)
        strip.show_peers((), "")
        strip.show_side(both=False)
        strip.side.choose(OURS)
        self._show_peer(session, "" if is_master else MASTER)

    def choose_peer(self, peer_id: str) -> None:
        """Of the strip's list; the table of viewers follows, and tells."""
        self._desk.views.viewers.table.select_id(peer_id)

    def _choose_peer(self, peer_id: str) -> None:
        session = self.session
        if session is not None and session.options.role is Role.MASTER:
            self._show_peer(session, peer_id)
            self._offer_peers(session)
            self._show_figures(session)

    def _show_peer(self, session: Session, peer_id: str) -> None:
        self._peer_id = peer_id
        self._glances = None
        self._desk.views.show_log(self._sessions.log(session.id), peer_id)
        self._sending.show_place(session.id, peer_id)
        self._show_place()

    def _offer_peers(self, session: Session) -> None:
        """And a viewer that sends a picture, too, can be seen instead of what we send."""
        self._desk.stage.strip.show_peers([p.id for p in session.peers], self._peer_id)
        peer = next((p for p in session.peers if p.id == self._peer_id), None)
        strip, both = self._desk.stage.strip, peer is not None and peer.has_picture
        strip.show_side(both=both)
        if not both and strip.side.key != OURS:
            strip.side.choose(OURS)
            self._show_place()

    def _show_place(self) -> None:
        """Whose picture is on the stage."""
        session = self.session
        if session is None:
            return
        place = (session.id, "")
        if session.options.role is Role.MASTER:
            ours = self._desk.stage.strip.side.key == OURS
            place = (session.id, OWN_PICTURE if ours else self._peer_id)
        if place != self._pictures.place:
            self._desk.stage.video.set_source(self._pictures.source_of(place))
        self._pictures.show_place(place, self._title)
        self.watch_wanted.emit()

    def _show_figures(self, session: Session) -> None:
        peer = self._sessions.log(session.id).peers.get(self._peer_id)
        if peer is None:
            self._glances = None
            self._desk.figures.show_samples((), None)
            return
        if self._glances is None or self._glances.peer is not peer:
            self._glances = Glances(peer)
        history = self._glances.until(None, SPARK_SAMPLES)
        over = session.phase in OVER
        self._desk.figures.show_samples(history, history[-1] if history and not over else None)

    def _ask_to_join(self) -> None:
        if self.session is not None:
            self.join_wanted.emit(self.session.channel_arn)


def _can_send(session: Session) -> bool:
    opened = any(step.name == "Data channel open" for step in session.steps)
    several = session.options.role is Role.MASTER and bool(session.peers)
    return session.phase is Phase.CONNECTED and (opened or several)
