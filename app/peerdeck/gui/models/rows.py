"""A table of frozen rows with stable ids."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final, Generic, Literal, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from peerdeck.gui import assets
from peerdeck.gui.theme import FontRole, theme

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex

BAR_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 1  # share 0–1 of a bar, or None
ID_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 2
# More separate changes than this and one reset is cheaper for every view than the exact signals.
_MOST_RUNS: Final = 64
_MOST_TIP: Final = 2000
_ALIGN: Final = {
    "left": Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
    "right": Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
    "center": Qt.AlignmentFlag.AlignCenter,
}


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column: how a row becomes what is shown.

    key: what it sorts by, else the text without case. icon: (icon name, theme token). tone: theme
    token of the text, "" for the usual. bar: share 0–1 painted as a thin bar under the text. live:
    the text depends on the clock, `RowsModel.tick` repaints it. width: px, 0 stretches.
    """

    title: str
    text: Callable[[Row], str]
    key: Callable[[Row], Any] | None = None
    tooltip: Callable[[Row], str] | None = None
    icon: Callable[[Row], tuple[str, str] | None] | None = None
    tone: Callable[[Row], str] | None = None
    bar: Callable[[Row], float | None] | None = None
    align: Literal["left", "right", "center"] = "left"
    font: FontRole = "body"
    elide: Literal["right", "middle"] = "right"
    width: int = 100
    live: bool = False
    searched: bool = True


