"""The list of tunnels with its filter, its clock and its four states."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from peerdeck.core.quantities import age_text
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.models.tunnels import TunnelRow, tunnel_columns, tunnel_rows
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable
from peerdeck.services.status import Status

if TYPE_CHECKING:
    from peerdeck.services.tunnels import TunnelsState

_TICK_MS: Final = 1000
_SEARCH_WIDTH: Final = 220


class TunnelList(QWidget):
    """`filter` belongs into the page's header. clock: POSIX seconds.

    asked(str): "open" or "retry", from the buttons of an empty or failed list. changed(): another
    state or number of rows.
    """

    asked = Signal(str)
    changed = Signal()

    def __init__(self, page: QWidget, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._state: TunnelsState | None = None
        self.model: RowsModel[TunnelRow] = RowsModel(
            tunnel_columns(clock), lambda row: row.tunnel.id, self
        )
        self.table = DataTable(self.model, tick_ms=_TICK_MS)
        self.table.setObjectName("tunnels.table")
        self.table.add_copy_action("tunnel ID", lambda row: row.tunnel.id, "Ctrl+C")
        self.table.add_copy_action("ARN", lambda row: row.tunnel.arn)
        self.pane = StatePane(self.table, "tunnels.pane")
        self.pane.chosen.connect(self._pane_asked)
        self.filter = SearchField("Filter tunnels", page)
        self.filter.setObjectName("tunnels.filter")
        self.filter.setFixedWidth(_SEARCH_WIDTH)
        self.filter.textChanged.connect(self._filter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pane)

    @property
    def count_text(self) -> str:
        """ "5", or "2 of 5" under a filter."""
        shown, total = self.model.rowCount(), self.model.total
        return f"{shown:,} of {total:,}" if shown != total else f"{total:,}" if total else ""

    def show_state(self, state: "TunnelsState") -> None:
        first = not self.model.total
        self._state = state
        self.model.set_rows(tunnel_rows(state.tunnels, state.links))
        if first and state.tunnels and not self.table.selected_id:
            self.table.select_first()
        self._show_pane(state)

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        if self._state is not None:
            self._show_pane(self._state)

    def _show_pane(self, state: "TunnelsState") -> None:
        self.filter.setEnabled(bool(state.tunnels))
        if state.problem is not None and state.loaded_at:
            age = age_text(self._clock() - state.loaded_at)
            self.pane.show_stale(f"As of {age}. {state.problem.title}")
        elif state.problem is not None:
            self.pane.show_problem(state.problem)
        elif self.model.rowCount():
            self.pane.show_ready()
        elif state.tunnels:
            self.pane.show_empty(
                "search",
                f"No tunnel matches “{self.filter.text().strip()}”.",
                "The filter looks at things and services.",
                (("clear", "Clear the filter"),),
            )
        elif state.status is Status.READY:
            self.pane.show_empty(
                "tunnels",
                "No tunnel in this region.",
                "A tunnel leads to SSH, HTTP or any other TCP service of a device.",
                (("open", "Open tunnel"),),
            )
        else:
            self.pane.show_loading()
        self.changed.emit()

    def _pane_asked(self, key: str) -> None:
        if key == "clear":
            self.filter.clear()
        else:
            self.asked.emit(key)
