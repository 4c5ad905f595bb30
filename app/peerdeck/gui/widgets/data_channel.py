"""The data channel: what the device says, and a line to say something back."""

import json
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from peerdeck.gui.models.rows import Column, RowsModel
from peerdeck.gui.theme import GAP_M, GAP_S, theme
from peerdeck.gui.widgets.buttons import Button, CopyButton
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.table import DataTable

MAX_ROWS: Final = 200  # a device that sends more is not read by rows
MAX_TEXT: Final = 65_536
_MAX_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a telemetry message; name is its path, "battery.volts"."""

    name: str
    value: str


def readings(text: str) -> list[Reading] | None:
    """A JSON object or list as rows in its own order, or None for any other text."""
    if len(text) > MAX_TEXT:
        return None
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(decoded, dict | list) or not decoded:
        return None
    rows: dict[str, Reading] = {}
    _flatten("", decoded, rows, 0)
    return list(rows.values())


def _flatten(path: str, value: Any, rows: dict[str, Reading], depth: int) -> None:
    pairs: list[tuple[str, Any]] = []
    if depth < _MAX_DEPTH and isinstance(value, dict):
        pairs = [(f"{path}.{key}" if path else str(key), child) for key, child in value.items()]
    elif depth < _MAX_DEPTH and isinstance(value, list):
        pairs = [(f"{path}[{number}]", child) for number, child in enumerate(value)]
    for name, child in pairs:
        _flatten(name, child, rows, depth + 1)
    if not pairs and len(rows) < MAX_ROWS:
        rows[path] = Reading(path, _value_text(value))


def _value_text(value: Any) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "–"
        case float():
            return f"{value:.6g}"
        case str():
            return value
    return json.dumps(value, ensure_ascii=False)


_COLUMNS: Final[tuple[Column[Reading], ...]] = (
    Column("Name", lambda row: row.name, tone=lambda row: "muted", width=180),
    Column("Value", lambda row: row.value, font="figures", tooltip=lambda row: row.value, width=0),
)


class DataView(QWidget):
    """sent(str): the user wants this text to go over the data channel."""

    sent = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._latest = ""
        self._count = label("", "small", "muted")
        self._copy = CopyButton(lambda: self._latest, "the last message")
        self.readings = RowsModel[Reading](_COLUMNS, lambda row: row.name, self)
        self._table = self._make_table()
        self._raw = QPlainTextEdit()
        self._raw.setReadOnly(True)
        self._raw.setFont(theme().font("mono"))
        self._raw.setAccessibleName("Last message as text")
        self._raw.setMaximumBlockCount(2000)
        self._empty = label("", "body", "muted", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        for page in (self._empty, self._table, self._raw):
            self._stack.addWidget(page)
        self.field = QLineEdit()
        self.field.setObjectName("sessions.data.text")
        self.field.setPlaceholderText("Text for the device")
        self.field.setAccessibleName("Text to send over the data channel")
        self.send = Button("Send", icon="send")
        self.send.setObjectName("sessions.data.send")
        self.field.returnPressed.connect(self._send)
        self.field.textChanged.connect(self._offer)
        self.send.clicked.connect(self._send)
        self._can_send = False
        self._lay_out()
        self.show_data("", 0, can_send=False)

    def _make_table(self) -> DataTable:
        table = DataTable(self.readings)
        table.setProperty("frame", "none")
        table.setAccessibleName("Telemetry")
        table.add_copy_action("value", lambda row: row.value, "Ctrl+C")
        return table

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(GAP_M, 0, GAP_M, GAP_S)
        line.setSpacing(GAP_S)
        line.addWidget(self._count)
        line.addWidget(self._copy)
        line.addStretch(1)
        line.addWidget(self.field, 3)
        line.addWidget(self.send)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_S)
        column.addWidget(self._stack, 1)
        column.addLayout(line)

    def show_data(self, text: str, messages: int, *, can_send: bool) -> None:
        """text: the last message. can_send: whether the channel is open."""
        self._can_send = can_send
        self._count.setText(f"{messages:,} message{'' if messages == 1 else 's'} received")
        self._copy.setVisible(bool(text))
        self._offer()
        if text != self._latest or not text:
            self._latest = text
            self._show_text(text, can_send=can_send)

    def _show_text(self, text: str, *, can_send: bool) -> None:
        if not text:
            wait = "Nothing has arrived over the data channel yet."
            none = "The data channel is not open."
            self._empty.setText(wait if can_send else none)
            self._stack.setCurrentWidget(self._empty)
        elif (rows := readings(text)) is not None:
            self.readings.set_rows(rows)
            self._stack.setCurrentWidget(self._table)
        else:
            self._raw.setPlainText(text[:MAX_TEXT])
            self._stack.setCurrentWidget(self._raw)

    def _offer(self) -> None:
        self.send.setEnabled(self._can_send and bool(self.field.text()))

    def _send(self) -> None:
        if self._can_send and (text := self.field.text()):
            self.sent.emit(text)

    def forget(self) -> None:
        """Another session is looked at; what was being typed stays."""
        self._latest = ""
        self.readings.set_rows(())

    def text_sent(self) -> None:
        """It went out: the field is free for the next."""
        self.field.clear()
