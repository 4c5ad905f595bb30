"""One row per ICE URI: what it is, whether it works, who may use it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from peerdeck.core.ice import IceProbe, IceServer, IceUri, ProbeVerdict
from peerdeck.core.quantities import milliseconds_text
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import CopyButton
from peerdeck.gui.widgets.fields import SecretField
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel, hairline, label

VERDICTS: Final = {
    ProbeVerdict.OK: ("works", "ok"),
    ProbeVerdict.REFUSED: ("refused", "bad"),
    ProbeVerdict.SILENT: ("silent", "bad"),
    ProbeVerdict.UNREACHABLE: ("unreachable", "bad"),
    ProbeVerdict.UNSUPPORTED: ("not tried", "muted"),
}
_VERDICT_WIDTH: Final = 104
_TRANSPORT_WIDTH: Final = 84
_RTT_WIDTH: Final = 60


def kind_text(uri: IceUri) -> str:
    """ "STUN UDP", "TURN TLS" …"""
    return f"{'TURN' if uri.is_turn else 'STUN'} {uri.transport_name}"


def address_text(uri: IceUri) -> str:
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    return f"{host}:{uri.port}"


class IceRow(QWidget):
    """Three lines: verdict and address; what the test saw; the credentials."""

    def __init__(self, uri: IceUri, number: int) -> None:
        super().__init__()
        self.uri = uri
        self.setObjectName(f"ice.row.{number}")
        self.verdict = StatusLabel("untested", "muted")
        self.verdict.setFixedWidth(_VERDICT_WIDTH)
        self._kind = label(kind_text(uri), tone="muted")
        self._kind.setFixedWidth(_TRANSPORT_WIDTH)
        self._address = ElidedLabel(address_text(uri), "mono")
        self._address.setToolTip(uri.text)
        self.rtt = label("", "figures")
        self.rtt.setFixedWidth(_RTT_WIDTH)
        self.rtt.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.seen = label("", "small", "muted", wrap=True)
        self.seen.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.user = ElidedLabel("", "mono", "muted")
        self.password = SecretField("password")
        self._credentials = self._credentials_line()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, GAP_S, 0, GAP_S)
        grid.setHorizontalSpacing(GAP_S)
        grid.setVerticalSpacing(GAP_XS)
        grid.setColumnStretch(2, 1)
        for column, part in enumerate((self.verdict, self._kind, self._address, self.rtt)):
            grid.addWidget(part, 0, column)
        grid.addWidget(_copy(self._uri_text, "URI"), 0, 4)
        grid.addWidget(self.seen, 1, 1, 1, 4)
        grid.addWidget(self._credentials, 2, 1, 1, 4)
        self.show_probe(None, testing=False)

    def show_server(self, server: IceServer) -> None:
        self.user.setText(server.username)
        self.password.set_secret(server.password)
        self._credentials.setVisible(bool(server.username))

    def show_probe(self, probe: IceProbe | None, *, testing: bool) -> None:
        if probe is None:
            self.verdict.show_state(*(("testing…", "info") if testing else ("untested", "muted")))
            self.rtt.setText("")
            self.seen.hide()
            return
        word, tone = VERDICTS[probe.verdict]
        self.verdict.show_state(word, tone, probe.reason)
        self.rtt.setText("–" if probe.rtt_ms is None else milliseconds_text(probe.rtt_ms))
        parts = [
            f"mapped {probe.mapped}" if probe.mapped else "",
            f"relayed {probe.relayed}" if probe.relayed else "",
            probe.reason,
        ]
        self.seen.setText("  ·  ".join(filter(None, parts)))
        self.seen.setVisible(any(parts))

    def _credentials_line(self) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_XS)
        row.addWidget(label("user", "small", "muted"))
        row.addWidget(self.user, 3)
        row.addWidget(_copy(self.user.text, "user name"))
        row.addSpacing(GAP_M)
        row.addWidget(label("password", "small", "muted"))
        self.password.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        row.addWidget(self.password, 2)
        return box

    def _uri_text(self) -> str:
        return self.uri.text


def _copy(text: Callable[[], str], what: str) -> CopyButton:
    button = CopyButton(text, what)
    button.be_compact()
    return button


class IceRows(QWidget):
    """The rows; kept and updated as long as the URIs stay the same."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ice.rows")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.rows: list[IceRow] = []

    def show_servers(
        self, servers: Sequence[IceServer], probes: Mapping[str, IceProbe], *, testing: bool
    ) -> None:
        pairs = [(uri, server) for server in servers for uri in server.uris]
        if [uri for uri, _ in pairs] != [row.uri for row in self.rows]:
            self._rebuild([uri for uri, _ in pairs])
        for row, (uri, server) in zip(self.rows, pairs, strict=True):
            row.show_server(server)
            row.show_probe(probes.get(uri.text), testing=testing)

    def _rebuild(self, uris: Sequence[IceUri]) -> None:
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = [IceRow(uri, number) for number, uri in enumerate(uris, 1)]
        for row in self.rows:
            self._column.addWidget(hairline())
            self._column.addWidget(row)
