"""One fault of the demo: what it is, what it is set to, on or off, and for how long."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, set_tone, theme
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.countdown import CountdownLabel
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.switch import Switch

if TYPE_CHECKING:
    from peerdeck.services.faults import Fault, Parameter, Value

_WIDE: Final = 220
_NUMBER: Final = 84
_NARROW: Final = 64
_ACROSS: Final = QBoxLayout.Direction.LeftToRight
_DOWN: Final = QBoxLayout.Direction.TopToBottom
_UNITS: Final = (
    ("kilobytes_per_s", "At most", "kB/s"),
    ("_percent", "", "%"),
    ("_ms", "", "ms"),
    ("_s", "", "s"),
)


def named(parameter: str) -> tuple[str, str]:
    """Label and unit of a parameter: "delay_ms" → ("Delay", "ms")."""
    for ending, words, unit in _UNITS:
        if parameter.endswith(ending):
            return words or parameter.removesuffix(ending).replace("_", " ").capitalize(), unit
    return parameter.replace("_", " ").capitalize(), ""


class ParameterField(QWidget):
    """changed(): the user chose another value. across: several stand side by side."""

    changed = Signal()

    def __init__(self, parameter: "Parameter", object_name: str, *, across: bool) -> None:
        super().__init__()
        self.name = parameter.name
        words, unit = named(parameter.name)
        self._bounds = (int(parameter.least or 0), int(parameter.most or 0))
        self.edit: QComboBox | QLineEdit
        if isinstance(parameter.default, str):
            self.edit = combo = QComboBox()
            combo.addItems(parameter.choices or parameter.suggestions)
            combo.setEditable(not parameter.choices)
            combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            if (line := combo.lineEdit()) is not None:
                line.editingFinished.connect(self.changed)
            combo.activated.connect(self.changed)
            self.edit.setMinimumWidth(0 if across else _WIDE)
        else:
            words = f"{words}, {unit}"
            self.edit = number = QLineEdit(f"{parameter.default:.0f}")
            number.setFont(theme().font("figures"))
            number.setFixedWidth(_NARROW if across else _NUMBER)
            number.setValidator(QIntValidator(*self._bounds, number))
            number.editingFinished.connect(self.changed)
        self.edit.setObjectName(object_name)
        self.edit.setAccessibleName(words)
        self.edit.setToolTip(parameter.words)
        self.edit.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.edit.installEventFilter(self)
        box = QBoxLayout(_ACROSS if not across else _DOWN, self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(GAP_S if not across else GAP_XS)
        box.addWidget(label(words, "small", "muted"))
        box.addWidget(self.edit)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls the list; it must not change what it happens to pass over."""
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def value(self) -> "Value":
        """Numbers within the bounds, whatever was typed."""
        if isinstance(self.edit, QComboBox):
            return self.edit.currentText().strip()
        least, most = self._bounds
        text = self.edit.text()
        typed = int(text) if text.lstrip("-").isdecimal() else least
        return float(min(most, max(least, typed)))

    def show_value(self, value: "Value") -> None:
        if self.edit.hasFocus() or value == self.value():
            return
        with QSignalBlocker(self.edit):
            if isinstance(self.edit, QComboBox):
                self.edit.setCurrentText(str(value))
            else:
                self.edit.setText(f"{float(value):.0f}")


class FaultRow(QFrame):
    """on_requested(str), off_requested(str): name of the fault. Other values while it is on are
    asked for like switching on."""

    on_requested = Signal(str)
    off_requested = Signal(str)

    def __init__(self, fault: "Fault") -> None:
        super().__init__()
        self.name = fault.name
        self._fault = fault
        self.setProperty("role", "fault")
        self.setObjectName(f"demo.fault.{fault.name}.row")
        self.control: Switch | Button
        if fault.momentary:
            self.control = Button("Do it now")
            self.control.setAccessibleName(f"{fault.title}: do it now")
        else:
            self.control = Switch(fault.title, "warn")
        self.control.setObjectName(f"demo.fault.{fault.name}")
        self.control.clicked.connect(self._asked)
        self.left = CountdownLabel("{} left", "ending…")
        self.remark = label("", "figures", "muted")
        self.fields = tuple(
            ParameterField(p, f"demo.fault.{fault.name}.{p.name}", across=len(fault.parameters) > 1)
            for p in fault.parameters
        )
        for field in self.fields:
            field.changed.connect(self._changed)
            field.show_value(fault.values[field.name])
        self._lay_out(fault)
        self.show_fault(fault, 0.0)

    def _lay_out(self, fault: "Fault") -> None:
        head = QHBoxLayout()
        head.setSpacing(GAP_S)
        head.addWidget(label(fault.title, "strong"))
        head.addStretch(1)
        head.addWidget(self.left)
        head.addWidget(self.remark)
        head.addWidget(self.control)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_M, GAP_S, GAP_M, GAP_S)
        column.setSpacing(GAP_XS)
        column.addLayout(head)
        column.addWidget(label(fault.description, "small", "muted", wrap=True))
        if self.fields:
            values = QHBoxLayout()
            values.setSpacing(GAP_S)
            values.setContentsMargins(0, GAP_XS, 0, GAP_XS)
            for field in self.fields:
                values.addWidget(field)
            values.addStretch(1)
            column.addLayout(values)

    def values(self) -> dict[str, "Value"]:
        return {field.name: field.value() for field in self.fields}

    def show_fault(self, fault: "Fault", ends_at: float) -> None:
        """ends_at: POSIX seconds, 0 for no end in time."""
        self._fault = fault
        set_tone(self, "on", "true" if fault.on else "false")
        self.left.set_end(ends_at if fault.on else 0.0)
        self.left.setVisible(fault.on and bool(ends_at))
        self.remark.setText(self._remarked(fault, ends_at))
        self.remark.setVisible(bool(self.remark.text()))
        self.control.setToolTip(fault.end)
        if isinstance(self.control, Switch):
            self.control.show_on(fault.on)
        if fault.on:
            for field in self.fields:
                field.show_value(fault.values[field.name])

    @staticmethod
    def _remarked(fault: "Fault", ends_at: float) -> str:
        if fault.on:
            return "" if ends_at else "until switched off"
        if fault.momentary:
            return f"done {fault.happened}×" if fault.happened else ""
        return f"for {fault.duration_s:g} s" if fault.duration_s else ""

    def _asked(self) -> None:
        (self.off_requested if self._fault.on else self.on_requested).emit(self.name)

    def _changed(self) -> None:
        if self._fault.on and self.values() != dict(self._fault.values):
            self.on_requested.emit(self.name)
