"""The steps from click to first frame: live while joining, as a time line afterwards."""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from peerdeck.core.session import STEPS, Phase, Session
from peerdeck.gui.models.rows import Index, RowsModel
from peerdeck.gui.models.steps import AT, DETAIL, LINE, STEP, TOOK, StepRow, step_rows
from peerdeck.gui.theme import GAP_S, ROW, theme
from peerdeck.gui.widgets.table import DataTable

_ROW = ROW - 4  # all ten steps fit beside a small picture
_BAR_HEIGHT = 8
_BAR_MINIMUM = 3
COMPACT = (replace(STEP, width=0), TOOK)
WHOLE = (STEP, TOOK, AT, LINE, DETAIL)


class _BarDelegate(QStyledItemDelegate):
    """A bar from the step before to this one, on a scale that all rows share."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        model: Any = index.model()
        row: StepRow = model.row_at(index.row())
        rect = option.rect.adjusted(GAP_S, 0, -GAP_S, 0)
        middle = rect.center().y() + 1
        painter.save()
        painter.fillRect(QRect(rect.left(), middle, rect.width(), 1), theme().color("line"))
        if row.reached:
            width = max(_BAR_MINIMUM, (row.end - row.start) * rect.width())
            left = min(rect.left() + row.start * rect.width(), rect.right() - width)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("warn" if row.slow else "accent"))
            bar = QRectF(left, middle - _BAR_HEIGHT / 2 + 0.5, width, _BAR_HEIGHT)
            painter.drawRoundedRect(bar, _BAR_HEIGHT / 4, _BAR_HEIGHT / 4)
        painter.restore()


class StepsView(DataTable):
    """One row per step; compact: names and times only."""

    def __init__(self, *, compact: bool = False) -> None:
        columns = COMPACT if compact else WHOLE
        self.steps = RowsModel[StepRow](columns, lambda row: row.name)
        super().__init__(self.steps)
        self.steps.setParent(self)
        self.setSortingEnabled(False)
        rows = self.verticalHeader()
        rows.setMinimumSectionSize(_ROW)
        rows.setDefaultSectionSize(_ROW)
        self.horizontalHeader().setSectionsMovable(False)
        self.horizontalHeader().setVisible(not compact)
        self.setProperty("frame", "none")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Steps from click to first frame")
        if not compact:
            self._bars = _BarDelegate(self)
            self.setItemDelegateForColumn(columns.index(LINE), self._bars)
            self.add_copy_action("detail", lambda row: row.detail, "Ctrl+C")

    @property
    def whole_height(self) -> int:
        """Of all usual steps, without scrolling."""
        return len(STEPS) * _ROW + 2

    def show_session(self, session: Session) -> None:
        joining = session.phase is Phase.JOINING
        failed = session.phase is Phase.FAILED
        self.steps.set_rows(step_rows(session.steps, joining=joining, failed=failed))
