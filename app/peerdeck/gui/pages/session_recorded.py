"""A recording on the desk: the same views, at the time of the slider."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer

from peerdeck.core.peer_log import Event, SessionLog
from peerdeck.gui.models.glances import Glances
from peerdeck.gui.widgets.notes import InlineNote
from peerdeck.gui.widgets.session_desk import SessionDesk
from peerdeck.gui.widgets.session_figures import SPARK_SAMPLES

if TYPE_CHECKING:
    from peerdeck.services.recordings import OpenRecording

_BUDGET: Final = 12  # figures derived in a turn of the loop
_FACTS: Final = 4
_REMEMBERED: Final = 50  # places of the slider
_FACT_LENGTH: Final = 40  # longer ones are read elsewhere


class RecordedSession(QObject):
    """Where the slider stands is remembered for each recording while it is open."""

    def __init__(self, desk: SessionDesk, note: InlineNote, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._note = note
        self._peer_id = ""
        self._glances: Glances | None = None
        self._at: dict[str, float] = {}
        self.recording: OpenRecording | None = None
        self._filling = QTimer(self)
        self._filling.setSingleShot(True)
        self._filling.setInterval(0)
        self._filling.timeout.connect(self._show_figures)
        desk.slider.moved.connect(self._move)

    @property
    def peer_id(self) -> str:
        return self._peer_id

    @property
    def at_s(self) -> float:
        return self._desk.slider.at_s

    def show(self, recording: "OpenRecording") -> None:
        if self.recording is not None and self.recording.id == recording.id:
            return
        self.recording = recording
        if recording.note and recording.id not in self._at:
            self._note.say("warn", recording.note, title=recording.title)
        desk = self._desk
        desk.show_recorded(True)
        desk.views.show_viewers(False)
        desk.views.data.line.show_open(False)
        desk.views.data.line.hide()
        desk.stage.strip.show_side(both=False)
        self._show_peer(next(iter(recording.log.peers), ""))

    def forget(self) -> None:
        """Something else is on the desk."""
        if self.recording is None:
            return
        self.recording, self._glances, self._peer_id = None, None, ""
        self._filling.stop()
        self._desk.slider.pause()
        self._desk.show_recorded(False)
        self._desk.views.data.line.show()
        self._desk.views.show_log(None, "")

    def choose_peer(self, peer_id: str) -> None:
        if self.recording is not None and peer_id in self.recording.log.peers:
            self._show_peer(peer_id)

    def _show_peer(self, peer_id: str) -> None:
        recording = self.recording
        if recording is None:
            return
        self._peer_id = peer_id
        log, desk = recording.log, self._desk
        peer = log.peers.get(peer_id)
        self._glances = Glances(peer) if peer is not None else None
        desk.stage.strip.show_peers(tuple(log.peers), peer_id)
        starts_at, ends_at = recording.starts_at, recording.ends_at
        at_s = self._at.setdefault(recording.id, ends_at)
        while len(self._at) > _REMEMBERED:
            del self._at[next(iter(self._at))]
        times = peer.table.times if peer is not None else ()
        desk.slider.show_span(starts_at, ends_at, times, _marks(log, peer_id), at_s)
        desk.views.show_log(log, peer_id, desk.slider.at_s)
        self._show_figures()

    def _move(self, at_s: float) -> None:
        if self.recording is None:
            return
        self._at[self.recording.id] = at_s
        self._desk.views.show_log(self.recording.log, self._peer_id, at_s)
        self._show_figures()

    def _show_figures(self) -> None:
        """The newest at once, the rest of the sparklines as time allows."""
        if self.recording is None:
            return
        glances, figures = self._glances, self._desk.figures
        history = glances.until(self.at_s, SPARK_SAMPLES, _BUDGET) if glances is not None else []
        latest = history[-1] if history else None
        if latest is not None:
            figures.show_sent(not latest.width and latest.out_packets > 0)
        figures.show_samples(history, latest)
        facts = [f for f in self.recording.log.facts.items() if 2 < len(f[1]) <= _FACT_LENGTH]
        words = " · ".join(f"{key} {value}" for key, value in facts[:_FACTS])
        self._desk.stage.show_recording(latest, words)
        if glances is not None and len(history) < glances.wanted(self.at_s, SPARK_SAMPLES):
            self._filling.start()


def _marks(log: SessionLog, peer_id: str) -> list[Event]:
    peer = log.peers.get(peer_id)
    return list(peer.events) if peer is not None else []
