"""Tables that grow at their end."""

from typing import Any, Final

from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.widgets.table import DataTable

_NEAR_PX: Final = 4


class GrowingTable(DataTable):
    """Rows in the order in which they came. It stays at the newest until one scrolls away."""

    def __init__(self, model: RowsModel[Any]) -> None:
        super().__init__(model)
        self.follows = True
        self.setSortingEnabled(False)
        self.horizontalHeader().setSortIndicatorShown(False)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._range_changed)
        bar.valueChanged.connect(self._scrolled)

    def follow(self) -> None:
        self.follows = True
        self.scrollToBottom()

    def _range_changed(self, _low: int, high: int) -> None:
        if self.follows:
            self.verticalScrollBar().setValue(high)

    def _scrolled(self, value: int) -> None:
        self.follows = value >= self.verticalScrollBar().maximum() - _NEAR_PX
