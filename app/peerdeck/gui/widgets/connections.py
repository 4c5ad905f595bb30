"""The live connections of a tunnel, and what its link went through."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QWidget

from peerdeck.core.tunnel import LinkState, TunnelLink
from peerdeck.gui.models.connections import (
    ConnectionRow,
    connection_columns,
    connection_rows,
    duration_text,
)
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.theme import GAP_L, GAP_XS, ROW
from peerdeck.gui.widgets.cards import Card
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel, label
from peerdeck.gui.widgets.table import DataTable

if TYPE_CHECKING:
    from peerdeck.services.links import Link

_MOST_ROWS: Final = 6
_MOST_EVENTS: Final = 5
_WORDS: Final = {
    LinkState.CONNECTING: ("Connecting", "info"),
    LinkState.READY: ("Connected", "ok"),
    LinkState.RECONNECTING: ("Link lost", "warn"),
    LinkState.FAILED: ("Given up", "bad"),
    LinkState.CLOSED: ("Disconnected", "muted"),
    LinkState.IDLE: ("Not connected", "muted"),
}


class ConnectionsCard(Card):
    """hold_changed(bool): whether new connections shall wait while the link is down."""

    hold_changed = Signal(bool)

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__("Connections")
        self.setObjectName("tunnels.connections")
        self.rows: RowsModel[ConnectionRow] = RowsModel(
            connection_columns(clock), lambda row: str(row.connection.number), self
        )
        self.table = DataTable(self.rows)
        self.table.setObjectName("tunnels.connections.table")
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Live connections")
        self.table.add_copy_action("client address", lambda row: row.connection.client, "Ctrl+C")
        self.empty = label("No program is connected to the local ports.", "small", "muted")
        self.hold = QCheckBox("Hold new ones while the link is down")
        self.hold.setObjectName("tunnels.connections.hold")
        self.hold.setToolTip(
            "They wait until the tunnel is back; else they are refused at once. "
            "Takes effect with the next Connect."
        )
        self.hold.toggled.connect(self.hold_changed)
        for part in (self.table, self.empty, self.hold):
            self.add(part)

    def show_link(self, link: "Link", *, hold: bool) -> None:
        self.rows.set_rows(connection_rows(link.link.connections, link.connection_rates))
        self.rows.tick()
        shown = self.rows.rowCount()
        total = sum(service.connections for service in link.link.services)
        if self.header is not None:
            words = f"{shown:,} newest of {total:,}" if total > shown else f"{shown:,}"
            self.header.remark.setText(words if shown else "")
        self.table.setVisible(bool(shown))
        self.empty.setVisible(not shown)
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + min(shown, _MOST_ROWS) * ROW + 2)
        if self.hold.isChecked() != hold:
            self.hold.blockSignals(True)
            self.hold.setChecked(hold)
            self.hold.blockSignals(False)


class LinkHistory(Card):
    """The latest changes of the link: when, what, why, and for how long."""

    def __init__(self) -> None:
        super().__init__("History of the link")
        self.setObjectName("tunnels.history")
        self._shown: object = None
        grid = QWidget()
        lines = QGridLayout(grid)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setHorizontalSpacing(GAP_L)
        lines.setVerticalSpacing(GAP_XS)
        lines.setColumnStretch(3, 1)
        self._lines = []
        for row in range(_MOST_EVENTS):
            line = (
                label("", "figures", "muted"),
                StatusLabel(),
                label("", "figures", "muted"),
                ElidedLabel("", "small", "muted", elide=Qt.TextElideMode.ElideRight),
            )
            for column, part in enumerate(line):
                lines.addWidget(part, row, column)
            self._lines.append(line)
        self.add(grid)

    @property
    def texts(self) -> list[str]:
        """Newest first."""
        return [
            " ".join(filter(None, (state.word, took.text(), reason.text())))
            for _, state, took, reason in self._lines
            if not state.isHidden()
        ]

    def show_link(self, link: TunnelLink) -> None:
        if link.history == self._shown:
            return
        self._shown = link.history
        events = list(link.history)
        ends = [later.at for later in events[1:]]
        spans = [*(end - one.at for one, end in zip(events, ends, strict=False)), None]
        newest = list(zip(events, spans, strict=True))[: -_MOST_EVENTS - 1 : -1]
        for place, (at, state, took, reason) in enumerate(self._lines):
            there = place < len(newest)
            for part in (at, state, took, reason):
                part.setVisible(there)
            if not there:
                continue
            event, span = newest[place]
            at.setText(time.strftime("%H:%M:%S", time.localtime(event.at)))
            at.setToolTip(time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(event.at)))
            state.show_state(*_WORDS[event.state])
            took.setText("" if span is None else f"for {duration_text(span)}")
            reason.setText(event.reason)
