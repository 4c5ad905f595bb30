"""What of a log is written into a table for other programs."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QSize, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QTreeView, QVBoxLayout, QWidget

from peerdeck.core.peer_log import PeerLog
from peerdeck.core.rtc_stats import Member
from peerdeck.gui.models.series import SeriesModel
from peerdeck.gui.models.stats_objects import stats_objects
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.labels import label

_SIZE = QSize(520, 560)


class ExportDialog(QDialog):
    """Picks columns for a CSV file; blocks nothing. chosen(tuple of members): in their order."""

    chosen = Signal(tuple)

    def __init__(self, peer: PeerLog, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("export")
        self.setWindowTitle("Export a table")
        self._all = [
            (one.id, member) for one in stats_objects(peer.table) for member in one.members
        ]
        self._rows = len(peer.table)
        self.model = SeriesModel({}, self)
        self.model.set_objects(stats_objects(peer.table))
        self.model.choose(self._all)
        self.search = SearchField("Filter members", self)
        self.tree = QTreeView()
        self.check, self.uncheck = Button("Check all shown"), Button("Uncheck all shown")
        self.count = label("", "small", "muted")
        self.go = Button("Export…", "primary")
        self.cancel = Button("Cancel")
        self._lay_out()
        self.search.textChanged.connect(self._filter)
        self.search.left_downwards.connect(self.tree.setFocus)
        self.tree.clicked.connect(self._toggle)
        self.model.chosen_changed.connect(self._count_them)
        self.check.clicked.connect(lambda: self.model.check(self.model.members, on=True))
        self.uncheck.clicked.connect(lambda: self.model.check(self.model.members, on=False))
        self.go.clicked.connect(self._go)
        self.cancel.clicked.connect(self.reject)
        self._count_them()

    def _lay_out(self) -> None:
        self.tree.setModel(self.model)
        self.tree.setHeaderHidden(True)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Members to export")
        words = label(
            "One line for each sample, one column for each member that is checked. Empty where a "
            "sample did not have it.",
            tone="muted",
            wrap=True,
        )
        tools = QHBoxLayout()
        tools.setSpacing(GAP_S)
        tools.addWidget(self.search, 1)
        tools.addWidget(self.check)
        tools.addWidget(self.uncheck)
        foot = QHBoxLayout()
        foot.setSpacing(GAP_S)
        foot.addWidget(self.count, 1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_L, GAP_L, GAP_L, GAP_L)
        column.setSpacing(GAP_M)
        column.addWidget(words)
        column.addLayout(tools)
        column.addWidget(self.tree, 1)
        column.addLayout(foot)
        self.resize(_SIZE)

    @property
    def members(self) -> Sequence[Member]:
        """What is checked, in the order of the tree."""
        return [member for member in self._all if member in self.model.chosen]

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        if text.strip():
            self.tree.expandAll()

    def _toggle(self, index: QModelIndex) -> None:
        if self.model.hasChildren(index):
            self.tree.setExpanded(index, not self.tree.isExpanded(index))

    def _count_them(self) -> None:
        columns = len(self.members)
        self.count.setText(f"{columns:,} of {len(self._all):,} columns, {self._rows:,} lines")
        self.go.setEnabled(columns > 0 and self._rows > 0)

    def _go(self) -> None:
        self.chosen.emit(tuple(self.members))
        self.accept()
