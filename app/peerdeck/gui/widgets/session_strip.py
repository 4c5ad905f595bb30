"""State and path, over the picture; whose picture it is; and what one does with it."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from peerdeck.core.quantities import milliseconds_text
from peerdeck.core.session import Phase, Session
from peerdeck.core.stats import PeerStats
from peerdeck.gui.models.phases import OVER, PHASES
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, ROW
from peerdeck.gui.widgets.choices import Segments
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel, label
from peerdeck.gui.widgets.video_controls import VideoControls

OURS, THEIRS = "ours", "theirs"
_PEER_WIDTH: Final = 150


def path_text(stats: PeerStats | None) -> str:
    """ "relay/udp · 48 ms · VP8 1280×720", as far as it is known."""
    if stats is None:
        return ""
    width, height, codec = stats.width, stats.height, stats.codec
    if not width and stats.out_width:
        width, height, codec = stats.out_width, stats.out_height, stats.out_codec
    size = f"{width}×{height}" if width else ""
    parts = (
        stats.pair.path if stats.pair else "",
        "" if stats.rtt_ms is None else milliseconds_text(stats.rtt_ms),
        f"{codec} {size}".strip(),
    )
    return " · ".join(part for part in parts if part)


class SessionStrip(QWidget):
    """peer_chosen(str): the user wants to see this viewer of ours. side_chosen(str): OURS, what we
    send, or THEIRS."""

    peer_chosen = Signal(str)
    side_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.state = StatusLabel()
        self.path = ElidedLabel("", "figures", "muted", Qt.TextElideMode.ElideRight)
        self.path.setObjectName("sessions.path")
        self.rebuilds = label("", "small", "warn")
        self.rebuilds.setObjectName("sessions.rebuilds")
        self.signaling = label("", "small", "warn")
        self.peers = QComboBox()
        self.peers.setObjectName("sessions.peer")
        self.peers.setAccessibleName("Viewer")
        self.peers.setToolTip("Whose connection is looked at")
        self.peers.setFixedWidth(_PEER_WIDTH)
        self.side = Segments("Whose picture", ((OURS, "Ours"), (THEIRS, "Theirs")))
        self.side.setObjectName("sessions.side")
        self.controls = VideoControls("sessions.video")
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_S, GAP_XS, GAP_S, GAP_XS)
        row.setSpacing(GAP_M)
        row.addWidget(self.state)
        row.addWidget(self.path, 1)
        for widget in (self.rebuilds, self.signaling, self.peers, self.side, self.controls):
            row.addWidget(widget)
        self.setMinimumHeight(ROW)
        self.peers.activated.connect(lambda at: self.peer_chosen.emit(self.peers.itemData(at)))
        self.side.chosen.connect(self.side_chosen)
        self.show_peers((), "")
        self.show_side(both=False)
        for text in (self.rebuilds, self.signaling):
            text.hide()

    def show_session(self, session: Session, stats: PeerStats | None) -> None:
        word, tone = PHASES[session.phase]
        if (self.state.word, self.state.tone) != (word, tone):
            self.state.show_state(word, tone)
        no_path = session.phase in OVER or session.phase is Phase.REBUILDING
        self.path.setText("" if no_path else path_text(stats))
        lost = session.phase is Phase.CONNECTED and session.signaling != "open"
        self._say(
            self.signaling,
            f"signaling {session.signaling}" if lost else "",
            "Media goes on without the signaling socket.",
        )
        count = session.rebuilds
        self._say(
            self.rebuilds,
            f"rebuilt {count}×" if count else "",
            "How often a lost path was replaced by itself.",
        )

    def show_recording(self, stats: PeerStats | None) -> None:
        if self.state.word != "Recording":
            self.state.show_state("Recording", "muted")
        self.path.setText(path_text(stats))
        self.controls.offer(picture=False, sound=False)
        self.controls.hide()
        for text in (self.rebuilds, self.signaling):
            self._say(text, "", "")

    def show_peers(self, ids: Sequence[str], chosen: str) -> None:
        """Several can be looked at; one alone needs no choice."""
        self.peers.setVisible(len(ids) > 1)
        present = [self.peers.itemData(at) for at in range(self.peers.count())]
        with QSignalBlocker(self.peers):
            if present != list(ids):
                self.peers.clear()
                for one in ids:
                    self.peers.addItem(one, one)
            self.peers.setCurrentIndex(self.peers.findData(chosen))

    def show_side(self, *, both: bool) -> None:
        """both: a picture goes either way, and one may see either."""
        self.side.setVisible(both)

    @staticmethod
    def _say(text: QLabel, words: str, tip: str) -> None:
        if text.text() != words:
            text.setText(words)
            text.setToolTip(tip)
            text.setVisible(bool(words))
