"""The live connections of a tunnel, and what its link went through."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from peerdeck.core.tunnel import LinkState, TunnelLink
from peerdeck.gui.models.connections import (
    AGE,
    BOTH,
    CLIENT,
    SERVICE,
    ConnectionRow,
    connection_columns,
    connection_rows,
    duration_text,
)
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XS, ICON_S, ROW
from peerdeck.gui.widgets.cards import Card
from peerdeck.gui.widgets.labels import StatusLabel, label
from peerdeck.gui.widgets.table import DataTable

if TYPE_CHECKING:
    from peerdeck.services.links import Link

_MOST_ROWS: Final = 6
_CLIENT_WIDTH: Final = 84
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
            "They wait until the tunnel is back; else they are refused at once, those too that "
            "wait already."
        )
        self.hold.toggled.connect(self.hold_changed)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._lay_out()

    def _lay_out(self) -> None:
        """The table is as wide as the card allows: it has to fit into the smallest window."""
        self.body.setContentsMargins(GAP_XS, GAP_S, GAP_XS, GAP_M)
        if self.header is not None:
            self.header.row.setContentsMargins(GAP_S, 0, GAP_S, 0)
        self.add(self.table)
        below = QVBoxLayout()
        below.setContentsMargins(GAP_S, 0, GAP_S, 0)
        below.setSpacing(GAP_S)
        below.addWidget(self.empty)
        below.addWidget(self.hold)
        self.body.addLayout(below)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, the age is in the client's tooltip alone."""
        super().resizeEvent(event)
        wanted = _CLIENT_WIDTH + sum(column.width for column in self.rows.columns)
        narrow = event.size().width() < wanted + 2 * GAP_L
        self.table.setColumnHidden(BOTH, not narrow)
        for column in (CLIENT, SERVICE, AGE):
            self.table.setColumnHidden(column, narrow)

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
        lines.setColumnStretch(2, 1)
        self._lines = []
        for row in range(_MOST_EVENTS):
            at, state = label("", "figures", "muted"), StatusLabel()
            took, reason = label("", "figures", "muted"), label("", "small", "muted", wrap=True)
            reason.setIndent(ICON_S + GAP_XS)  # beneath the word, not the dot
            for column, part in enumerate((at, state, took)):
                lines.addWidget(part, 2 * row, column)
            lines.addWidget(reason, 2 * row + 1, 1, 1, 2)
            self._lines.append((at, state, took, reason))
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
            took.setText(f"for {duration_text(span)}" if span and span >= 1 else "")
            reason.setText(event.reason)
            reason.setVisible(bool(event.reason))
