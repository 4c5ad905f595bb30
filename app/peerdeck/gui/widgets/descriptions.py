"""The SDP of each negotiation, before and after it was changed."""

from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QSplitter,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.peer_log import appended
from peerdeck.gui.models.rows import Index, RowsModel
from peerdeck.gui.models.sdp import (
    DESCRIPTION_COLUMNS,
    LINE_ROLE,
    DescriptionRow,
    Line,
    Look,
    SdpModel,
    description_rows,
    looked_at,
    sections_text,
)
from peerdeck.gui.theme import GAP_S, GAP_XS, theme
from peerdeck.gui.widgets.buttons import Button, CopyButton
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

_LIST_WIDTH: Final = 330
_MARK_PX: Final = 14
_WASHES: Final = {"+": "ok_wash", "−": "bad_wash"}
_MARK_TONES: Final = {"+": "ok", "−": "bad"}


class _LineDelegate(QStyledItemDelegate):
    """A line of SDP with its type, name and value told apart; + and − before what changed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        size = super().sizeHint(option, index)
        line: Line | None = index.data(LINE_ROLE)
        if line is None:
            return size
        return QSize(size.width() + _MARK_PX + GAP_S, option.fontMetrics.height() + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line: Line | None = index.data(LINE_ROLE)
        if line is None:
            super().paint(painter, option, index)
            return
        painter.save()
        rect: QRect = option.rect
        if line.mark:
            painter.fillRect(rect, theme().color(_WASHES[line.mark]))
        chosen = self.parent()
        if isinstance(chosen, QTreeView) and chosen.selectionModel().isSelected(index):
            painter.fillRect(rect, theme().color("selected"))
        painter.setFont(theme().font("mono"))
        middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if line.mark:
            painter.setPen(theme().color(_MARK_TONES[line.mark]))
            painter.drawText(rect.adjusted(GAP_XS, 0, 0, 0), middle, line.mark)
        x = rect.left() + _MARK_PX
        for text, tone in line.tokens:
            painter.setPen(theme().color(tone))
            painter.drawText(QRect(x, rect.top(), rect.right() - x, rect.height()), middle, text)
            x += painter.fontMetrics().horizontalAdvance(text)
        painter.restore()


class SdpTree(QTreeView):
    """Sections that fold; Ctrl+C copies the lines that are selected."""

    def __init__(self, model: SdpModel) -> None:
        super().__init__()
        self.sdp = model
        self.setModel(model)
        self._lines = _LineDelegate(self)
        self.setItemDelegate(self._lines)
        self.setProperty("frame", "none")
        self.setHeaderHidden(True)
        self.setIndentation(GAP_S * 2)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Session description by section")
        self.clicked.connect(self._toggle)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.selected_text())
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._toggle(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def selected_text(self) -> str:
        """The selected lines in their order; a selected section means all of its lines."""
        chosen = self.selectionModel().selectedIndexes()
        places = sorted((i.internalId(), i.row()) for i in chosen if i.internalId())
        lines = [self.sdp.sections[section - 1].lines[row].text for section, row in places]
        for index in chosen:
            if not index.internalId():
                lines += [line.text for line in self.sdp.sections[index.row()].lines]
        return "".join(f"{line}\r\n" for line in lines)

    def _toggle(self, index: Index) -> None:
        if index.isValid() and not index.internalId():
            section = self.sdp.index(index.row(), 0)
            self.setExpanded(section, not self.isExpanded(section))


class DescriptionsView(LogView):
    """Offers and answers at the left; the chosen one by section at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seen: object = None
        self._shown: object = None
        self.look = Look.AFTER
        self.rows = RowsModel[DescriptionRow](
            DESCRIPTION_COLUMNS, lambda row: str(row.number), self
        )
        self.table = DataTable(self.rows)
        self.table.setSortingEnabled(False)
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Session descriptions")
        self.model = SdpModel(self)
        self.tree = SdpTree(self.model)
        self.looks = self._make_looks()
        self.remark = label("", "small", "muted")
        self.fold = Button("Open all", "quiet")
        self.copy = CopyButton(lambda: sections_text(self.model.sections), "what is shown")
        self._lay_out()
        self.table.selected.connect(lambda _: self._show_chosen())
        self.fold.clicked.connect(self._toggle_all)

    def _make_looks(self) -> dict[Look, QToolButton]:
        group = QButtonGroup(self)
        tips = {
            Look.BEFORE: "As it was created, or as it arrived",
            Look.AFTER: "As it was sent, or as it was applied",
            Look.DIFFERENCE: "Lines that were added (+) or taken out (−) in between",
        }
        made = {}
        for look, tip in tips.items():
            button = QToolButton()
            button.setText(str(look))
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setChecked(look is self.look)
            button.setProperty("kind", "segment")
            button.clicked.connect(lambda _=False, look=look: self.choose_look(look))
            group.addButton(button)
            made[look] = button
        return made

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(GAP_S, GAP_XS, GAP_S, 0)
        bar.setSpacing(GAP_XS)
        for button in self.looks.values():
            bar.addWidget(button)
        bar.addWidget(self.remark, 1)
        bar.addWidget(self.fold)
        bar.addWidget(self.copy)
        reading = QWidget()
        column = QVBoxLayout(reading)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addLayout(bar)
        column.addWidget(self.tree, 1)
        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(reading)
        split.setStretchFactor(1, 1)
        split.setSizes([_LIST_WIDTH, 2 * _LIST_WIDTH])
        self.pane = StatePane(split, "descriptions.pane")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pane)

    # --- drawing ---------------------------------------------------------------------------

    def forget(self) -> None:
        self._seen = self._shown = None
        self.table.forget_selection()

    def draw_log(self) -> None:
        log, peer = self.log, self.peer
        found = peer.descriptions if peer is not None else []
        seen = (id(found), appended(found), self.at_s)
        if seen == self._seen:
            return
        self._seen = seen
        started_at = log.started_at if log is not None else 0.0
        rows = description_rows(found, started_at, self.at_s)
        self.rows.set_rows(rows)
        if not rows:
            self.pane.show_empty(
                "journal",
                "No session description yet.",
                "Each offer and answer is shown here by section: as it was created or arrived, as "
                "it was used, and the difference.",
            )
            return
        self.pane.show_ready()
        if not self.table.selected_id:
            self.table.select_first()
        self._show_chosen()

    def choose_look(self, look: Look) -> None:
        self.look = look
        self.looks[look].setChecked(True)
        self._show_chosen()

    def _show_chosen(self) -> None:
        row: DescriptionRow | None = self.table.selected_row()
        shown = (row.description if row is not None else None, self.look)
        if shown == self._shown:
            return
        self._shown = shown
        found = looked_at(row.description, self.look) if row is not None else []
        self.model.set_sections(found)
        added, removed = (sum(s.added for s in found), sum(s.removed for s in found))
        if self.look is not Look.DIFFERENCE:
            count = sum(len(section.lines) for section in found)
            self.remark.setText(f"{count} lines")
        elif added or removed:
            self.remark.setText(f"+{added} −{removed} lines")
        else:
            self.remark.setText("Nothing was changed.")
        self._open_sections()

    def _open_sections(self) -> None:
        """Folded, but for what changed, and for what is short enough."""
        for place, section in enumerate(self.model.sections):
            short = sum(len(s.lines) for s in self.model.sections) <= 30
            if section.added or section.removed or short:
                self.tree.expand(self.model.index(place, 0))
        self._name_fold()

    def _all_open(self) -> bool:
        places = range(self.model.rowCount())
        return all(self.tree.isExpanded(self.model.index(place, 0)) for place in places)

    def _toggle_all(self) -> None:
        if self._all_open():
            self.tree.collapseAll()
        else:
            self.tree.expandAll()
        self._name_fold()

    def _name_fold(self) -> None:
        self.fold.setText("Fold all" if self._all_open() else "Open all")
