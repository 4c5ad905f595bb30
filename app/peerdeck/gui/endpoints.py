"""Endpoint URLs that replace AWS's own: a VPC endpoint, a local cloud, a colleague's server."""

from dataclasses import fields
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from peerdeck.core.endpoints import ENVIRONMENT, Endpoints, check_endpoint
from peerdeck.core.errors import FieldError
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_XL, READING
from peerdeck.gui.widgets.buttons import Button, button_row
from peerdeck.gui.widgets.fields import FormField, first_problem
from peerdeck.gui.widgets.labels import Prose, label

NAMES: Final = {
    "kinesis_video": "Kinesis Video",
    "kinesis_video_signaling": "Kinesis Video signaling (of a channel)",
    "iot_secure_tunneling": "IoT Secure Tunneling",
    "sts": "STS",
    "tunnel_data": "Tunnel data plane (ws:// or wss://)",
    "stun": "STUN server (stun: or stuns:)",
}


def problem(name: str, url: str) -> str:
    """The broken rule in words, or ""."""
    try:
        check_endpoint(name, url)
    except FieldError as error:
        return f"The endpoint {error.rule}"
    return ""


class EndpointsDialog(QDialog):
    """chosen(Endpoints): what the user wants from now on; "" stands for AWS's own endpoint."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget, present: Endpoints) -> None:
        super().__init__(parent)
        self.setObjectName("endpoints")
        self.setWindowTitle("Endpoints")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(READING)
        words = Prose("muted")
        words.setText(
            "An empty field means AWS's own endpoint of the region, or the variable named under it."
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_XL, GAP_L, GAP_XL, GAP_L)
        column.setSpacing(GAP_M)
        column.addWidget(label("Endpoints", "heading"))
        column.addWidget(words)
        self.fields: dict[str, FormField] = {}
        for field in fields(Endpoints):
            made = self._field(field.name, getattr(present, field.name))
            self.fields[field.name] = made
            column.addWidget(made)
        column.addWidget(self._buttons())

    def _field(self, name: str, url: str) -> FormField:
        made = FormField(
            NAMES[name], partial(problem, name), hint=ENVIRONMENT[name], text=url, mono=True
        )
        made.edit.setObjectName(f"endpoints.{name}")
        made.submitted.connect(self._save)
        return made

    def _buttons(self) -> QWidget:
        clear = Button("Use AWS's own", "quiet")
        clear.setObjectName("endpoints.clear")
        clear.clicked.connect(self._clear)
        cancel = Button("Cancel")
        cancel.setObjectName("endpoints.cancel")
        cancel.clicked.connect(self.reject)
        save = Button("Save and sign in", "primary")
        save.setObjectName("endpoints.save")
        save.clicked.connect(self._save)
        return button_row(clear, cancel, save, trailing=True)

    def _clear(self) -> None:
        for field in self.fields.values():
            field.set_text("")

    def _save(self) -> None:
        if first_problem(tuple(self.fields.values())):
            return
        self.chosen.emit(Endpoints(**{n: f.text().strip() for n, f in self.fields.items()}))
        self.accept()
