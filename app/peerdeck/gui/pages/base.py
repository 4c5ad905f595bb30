"""What every page is to the window."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from peerdeck.core.errors import UserError
from peerdeck.core.observable import Observable
from peerdeck.gui.tasks import TaskOwner
from peerdeck.gui.theme import GAP_L, GAP_M
from peerdeck.gui.widgets.notes import InlineNote
from peerdeck.gui.widgets.table import DataTable

if TYPE_CHECKING:
    from peerdeck.wiring import Console

T = TypeVar("T")


class Following(QObject):
    """Subscriptions to observables that end together."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ends: list[Callable[[], None]] = []

    def follow(self, observable: Observable[T], show: Callable[[T], None]) -> None:
        """Calls `show` with the present value and with every later one."""
        self._ends.append(observable.subscribe(show))
        show(observable.value)

    def end(self) -> None:
        while self._ends:
            self._ends.pop()()


class Page(QWidget):
    """Base of the pages. `name` is the page's key in rail, settings and object names.

    navigate(page, argument): the user wants to be elsewhere, for instance ("sessions", id), or
    ("region", "") for the picker at the top.
    """

    navigate = Signal(str, str)
    name = ""

    def __init__(self, console: "Console") -> None:
        super().__init__()
        self.console = console
        self.setObjectName(self.name)
        self.tasks = TaskOwner(self.name, self)
        self.tasks.failed.connect(self._failed)
        self.following = Following(self)
        self.note = InlineNote()
        self.note.setObjectName(f"{self.name}.note")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(GAP_L, GAP_M, GAP_L, GAP_M)
        self.column.setSpacing(GAP_M)

    def refresh(self) -> None:
        """F5."""

    def back(self) -> bool:
        """Esc that nobody below wanted; whether it did something."""
        if not self.note.isHidden():
            self.note.clear()
            return True
        return False

    def open_item(self, argument: str) -> None:
        """Someone navigated here with an argument, usually an id."""

    def open_files(self, paths: Sequence[Path]) -> None:
        """Files were dropped on the window."""

    def remember_columns(self, table: DataTable, key: str = "") -> None:
        """Widths, order and sorting of `table` come back at the next start."""
        key = key or self.name
        settings = self.console.settings
        if saved := settings.state.value.columns.get(key, ""):
            table.restore_columns(saved)

        def keep() -> None:
            columns = {**settings.state.value.columns, key: table.save_columns()}
            settings.change(columns=columns)

        table.columns_changed.connect(keep)

    def _failed(self, name: str, problem: UserError) -> None:
        self.note.say_problem(problem)

    async def aclose(self) -> None:
        """Idempotent; ends subscriptions and tasks."""
        self.following.end()
        await self.tasks.aclose()
