"""The path that media takes: the selected pair of ICE candidates, in words."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from peerdeck.core.stats import CandidatePair, PeerStats
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import CopyButton
from peerdeck.gui.widgets.labels import ElidedLabel, IconLabel, label

_KINDS = {
    "host": ("host", "an address of the machine itself"),
    "srflx": ("server reflexive", "the address a NAT gives it, as a STUN server saw it"),
    "prflx": ("peer reflexive", "an address the other side saw while checking"),
    "relay": ("relayed", "an address on a TURN server, which forwards everything"),
}


def path_sentence(pair: CandidatePair) -> str:
    """One sentence on how media travels."""
    protocol = pair.protocol.upper()
    if "relay" in {pair.local_kind, pair.remote_kind}:
        both = pair.local_kind == pair.remote_kind
        whose = "both sides" if both else "our side" if pair.local_kind == "relay" else "the camera"
        return f"Media takes a detour over a TURN relay ({protocol}), asked for by {whose}."
    if {pair.local_kind, pair.remote_kind} == {"host"}:
        return f"Media goes directly over {protocol}, within one network."
    return f"Media goes directly over {protocol}, through NAT."


class _End(QWidget):
    """One end of the pair."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.kind = label("", "strong")
        self.address = ElidedLabel("", "mono")
        self.meaning = label("", "small", "muted", wrap=True)
        copy = CopyButton(self.address.text, f"{title.lower()} address")
        line = QHBoxLayout()
        line.setSpacing(GAP_S)
        line.addWidget(self.address, 1)
        line.addWidget(copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addWidget(label(title, "small", "muted"))
        column.addWidget(self.kind)
        column.addLayout(line)
        column.addWidget(self.meaning)
        column.addStretch(1)

    def show_end(self, kind: str, address: str) -> None:
        name, meaning = _KINDS.get(kind, (kind, ""))
        self.kind.setText(name.capitalize())
        self.meaning.setText(meaning[:1].upper() + meaning[1:] + "." if meaning else "")
        self.address.setText(address)


class CandidatesView(QWidget):
    """The selected pair as a sentence and its two ends; empty until there is one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sentence = label("", "body", wrap=True)
        self._icon = IconLabel("tunnels", "muted")
        self._local = _End("This console")
        self._remote = _End("Camera")
        self._ends = QWidget()
        grid = QGridLayout(self._ends)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP_L)
        grid.addWidget(self._local, 0, 0)
        arrow = IconLabel("chevron-right", "muted")
        grid.addWidget(arrow, 0, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self._remote, 0, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        head = QHBoxLayout()
        head.setSpacing(GAP_S)
        head.addWidget(self._icon)
        head.addWidget(self._sentence, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP_M, GAP_M, GAP_M, GAP_M)
        column.setSpacing(GAP_M)
        column.addLayout(head)
        column.addWidget(self._ends)
        column.addStretch(1)
        self.show_stats(None)

    @property
    def sentence(self) -> str:
        return self._sentence.text()

    def show_stats(self, stats: PeerStats | None) -> None:
        pair = stats.pair if stats else None
        self._ends.setVisible(pair is not None)
        if pair is None:
            self._sentence.setText("No pair of candidates is selected yet: ICE is still checking.")
            return
        self._sentence.setText(path_sentence(pair))
        self._local.show_end(pair.local_kind, pair.local_address)
        self._remote.show_end(pair.remote_kind, pair.remote_address)
