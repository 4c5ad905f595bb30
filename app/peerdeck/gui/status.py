"""The bar at the bottom: how much is going on, how fast, and whether all is well."""

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy

from peerdeck.core.quantities import rate_text
from peerdeck.core.session import Phase
from peerdeck.gui.pages.base import Following
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_XS, ROW
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel

if TYPE_CHECKING:
    from peerdeck.wiring import Console

_BEAT_MS: Final = 200
_SLOW_MS: Final = 50  # a hitch that a hand on the mouse feels


class Lateness(QObject):
    """How late the event loop comes to a timer: measured(float), worst of the last second, ms."""

    measured = Signal(float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._due = 0.0
        self._worst: deque[float] = deque(maxlen=1000 // _BEAT_MS)
        self._beats = 0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self._due = time.perf_counter() + _BEAT_MS / 1000
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self._worst.append(max(0.0, 1000 * (now - self._due)))
        self._due = now + _BEAT_MS / 1000
        self._beats += 1
        if self._beats % (1000 // _BEAT_MS) == 0:
            self.measured.emit(max(self._worst))


def count_text(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _text(name: str) -> ElidedLabel:
    """Whose numbers change every second without laying out the window."""
    made = ElidedLabel("", "small", "muted")
    made.setObjectName(name)
    made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return made


class StatusBar(QFrame):
    """Follows every service; owns nothing."""

    def __init__(self, console: "Console") -> None:
        super().__init__()
        self.setObjectName("status")
        self.setProperty("role", "bar")
        self.setFixedHeight(ROW)
        self._console = console
        self._counts = _text("status.counts")
        self._rates = _text("status.rates")
        self._loop = _text("status.loop")
        self._loop.setText("loop –")
        self._loop.explain(
            "How late the event loop was at worst in the last second. Under 4 ms nobody notices."
        )
        self.health = StatusLabel("", "muted")
        self.health.setObjectName("status.health")
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, 0, GAP_L, GAP_XS)
        row.setSpacing(GAP_L)
        for part in (self._counts, self._rates, self._loop):
            row.addWidget(part)
        row.addStretch(1)
        row.addWidget(self.health)
        self.lateness = Lateness(self)
        self.lateness.measured.connect(self._show_lateness)
        self.lateness.start()
        self.following = Following(self)
        self.following.follow(console.account.state, self._show)
        self.following.follow(console.channels.state, self._show)
        self.following.follow(console.sessions.state, self._show)
        self.following.follow(console.tunnels.state, self._show)

    def end(self) -> None:
        self.following.end()
        self.lateness.stop()

    def _show(self, _: object) -> None:
        live = [session for session in self._console.sessions.state.value if session.is_live]
        links = self._console.tunnels.state.value.links.values()
        joined = [link for link in links if link.link.state.value in {"ready", "reconnecting"}]
        sessions = count_text(len(live), "session")
        self._counts.setText(f"{sessions} · {count_text(len(joined), 'tunnel')} connected")
        peers = [peer.stats for session in live for peer in session.peers]
        stats = [found for found in peers if found is not None]
        down = sum(s.bitrate_in_bps or 0 for s in stats) / 8 + sum(x.rate_down for x in joined)
        up = sum(s.bitrate_out_bps or 0 for s in stats) / 8 + sum(x.rate_up for x in joined)
        self._rates.setText(f"↓ {rate_text(down)}   ↑ {rate_text(up)}" if live or joined else "")
        self.health.show_state(*self._health())

    def _health(self) -> tuple[str, str, str]:
        """Word, tone and tooltip: the worst there is."""
        console = self._console
        account = console.account.state.value
        if account.problem is not None:
            return "no account", "bad", str(account.problem)
        if not account.usable:
            return "signing in…", "info", ""
        failed = [s for s in console.sessions.state.value if s.phase is Phase.FAILED]
        lost = [x for x in console.tunnels.state.value.links.values() if x.problem is not None]
        if failed or lost:
            words = [count_text(len(failed), "session") if failed else ""]
            words += [count_text(len(lost), "tunnel") if lost else ""]
            return " and ".join(filter(None, words)) + " failed", "warn", ""
        for state in (console.channels.state.value, console.tunnels.state.value):
            if state.problem is not None:
                return "some data is old", "warn", str(state.problem)
        return "all well", "ok", ""

    def _show_lateness(self, late_ms: float) -> None:
        self._loop.setText(f"loop {late_ms:.0f} ms")
        self._loop.set_tone("warn" if late_ms > _SLOW_MS else "muted")
