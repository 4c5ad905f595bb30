"""What can be plotted of a session, as a tree with check marks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, Signal

from peerdeck.core.rtc_stats import Member
from peerdeck.gui.models.definitions import definition_words
from peerdeck.gui.models.rows import Index, plain_tip
from peerdeck.gui.models.stats_objects import GROUPS, StatsObject
from peerdeck.gui.theme import theme

STANDARD_OBJECT: Final = "standard"  # the object whose members are the standard plots
_ROOT: Final = 0
_Offered = tuple[str, Callable[[], str], Member]  # name, words of its definition, member


@dataclass(slots=True)
class _Node:
    """number: its place in the list of nodes; key: what it is from one tree to the next."""

    number: int
    parent: int
    row: int
    text: str
    key: str
    member: Member | None = None
    words: Callable[[], str] | None = None  # of the definition: asked for by few tooltips
    children: list[int] = field(default_factory=list)

    def tooltip(self) -> str:
        return self.words() if self.words is not None else ""


class SeriesModel(QAbstractItemModel):
    """Types, their objects, their members; members have a check mark.

    chosen_changed(): a person checked or unchecked something; `chosen` has it.
    """

    chosen_changed = Signal()

    def __init__(self, standard: Mapping[str, str], parent: QObject | None = None) -> None:
        """standard: names of the standard plots and what each means."""
        super().__init__(parent)
        self._standard = dict(standard)
        self._objects: tuple[StatsObject, ...] = ()
        self._words: tuple[str, ...] = ()
        self._nodes: list[_Node] = []
        self.chosen: dict[Member, None] = {}  # in the order of choice
        self._build()

    # --- what is in it ---------------------------------------------------------------------

    def set_objects(self, objects: Sequence[StatsObject]) -> bool:
        """Whether that changed the tree."""
        if tuple(objects) == self._objects:
            return False
        self._objects = tuple(objects)
        self._rebuild()
        return True

    def set_filter(self, text: str) -> None:
        """Every word must occur in the names of a member, of its object or of its type."""
        words = tuple(text.lower().split())
        if words != self._words:
            self._words = words
            self._rebuild()

    def choose(self, members: Sequence[Member]) -> None:
        """Checks exactly these; what is chosen may also come later."""
        self.chosen = dict.fromkeys(members)
        for node in self._nodes[1:]:
            if node.children and self._nodes[node.children[0]].member is not None:
                last = len(node.children) - 1
                above = self.createIndex(node.row, 0, node.number)
                first, end = self.index(0, 0, above), self.index(last, 0, above)
                self.dataChanged.emit(first, end, [Qt.ItemDataRole.CheckStateRole])

    def check(self, members: Sequence[Member], *, on: bool) -> None:
        """Adds these to what is chosen, or takes them out of it."""
        kept = {m: None for m in self.chosen if m not in set(members)}
        self.choose([*kept, *(members if on else ())])
        self.chosen_changed.emit()

    @property
    def members(self) -> list[Member]:
        """Every member that the filter lets through."""
        return [node.member for node in self._nodes if node.member is not None]

    def key_of(self, index: Index) -> str:
        return self._node(index).key

    def indexes(self, keys: Collection[str]) -> list[QModelIndex]:
        """Of nodes with children, by their keys."""
        return [
            self.createIndex(node.row, 0, node.number)
            for node in self._nodes[1:]
            if node.children and node.key in keys
        ]

    def index_of(self, member: Member) -> QModelIndex:
        node = next((node for node in self._nodes if node.member == member), None)
        return QModelIndex() if node is None else self.createIndex(node.row, 0, node.number)

    def _rebuild(self) -> None:
        self.beginResetModel()
        self._build()
        self.endResetModel()

    def _build(self) -> None:
        self._nodes = [_Node(_ROOT, _ROOT, 0, "", "")]
        named: list[_Offered] = [
            (name, partial(str, words), (STANDARD_OBJECT, name))
            for name, words in self._standard.items()
        ]
        self._add_members(_ROOT, "Standard plots", STANDARD_OBJECT, named, "standard")
        groups: dict[str, int] = {}
        for one in self._objects:
            title = GROUPS.get(one.type, one.type)
            members = [
                (member, partial(definition_words, one.type, member), (one.id, member))
                for member in one.members
            ]
            searched = f"{title} {one.type} {one.name}"
            if not self._matching(members, searched):
                continue
            if one.type not in groups:
                groups[one.type] = self._add(_ROOT, title, one.type)
            self._add_members(groups[one.type], one.name, one.id, members, searched)

    def _matching(self, members: Sequence[_Offered], searched: str) -> list[_Offered]:
        above = searched.lower()
        return [
            row for row in members if all(w in above or w in row[0].lower() for w in self._words)
        ]

    def _add_members(
        self,
        parent: int,
        title: str,
        key: str,
        members: Sequence[_Offered],
        searched: str,
    ) -> None:
        rows = self._matching(members, searched)
        if rows:
            node = self._add(parent, title, key)
            for name, words, member in rows:
                self._add(node, name, f"{key}/{name}", member, words)

    def _add(
        self,
        parent: int,
        text: str,
        key: str,
        member: Member | None = None,
        words: Callable[[], str] | None = None,
    ) -> int:
        siblings = self._nodes[parent].children
        number = len(self._nodes)
        self._nodes.append(_Node(number, parent, len(siblings), text, key, member, words))
        siblings.append(number)
        return number

    # --- what Qt asks ----------------------------------------------------------------------

    def _node(self, index: Index) -> _Node:
        return self._nodes[index.internalId() if index.isValid() else _ROOT]

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's own default
        children = self._node(parent).children
        if column != 0 or not 0 <= row < len(children):
            return QModelIndex()
        return self.createIndex(row, 0, children[row])

    def parent(self, child: Index = QModelIndex()) -> Any:  # noqa: B008 - Qt's own default
        if not child.isValid():
            return QModelIndex()
        above = self._nodes[self._node(child).parent]
        return self.createIndex(above.row, 0, above.number) if above.number else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return len(self._node(parent).children) if parent.column() <= 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 1

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and self._node(index).member is not None:
            flags |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemNeverHasChildren
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        node = self._node(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return node.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(node.tooltip() or node.text)
        if role == Qt.ItemDataRole.CheckStateRole and node.member is not None:
            chosen = node.member in self.chosen
            return Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ForegroundRole and node.parent == _ROOT:
            return theme().color("muted")
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        member = self._node(index).member if index.isValid() else None
        if role != Qt.ItemDataRole.CheckStateRole or member is None:
            return False
        if Qt.CheckState(value) == Qt.CheckState.Checked:
            self.chosen[member] = None
        else:
            self.chosen.pop(member, None)
        self.dataChanged.emit(index, index, [Qt.ItemDataRole.CheckStateRole])
        self.chosen_changed.emit()
        return True
