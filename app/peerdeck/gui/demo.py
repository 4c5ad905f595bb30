"""The drawer behind the DEMO chip: what can go wrong on purpose, and an end to it."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.errors import UserError
from peerdeck.gui.pages.base import Following
from peerdeck.gui.status import count_text
from peerdeck.gui.tasks import TaskOwner
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.cards import scrolled
from peerdeck.gui.widgets.fault_row import FaultRow
from peerdeck.gui.widgets.labels import Prose, StatusLabel, hairline, label
from peerdeck.gui.widgets.notes import InlineNote

if TYPE_CHECKING:
    from peerdeck.services.faults import Fault, FaultsState
    from peerdeck.wiring import Console

WIDTH: Final = 432  # px
DURATIONS: Final = (("30 s", 30.0), ("2 min", 120.0), ("Until switched off", None))


class DurationChoice(QWidget):
    """How long the next fault lasts."""

    def __init__(self) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_XS)
        row.addWidget(label("A fault lasts", "small", "muted"))
        row.addSpacing(GAP_XS)
        for place, (words, seconds) in enumerate(DURATIONS):
            button = QToolButton()
            button.setText(words)
            button.setObjectName(
                f"demo.faults.for.{seconds:g}" if seconds else "demo.faults.for.ever"
            )
            button.setProperty("kind", "segment")
            button.setCheckable(True)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            self._group.addButton(button, place)
            row.addWidget(button)
        row.addStretch(1)
        self._group.button(1).setChecked(True)

    @property
    def seconds(self) -> float | None:
        return DURATIONS[self._group.checkedId()][1]

    def take_focus(self) -> None:
        self._group.button(self._group.checkedId()).setFocus(Qt.FocusReason.OtherFocusReason)


def _heading(group: str) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(GAP_M, GAP_S, GAP_M, GAP_XS)
    row.setSpacing(GAP_S)
    row.addWidget(label(group, "strong", "muted"))
    row.addWidget(hairline(), 1)
    return made


class FaultsDrawer(QFrame):
    """Lies over the right of the window; blocks nothing. closed(): it was put away.

    Owns its tasks: `aclose()` ends them.
    """

    closed = Signal()

    def __init__(self, console: "Console", parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("demo.faults")
        self.setProperty("role", "drawer")
        self.setFixedWidth(WIDTH)
        self._faults = console.faults
        self.rows: dict[str, FaultRow] = {}
        self.tasks = TaskOwner("faults", self)
        self.tasks.failed.connect(self._failed)
        self.note = InlineNote()
        self.note.setObjectName("demo.faults.note")
        self.durations = DurationChoice()
        self._list = QVBoxLayout()
        self._list.setContentsMargins(GAP_S, GAP_S, GAP_S, GAP_L)
        self._list.setSpacing(GAP_XS)
        self._health = StatusLabel("", "muted")
        self.mend = Button("End all")
        self.mend.setObjectName("demo.faults.clear")
        self.mend.clicked.connect(lambda: self.tasks.run("end all", self._faults.clear()))
        self._lay_out()
        self.following = Following(self)
        self.following.follow(self._faults.state, self._show)
        self.hide()

    def _lay_out(self) -> None:
        content = QWidget()
        content.setLayout(self._list)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        column.addWidget(hairline())
        column.addWidget(scrolled(content), 1)
        column.addWidget(hairline())
        foot = QHBoxLayout()
        foot.setContentsMargins(GAP_L, GAP_S, GAP_L, GAP_S)
        foot.addWidget(self._health)
        foot.addStretch(1)
        foot.addWidget(self.mend)
        column.addLayout(foot)

    def _head(self) -> QLayout:
        close = IconButton("close", "Close", "Esc")
        close.setObjectName("demo.faults.close")
        close.clicked.connect(self.put_away)
        title = QHBoxLayout()
        title.addWidget(label("Break something", "heading"))
        title.addStretch(1)
        title.addWidget(close)
        words = Prose("muted", "small")
        words.setText("What the local cloud does wrong, at once and on purpose.")
        head = QVBoxLayout()
        head.setContentsMargins(GAP_L, GAP_M, GAP_M, GAP_M)
        head.setSpacing(GAP_S)
        head.addLayout(title)
        head.addWidget(words)
        head.addWidget(self.durations)
        head.addWidget(self.note)
        return head

    def open(self) -> None:
        """Shows it, on top, and asks the demo how things are."""
        self.show()
        self.raise_()
        self.durations.take_focus()
        self.tasks.run("refresh", self._faults.refresh())

    def put_away(self) -> None:
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    def _show(self, state: "FaultsState") -> None:
        if tuple(self.rows) != tuple(fault.name for fault in state.faults):
            self._fill(state.faults)
        for fault in state.faults:
            self.rows[fault.name].show_fault(fault, state.ends_at.get(fault.name, 0.0))
        count = len(state.active)
        if state.problem is not None:
            self.note.say_problem(state.problem)
        words = f"{count_text(count, 'fault')} on" if count else "Nothing is broken"
        self._health.show_state(words, "warn" if count else "ok")
        self.mend.setEnabled(count > 0)

    def _fill(self, faults: "tuple[Fault, ...]") -> None:
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.rows = {}
        group = ""
        for fault in faults:
            if fault.group != group:
                group = fault.group
                self._list.addWidget(_heading(group))
            self.rows[fault.name] = row = FaultRow(fault)
            row.on_requested.connect(self._switch_on)
            row.off_requested.connect(self._switch_off)
            self._list.addWidget(row)
        self._list.addStretch(1)

    def _switch_on(self, name: str) -> None:
        self.note.clear()
        wanted = self._faults.switch_on(name, self.rows[name].values(), self.durations.seconds)
        self.tasks.run(name, wanted)

    def _switch_off(self, name: str) -> None:
        self.note.clear()
        self.tasks.run(name, self._faults.switch_off(name))

    def _failed(self, _: str, problem: UserError) -> None:
        self.note.say_problem(problem)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.put_away()
            return
        super().keyPressEvent(event)

    async def aclose(self) -> None:
        """Idempotent."""
        self.following.end()
        await self.tasks.aclose()
