"""One of a few, some of a few: side by side, all to be seen."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QComboBox, QHBoxLayout, QToolButton, QWidget

from peerdeck.gui.theme import GAP_M, GAP_XS


class Segments(QWidget):
    """Exactly one of `choices`, each (key, words). chosen(str): the user chose this key."""

    chosen = Signal(str)

    def __init__(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._keys = [key for key, _ in choices]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_XS)
        for place, (_, words) in enumerate(choices):
            button = QToolButton()
            button.setText(words)
            button.setProperty("kind", "segment")
            button.setCheckable(True)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            self._group.addButton(button, place)
            row.addWidget(button)
        row.addStretch(1)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(lambda place: self.chosen.emit(self._keys[place]))

    def setObjectName(self, name: str) -> None:
        """The buttons are called after it and their keys."""
        super().setObjectName(name)
        for place, key in enumerate(self._keys):
            self._group.button(place).setObjectName(f"{name}.{key}")

    @property
    def key(self) -> str:
        return self._keys[self._group.checkedId()]

    def choose(self, key: str) -> None:
        self._group.button(self._keys.index(key)).setChecked(True)


class Checks(QWidget):
    """Any of `names`. changed(): one was switched."""

    changed = Signal()

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._boxes: dict[str, QCheckBox] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_M)
        for word in names:
            box = self._boxes[word] = QCheckBox(word)
            box.setAccessibleName(f"{name}: {word}")
            box.setChecked(True)
            box.toggled.connect(self.changed)
            row.addWidget(box)
        row.addStretch(1)

    def box(self, name: str) -> QCheckBox:
        return self._boxes[name]

    def checked(self) -> frozenset[str]:
        return frozenset(name for name, box in self._boxes.items() if box.isChecked())

    def check(self, names: Iterable[str]) -> None:
        wanted = set(names)
        for name, box in self._boxes.items():
            box.setChecked(name in wanted)


def combo(name: str, choices: Sequence[tuple[str, str]]) -> QComboBox:
    """A list to open, each entry (key, words)."""
    made = QComboBox()
    made.setAccessibleName(name)
    for key, words in choices:
        made.addItem(words, key)
    return made


def combo_key(box: QComboBox) -> str:
    return str(box.currentData() or "")


def choose_key(box: QComboBox, key: str) -> None:
    box.setCurrentIndex(max(0, box.findData(key)))
