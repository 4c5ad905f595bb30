"""The viewers of a session that is master: one row each."""

import time
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from peerdeck.core.quantities import bitrate_text, countdown_text, milliseconds_text
from peerdeck.core.session import Peer, Session
from peerdeck.core.stats import PeerStats
from peerdeck.gui.models.rows import Column, RowsModel
from peerdeck.gui.widgets.labels import DOTS, NOTHING
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

TONES: Final = {
    "connected": "ok",
    "connecting": "info",
    "new": "info",
    "disconnected": "warn",
    "failed": "bad",
    "closed": "muted",
}


def _known(value: float | None, text: str) -> str:
    return NOTHING if value is None else text


def _rtt(stats: PeerStats | None) -> float | None:
    if stats is None:
        return None
    return stats.rtt_ms if stats.out_rtt_ms is None else stats.out_rtt_ms


def _rtt_text(peer: Peer) -> str:
    rtt = _rtt(peer.stats)
    return NOTHING if rtt is None else milliseconds_text(rtt)


def _out_text(peer: Peer) -> str:
    rate = peer.stats.bitrate_out_bps if peer.stats else None
    return NOTHING if rate is None else bitrate_text(rate)


def _fps_text(peer: Peer) -> str:
    fps = peer.stats.out_fps if peer.stats else None
    return _known(fps, f"{fps or 0:.0f}")


def _loss_text(peer: Peer) -> str:
    loss = peer.stats.out_loss_percent if peer.stats else None
    return _known(loss, f"{loss or 0:.1f} %")


def _requests(peer: Peer) -> tuple[float, float] | None:
    stats = peer.stats
    if stats is None or (stats.out_nacks_per_s is None and stats.out_plis_per_s is None):
        return None
    return stats.out_nacks_per_s or 0.0, stats.out_plis_per_s or 0.0


def _requests_text(peer: Peer) -> str:
    found = _requests(peer)
    return NOTHING if found is None else f"{found[0]:.0f} / {found[1]:.0f}"


def _tone(peer: Peer) -> str:
    return TONES.get(peer.state, "muted")


def _loss_tone(peer: Peer) -> str:
    loss = (peer.stats.out_loss_percent if peer.stats else None) or 0.0
    return "bad" if loss >= 8 else "warn" if loss >= 2 else ""


COLUMNS: Final[tuple[Column[Peer], ...]] = (
    Column("Client ID", lambda p: p.id, elide="middle", font="mono", width=0),
    Column("State", lambda p: p.state, icon=lambda p: (DOTS[_tone(p)], _tone(p)), width=116),
    Column(
        "Since",
        lambda p: countdown_text(time.time() - p.since) if p.since else NOTHING,
        key=lambda p: -p.since,
        tooltip=lambda p: time.strftime("Offer came at %H:%M:%S", time.localtime(p.since)),
        align="right",
        font="figures",
        width=64,
        live=True,
        searched=False,
    ),
    Column(
        "Path",
        lambda p: p.stats.pair.path if p.stats and p.stats.pair else NOTHING,
        tooltip=lambda p: p.stats.pair.remote_address if p.stats and p.stats.pair else "",
        width=88,
    ),
    Column(
        "RTT",
        _rtt_text,
        key=lambda p: _rtt(p.stats) or 0.0,
        tooltip=lambda p: "As the viewer's reports say, else of the last STUN exchange",
        align="right",
        font="figures",
        width=64,
    ),
    Column(
        "Out",
        _out_text,
        key=lambda p: (p.stats.bitrate_out_bps if p.stats else None) or 0.0,
        tooltip=lambda p: "Sent to this viewer in the last interval",
        align="right",
        font="figures",
        width=80,
    ),
    Column(
        "fps",
        _fps_text,
        key=lambda p: (p.stats.out_fps if p.stats else None) or 0.0,
        tooltip=lambda p: "Video frames sent per second",
        align="right",
        font="figures",
        width=48,
    ),
    Column(
        "Loss",
        _loss_text,
        key=lambda p: (p.stats.out_loss_percent if p.stats else None) or 0.0,
        tooltip=lambda p: "Of what we sent, as the viewer reports",
        tone=_loss_tone,
        align="right",
        font="figures",
        width=64,
    ),
    Column(
        "NACK / PLI",
        _requests_text,
        key=lambda p: sum(_requests(p) or (0.0,)),
        tooltip=lambda p: "Per second: packets asked for again, key frames asked for",
        align="right",
        font="figures",
        width=84,
    ),
)


class ViewersView(QWidget):
    """chosen(str): client id of the viewer that is looked at, "" for none.

    The first viewer is chosen by itself; one that has left stays chosen until another is.
    join_requested(): the user wants to be a viewer of it, here.
    """

    chosen = Signal(str)
    join_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = RowsModel[Peer](COLUMNS, lambda peer: peer.id, self)
        self.table = DataTable(self.rows)
        self.table.setObjectName("sessions.viewers.table")
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Viewers")
        self.table.add_copy_action("client ID", lambda peer: peer.id, "Ctrl+C")
        self.pane = StatePane(self.table, "sessions.viewers.pane")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pane)
        self.table.selected.connect(self.chosen)
        self.pane.chosen.connect(lambda _: self.join_requested.emit())

    @property
    def chosen_id(self) -> str:
        return self.table.selected_id

    def show_session(self, session: Session) -> None:
        self.rows.set_rows(session.peers)
        self.rows.tick()
        if session.peers:
            self.pane.show_ready()
            if self.rows.place_of(self.table.selected_id) < 0:
                self.table.select_id(session.peers[0].id)
        elif self.pane.state != "empty":
            self.pane.show_empty(
                "video",
                "Waiting for viewers.",
                f"Whoever joins {session.channel} as viewer now sees what this console sends: "
                "a browser with Amazon's test page, an app, or this console itself.",
                (("join", "Join it as viewer"),),
            )

    def forget(self) -> None:
        """Another session is looked at."""
        self.table.forget_selection()
        self.rows.set_rows(())
