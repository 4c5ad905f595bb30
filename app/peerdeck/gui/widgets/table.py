"""The table of every list page: dense, calm, remembers selection by id and its columns."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import (
    QByteArray,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QGuiApplication,
    QHideEvent,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from peerdeck.gui import assets
from peerdeck.gui.models.rows import BAR_ROLE, RowsModel
from peerdeck.gui.theme import GAP_S, GAP_XS, ICON_S, ROW, theme
from peerdeck.gui.widgets.countdown import paint_bar

_LEAST_WIDTH: Final = 40


class RowDelegate(QStyledItemDelegate):
    """Elides by column and paints a column's bar under its text."""

    def __init__(self, model: RowsModel[Any], parent: QWidget) -> None:
        super().__init__(parent)
        self._columns = model.columns

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        if self._columns[index.column()].elide == "middle":
            option.textElideMode = Qt.TextElideMode.ElideMiddle

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        column = self._columns[index.column()]
        share = index.data(BAR_ROLE) if column.bar else None
        if share is None:
            return
        area = QRectF(option.rect)
        area.adjust(GAP_S, area.height() - GAP_XS - 1, -GAP_S, -2)
        tone = column.tone(index.model().row_at(index.row())) if column.tone else ""  # type: ignore[attr-defined]
        paint_bar(painter, area, float(share), tone or "accent")


class DataTable(QTableView):
    """A view on a RowsModel; one row at a time is selected, and stays so by its id.

    selected(str): id of the row selected now, "" for none. opened(str): Enter or double click.
    columns_changed(): width, order or sorting of columns; `save_columns` has them.
    tick_ms: how often what depends on the clock is painted anew while it is seen, 0 for never.
    """

    selected = Signal(str)
    opened = Signal(str)
    columns_changed = Signal()

    def __init__(
        self,
        model: RowsModel[Any],
        *,
        sort_by: int = -1,
        descending: bool = False,
        tick_ms: int = 0,
    ) -> None:
        super().__init__()
        self.rows = model
        self._selected = ""
        self._restoring = False
        self._holding = False
        # Before the view hears of it: it would choose a neighbour of a row that goes.
        model.rowsAboutToBeRemoved.connect(self._hold_selection)
        self.setModel(model)
        self.setItemDelegate(RowDelegate(model, self))
        self._set_up_view()
        self._set_up_header(sort_by, descending)
        model.modelReset.connect(self._select_again)
        model.rowsInserted.connect(self._select_again)
        model.rowsRemoved.connect(self._release_selection)
        theme().changed.connect(self.viewport().update)
        self.ticking = QTimer(self)
        self.ticking.setInterval(tick_ms)
        self.ticking.timeout.connect(model.tick)

    def _set_up_view(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setIconSize(QSize(ICON_S, ICON_S))
        self.doubleClicked.connect(lambda index: self.opened.emit(self.rows.id_at(index.row())))
        vertical = self.verticalHeader()
        vertical.setVisible(False)
        vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        vertical.setMinimumSectionSize(ROW)
        vertical.setDefaultSectionSize(ROW)

    def _set_up_header(self, sort_by: int, descending: bool) -> None:
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setMinimumSectionSize(_LEAST_WIDTH)
        header.setStretchLastSection(False)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        for number, column in enumerate(self.rows.columns):
            if column.width:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Interactive)
                header.resizeSection(number, column.width)
            else:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        header.setSortIndicator(sort_by, order)
        header.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        header.sectionResized.connect(self._columns_moved)
        header.sectionMoved.connect(self._columns_moved)
        header.sortIndicatorChanged.connect(self._columns_moved)

    # --- selection -------------------------------------------------------------------------

    @property
    def selected_id(self) -> str:
        return self._selected

    def selected_row(self) -> Any:
        """The selected row's value, or None."""
        place = self.rows.place_of(self._selected) if self._selected else -1
        return self.rows.row_at(place) if place >= 0 else None

    def select_id(self, row_id: str) -> bool:
        """Whether there is such a row to be seen."""
        place = self.rows.place_of(row_id)
        if place < 0:
            return False
        self.setCurrentIndex(self.rows.index(place, 0))
        return True

    def select_first(self) -> None:
        if self.rows.rowCount() and not self.selectionModel().hasSelection():
            self.setCurrentIndex(self.rows.index(0, 0))

    def selectionChanged(self, selected: Any, deselected: Any) -> None:
        super().selectionChanged(selected, deselected)
        if self._holding:
            return
        rows = self.selectionModel().selectedRows()
        chosen = self.rows.id_at(rows[0].row()) if rows else ""
        # A row that a filter hides for a moment stays chosen: it comes back with its row.
        if chosen and chosen != self._selected:
            self._selected = chosen
            self.selected.emit(chosen)

    def forget_selection(self) -> None:
        self._selected = ""
        self.clearSelection()
        self.selected.emit("")

    def _hold_selection(self) -> None:
        self._holding = True

    def _release_selection(self) -> None:
        if self._selected and not self.select_id(self._selected):
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        self._holding = False

    def _select_again(self) -> None:
        if self._selected and not self.selectionModel().hasSelection():
            self.select_id(self._selected)

    # --- keys and copying ------------------------------------------------------------------

    def add_copy_action(self, what: str, text: Callable[[Any], str], shortcut: str = "") -> QAction:
        """Context menu entry (and shortcut) that copies `text(row)` of the selected row."""

        def copy() -> None:
            if (row := self.selected_row()) is not None:
                QGuiApplication.clipboard().setText(text(row))

        return self.add_action(f"Copy {what}", copy, "copy", shortcut)

    def add_action(
        self, words: str, run: Callable[[], None], icon: str = "", shortcut: str = ""
    ) -> QAction:
        action = QAction(assets.icon(icon) if icon else QIcon(), words, self)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(run)
        self.addAction(action)
        return action

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self._selected:
            self.opened.emit(self._selected)
            return
        super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.ticking.interval():
            self.rows.tick()
            self.ticking.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.ticking.stop()

    # --- columns ---------------------------------------------------------------------------

    def save_columns(self) -> str:
        """Widths, order and sorting of columns, as text for the settings."""
        return b64encode(self.horizontalHeader().saveState().data()).decode("ascii")

    def restore_columns(self, saved: str) -> bool:
        """What `save_columns` gave; anything that does not fit is ignored."""
        try:
            state = QByteArray(b64decode(saved, validate=True))
        except (binascii.Error, ValueError):
            return False
        header = self.horizontalHeader()
        self._restoring = True
        try:
            fits = bool(saved) and header.restoreState(state)
        finally:
            self._restoring = False
        if fits:
            self.rows.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        return fits

    def _columns_moved(self) -> None:
        if not self._restoring:
            self.columns_changed.emit()
