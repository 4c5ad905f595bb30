"""Which of the sessions and recordings is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QTabBar

from peerdeck.gui import assets
from peerdeck.gui.theme import ICON_S, theme

_MOST_WIDTH = 180


@dataclass(frozen=True, slots=True)
class Tab:
    """icon: (icon name, theme token). tip: the rest of what there is to say."""

    id: str
    title: str
    icon: tuple[str, str]
    tip: str = ""


class SessionTabs(QTabBar):
    """One tab per session: state as a dot, channel as text; recordings after them.

    chosen(str): id of what is looked at now, "" for nothing. What has just come is chosen at once;
    when the chosen one goes, its neighbour is.
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
        self._tabs: tuple[Tab, ...] = ()
        self.currentChanged.connect(lambda place: self.chosen.emit(self._id_at(place)))
        theme().changed.connect(self._tint)

    @property
    def chosen_id(self) -> str:
        return self._id_at(self.currentIndex())

    def choose(self, tab_id: str) -> bool:
        for place in range(self.count()):
            if self._id_at(place) == tab_id:
                self.setCurrentIndex(place)
                return True
        return False

    def _tint(self) -> None:
        for place, tab in enumerate(self._tabs):
            self.setTabIcon(place, assets.icon(*tab.icon))

    def show_tabs(self, tabs: Sequence[Tab]) -> None:
        if tuple(tabs) == self._tabs:
            return
        wanted = {tab.id for tab in tabs}
        for place in reversed(range(self.count())):
            if self._id_at(place) not in wanted:
                self.removeTab(place)
        had = {self._id_at(place) for place in range(self.count())}
        known = {tab.id: tab for tab in self._tabs}
        self._tabs = tuple(tabs)
        for place, tab in enumerate(tabs):
            if tab.id not in had:
                # The id must be there before the tab may become the current one.
                self.blockSignals(True)
                self.insertTab(place, tab.title)
                self.setTabData(place, tab.id)
                self.blockSignals(False)
                self.setCurrentIndex(place)
                if self.count() == 1:
                    self.chosen.emit(tab.id)
            if known.get(tab.id) != tab:
                self._describe(place, tab)

    def _describe(self, place: int, tab: Tab) -> None:
        self.setTabIcon(place, assets.icon(*tab.icon))
        name = self.fontMetrics().elidedText(tab.title, Qt.TextElideMode.ElideMiddle, _MOST_WIDTH)
        self.setTabText(place, name)
        self.setTabToolTip(place, tab.tip)

    def _id_at(self, place: int) -> str:
        data = self.tabData(place) if 0 <= place < self.count() else None
        return data if isinstance(data, str) else ""
