"""Which members are plotted, and how: a tree with check marks, a filter, three ways to arrange."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.rtc_stats import Member
from peerdeck.gui.models.series import STANDARD_OBJECT, SeriesModel
from peerdeck.gui.models.stats_objects import StatsObject
from peerdeck.gui.theme import GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.fields import SearchField


class Arrangement(StrEnum):
    """What shares a plot."""

    EACH = "One plot each"
    MEMBER = "Same member in one plot"
    UNIT = "Same unit in one plot"


WIDTH: Final = 300
STANDARD_WORDS: Final = {
    "Bitrate in": "Bits received per second: RTP and RTCP with their headers.",
    "Packets": "RTP packets received per second; sent ones where this peer only sends.",
    "Frame rate": "Frames decoded per second; encoded ones where this peer only sends.",
    "Resolution": "Height of the last frame.",
    "Bitrate out": "Bits sent per second: RTP and RTCP with their headers.",
    "Loss": "Share of the RTP packets of the last interval that did not arrive.",
    "Jitter": "Interarrival jitter (RFC 3550) of the video, else of the audio.",
    "Round trip": "Time of the last STUN exchange on the selected pair, else of RTCP.",
}


class _Tree(QTreeView):
    """Space and Enter check; the rest is Qt's."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and index.isValid():
            if self.model().hasChildren(index):
                self.setExpanded(index, not self.isExpanded(index))
                return
            was = Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole))
            now = Qt.CheckState.Unchecked if was == Qt.CheckState.Checked else Qt.CheckState.Checked
            self.model().setData(index, now, Qt.ItemDataRole.CheckStateRole)
            return
        super().keyPressEvent(event)


class Chooser(QWidget):
    """changed(): other members, another arrangement, or raw instead of rates. closed(): enough."""

    changed = Signal()
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._all_standard = [(STANDARD_OBJECT, name) for name in STANDARD_WORDS]
        self.model = SeriesModel(STANDARD_WORDS, self)
        self.model.choose(self._all_standard)
        self._open = {STANDARD_OBJECT, "inbound-rtp"}
        self.search = SearchField("Filter members", self)
        self.tree = _Tree()
        self.arrangement = QComboBox()
        self.raw = QCheckBox("Totals")
        self.reset = IconButton("refresh", "Back to the standard plots")
        self._set_up_tree()
        self._lay_out()
        self.search.textChanged.connect(self._filter)
        self.search.left_downwards.connect(self.tree.setFocus)
        self.model.chosen_changed.connect(self.changed)
        self.arrangement.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.raw.toggled.connect(lambda _: self.changed.emit())
        self.reset.clicked.connect(self.choose_standard)
        self._show_open()

    def _set_up_tree(self) -> None:
        self.tree.setModel(self.model)
        self.tree.setProperty("frame", "none")
        self.tree.setHeaderHidden(True)
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(14)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setAccessibleName("Members of the statistics")
        self.tree.clicked.connect(self._clicked)
        self.tree.expanded.connect(lambda index: self._open.add(self.model.key_of(index)))
        self.tree.collapsed.connect(lambda index: self._open.discard(self.model.key_of(index)))

    def _lay_out(self) -> None:
        self.arrangement.addItems([str(one) for one in Arrangement])
        self.arrangement.setAccessibleName("What shares a plot")
        self.raw.setToolTip(
            "Counters as totals since the beginning instead of their growth per second"
        )
        close = IconButton("close", "Close the list of members")
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setSpacing(GAP_XS)
        head.addWidget(self.search, 1)
        head.addWidget(self.reset)
        head.addWidget(close)
        foot = QHBoxLayout()
        foot.setSpacing(GAP_S)
        foot.addWidget(self.arrangement, 1)
        foot.addWidget(self.raw)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_S, GAP_S, GAP_S, GAP_S)
        column.setSpacing(GAP_XS)
        column.addLayout(head)
        column.addWidget(self.tree, 1)
        column.addLayout(foot)

    # --- what it says ----------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[Member, ...]:
        return tuple(self.model.chosen)

    @property
    def is_standard(self) -> bool:
        return list(self.model.chosen) == self._all_standard

    @property
    def arranged(self) -> Arrangement:
        return Arrangement(self.arrangement.currentText())

    def set_objects(self, objects: Sequence[StatsObject]) -> None:
        scrolled = self.tree.verticalScrollBar().value()
        if self.model.set_objects(objects):
            self._show_open()
            self.tree.verticalScrollBar().setValue(scrolled)

    def choose(self, members: Sequence[Member]) -> None:
        self.model.choose(members)
        self._show_open()
        self.changed.emit()

    def choose_standard(self) -> None:
        self.choose(self._all_standard)

    # --- what happens ----------------------------------------------------------------------

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._show_open()

    def _show_open(self) -> None:
        """A filter opens everything that it lets through."""
        if self.search.text().strip():
            self.tree.blockSignals(True)
            self.tree.expandAll()
            self.tree.blockSignals(False)
            return
        for index in self.model.indexes(set(self._open)):
            self.tree.expand(index)

    def _clicked(self, index: QModelIndex) -> None:
        """The whole line of a group opens it, not the small arrow alone."""
        if self.model.hasChildren(index):
            self.tree.setExpanded(index, not self.tree.isExpanded(index))
