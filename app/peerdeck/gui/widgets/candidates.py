"""The paths that ICE tried: every pair of candidates, as a matrix or a list, and the one in use."""

from typing import Final

from PySide6.QtCore import QModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QSplitter,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.stats import CandidatePair
from peerdeck.gui import assets
from peerdeck.gui.models.definitions import definition_words
from peerdeck.gui.models.pair_matrix import (
    MEMBER_COLUMNS,
    PAIR_COLUMNS,
    PAIR_ROLE,
    MemberRow,
    PairMatrixModel,
    PairRow,
    member_rows,
    pair_rows,
)
from peerdeck.gui.models.pairs import STATES, Pair, PairGrid, pair_grid
from peerdeck.gui.models.rows import Index, RowsModel
from peerdeck.gui.theme import GAP_L, GAP_S, GAP_XS, ICON_S, theme
from peerdeck.gui.widgets.labels import IconLabel, label
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

_CELL_WIDTH: Final = 148
_MEMBERS_WIDTH: Final = 300


def path_sentence(pair: CandidatePair) -> str:
    """One sentence on how media travels."""
    protocol = pair.protocol.upper()
    if "relay" in {pair.local_kind, pair.remote_kind}:
        both = pair.local_kind == pair.remote_kind
        whose = (
            "both sides" if both else "our side" if pair.local_kind == "relay" else "the other side"
        )
        return f"Media takes a detour over a TURN relay ({protocol}), asked for by {whose}."
    if {pair.local_kind, pair.remote_kind} == {"host"}:
        return f"Media goes directly over {protocol}, within one network."
    return f"Media goes directly over {protocol}, through NAT."


class _CellDelegate(QStyledItemDelegate):
    """State as icon and word with the round trip; checks and bytes beneath."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        line = QFontMetrics(theme().font("small")).height()
        return QSize(_CELL_WIDTH, 2 * line + 2 * GAP_S)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        pair: Pair | None = index.data(PAIR_ROLE)
        rect = option.rect
        painter.save()
        painter.setFont(theme().font("small"))
        if pair is not None and pair.state == "selected":
            painter.fillRect(rect, theme().color("selected"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme().color("hover"))
        if pair is None:
            painter.setPen(theme().color("faint"))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, "not paired")
        else:
            self._paint_pair(painter, rect.adjusted(GAP_S, GAP_S, -GAP_S, -GAP_S), pair)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(theme().color("accent"))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _paint_pair(self, painter: QPainter, rect: QRect, pair: Pair) -> None:
        icon, tone, _ = STATES.get(pair.state, STATES["frozen"])
        line = painter.fontMetrics().height()
        upper = QRect(rect.left(), rect.top(), rect.width(), line)
        drawn = assets.pixmap(icon, tone, ICON_S, painter.device().devicePixelRatioF())
        painter.drawPixmap(rect.left(), rect.top() + (line - ICON_S) // 2, drawn)
        painter.setPen(theme().color("text" if tone != "muted" else "muted"))
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        painter.drawText(upper.adjusted(ICON_S + GAP_XS, 0, 0, 0), left, pair.state)
        if pair.rtt_ms is not None:
            painter.drawText(upper, right, pair.rtt_text)
        painter.setPen(theme().color("muted"))
        lower = upper.translated(0, line)
        metrics, checks = painter.fontMetrics(), f"{pair.checks_text} checks"
        if metrics.horizontalAdvance(f"{checks}  {pair.carried_text}") > lower.width():
            checks = pair.checks_text
        painter.drawText(lower, left, checks)
        painter.drawText(lower, right, pair.carried_text)


class _EndHeader(QHeaderView):
    """Two lines: kind and protocol, and the address, elided in its middle."""

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        model = self.model()
        text = model.headerData(section, self.orientation(), Qt.ItemDataRole.DisplayRole)
        kind, _, address = str(text).partition("\n")
        painter.save()
        painter.fillRect(rect, theme().color("surface"))
        painter.setPen(theme().color("line"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.drawLine(rect.topRight(), rect.bottomRight())
        painter.setFont(theme().font("small"))
        metrics = painter.fontMetrics()
        room = rect.adjusted(GAP_S, 0, -GAP_XS, 0)
        top = rect.center().y() - metrics.height()
        for number, (line, tone) in enumerate(((kind, "text"), (address, "muted"))):
            shown = metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, room.width())
            painter.setPen(theme().color(tone))
            place = QRect(room.left(), top + number * metrics.height(), room.width(), 99)
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, shown)
        painter.restore()


class PairMatrix(QTableView):
    """Local candidates down, remote ones across; headers stay while it scrolls.

    pointed(QModelIndex): the cell that is selected now.
    """

    pointed = Signal(QModelIndex)

    def __init__(self, model: PairMatrixModel) -> None:
        super().__init__()
        self.setModel(model)
        self._cells = _CellDelegate(self)
        self.setItemDelegate(self._cells)
        self.setProperty("frame", "none")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setAccessibleName("Pairs of local (rows) and remote (columns) candidates")
        height = self._cells.sizeHint(QStyleOptionViewItem(), QModelIndex()).height()
        self._across = _EndHeader(Qt.Orientation.Horizontal, self)
        self._down = _EndHeader(Qt.Orientation.Vertical, self)
        self.setHorizontalHeader(self._across)
        self.setVerticalHeader(self._down)
        for header, size in ((self._across, _CELL_WIDTH), (self._down, height)):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setDefaultSectionSize(size)
            header.setHighlightSections(False)
        self._across.setFixedHeight(height)
        self._down.setFixedWidth(_CELL_WIDTH + GAP_L)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self.pointed.emit(self.currentIndex())


class _Members(QWidget):
    """All members of one pair and its ends; the definition of the chosen one beneath."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = RowsModel[MemberRow](
            MEMBER_COLUMNS, lambda row: f"{row.whose}/{row.name}", self
        )
        self.table = DataTable(self.rows)
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Members of the pair")
        self.table.add_copy_action("value", lambda row: row.value, "Ctrl+C")
        self.meaning = label("", "small", "muted", wrap=True)
        self.meaning.setMargin(GAP_XS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table, 1)
        column.addWidget(self.meaning)
        self.table.selected.connect(lambda _: self._explain())
        self._explain()

    def _explain(self) -> None:
        row: MemberRow | None = self.table.selected_row()
        if row is None:
            self.meaning.setText("Choose a member to read what it means.")
        else:
            self.meaning.setText(definition_words(row.type, row.name))


