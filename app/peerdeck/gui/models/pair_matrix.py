"""The grid of candidate pairs as Qt models: a matrix, a list, and all members of one pair."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from peerdeck.core.quantities import bytes_text
from peerdeck.core.rtc_stats import TYPE, Value
from peerdeck.gui.models.definitions import definition_words
from peerdeck.gui.models.pairs import KIND_WORDS, STATES, End, Pair, PairGrid
from peerdeck.gui.models.rows import Column, Index, plain_tip
from peerdeck.gui.widgets.plots.units import count_text

_NAMES: Final = {"port", "relatedPort", "priority", "ssrc", "networkId"}
PAIR_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 1


class PairMatrixModel(QAbstractTableModel):
    """A row for each local candidate, a column for each remote one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.grid = PairGrid()

    def set_grid(self, grid: PairGrid) -> None:
        before, shape = self.grid, _ids(grid)
        if shape != _ids(before):
            self.beginResetModel()
            self.grid = grid
            self.endResetModel()
            return
        self.grid = grid
        for row, local in enumerate(grid.locals):
            for column, remote in enumerate(grid.remotes):
                place = (local.id, remote.id)
                if before.pairs.get(place) != grid.pairs.get(place):
                    index = self.index(row, column)
                    self.dataChanged.emit(index, index)

    def ends(self, index: Index) -> tuple[End, End]:
        return self.grid.locals[index.row()], self.grid.remotes[index.column()]

    def pair(self, index: Index) -> Pair | None:
        local, remote = self.ends(index)
        return self.grid.pairs.get((local.id, remote.id))

    def index_of(self, pair_id: str) -> QModelIndex:
        for row, local in enumerate(self.grid.locals):
            for column, remote in enumerate(self.grid.remotes):
                pair = self.grid.pairs.get((local.id, remote.id))
                if pair is not None and pair.id == pair_id:
                    return self.index(row, column)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.grid.locals)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.grid.remotes)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        across = orientation == Qt.Orientation.Horizontal
        ends = self.grid.remotes if across else self.grid.locals
        if not 0 <= section < len(ends):
            return None
        end = ends[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{end.title}\n{end.address or end.id}"
        if role == Qt.ItemDataRole.ToolTipRole:
            side = "Remote" if across else "Local"
            meaning = KIND_WORDS.get(end.kind, "")
            return plain_tip(f"{side} {end.title}: {end.address or end.id}\n{meaning}".strip())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        pair = self.pair(index)
        if role == PAIR_ROLE:
            return pair
        if role == Qt.ItemDataRole.DisplayRole:
            return "not paired" if pair is None else pair.state
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self._words(index, pair))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._words(index, pair)
        return None

    def _words(self, index: Index, pair: Pair | None) -> str:
        """All of a place in one text."""
        local, remote = self.ends(index)
        where = f"{local.title} {local.address} → {remote.title} {remote.address}"
        if pair is None:
            return f"{where}\n{self.grid.why_unpaired(local, remote)}"
        figures = (
            f"round trip {pair.rtt_text}, {pair.answered} of {pair.sent} checks answered, "
            f"{pair.bytes_text}"
        )
        return f"{where}\n{pair.state}: {state_words(pair.state)}\n{figures}"


def _ids(grid: PairGrid) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(end.id for end in grid.locals), tuple(end.id for end in grid.remotes)


def state_words(state: str) -> str:
    return STATES.get(state, STATES[""])[2]


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair with its ends, for the list."""

    pair: Pair
    local: End
    remote: End


def pair_rows(grid: PairGrid) -> list[PairRow]:
    """The selected one first, then those that work, then by checks sent."""
    order = {state: place for place, state in enumerate(STATES)}
    rows = [
        PairRow(pair, grid.local(pair.local), grid.remote(pair.remote))
        for pair in grid.pairs.values()
    ]
    return sorted(rows, key=lambda row: (order.get(row.pair.state, 9), -row.pair.sent, row.pair.id))


def _end_text(end: End) -> str:
    return f"{end.kind} {end.address or end.id}".strip()


PAIR_COLUMNS: Final[tuple[Column[PairRow], ...]] = (
    Column(
        "State",
        lambda row: row.pair.state,
        icon=lambda row: STATES.get(row.pair.state, STATES["frozen"])[:2],
        tooltip=lambda row: state_words(row.pair.state),
        width=112,
    ),
    Column("Local", lambda row: _end_text(row.local), font="mono", elide="middle", width=0),
    Column("Remote", lambda row: _end_text(row.remote), font="mono", elide="middle", width=0),
    Column("Via", lambda row: row.local.protocol, width=48),
    Column(
        "RTT",
        lambda row: row.pair.rtt_text,
        key=lambda row: 1e9 if row.pair.rtt_ms is None else row.pair.rtt_ms,
        align="right",
        font="figures",
        width=64,
    ),
    Column(
        "Checks",
        lambda row: row.pair.checks_text,
        key=lambda row: row.pair.sent,
        tooltip=lambda row: f"{row.pair.answered} answered of {row.pair.sent} sent",
        align="right",
        font="figures",
        width=68,
    ),
    Column(
        "↓",
        lambda row: bytes_text(row.pair.bytes_in),
        key=lambda row: row.pair.bytes_in,
        tooltip=lambda row: f"Received: {row.pair.bytes_in:,} bytes",
        align="right",
        font="figures",
        width=68,
    ),
    Column(
        "↑",
        lambda row: bytes_text(row.pair.bytes_out),
        key=lambda row: row.pair.bytes_out,
        tooltip=lambda row: f"Sent: {row.pair.bytes_out:,} bytes",
        align="right",
        font="figures",
        width=68,
    ),
)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """whose: "pair", "local" or "remote"; type: of its stats object, for the definition."""

    whose: str
    type: str
    name: str
    value: str


def member_rows(pair: Pair | None, local: End, remote: End) -> list[MemberRow]:
    """Everything that is known of a pair and its two ends."""
    return [
        *_members("pair", "candidate-pair", {} if pair is None else pair.members),
        *_members("local", "local-candidate", local.members),
        *_members("remote", "remote-candidate", remote.members),
    ]


def _members(whose: str, kind: str, members: Any) -> Iterator[MemberRow]:
    for name, value in members.items():
        if name != TYPE:
            yield MemberRow(whose, kind, name, value_text(name, value))


def value_text(name: str, value: Value) -> str:
    """Flags as words, counts with separators, what only identifies as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or name in _NAMES:
        return str(value)
    return count_text(value)


MEMBER_COLUMNS: Final[tuple[Column[MemberRow], ...]] = (
    Column("Of", lambda row: row.whose, tone=lambda row: "muted", width=62),
    Column(
        "Member",
        lambda row: row.name,
        tooltip=lambda row: definition_words(row.type, row.name),
        width=0,
    ),
    Column(
        "Value",
        lambda row: row.value,
        tooltip=lambda row: row.value,
        font="figures",
        elide="middle",
        width=100,
    ),
)
