"""Surfaces: cards, section headers and grids of keys and values."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from peerdeck.gui.theme import CONTROL, GAP_L, GAP_M, GAP_S, GAP_XS, FontRole
from peerdeck.gui.widgets.buttons import CopyButton
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.labels import ElidedLabel, label


class SectionHeader(QWidget):
    """A title, the filter of what is beneath, a muted remark, and actions at the right."""

    def __init__(self, title: str, *actions: QWidget, font: FontRole = "strong") -> None:
        super().__init__()
        self.title = label(title, font)
        self.remark = label("", "small", "muted")
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(GAP_S)
        self.row.addWidget(self.title)
        for search in (action for action in actions if isinstance(action, SearchField)):
            self.row.addSpacing(GAP_S)
            self.row.addWidget(search)
        self.row.addWidget(self.remark)
        self.row.addStretch(1)
        for action in actions:
            if not isinstance(action, SearchField):
                self.row.addWidget(action)
        self.setMinimumHeight(CONTROL)


class Card(QFrame):
    """A raised surface; put widgets into `body`."""

    def __init__(self, title: str = "", *actions: QWidget, role: str = "card") -> None:
        super().__init__()
        self.setProperty("role", role)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(GAP_M, GAP_S, GAP_M, GAP_M)
        self.body.setSpacing(GAP_S)
        self.header: SectionHeader | None = None
        if title:
            self.header = SectionHeader(title, *actions)
            self.body.addWidget(self.header)
        else:
            self.body.setContentsMargins(GAP_M, GAP_M, GAP_M, GAP_M)

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        self.body.addWidget(widget, stretch)


class KeyValueGrid(QWidget):
    """Keys muted at the left, values at the right; `show_value` adds or updates a line."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP_L)
        self._grid.setVerticalSpacing(GAP_XS)
        self._grid.setColumnStretch(1, 1)
        self._values: dict[str, ElidedLabel] = {}
        self._keys: dict[str, QLabel] = {}

    def show_value(
        self,
        key: str,
        value: str,
        *,
        font: FontRole = "body",
        tone: str = "text",
        copy: bool = False,
        tooltip: str = "",
    ) -> None:
        """font, and whether it can be copied, are decided by the first call for a key."""
        if key not in self._values:
            row = len(self._values)
            self._keys[key] = label(key, tone="muted")
            self._grid.addWidget(self._keys[key], row, 0)
            made = self._values[key] = ElidedLabel(value, font)
            self._grid.addWidget(made, row, 1)
            if copy:
                button = CopyButton(made.text, key)
                button.be_compact()
                self._grid.addWidget(button, row, 2)
        self._values[key].setText(value)
        self._values[key].set_tone(tone)
        if tooltip:
            self._values[key].setToolTip(tooltip)

    def value(self, key: str) -> str:
        return self._values[key].text()


class Downwards(QScrollArea):
    """Scrolls downwards only, so it is never narrower than what is in it."""

    def minimumSizeHint(self) -> QSize:
        content = self.widget()
        least = super().minimumSizeHint()
        if content is None:
            return least
        width = content.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, least.height())


def scrolled(content: QWidget) -> QScrollArea:
    """`content`, scrolling downwards only."""
    area = Downwards()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    content.setProperty("role", "scrolled")
    area.setWidget(content)
    return area
