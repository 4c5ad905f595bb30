"""The events of a session, and where its join lost time."""

from bisect import bisect_left
from collections.abc import MutableSequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from peerdeck.core.peer_log import Event, appended
from peerdeck.gui.models.events import (
    EVENT_COLUMNS,
    KINDS,
    EventRow,
    event_rows,
    events_text,
    kind_word,
)
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.theme import GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import CopyButton, IconButton
from peerdeck.gui.widgets.cards import scrolled
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.follow import GrowingTable
from peerdeck.gui.widgets.gantt import Gantt
from peerdeck.gui.widgets.labels import ElidedLabel
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.state import StatePane

_SEARCH_WIDTH: Final = 220
_ALL: Final = "All kinds"
_BESIDE_BELOW: Final = 420  # px of height
_QWIDGETSIZE_MAX: Final = 16_777_215


class TimelineView(LogView):
    """Bars of the join's steps; beneath them everything that happened, newest last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seen: tuple[object, int] | None = None
        self._sized: object = None
        self._folded = False
        self.gantt = Gantt()
        self.summary = ElidedLabel("", "small", "muted", Qt.TextElideMode.ElideRight)
        self.events = RowsModel[EventRow](EVENT_COLUMNS, lambda row: str(row.number), self)
        self.table = GrowingTable(self.events)
        self.search = SearchField("Filter events", self)
        self.kind = QComboBox()
        self.fold = IconButton("chevron-up", "Hide the join")
        self.to_newest = IconButton("chevron-down", "Go to the newest event")
        self.copy = CopyButton(lambda: events_text(self.events.shown), "the events shown")
        self._set_up()
        self._lay_out()
        self.search.textChanged.connect(self._filter)
        self.search.left_downwards.connect(self.table.setFocus)
        self.kind.currentIndexChanged.connect(lambda _: self._draw_again())
        self.fold.clicked.connect(self._toggle_join)
        self.to_newest.clicked.connect(self.table.follow)
        self.pane.chosen.connect(lambda _: self._clear_filter())

    def _set_up(self) -> None:
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Events of the session")
        self.table.add_copy_action("event", lambda row: events_text([row]), "Ctrl+C")
        self.search.setFixedWidth(_SEARCH_WIDTH)
        self.kind.setAccessibleName("Kind of event")
        self.kind.addItem(_ALL, "")
        for kind in KINDS:
            self.kind.addItem(kind_word(kind), kind)

    def _lay_out(self) -> None:
        self._join = scrolled(self.gantt)
        bar = QHBoxLayout()
        bar.setContentsMargins(GAP_S, GAP_XS, GAP_S, 0)
        bar.setSpacing(GAP_S)
        bar.addWidget(self.fold)
        bar.addWidget(self.summary, 1)
        for part in (self.kind, self.search, self.to_newest, self.copy):
            bar.addWidget(part)
        self.pane = StatePane(self.table, "timeline.pane")
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._join)
        self._split.addWidget(self.pane)
        self._split.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addLayout(bar)
        column.addWidget(self._split, 1)

    # --- drawing ---------------------------------------------------------------------------

    def forget(self) -> None:
        self._seen = None
        self.table.forget_selection()
        self.table.follow()

    def draw_log(self) -> None:
        log, peer = self.log, self.peer
        steps = log.steps if log is not None else ()
        until_ms = 0.0
        if log is not None and log.started_at:
            until_ms = 1000 * ((self.at_s or log.span()[1]) - log.started_at)
        self.gantt.show_steps(steps, until_ms)
        self._size_join()
        self.summary.setText(self.gantt.summary if steps else "")
        self.fold.setVisible(bool(steps))
        self._join.setVisible(bool(steps) and not self._folded)
        self._draw_events(peer.events if peer is not None else [])

    def _draw_events(self, events: MutableSequence[Event]) -> None:
        """What is new is appended; only another choice is drawn from the beginning."""
        kind, count = str(self.kind.currentData()), appended(events)
        choice = (id(events), self.at_s, kind)
        if (choice, count) == self._seen:
            return
        started_at = self.log.started_at if self.log is not None else 0.0
        if self._seen is not None and self._seen[0] == choice and self.at_s is None:
            rows = event_rows(events, started_at, None, kind, self._seen[1])
            oldest = count - len(events)
            gone = bisect_left(self.events.rows, oldest, key=lambda row: row.number)
            self.events.grow(gone, rows)
        else:
            self.events.set_rows(event_rows(events, started_at, self.at_s, kind))
        self._seen = (choice, count)
        self._show_state(bool(events))

    def _draw_again(self) -> None:
        self._seen = None
        self.refresh()

    def _filter(self, text: str) -> None:
        self.events.set_filter(text)
        peer = self.peer
        self._show_state(peer is not None and bool(peer.events))

    def _clear_filter(self) -> None:
        self.search.clear()
        self.kind.setCurrentIndex(0)

    def _show_state(self, any_events: bool) -> None:
        if self.events.rowCount():
            self.pane.show_ready()
        elif any_events:
            self.pane.show_empty(
                "search",
                "No event matches.",
                "The filter looks at kind, name and detail.",
                (("clear", "Clear the filter"),),
            )
        else:
            self.pane.show_empty(
                "clock",
                "Nothing has happened yet.",
                "Every change of the connection, every message and every rebuild is listed here.",
            )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._size_join()

    def _size_join(self) -> None:
        """The bars stand above the events, or beside them where there is little height."""
        beside = self.height() < _BESIDE_BELOW
        way = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        wanted = self.gantt.sizeHint().height()
        if (way, wanted) == self._sized:
            return
        self._sized = (way, wanted)
        self._split.setOrientation(way)
        most = _QWIDGETSIZE_MAX if beside else max(1, wanted)
        self._join.setMaximumHeight(most)
        if beside:
            self._split.setSizes([36 * self.width() // 100, 64 * self.width() // 100])
        else:
            self._split.setSizes([min(wanted, self.height() // 2), self.height()])

    def _toggle_join(self) -> None:
        self._folded = not self._folded
        self._join.setVisible(not self._folded)
        self.fold.show_icon("chevron-down" if self._folded else "chevron-up")
        self.fold.set_tip("Show the join" if self._folded else "Hide the join")
