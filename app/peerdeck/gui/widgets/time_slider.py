"""The time of a recording: played, paused, stepped through, with its events as marks."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QElapsedTimer, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QToolTip, QWidget

from peerdeck.core.peer_log import Event
from peerdeck.core.quantities import countdown_text
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, theme
from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.labels import label

SPEEDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
FRAME_MS: Final = 100  # while playing; figures change once a second anyway
LEAP_S: Final = 10.0
_HEIGHT: Final = 34
_GROOVE: Final = 4
_KNOB: Final = 7.0
_MARK_TOP: Final = 5
_NEAR_PX: Final = 5
_TONES: Final = {"bad": 2, "warn": 1}


class TimeTrack(QWidget):
    """moved(float): POSIX seconds that the user wants to see.

    Arrow keys go a sample on or back, with Shift ten seconds, Page keys from event to event.
    """

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("sessions.time")
        self.setAccessibleName("Time of the recording")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.starts_at, self.ends_at, self.at_s = 0.0, 0.0, 0.0
        self._times: Sequence[float] = ()
        self._events: tuple[Event, ...] = ()
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(400, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, _HEIGHT)

    def show_span(
        self, starts_at: float, ends_at: float, times: Sequence[float], events: Sequence[Event]
    ) -> None:
        """times: of the samples, ascending; events in any order."""
        self.starts_at, self.ends_at = starts_at, max(starts_at, ends_at)
        self._times = times
        self._events = tuple(sorted(events, key=lambda event: event.at_s))
        self.at_s = min(max(self.at_s, self.starts_at), self.ends_at)
        self.update()

    def show_at(self, at_s: float) -> None:
        at_s = min(max(at_s, self.starts_at), self.ends_at)
        if at_s != self.at_s:
            self.at_s = at_s
            self.setAccessibleDescription(countdown_text(at_s - self.starts_at))
            self.update()

    def step(self, samples: int) -> None:
        """Forwards or back by so many samples."""
        times = self._times
        if not times:
            self._go(self.at_s + samples)
            return
        if samples > 0:
            place = bisect_right(times, self.at_s) - 1 + samples
        else:
            place = bisect_left(times, self.at_s) + samples
        self._go(times[min(max(place, 0), len(times) - 1)])

    def leap_to_event(self, forwards: bool) -> None:
        times = [event.at_s for event in self._events]
        if forwards:
            place = bisect_right(times, self.at_s + 0.001)
        else:
            place = bisect_left(times, self.at_s - 0.001) - 1
        if 0 <= place < len(times):
            self._go(times[place])

    def _go(self, at_s: float) -> None:
        before = self.at_s
        self.show_at(at_s)
        if self.at_s != before:
            self.moved.emit(self.at_s)

    def _x(self, at_s: float) -> float:
        span = self.ends_at - self.starts_at
        share = (at_s - self.starts_at) / span if span > 0 else 0.0
        return _KNOB + share * (self.width() - 2 * _KNOB)

    def _time(self, x: float) -> float:
        share = (x - _KNOB) / max(1.0, self.width() - 2 * _KNOB)
        return self.starts_at + share * (self.ends_at - self.starts_at)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, at = self.height() / 2, self._x(self.at_s)
        painter.setPen(Qt.PenStyle.NoPen)
        for left, right, token in (
            (_KNOB, self.width() - _KNOB, "line"),
            (_KNOB, at, "accent"),
        ):
            painter.setBrush(theme().color(token))
            groove = QRectF(left, middle - _GROOVE / 2, right - left, _GROOVE)
            painter.drawRoundedRect(groove, _GROOVE / 2, _GROOVE / 2)
        self._paint_marks(painter)
        painter.setBrush(theme().color("accent"))
        ring = theme().color("text" if self.hasFocus() else "surface")
        painter.setPen(QPen(ring, 2))
        painter.drawEllipse(QRectF(at - _KNOB, middle - _KNOB, 2 * _KNOB, 2 * _KNOB))
        painter.end()

    def _paint_marks(self, painter: QPainter) -> None:
        """At most one a pixel, the worst of it; trouble is taller than the rest."""
        worst: dict[int, str] = {}
        for event in self._events:
            x = int(self._x(event.at_s))
            if x not in worst or _TONES.get(event.tone, 0) > _TONES.get(worst[x], 0):
                worst[x] = event.tone
        for x, tone in worst.items():
            top = _MARK_TOP if tone in _TONES else 2 * _MARK_TOP
            painter.fillRect(
                QRectF(x - 0.75, top, 1.5, self.height() / 2 - _KNOB - top + 4),
                theme().color(tone or "muted"),
            )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._go(self._time(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(self._time(x))
        near = [e for e in self._events if abs(self._x(e.at_s) - x) <= _NEAR_PX]
        words = [f"{e.name} {e.detail}".strip() for e in near[:6]]
        when = countdown_text(self._time(x) - self.starts_at)
        QToolTip.showText(event.globalPosition().toPoint(), "\n".join([when, *words]), self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        leap = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Down:
                self._go(self.at_s - LEAP_S) if leap else self.step(-1)
            case Qt.Key.Key_Right | Qt.Key.Key_Up:
                self._go(self.at_s + LEAP_S) if leap else self.step(1)
            case Qt.Key.Key_Home:
                self._go(self.starts_at)
            case Qt.Key.Key_End:
                self._go(self.ends_at)
            case Qt.Key.Key_PageUp:
                self.leap_to_event(False)
            case Qt.Key.Key_PageDown:
                self.leap_to_event(True)
            case _:
                super().keyPressEvent(event)


class TimeSlider(QWidget):
    """moved(float): POSIX seconds that are looked at now, by hand or because it plays."""

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.track = TimeTrack()
        self.play = IconButton("play", "Play", "Space")
        self.play.setObjectName("sessions.time.play")
        self.back = IconButton("step-back", "One sample back")
        self.back.setObjectName("sessions.time.back")
        self.forth = IconButton("step-forward", "One sample on")
        self.forth.setObjectName("sessions.time.forth")
        self.speed = QComboBox()
        self.speed.setObjectName("sessions.time.speed")
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("How fast it plays")
        for factor in SPEEDS:
            self.speed.addItem(f"{factor:g}×", factor)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self._words = label("", "figures", "muted")
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._tick)
        self._clock = QElapsedTimer()
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, GAP_XS, GAP_M, GAP_XS)
        row.setSpacing(GAP_S)
        for button in (self.back, self.play, self.forth):
            row.addWidget(button)
        row.addWidget(self.track, 1)
        row.addWidget(self._words)
        row.addWidget(self.speed)
        self.play.clicked.connect(self.toggle)
        self.back.clicked.connect(lambda: self.track.step(-1))
        self.forth.clicked.connect(lambda: self.track.step(1))
        self.track.moved.connect(self._moved)

    @property
    def at_s(self) -> float:
        return self.track.at_s

    @property
    def is_playing(self) -> bool:
        return self._timer.isActive()

    @property
    def words(self) -> str:
        return self._words.text()

    def show_span(
        self,
        starts_at: float,
        ends_at: float,
        times: Sequence[float],
        events: Sequence[Event],
        at_s: float,
    ) -> None:
        """Another recording: it stands still, at `at_s`."""
        self.pause()
        self.track.show_span(starts_at, ends_at, times, events)
        self.track.show_at(at_s)
        self._tell()

    def toggle(self) -> None:
        """Plays or pauses; at the end it begins anew."""
        if self.is_playing:
            self.pause()
            return
        if self.track.at_s >= self.track.ends_at:
            self.track.show_at(self.track.starts_at)
        self.play.show_icon("pause", "accent")
        self.play.set_tip("Pause", "Space")
        self._clock.start()
        self._timer.start()

    def pause(self) -> None:
        """Idempotent."""
        self._timer.stop()
        self.play.show_icon("play")
        self.play.set_tip("Play", "Space")

    def _tick(self) -> None:
        passed_s = self._clock.restart() / 1000 * float(self.speed.currentData())
        self.track.show_at(self.track.at_s + passed_s)
        if self.track.at_s >= self.track.ends_at:
            self.pause()
        self._moved(self.track.at_s)

    def _moved(self, at_s: float) -> None:
        self._tell()
        self.moved.emit(at_s)

    def _tell(self) -> None:
        track = self.track
        gone, whole = track.at_s - track.starts_at, track.ends_at - track.starts_at
        clock = time.strftime("%H:%M:%S", time.localtime(track.at_s))
        text = f"{countdown_text(gone)} / {countdown_text(whole)}"
        if text != self._words.text():
            self._words.setText(text)
        self._words.setToolTip(clock)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.toggle()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.pause()
