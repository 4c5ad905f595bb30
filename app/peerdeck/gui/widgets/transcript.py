"""What went over the signaling socket, decoded."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from peerdeck.core.peer_log import appended
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.models.signaling import (
    SIGNALING_COLUMNS,
    SignalingRow,
    full_text,
    payload_text,
    signaling_rows,
)
from peerdeck.gui.theme import GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import CopyButton, IconButton
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.flex import FlexSplitter
from peerdeck.gui.widgets.follow import GrowingTable
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.reading import ReadingPane
from peerdeck.gui.widgets.state import StatePane

_SEARCH_WIDTH: Final = 260
_PEER: Final = 3  # column


class TranscriptView(LogView):
    """Every message as a line, and the chosen one in full."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seen: tuple[object, int] | None = None
        self.model = RowsModel[SignalingRow](SIGNALING_COLUMNS, lambda row: str(row.number), self)
        self.table = GrowingTable(self.model)
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Signaling messages")
        self.table.add_copy_action("message", full_text, "Ctrl+C")
        self.table.add_copy_action("payload", lambda row: payload_text(row.entry))
        self.search = SearchField("Find in messages", self)
        self.search.setFixedWidth(_SEARCH_WIDTH)
        self.to_newest = IconButton("chevron-down", "Go to the newest message")
        self.copy = CopyButton(self._chosen_text, "the message")
        self.remark = label("", "small", "muted")
        self.payload = ReadingPane("Decoded message")
        self._lay_out()
        self.table.selected.connect(lambda _: self._show_payload())
        self.search.textChanged.connect(self._find)
        self.search.left_downwards.connect(self._to_table)
        self.to_newest.clicked.connect(self.table.follow)
        self.pane.chosen.connect(lambda _: self.search.clear())

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(GAP_S, GAP_XS, GAP_S, 0)
        bar.setSpacing(GAP_S)
        bar.addWidget(self.remark, 1)
        for part in (self.search, self.to_newest, self.copy):
            bar.addWidget(part)
        self.pane = StatePane(FlexSplitter(self.table, self.payload, beside=58), "transcript.pane")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addLayout(bar)
        column.addWidget(self.pane, 1)

    # --- drawing ---------------------------------------------------------------------------

    def forget(self) -> None:
        self._seen = None
        self.table.forget_selection()
        self.table.follow()

    def draw_log(self) -> None:
        log = self.log
        entries = log.signaling if log is not None else []
        words, count = self.search.text(), appended(entries)
        choice = (id(entries), self.at_s, self.peer_id, words)
        if (choice, count) == self._seen:
            return
        grows = self._seen is not None and self._seen[0] == choice and self.at_s is None
        rows = signaling_rows(
            entries,
            log.started_at if log is not None else 0.0,
            until_s=self.at_s,
            peer=self.peer_id,
            words=words,
            seen=self._seen[1] if grows and self._seen is not None else 0,
        )
        if grows:
            oldest = count - len(entries)
            gone = bisect_left(self.model.rows, oldest, key=lambda row: row.number)
            self.model.grow(gone, rows)
        else:
            self.model.set_rows(rows)
        self._seen = (choice, count)
        self._say_how_many(self.model.rows)
        self._show_state(any_entries=bool(entries))

    def _say_how_many(self, rows: Sequence[SignalingRow]) -> None:
        self.table.setColumnHidden(_PEER, not any(row.entry.peer for row in rows))
        sent = sum(row.entry.direction == "sent" and row.entry.size > 0 for row in rows)
        received = sum(row.entry.direction == "received" and row.entry.size > 0 for row in rows)
        self.remark.setText(f"{sent} sent, {received} received" if rows else "")

    def _show_state(self, *, any_entries: bool) -> None:
        if self.model.rowCount():
            self.pane.show_ready()
            self._show_payload()
        elif any_entries and self.search.text().strip():
            self.pane.show_empty(
                "search",
                f"No message holds “{self.search.text().strip()}”.",
                "Everything is searched, payloads included.",
                (("clear", "Clear the filter"),),
            )
        else:
            self.pane.show_empty(
                "send",
                "No signaling yet.",
                "Offers, answers and candidates that go over the signaling socket are shown here, "
                "decoded. A dump of a browser has none.",
            )

    def _find(self, words: str) -> None:
        self.payload.mark(words)
        self.refresh()

    def _show_payload(self) -> None:
        row: SignalingRow | None = self.table.selected_row()
        self.payload.show_text(full_text(row) if row is not None else "")
        self.payload.setPlaceholderText("Choose a message to read it.")

    def _chosen_text(self) -> str:
        row: SignalingRow | None = self.table.selected_row()
        return full_text(row) if row is not None else ""

    def _to_table(self) -> None:
        self.table.setFocus()
        self.table.select_first()
