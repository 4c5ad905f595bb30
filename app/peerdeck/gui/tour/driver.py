"""Hands and eyes of the tour: it clicks, types and looks as a person would."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollArea,
    QTableView,
    QTabWidget,
    QWidget,
)

if TYPE_CHECKING:
    from peerdeck.gui.window import MainWindow
    from peerdeck.wiring import Console

W = TypeVar("W", bound=QWidget)
T = TypeVar("T")
BOUND_S = 15.0
_LEFT = Qt.MouseButton.LeftButton
_NO_KEYS = Qt.KeyboardModifier.NoModifier


class StepFailed(Exception):
    """A step did not happen; the text says what was seen instead."""


class _Appearances(QObject):
    """News whenever a widget appears, is enabled or disabled."""

    def __init__(self, news: asyncio.Event) -> None:
        super().__init__()
        self._news = news

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in {QEvent.Type.Show, QEvent.Type.EnabledChange}:
            self._news.set()
        return False


class Driver:
    """Works on one window. Waiting ends on news from the services, never on a guess at time.

    pace_s: how long each deed stays visible for spectators; 0 for none.
    """

    def __init__(
        self, window: "MainWindow", console: "Console", folder: Path, *, pace_s: float = 0.0
    ) -> None:
        self.window = window
        self.console = console
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pace_s = pace_s
        self._news = asyncio.Event()
        self._leave: list[Callable[[], None]] = [
            observable.subscribe(lambda _: self._news.set())
            for observable in (
                console.account.state,
                console.channels.state,
                console.ice.state,
                console.sessions.state,
                console.recordings.state,
                console.tunnels.state,
                console.faults.state,
                console.journal.entries,
            )
        ]

        self._appearances = _Appearances(self._news)
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self._appearances)

    def close(self) -> None:
        """Idempotent; stops listening."""
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self._appearances)
        while self._leave:
            self._leave.pop()()

    def find(self, kind: type[W], name: str) -> W:
        """A visible widget by its object name; scrolled into view where it has to be."""
        widget = self._visible(kind, name)
        if widget is None:
            raise StepFailed(f"there is no visible {name}")
        self._scroll_to(widget)
        return widget

    def _visible(self, kind: type[W], name: str) -> W | None:
        return next((w for w in self.window.findChildren(kind, name) if w.isVisible()), None)

    def _scroll_to(self, widget: QWidget) -> None:
        parent = widget.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(widget)
            parent = parent.parentWidget()

    async def click(self, name: str) -> None:
        def pressable() -> QAbstractButton | None:
            button = self._visible(QAbstractButton, name)
            return button if button is not None and button.isEnabled() else None

        button = await self.until(pressable, f"the moment to press {name}")
        self._scroll_to(button)
        QTest.mouseClick(button, _LEFT)
        await self.pause()

    async def type(self, name: str, text: str) -> None:
        """Replaces what the field holds."""
        field = self.find(QLineEdit, name)
        field.setFocus()
        field.selectAll()
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, text)
        await self.pause()

    async def choose(self, name: str, key: str) -> None:
        """The item of a combo box whose text begins with `key`."""
        box = self.find(QComboBox, name)
        place = next((i for i in range(box.count()) if box.itemText(i).startswith(key)), -1)
        if place < 0:
            raise StepFailed(f"{name} does not offer {key}")
        box.setCurrentIndex(place)
        box.activated.emit(place)
        await self.pause()

    async def show_view(self, title: str) -> None:
        """A tab of the session page."""
        bar = self.find(QTabWidget, "sessions.views").tabBar()
        for place in range(bar.count()):
            if bar.tabText(place) == title:
                where = bar.tabRect(place).center()
                QTest.mouseClick(bar, _LEFT, _NO_KEYS, where)
                await self.pause()
                return
        raise StepFailed(f"there is no view “{title}”")

    async def pick_row(self, name: str, text: str) -> None:
        """The row of a table whose first column holds `text`."""
        table = self.find(QTableView, name)
        model = table.model()
        for row in range(model.rowCount()):
            index = model.index(row, 0)
            texts = (str(model.index(row, c).data()) for c in range(model.columnCount()))
            if text in texts:
                table.scrollTo(index)
                where: QPoint = table.visualRect(index).center()
                QTest.mouseClick(table.viewport(), _LEFT, _NO_KEYS, where)
                await self.pause()
                return
        raise StepFailed(f"{name} has no row “{text}”")

    async def until(
        self, look: Callable[[], T | None], what: str, *, bound_s: float = BOUND_S
    ) -> T:
        """What `look` sees as soon as it is neither None nor False; StepFailed after `bound_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                while True:
                    self._news.clear()
                    seen = look()
                    if seen is not None and seen is not False:
                        return seen
                    await self._news.wait()
        raise StepFailed(f"{what} did not come within {bound_s:.0f} s")

    async def pause(self) -> None:
        """Lets the window paint, and spectators see."""
        await asyncio.sleep(self._pace_s)

    async def picture(self, name: str) -> str:
        """Writes the window as a PNG; returns the file's name."""
        await asyncio.sleep(0.05)  # what has just changed is laid out and painted
        path = self._folder / f"{name}.png"
        if not self.window.grab().save(str(path)):
            raise StepFailed(f"{path} could not be written")
        return path.name
