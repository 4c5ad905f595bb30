"""The data channel's console: what went both ways, and something to say."""

from collections import deque
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLayout, QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from peerdeck.core.peer_log import MESSAGES_KEPT, DataMessage, appended, since
from peerdeck.gui.models.data_messages import (
    MESSAGE_COLUMNS,
    MessageRow,
    readable,
)
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, theme
from peerdeck.gui.widgets.buttons import Button, CopyButton, IconButton
from peerdeck.gui.widgets.data_line import DataLine
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

_SEARCH_WIDTH: Final = 200


class DataView(LogView):
    """Messages of one peer, newest first, the chosen one whole beside them.

    `line` is where one says something back.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: deque[MessageRow] = deque(maxlen=MESSAGES_KEPT)
        self._seen = 0
        self._paused = False
        self._shown: DataMessage | None = None
        self.messages = RowsModel[MessageRow](MESSAGE_COLUMNS, lambda row: row.id, self)
        self.table = self._make_table()
        self.detail = self._make_detail()
        self.count = label("", "small", "muted")
        self.filter = SearchField("Filter messages", self)
        self.filter.setObjectName("sessions.data.filter")
        self.filter.setFixedWidth(_SEARCH_WIDTH)
        self.pause = Button("Pause", "quiet", "pause")
        self.pause.setObjectName("sessions.data.pause")
        self.copy = CopyButton(self.detail.toPlainText, "the message")
        self.copy.setObjectName("sessions.data.copy")
        self.clear = IconButton("trash", "Clear the list")
        self.clear.setObjectName("sessions.data.clear")
        self.line = DataLine()
        self._lay_out()
        self.filter.textChanged.connect(self._filter)
        self.table.selected.connect(self._choose)
        self.pause.clicked.connect(lambda: self.set_paused(not self._paused))
        self.clear.clicked.connect(self._clear)
        self._tell()

    def _make_table(self) -> DataTable:
        table = DataTable(self.messages, sort_by=0, descending=True)
        table.setObjectName("sessions.data.table")
        table.setProperty("frame", "none")
        table.setAccessibleName("Messages of the data channel")
        table.add_copy_action("message", lambda row: readable(row.message), "Ctrl+C")
        return table

    def _make_detail(self) -> QPlainTextEdit:
        detail = QPlainTextEdit()
        detail.setReadOnly(True)
        detail.setFont(theme().font("mono"))
        detail.setAccessibleName("The chosen message")
        detail.setProperty("frame", "none")
        detail.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        return detail

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(GAP_XS)
        split.addWidget(self.table)
        split.addWidget(self.detail)
        split.setSizes([560, 380])
        self.pane = StatePane(split, "sessions.data.pane")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GAP_XS, 0, GAP_S)
        column.setSpacing(GAP_XS)
        column.addLayout(self._bar())
        column.addWidget(self.pane, 1)
        column.addWidget(self.line)

    def _bar(self) -> QLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(GAP_M, 0, GAP_M, 0)
        bar.setSpacing(GAP_S)
        bar.addWidget(self.filter)
        bar.addWidget(self.count)
        bar.addStretch(1)
        for button in (self.pause, self.copy, self.clear):
            bar.addWidget(button)
        return bar

    # --- what went both ways ---------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        return self._paused

    def set_paused(self, paused: bool) -> None:
        """The list stands still; what comes meanwhile is there afterwards."""
        self._paused = paused
        self.pause.setText("Go on" if paused else "Pause")
        self.pause.set_icon("play" if paused else "pause")
        self.refresh()

    def forget(self) -> None:
        self._rows.clear()
        self._seen = 0
        self._paused = False
        self.pause.setText("Pause")
        self.pause.set_icon("pause")
        self._show_message(None)
        self.table.forget_selection()
        self.messages.set_rows(())

    def draw_log(self) -> None:
        peer = self.peer
        if peer is not None and not self._paused:
            new = since(peer.messages, self._seen)
            total = appended(peer.messages)
            first = total - len(new)
            self._rows.extend(MessageRow(first + n, message) for n, message in enumerate(new))
            self._seen = total
            if new or self.at_s is not None:
                self._show_rows()
        self._tell()

    def _show_rows(self) -> None:
        at_s = self.at_s
        rows = [row for row in self._rows if at_s is None or row.message.at_s <= at_s]
        self.messages.set_rows(rows)
        if not self.table.selected_id or self.messages.place_of(self.table.selected_id) < 0:
            self._show_message(rows[-1].message if rows else None)

    def _clear(self) -> None:
        self._rows.clear()
        self.table.forget_selection()
        self.messages.set_rows(())
        self._show_message(None)
        self._tell()

    def _choose(self, row_id: str) -> None:
        row = self.table.selected_row()
        if row_id and row is not None:
            self._show_message(row.message)

    def _show_message(self, message: DataMessage | None) -> None:
        if message is not self._shown:
            self._shown = message
            self.detail.setPlainText(readable(message) if message is not None else "")
        self.copy.setEnabled(message is not None)

    def _filter(self, text: str) -> None:
        self.messages.set_filter(text)
        self._tell()

    def _tell(self) -> None:
        """How many there are, and what an empty list means."""
        total, shown = self.messages.total, self.messages.rowCount()
        waiting = appended(self.peer.messages) - self._seen if self.peer is not None else 0
        words = f"{total:,} message{'' if total == 1 else 's'}"
        if shown != total:
            words = f"{shown:,} of {words}"
        if self._paused:
            words += f" · paused, {waiting:,} new"
        self.count.setText(words)
        if shown:
            self.pane.show_ready()
        elif total:
            self.pane.show_empty("search", "No message matches the filter.", "")
        elif self.line.can_send:
            self.pane.show_empty(
                "data", "Nothing has gone over the data channel yet.", "Say something below."
            )
        else:
            self.pane.show_empty(
                "data",
                "Nothing went over the data channel.",
                "It opens when both sides have agreed on it.",
            )
