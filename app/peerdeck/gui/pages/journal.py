"""Journal: what happened, when, how long it took, how it ended."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from peerdeck.core.journal import Entry
from peerdeck.core.quantities import milliseconds_text
from peerdeck.gui.models.rows import Column, RowsModel
from peerdeck.gui.pages.base import Page
from peerdeck.gui.theme import GAP_M, GAP_S, theme
from peerdeck.gui.widgets.buttons import CopyButton
from peerdeck.gui.widgets.cards import SectionHeader
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

if TYPE_CHECKING:
    from peerdeck.wiring import Console

_SEARCH_WIDTH: Final = 280


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with the number that stays with it; the journal itself only appends."""

    number: int
    entry: Entry


class Numbering:
    """Gives entries of successive snapshots numbers that stay."""

    def __init__(self) -> None:
        self._lines: tuple[Line, ...] = ()
        self._next = 1

    def lines(self, entries: Sequence[Entry]) -> tuple[Line, ...]:
        known = {id(line.entry): line for line in self._lines}
        numbered: list[Line] = []
        for entry in entries:
            line = known.get(id(entry))
            if line is None:
                line = Line(self._next, entry)
                self._next += 1
            numbered.append(line)
        self._lines = tuple(numbered)
        return self._lines


def clock_text(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def moment_text(at: float) -> str:
    """Local time and zone, whole."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))


def full_text(entry: Entry) -> str:
    """An entry as text, for the lower pane and the clipboard."""
    took = f" · {milliseconds_text(entry.took_ms)}" if entry.took_ms is not None else ""
    head = f"{moment_text(entry.at)} · {entry.kind}{took}\n{entry.what}"
    result = f"\n{'✓' if entry.ok else '✗'} {entry.result}" if entry.result else ""
    return f"{head}{result}" + (f"\n\n{entry.detail}" if entry.detail else "")


COLUMNS: Final[tuple[Column[Line], ...]] = (
    Column(
        "Time",
        lambda line: clock_text(line.entry.at),
        key=lambda line: line.number,
        tooltip=lambda line: moment_text(line.entry.at),
        font="figures",
        width=96,
    ),
    Column("Kind", lambda line: line.entry.kind, width=92),
    Column("What", lambda line: line.entry.what, width=260),
    Column(
        "Took",
        lambda line: (
            milliseconds_text(line.entry.took_ms) if line.entry.took_ms is not None else ""
        ),
        key=lambda line: line.entry.took_ms if line.entry.took_ms is not None else -1.0,
        align="right",
        font="figures",
        width=76,
        searched=False,
    ),
    Column(
        "Result",
        lambda line: line.entry.result or ("done" if line.entry.ok else "failed"),
        icon=lambda line: ("ok", "ok") if line.entry.ok else ("error", "bad"),
        tooltip=lambda line: line.entry.result,
        width=0,
    ),
)


class JournalPage(Page):
    """A table of entries, newest first, and the chosen one in full beneath."""

    name = "journal"

    def __init__(self, console: "Console") -> None:
        super().__init__(console)
        self._numbering = Numbering()
        self.model = RowsModel(COLUMNS, lambda line: str(line.number), self)
        self.table = DataTable(self.model, sort_by=0, descending=True)
        self.table.setObjectName("journal.table")
        self.filter = SearchField("Filter entries", self)
        self.filter.setObjectName("journal.filter")
        self.filter.setFixedWidth(_SEARCH_WIDTH)
        self.pane = StatePane(self.table, "journal.pane")
        self.pane.chosen.connect(lambda _: self.filter.clear())
        header = SectionHeader("Journal", self.filter, font="heading")
        self._count = header.remark
        self.column.addWidget(header)
        self.column.addWidget(self.note)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(GAP_M)
        split.addWidget(self.pane)
        split.addWidget(self._detail_pane())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setSizes([420, 220])
        self.column.addWidget(split, 1)
        self.table.add_copy_action("entry", lambda line: full_text(line.entry), "Ctrl+C")
        self.table.selected.connect(self._show_detail)
        self.filter.textChanged.connect(self._filter)
        self.filter.left_downwards.connect(self._to_table)
        self.remember_columns(self.table)
        self.following.follow(console.journal.entries, self._show)

    def _detail_pane(self) -> QWidget:
        self.detail = QPlainTextEdit()
        self.detail.setObjectName("journal.detail")
        self.detail.setReadOnly(True)
        self.detail.setFont(theme().font("mono"))
        self.detail.setFrameShape(QFrame.Shape.NoFrame)
        self.detail.setPlaceholderText("Choose an entry to see it in full.")
        self.detail.setTabChangesFocus(True)
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP_S)
        copy = CopyButton(self.detail.toPlainText, "entry")
        copy.setObjectName("journal.copy")
        layout.addWidget(SectionHeader("Details", copy))
        layout.addWidget(self.detail, 1)
        return box

    def back(self) -> bool:
        return super().back() or self._to_table()

    def _show(self, entries: tuple[Entry, ...]) -> None:
        self.model.set_rows(self._numbering.lines(entries))
        self._show_state()

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._show_state()

    def _show_state(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        self._count.setText(f"{shown:,} of {total:,}" if shown != total else f"{total:,}")
        if shown:
            self.pane.show_ready()
        elif total:
            self.pane.show_empty(
                "search",
                f"No entry matches “{self.filter.text().strip()}”.",
                "The filter looks at time, kind, what and result.",
                (("clear", "Clear the filter"),),
            )
        else:
            self.pane.show_empty(
                "journal",
                "Nothing has happened yet.",
                "Every request to AWS, every session and every tunnel is written down here.",
            )

    def _show_detail(self, _: str) -> None:
        line = self.table.selected_row()
        self.detail.setPlainText(full_text(line.entry) if line else "")

    def _to_table(self) -> bool:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self.table.select_first()
        return True
