"""Two parts above each other, or side by side where there is little height."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

BESIDE_BELOW: Final = 420  # px of height


class FlexSplitter(QSplitter):
    """shares: of the first part in per cent, when the parts are beside and above each other."""

    def __init__(
        self, first: QWidget, second: QWidget, *, beside: int = 50, above: int = 50
    ) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self._shares = {Qt.Orientation.Horizontal: beside, Qt.Orientation.Vertical: above}
        self._way: Qt.Orientation | None = None
        self.setChildrenCollapsible(False)
        self.addWidget(first)
        self.addWidget(second)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.height() < BESIDE_BELOW
        way = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        if way != self._way:
            self._way = way
            self.setOrientation(way)
            share = self._shares[way]
            self.setSizes([share * 10, (100 - share) * 10])
