"""The shell: bar at the top, rail at the left, pages, status at the bottom."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.errors import FieldError, UserError
from peerdeck.gui import assets
from peerdeck.gui.endpoints import EndpointsDialog
from peerdeck.gui.pages.base import Following, Page
from peerdeck.gui.shortcuts import ShortcutsDialog
from peerdeck.gui.status import StatusBar
from peerdeck.gui.tasks import TaskOwner
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, ICON_L, RAIL, theme
from peerdeck.gui.topbar import TopBar
from peerdeck.gui.widgets.labels import hairline
from peerdeck.gui.widgets.notes import InlineNote

if TYPE_CHECKING:
    from peerdeck.gui.demo import FaultsDrawer
    from peerdeck.services.account import AccountState
    from peerdeck.services.faults import FaultsState
    from peerdeck.wiring import Console

_LEAST: Final = QSize(1024, 640)
_FIRST: Final = QSize(1280, 800)


def _channels(console: "Console") -> Page:
    from peerdeck.gui.pages.channels import ChannelsPage

    return ChannelsPage(console)


def _sessions(console: "Console") -> Page:
    from peerdeck.gui.pages.sessions import SessionsPage

    return SessionsPage(console)


def _tunnels(console: "Console") -> Page:
    from peerdeck.gui.pages.tunnels import TunnelsPage

    return TunnelsPage(console)


def _journal(console: "Console") -> Page:
    from peerdeck.gui.pages.journal import JournalPage

    return JournalPage(console)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail; `make` imports its page when it is first visited."""

    name: str
    title: str
    make: Callable[["Console"], Page]


PLACES: Final = (
    Place("channels", "Channels", _channels),
    Place("sessions", "Sessions", _sessions),
    Place("tunnels", "Tunnels", _tunnels),
    Place("journal", "Journal", _journal),
)


class Rail(QFrame):
    """asked(str): the user wants this place."""

    asked = Signal(str)

    def __init__(self, places: tuple[Place, ...]) -> None:
        super().__init__()
        self.setProperty("role", "bar")
        self.setFixedWidth(RAIL)
        self._buttons: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_S, GAP_M, GAP_XS, GAP_S)
        column.setSpacing(GAP_XS)
        for number, place in enumerate(places, 1):
            button = QToolButton()
            button.setObjectName(f"rail.{place.name}")
            button.setProperty("kind", "rail")
            button.setText(place.title)
            button.setFont(theme().font("small"))
            button.setToolTip(f"{place.title} (Ctrl+{number})")
            button.setIconSize(QSize(ICON_L, ICON_L))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, name=place.name: self.asked.emit(name))
            group.addButton(button)
            column.addWidget(button)
            self._buttons[place.name] = button
        column.addStretch(1)
        theme().changed.connect(self._tint)
        self._tint()

    def show_place(self, name: str) -> None:
        self._buttons[name].setChecked(True)
        self._tint()

    def _tint(self) -> None:
        for name, button in self._buttons.items():
            button.setIcon(assets.icon(name, "accent" if button.isChecked() else "muted", ICON_L))