class CandidatesView(LogView):
    """What media travels on in one sentence, then every pair that ICE knows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pointed = ""  # id of the pair whose members are shown
        self.model = PairMatrixModel(self)
        self.matrix = PairMatrix(self.model)
        self.rows = RowsModel[PairRow](PAIR_COLUMNS, lambda row: row.pair.id, self)
        self.list = DataTable(self.rows)
        self.list.setProperty("frame", "none")
        self.list.setAccessibleName("Candidate pairs")
        self.members = _Members()
        self._icon = IconLabel("tunnels", "muted")
        self._sentence = label("", "body")
        self._count = label("", "small", "muted")
        self._modes = self._make_modes()
        self._lay_out()
        self.matrix.pointed.connect(self._show_cell)
        self.list.selected.connect(self._show_row)

    def _make_modes(self) -> dict[str, QToolButton]:
        group = QButtonGroup(self)
        made = {}
        for name, tip in (("Matrix", "Local candidates down, remote ones across"), ("List", "")):
            button = QToolButton()
            button.setText(name)
            button.setToolTip(tip or "One line for each pair")
            button.setCheckable(True)
            button.setProperty("kind", "segment")
            group.addButton(button)
            made[name] = button
        made["Matrix"].setChecked(True)
        made["Matrix"].clicked.connect(lambda: self._stack.setCurrentWidget(self.matrix))
        made["List"].clicked.connect(lambda: self._stack.setCurrentWidget(self.list))
        return made

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(GAP_S, GAP_XS, GAP_S, 0)
        head.setSpacing(GAP_S)
        head.addWidget(self._icon)
        head.addWidget(self._sentence)
        head.addWidget(self._count, 1)
        for button in self._modes.values():
            head.addWidget(button)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.matrix)
        self._stack.addWidget(self.list)
        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        split.addWidget(self._stack)
        split.addWidget(self.members)
        split.setStretchFactor(0, 1)
        split.setSizes([2 * _MEMBERS_WIDTH, _MEMBERS_WIDTH])
        self.pane = StatePane(split, "candidates.pane")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addLayout(head)
        column.addWidget(self.pane, 1)

    # --- drawing ---------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        return self._sentence.text()

    def _say(self, path: CandidatePair | None) -> None:
        if path is None:
            self._sentence.setText("No pair of candidates is selected yet: ICE is still checking.")
        else:
            self._sentence.setText(path_sentence(path))

    def forget(self) -> None:
        self.matrix.setCurrentIndex(QModelIndex())
        self._pointed = ""
        self.list.forget_selection()

    def draw_log(self) -> None:
        peer = self.peer
        table = peer.table if peer is not None else None
        row = -1 if table is None or self.at_s is None else table.row_at(self.at_s)
        early = self.at_s is not None and row < 0
        grid = PairGrid() if table is None or early else pair_grid(table.report(row))
        self._say(grid.path())
        self.model.set_grid(grid)
        self.rows.set_rows(pair_rows(grid))
        if not grid.locals and not grid.remotes:
            self._count.setText("")
            self.pane.show_empty(
                "tunnels",
                "No candidates yet.",
                "Every address that both ends offer, and every pair of them that ICE checks, is "
                "shown here.",
            )
            return
        self._count.setText(
            f"{len(grid.locals)} local × {len(grid.remotes)} remote, {len(grid.pairs)} pairs"
        )
        self.pane.show_ready()
        if not self.matrix.currentIndex().isValid():
            self._point_again(grid)
        self._show_members()

    def _point_again(self, grid: PairGrid) -> None:
        """At the pair that was pointed at, else at the selected one."""
        index = self.model.index_of(self._pointed)
        if not index.isValid() and grid.selected is not None:
            index = self.model.index_of(grid.selected.id)
        self.matrix.setCurrentIndex(index)

    def _show_cell(self, index: QModelIndex) -> None:
        pair = self.model.pair(index) if index.isValid() else None
        self._pointed = pair.id if pair is not None else ""
        self._show_members()

    def _show_row(self, pair_id: str) -> None:
        if pair_id:
            self._pointed = pair_id
            self.matrix.setCurrentIndex(self.model.index_of(pair_id))

    def _show_members(self) -> None:
        index = self.matrix.currentIndex()
        if not index.isValid():
            self.members.rows.set_rows(())
            return
        local, remote = self.model.ends(index)
        self.members.rows.set_rows(member_rows(self.model.pair(index), local, remote))
