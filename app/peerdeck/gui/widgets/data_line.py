"""Where one says something over the data channel: text, bytes as hex, or a file."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from peerdeck.core.errors import FieldError
from peerdeck.gui.models.data_messages import hex_bytes
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, set_tone
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.choices import Segments
from peerdeck.gui.widgets.labels import label

TEXT, HEX = "text", "hex"
TO_ALL, TO_ONE = "all", "one"
_PLACEHOLDERS: Final = {TEXT: "Text to send", HEX: "Bytes as hex: de ad be ef"}


class DataLine(QWidget):
    """sent(object): the user wants this str or bytes to go. file_chosen(str): this file."""

    sent = Signal(object)
    file_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.can_send = False
        self._busy = False
        self.mode = Segments("Kind of message", ((TEXT, "Text"), (HEX, "Hex")))
        self.mode.setObjectName("sessions.data.mode")
        self.field = QLineEdit()
        self.field.setObjectName("sessions.data.text")
        self.field.setAccessibleName("What to send over the data channel")
        self.to = Segments("To", ((TO_ALL, "To all"), (TO_ONE, "To this viewer")))
        self.to.setObjectName("sessions.data.to")
        self.send = Button("Send", icon="send")
        self.send.setObjectName("sessions.data.send")
        self.file = Button("File…", "quiet", "folder")
        self.file.setObjectName("sessions.data.file")
        self.file.setToolTip("Send a file of at most 1 MB")
        self.said = label("", "small", "muted")
        self._lay_out()
        self.mode.chosen.connect(self._offer)
        self.field.textChanged.connect(self._offer)
        self.field.returnPressed.connect(self._send)
        self.send.clicked.connect(self._send)
        self.file.clicked.connect(self._choose_file)
        self.show_peers(several=False)
        self._offer()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(GAP_S)
        row.addWidget(self.mode)
        row.addWidget(self.field, 1)
        for widget in (self.to, self.send, self.file):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_M, 0, GAP_M, 0)
        column.setSpacing(GAP_XS)
        column.addLayout(row)
        column.addWidget(self.said)
        self.said.hide()

    def show_open(self, can_send: bool) -> None:
        """Whether the channel is open."""
        if can_send != self.can_send:
            self.can_send = can_send
            self._offer()

    def show_peers(self, *, several: bool) -> None:
        """several: one may speak to one of them or to all."""
        self.to.setVisible(several)

    @property
    def to_all(self) -> bool:
        return self.to.isHidden() or self.to.key == TO_ALL

    @property
    def problem(self) -> str:
        """What is wrong with the hex that is typed, or ""."""
        if self.mode.key != HEX:
            return ""
        try:
            hex_bytes(self.field.text())
        except FieldError as error:
            return f"{error.field} {error.rule}"
        return ""

    def say(self, text: str, tone: str = "muted") -> None:
        """Beneath the line, until the next edit."""
        self.said.setText(text)
        set_tone(self.said, "tone", tone)
        self.said.setVisible(bool(text))

    def show_busy(self, busy: bool) -> None:
        self._busy = busy
        self._offer()

    def text_sent(self) -> None:
        """It went out: the field is free for the next."""
        self.field.clear()

    def _offer(self) -> None:
        problem = self.problem
        self.field.setPlaceholderText(_PLACEHOLDERS[self.mode.key])
        set_tone(self.field, "problem", "true" if problem else "")
        if not self._busy:
            self.say(problem, "bad" if problem else "muted")
        ready = self.can_send and not self._busy
        self.send.setEnabled(ready and bool(self.field.text()) and not problem)
        self.file.setEnabled(ready)

    def _send(self) -> None:
        text = self.field.text()
        if self.send.isEnabled() and text:
            self.sent.emit(hex_bytes(text) if self.mode.key == HEX else text)

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Send a file of at most 1 MB")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.file_chosen)
        dialog.open()