class RowsModel(QAbstractTableModel, Generic[Row]):
    """Shows rows that match a filter, sorted by a column; `set_rows` takes the next snapshot.

    Ids must be unique and stay with their row. The filter is a set of words, each of which must
    occur in some searched column, case aside.
    """

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        id_of: Callable[[Row], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._id_of = id_of
        self._all: tuple[Row, ...] = ()
        self._shown: list[Row] = []
        self._ids: list[str] = []
        self._places: dict[str, int] | None = None
        self._haystacks: dict[str, tuple[Row, str]] = {}
        self._words: tuple[str, ...] = ()
        self._sort_column = -1
        self._descending = False

    # --- what is in it ---------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Rows before the filter."""
        return len(self._all)

    @property
    def shown(self) -> tuple[Row, ...]:
        return tuple(self._shown)

    def row_at(self, row: int) -> Row:
        return self._shown[row]

    def id_at(self, row: int) -> str:
        return self._ids[row]

    def place_of(self, row_id: str) -> int:
        """Shown row number of an id, or -1."""
        if self._places is None:
            self._places = {key: place for place, key in enumerate(self._ids)}
        return self._places.get(row_id, -1)

    def set_rows(self, rows: Sequence[Row]) -> None:
        self._all = tuple(rows)
        self._apply(self._arranged())

    def grow(self, gone: int, rows: Sequence[Row]) -> None:
        """The first `gone` rows go, `rows` come at the end: cheaper than a whole snapshot."""
        leaving = {self._id_of(row) for row in self._all[:gone]}
        self._all = (*self._all[gone:], *rows)
        if 0 <= self._sort_column < len(self.columns):
            self._apply(self._arranged())
            return
        first = 0
        while first < len(self._ids) and self._ids[first] in leaving:
            first += 1
        if first:
            self._remove([(0, first - 1)])
        shown = [row for row in rows if self._matches(row)] if self._words else [*rows]
        if shown:
            start = len(self._shown)
            self.beginInsertRows(QModelIndex(), start, start + len(shown) - 1)
            self._shown += shown
            self._ids += [self._id_of(row) for row in shown]
            self._places = None
            self.endInsertRows()

    @property
    def rows(self) -> Sequence[Row]:
        """Before the filter, in the order of the snapshot."""
        return self._all

    def set_filter(self, text: str) -> None:
        words = tuple(text.lower().split())
        if words != self._words:
            self._words = words
            self._apply(self._arranged())

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Column -1 keeps the order of the snapshot."""
        self._sort_column = column
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._apply(self._arranged())

    def tick(self) -> None:
        """Repaints what depends on the clock."""
        if not self._shown:
            return
        last = len(self._shown) - 1
        for number, column in enumerate(self.columns):
            if column.live:
                self.dataChanged.emit(self.index(0, number), self.index(last, number))

    # --- what Qt asks ----------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGN[self.columns[section].align]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self._shown[index.row()], self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == ID_ROLE:
            return self._ids[index.row()]
        show = _ROLES.get(role)
        return None if show is None else show(column, row)

    # --- how a snapshot becomes signals ----------------------------------------------------

    def _arranged(self) -> list[Row]:
        rows = [row for row in self._all if self._matches(row)] if self._words else [*self._all]
        if 0 <= self._sort_column < len(self.columns):
            column = self.columns[self._sort_column]
            key = column.key or (lambda row: column.text(row).casefold())
            rows.sort(key=key, reverse=self._descending)
        return rows

    def _matches(self, row: Row) -> bool:
        row_id = self._id_of(row)
        known = self._haystacks.get(row_id)
        if known is None or known[0] is not row:
            if len(self._haystacks) > 2 * len(self._all):
                self._haystacks.clear()
            text = "\n".join(c.text(row) for c in self.columns if c.searched).lower()
            known = self._haystacks[row_id] = (row, text)
        return all(word in known[1] for word in self._words)

    def _apply(self, rows: list[Row]) -> None:
        ids = [self._id_of(row) for row in rows]
        if ids != self._ids:
            wanted, had = set(ids), set(self._ids)
            gone = _runs([key not in wanted for key in self._ids])
            new = _runs([key not in had for key in ids])
            if len(gone) + len(new) > _MOST_RUNS:
                self._reset(rows, ids)
                return
            self._remove(gone)
            self._reorder([key for key in ids if key in had])
            self._insert(new, rows, ids)
        self._change(rows)

    def _reset(self, rows: list[Row], ids: list[str]) -> None:
        self.beginResetModel()
        self._shown, self._ids, self._places = rows, ids, None
        self.endResetModel()

    def _remove(self, runs: list[tuple[int, int]]) -> None:
        for first, last in reversed(runs):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._shown[first : last + 1]
            del self._ids[first : last + 1]
            self._places = None
            self.endRemoveRows()

    def _reorder(self, ids: list[str]) -> None:
        if ids == self._ids:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        held = [(self._ids[index.row()], index.column()) for index in before]
        rows = dict(zip(self._ids, self._shown, strict=True))
        self._ids, self._places = ids, None
        self._shown = [rows[key] for key in ids]
        after = [self.index(self.place_of(key), column) for key, column in held]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _insert(self, runs: list[tuple[int, int]], rows: list[Row], ids: list[str]) -> None:
        for first, last in runs:
            self.beginInsertRows(QModelIndex(), first, last)
            self._shown[first:first] = rows[first : last + 1]
            self._ids[first:first] = ids[first : last + 1]
            self._places = None
            self.endInsertRows()

    def _change(self, rows: list[Row]) -> None:
        pairs = zip(self._shown, rows, strict=True)
        runs = _runs([old is not new and old != new for old, new in pairs])
        self._shown = rows
        last_column = len(self.columns) - 1
        for first, last in runs:
            self.dataChanged.emit(self.index(first, 0), self.index(last, last_column))


def _runs(marks: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last place of every run of True."""
    runs: list[tuple[int, int]] = []
    start = -1
    for place, mark in enumerate(marks):
        if mark and start < 0:
            start = place
        elif not mark and start >= 0:
            runs.append((start, place - 1))
            start = -1
    if start >= 0:
        runs.append((start, len(marks) - 1))
    return runs


def plain_tip(text: str | None) -> str | None:
    """A tooltip that shows what it was given: what a peer or a file says may look like HTML, and
    would be taken for it. Very long ones are cut."""
    if text is None:
        return None
    text = text if len(text) <= _MOST_TIP else f"{text[:_MOST_TIP]}…"
    return f"<p style='white-space:pre-wrap'>{escape(text)}</p>" if "<" in text else text


def _decoration(column: Column[Row], row: Row) -> Any:
    shown = column.icon(row) if column.icon else None
    return None if shown is None else assets.icon(*shown)


def _foreground(column: Column[Row], row: Row) -> Any:
    tone = column.tone(row) if column.tone else ""
    return theme().color(tone) if tone else None


_ROLES: Final[dict[int, Callable[[Column[Any], Any], Any]]] = {
    int(Qt.ItemDataRole.DecorationRole): _decoration,
    int(Qt.ItemDataRole.ForegroundRole): _foreground,
    int(Qt.ItemDataRole.TextAlignmentRole): lambda column, row: _ALIGN[column.align],
    int(Qt.ItemDataRole.FontRole): lambda column, row: theme().font(column.font),
    int(Qt.ItemDataRole.ToolTipRole): lambda column, row: (
        plain_tip(column.tooltip(row)) if column.tooltip else None
    ),
    BAR_ROLE: lambda column, row: column.bar(row) if column.bar else None,
}
