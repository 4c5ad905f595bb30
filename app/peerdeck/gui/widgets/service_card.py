"""One service of a tunnel: its local port, and what people do with it."""

from typing import Final, Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QWidget

from peerdeck.core.quantities import bytes_text
from peerdeck.core.tunnel import ServicePort
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import Button, CopyButton
from peerdeck.gui.widgets.cards import Card
from peerdeck.gui.widgets.labels import ElidedLabel, label

Verb = Literal["ssh", "open", "copy"]
_HTTP: Final = ("http", "web", "www")
_PORT_WIDTH: Final = 116
_USER_WIDTH: Final = 104


def service_kind(service: str) -> str:
    """ "ssh", "http" or "" for a name that says neither: the user knows better."""
    name = service.lower()
    if name.startswith("ssh"):
        return "ssh"
    return "http" if name.startswith(_HTTP) else ""


class ServiceCard(Card):
    """Editable port before connecting; address, traffic and actions while connected.

    asked(str, str): "ssh", "open" or "copy", and the service.
    """

    asked = Signal(str, str)

    def __init__(self, service: str, *, port: int = 0, user: str = "") -> None:
        super().__init__(service or "Tunnel")
        self.body.setSpacing(GAP_XS)
        self.body.setContentsMargins(GAP_M, GAP_XS, GAP_M, GAP_M)
        self.service = service
        self.address = ""
        self._kind = service_kind(service)
        name = f"tunnels.service.{service or 'tunnel'}"
        self.setObjectName(name)
        self._traffic = label("", "figures", "muted")
        self.port = QSpinBox()
        self.port.setObjectName(f"{name}.port")
        self.port.setRange(0, 65535)
        self.port.setSpecialValueText("any free port")
        self.port.setValue(port)
        self.port.setFixedWidth(_PORT_WIDTH)
        if (line := self.port.lineEdit()) is not None:
            line.setTextMargins(GAP_S, 0, 0, 0)  # the style sheet's padding does not reach it
        self.port.setAccessibleName(f"Local port of {service}")
        self.port.setToolTip("Where it will listen on 127.0.0.1; 0 takes any free port")
        self._port_name = label("Local port", tone="muted")
        self._port_name.setBuddy(self.port)
        self._where = ElidedLabel("", "mono")
        self._copy_address = CopyButton(lambda: self.address, "address")
        self.user = QLineEdit(user)
        self.user.setObjectName(f"{name}.user")
        self.user.setPlaceholderText("user name")
        self.user.setFixedWidth(_USER_WIDTH)
        self._user_name = label("User", tone="muted")
        self._user_name.setBuddy(self.user)
        self.user.setAccessibleName(f"User name for {service}")
        self.buttons: dict[Verb, Button] = {
            "ssh": Button("SSH here", icon="terminal"),
            "open": Button("Open", icon="external"),
            "copy": Button("Copy command" if self._kind else "Copy address", "quiet", icon="copy"),
        }
        for verb, button in self.buttons.items():
            button.setObjectName(f"{name}.{verb}")
            button.clicked.connect(lambda _=False, verb=verb: self.asked.emit(verb, self.service))
        self._lay_out()
        self.show_port(None)

    def _lay_out(self) -> None:
        if self.header is not None:
            self.header.row.addWidget(self._traffic)
        where = QWidget()
        line = QHBoxLayout(where)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP_S)
        line.addWidget(self._port_name)
        line.addWidget(self.port)
        line.addWidget(self._where)
        line.addWidget(self._copy_address)
        line.addStretch(1)
        line.addWidget(self._user_name)
        line.addWidget(self.user)
        self.add(where)
        actions = QWidget()
        row = QHBoxLayout(actions)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_S)
        for part in (self._user_name, self.user):
            part.setVisible(self._kind != "http")
        self.buttons["ssh"].setVisible(self._kind != "http")
        self.buttons["open"].setVisible(self._kind != "ssh")
        for button in self.buttons.values():
            row.addWidget(button)
        row.addStretch(1)
        self.add(actions)
        self._actions = actions

    @property
    def traffic(self) -> str:
        return self._traffic.text()

    @property
    def kind(self) -> str:
        return self._kind

    def show_port(self, port: ServicePort | None) -> None:
        """None: not connected, its port can be chosen."""
        listening = port is not None and port.port > 0
        self._port_name.setVisible(not listening)
        self.port.setVisible(not listening)
        self._where.setVisible(listening)
        self._copy_address.setVisible(listening)
        for button in self.buttons.values():
            button.setEnabled(listening)
            button.setToolTip("" if listening else "Connect first")
        if port is None or not listening:
            self.address = ""
            self._traffic.setText("")
            return
        self.address = f"{port.host}:{port.port}"
        self._where.setText(self.address)
        count = port.connections
        now = f"{count} connection{'' if count == 1 else 's'}" if count else "no connection"
        self._traffic.setText(
            f"{now} · ↓ {bytes_text(port.bytes_down)} ↑ {bytes_text(port.bytes_up)}"
        )
        self._traffic.setToolTip(
            f"{port.connections_total} connection{'' if port.connections_total == 1 else 's'} "
            "since the proxy started"
        )

    def set_editable(self, editable: bool) -> None:
        """Whether the port may be chosen now (not while connecting, not of a closed tunnel)."""
        self.port.setEnabled(editable)

    def keyboard_order(self) -> list[QWidget]:
        """In reading order."""
        return [self.port, self._copy_address, self.user, *self.buttons.values()]

    @property
    def local_port(self) -> int:
        """The port it listens on, 0 while it does not."""
        return int(self.address.rpartition(":")[2] or 0)
