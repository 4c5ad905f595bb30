"""Which of the sessions is looked at."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QTabBar

from peerdeck.core.session import Session
from peerdeck.gui import assets
from peerdeck.gui.theme import ICON_S, theme
from peerdeck.gui.widgets.labels import DOTS
from peerdeck.gui.widgets.session_stage import PHASES

_MOST_WIDTH = 180


class SessionTabs(QTabBar):
    """One tab per session: state as a dot, channel as text.

    chosen(str): id of the session that is looked at now, "" for none. A session that was just
    joined is chosen at once; when the chosen one goes, its neighbour is.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("sessions.tabs")
        self.setAccessibleName("Sessions")
        self.setProperty("kind", "switcher")
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setIconSize(QSize(ICON_S, ICON_S))
        self._sessions: tuple[Session, ...] = ()
        self.currentChanged.connect(lambda place: self.chosen.emit(self._id_at(place)))
        theme().changed.connect(self._tint)

    @property
    def chosen_id(self) -> str:
        return self._id_at(self.currentIndex())

    def choose(self, session_id: str) -> bool:
        for place in range(self.count()):
            if self._id_at(place) == session_id:
                self.setCurrentIndex(place)
                return True
        return False

    def _tint(self) -> None:
        self.show_sessions(self._sessions)

    def show_sessions(self, sessions: Sequence[Session]) -> None:
        wanted = {session.id for session in sessions}
        for place in reversed(range(self.count())):
            if self._id_at(place) not in wanted:
                self.removeTab(place)
        had = {self._id_at(place) for place in range(self.count())}
        for place, session in enumerate(sessions):
            if session.id not in had:
                # The id must be there before the tab may become the current one.
                self.blockSignals(True)
                self.insertTab(place, session.channel)
                self.setTabData(place, session.id)
                self.blockSignals(False)
                self.setCurrentIndex(place)
                if self.count() == 1:
                    self.chosen.emit(session.id)
            self._describe(place, session)
        self._sessions = tuple(sessions)

    def _describe(self, place: int, session: Session) -> None:
        word, tone = PHASES[session.phase]
        self.setTabIcon(place, assets.icon(DOTS[tone], tone))
        name = self.fontMetrics().elidedText(
            session.channel, Qt.TextElideMode.ElideMiddle, _MOST_WIDTH
        )
        self.setTabText(place, name)
        self.setTabToolTip(place, f"{session.channel}: {word}\n{session.channel_arn}")

    def _id_at(self, place: int) -> str:
        data = self.tabData(place) if 0 <= place < self.count() else None
        return data if isinstance(data, str) else ""