class MainWindow(QWidget):
    """Owns the pages. closed(): the user closed it; `aclose()` ends what it started."""

    closed = Signal()

    def __init__(self, console: "Console", places: tuple[Place, ...] = PLACES) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("Peerdeck")
        self.setMinimumSize(_LEAST)
        self.resize(_FIRST)
        self.setAcceptDrops(True)
        self._console = console
        self._places = {place.name: place for place in places}
        self.pages: dict[str, Page] = {}
        self.tasks = TaskOwner("window", self)
        self.tasks.failed.connect(self._failed)
        self.following = Following(self)
        self.note = InlineNote()
        self.note.setObjectName("window.note")
        self.top = TopBar()
        self.rail = Rail(places)
        self.stack = QStackedWidget()
        self.status = StatusBar(console)
        self._lay_out()
        self._connect()
        self._add_shortcuts(places)
        self.drawer: FaultsDrawer | None = None
        self.following.follow(console.account.state, self._show_account)
        self.following.follow(console.faults.state, self._show_faults)
        self.go(places[0].name)

    def _lay_out(self) -> None:
        page = QVBoxLayout()
        page.setSpacing(0)
        noted = QVBoxLayout()
        noted.setContentsMargins(GAP_M, GAP_S, GAP_M, 0)
        noted.addWidget(self.note)
        page.addLayout(noted)
        page.addWidget(self.stack, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addLayout(page, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(hairline())
        column.addLayout(middle, 1)
        column.addWidget(hairline())
        column.addWidget(self.status)

    def _connect(self) -> None:
        account = self._console.account
        self.rail.asked.connect(self.go)
        top = self.top
        top.profile_requested.connect(
            lambda profile: self.tasks.run("sign in", account.select_profile(profile))
        )
        top.demo_requested.connect(lambda: self.tasks.run("sign in", account.use_demo()))
        top.region_requested.connect(self._select_region)
        top.theme_requested.connect(self._choose_theme)
        top.endpoints_requested.connect(self.show_endpoints)
        top.shortcuts_requested.connect(self.show_shortcuts)
        top.faults_requested.connect(self.toggle_faults)
        top.mend_requested.connect(
            lambda: self.tasks.run("end faults", self._console.faults.clear())
        )

    def _add_shortcuts(self, places: tuple[Place, ...]) -> None:
        for number, place in enumerate(places, 1):
            self._shortcut(f"Ctrl+{number}", partial(self.go, place.name))
        self._shortcut("F5", self.refresh)
        self._shortcut("?", self.show_shortcuts)
        self._shortcut("Ctrl+D", self.toggle_faults)
        self._shortcut("Ctrl+Q", self.close)

    def _shortcut(self, keys: str, run: Callable[[], object]) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- places ----------------------------------------------------------------------------

    @property
    def page(self) -> Page | None:
        current = self.stack.currentWidget()
        return current if isinstance(current, Page) else None

    def go(self, name: str, argument: str = "") -> None:
        """Shows a page, made when it is first asked for; "region" is the picker at the top."""
        if name == "region":
            self.top.focus_region()
            return
        page = self.make(name)
        self.stack.setCurrentWidget(page)
        self.rail.show_place(name)
        if argument:
            page.open_item(argument)

    def make(self, name: str) -> Page:
        """The page, made where it is not there yet, to be shown later."""
        page = self.pages.get(name)
        if page is None:
            page = self._places[name].make(self._console)
            page.navigate.connect(self.go)
            self.pages[name] = page
            self.stack.addWidget(page)
        return page

    def refresh(self) -> None:
        if (page := self.page) is not None:
            page.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files are opened where recordings are shown."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.go("sessions")
            if (page := self.page) is not None:
                page.open_files(paths)

    def show_endpoints(self) -> None:
        if self.findChild(EndpointsDialog) is not None:
            return
        account = self._console.account
        dialog = EndpointsDialog(self, self._console.settings.state.value.endpoints)
        dialog.chosen.connect(
            lambda endpoints: self.tasks.run("sign in", account.set_endpoints(endpoints))
        )
        dialog.open()

    def toggle_faults(self) -> None:
        """The drawer of the demo's faults; nothing without a demo."""
        if self.drawer is None:
            from peerdeck.gui.demo import FaultsDrawer

            self.drawer = FaultsDrawer(self._console, self)
            self.drawer.closed.connect(self.top.demo.setFocus)
        if not self.drawer.isHidden():
            self.drawer.put_away()
        elif self._console.account.state.value.demo:
            self._place_drawer()
            self.drawer.open()

    def _place_drawer(self) -> None:
        """Over the right of the pages, between both bars."""
        if self.drawer is not None:
            top = self.rail.mapTo(self, self.rail.rect().topLeft()).y()
            width = self.drawer.width()
            self.drawer.setGeometry(self.width() - width, top, width, self.rail.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_drawer()

    def show_shortcuts(self) -> None:
        if self.findChild(ShortcutsDialog) is None:
            ShortcutsDialog(self).open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Esc that no widget below wanted.
        page = self.page
        if event.key() == Qt.Key.Key_Escape and page is not None:
            if self.drawer is not None and not self.drawer.isHidden():
                self.drawer.put_away()
            elif not self.note.isHidden():
                self.note.clear()
            else:
                page.back()
            return
        super().keyPressEvent(event)

    # --- account ---------------------------------------------------------------------------

    def _show_account(self, state: "AccountState") -> None:
        self.top.show_account(state)
        where = state.region.name if state.region else ""
        self.setWindowTitle(f"Peerdeck – {where}" if where else "Peerdeck")
        if self.drawer is not None and not state.demo:
            self.drawer.put_away()

    def _show_faults(self, state: "FaultsState") -> None:
        self.top.show_faults(len(state.active))

    def _select_region(self, name: str) -> None:
        try:
            self._console.account.select_region(name)
        except FieldError as error:
            self.note.say_problem(UserError(f"“{name}” is no region.", f"A region {error.rule}"))
            self.top.show_account(self._console.account.state.value)

    def _failed(self, _: str, problem: UserError) -> None:
        self.note.say_problem(problem)

    def _choose_theme(self, choice: str) -> None:
        theme().choose(choice)
        self._console.settings.change(theme=choice)

    # --- being remembered, and closing -----------------------------------------------------

    def restore(self) -> None:
        """Where the window was, from the settings; Qt moves it back onto a screen."""
        saved = self._console.settings.state.value.geometry
        try:
            state = QByteArray(b64decode(saved, validate=True))
        except (binascii.Error, ValueError):
            return
        if saved:
            self.restoreGeometry(state)

    def closeEvent(self, event: QCloseEvent) -> None:
        geometry = b64encode(self.saveGeometry().data()).decode("ascii")
        self._console.settings.change(geometry=geometry)
        super().closeEvent(event)
        self.closed.emit()

    async def aclose(self) -> None:
        """Idempotent; ends tasks and subscriptions of the window and of every page."""
        self.following.end()
        self.status.end()
        await self.tasks.aclose()
        if self.drawer is not None:
            await self.drawer.aclose()
        for page in self.pages.values():
            await page.aclose()
