"""The plots of a session: the standard eight, or whatever is chosen, over one time axis."""

import asyncio
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.peer_log import appended
from peerdeck.core.quantities import countdown_text
from peerdeck.gui.theme import GAP_S, GAP_XS, set_tone
from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.log_view import LogView
from peerdeck.gui.widgets.plots.canvas import Canvas
from peerdeck.gui.widgets.plots.chooser import WIDTH, Chooser
from peerdeck.gui.widgets.plots.stretch import (
    ALL,
    FIRST_SPAN_S,
    LEAST_SPAN_S,
    SPANS_S,
    USUAL_SPAN_S,
    Stretch,
)
from peerdeck.gui.widgets.plots.traces import Mark, Plot, TimeAxis
from peerdeck.gui.widgets.state import StatePane

if TYPE_CHECKING:
    from peerdeck.gui.widgets.plots.collect import Collector

DRAWING: Final = "peerdeck.gui.widgets.plots.collect"  # imports numpy
_UPDATE_MS: Final = 950  # samples may come ten times a second; eyes do not
_MOST_MARKS: Final = 50
_LIVE_S: Final = 15.0  # a sample as new as that is told as “now”


def span_text(span_s: float) -> str:
    return "All" if span_s == ALL else f"{span_s / 60:.0f} min"


class _Bar(QWidget):
    """Spans, pause, and the way to other members.

    span_chosen(float), pause_wanted(), live_wanted().
    """

    span_chosen = Signal(float)
    pause_wanted = Signal()
    live_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._spans = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_S, GAP_XS, GAP_S, 0)
        row.setSpacing(GAP_XS)
        for span_s in SPANS_S:
            button = _segment(span_text(span_s), f"Show {span_text(span_s).lower()} of time")
            button.setChecked(span_s == USUAL_SPAN_S)
            button.clicked.connect(lambda _=False, chosen=span_s: self.span_chosen.emit(chosen))
            self._spans.addButton(button)
            row.addWidget(button)
        self.pause = IconButton("pause", "Pause the plots; the session goes on", "Space")
        self.pause.clicked.connect(self.pause_wanted)
        self.state = label("", "small", "muted")
        self.live = _segment("Back to live", "Follow the newest sample again", checkable=False)
        self.live.clicked.connect(self.live_wanted)
        self.choose = _segment("Choose members…", "Plot any number of the statistics")
        row.addWidget(self.pause)
        row.addWidget(self.state)
        row.addWidget(self.live)
        row.addStretch(1)
        row.addWidget(self.choose)

    def show_state(self, stretch: Stretch, *, is_live: bool) -> None:
        """ "Paused, 0:12 behind"."""
        behind = countdown_text(stretch.behind_s)
        words = ""
        if stretch.is_paused:
            words = f"Paused, {behind} behind"
        elif not stretch.follows:
            far = is_live and stretch.behind_s >= 0.5
            words = f"{behind} before the newest" if far else "Zoomed"
        self.state.setText(words)
        set_tone(self.state, "tone", "warn" if stretch.is_paused else "muted")
        self.live.setVisible(not stretch.follows)
        self.live.setText("Back to live" if is_live else "Reset zoom")
        self.pause.setVisible(is_live or stretch.is_paused)
        icon = "play" if stretch.is_paused else "pause"
        self.pause.show_icon(icon)
        tip = "Go on" if stretch.is_paused else "Pause the plots; the session goes on"
        self.pause.set_tip(tip, "Space")


def _segment(text: str, tip: str, *, checkable: bool = True) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setProperty("kind", "segment")
    return button


class PlotsView(LogView):
    """wanted(): seen for the first time; the owner awaits `load()`, which imports beside the loop.

    last_cost_ms: what the last refresh took, without painting.
    """

    wanted = Signal()

    def __init__(
        self, parent: QWidget | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._collector: Collector | None = None
        self._plots: Sequence[Plot] = ()
        self._read_key: object = None
        self._found_marks: tuple[Mark, ...] = ()
        self._marks_key: object = None
        self._drawn_at = QElapsedTimer()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.draw_now)
        self.stretch = Stretch()
        self.last_cost_ms = 0.0
        self.bar = _Bar()
        self.canvas = Canvas()
        self.chooser = Chooser()
        self.chooser.hide()
        self._lay_out()
        self._connect()
        self.setAccessibleName("Plots")

    def _lay_out(self) -> None:
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self.canvas)
        plots = QWidget()
        column = QVBoxLayout(plots)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addWidget(self.bar)
        column.addWidget(area, 1)
        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.addWidget(plots)
        split.addWidget(self.chooser)
        split.setStretchFactor(0, 1)
        split.setSizes([2 * WIDTH, WIDTH])
        self.pane = StatePane(split, "plots.pane")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pane)

    def _connect(self) -> None:
        self.bar.span_chosen.connect(self._choose_span)
        self.bar.pause_wanted.connect(self.toggle_pause)
        self.bar.live_wanted.connect(self.follow)
        self.bar.choose.toggled.connect(self._show_chooser)
        self.chooser.closed.connect(lambda: self.bar.choose.setChecked(False))
        self.chooser.changed.connect(self.draw_now)
        self.canvas.zoomed.connect(self._zoom)
        self.canvas.panned.connect(self._pan)
        self.canvas.live_wanted.connect(self.follow)
        self.canvas.pause_wanted.connect(self.toggle_pause)

    # --- what the owner says ---------------------------------------------------------------

    async def load(self) -> None:
        """Imports what draws plots, and draws them if they are still to be seen."""
        await asyncio.to_thread(importlib.import_module, DRAWING)
        if self.isVisible():
            self.draw_now()

    def end(self) -> None:
        """Idempotent; the owner calls it before it goes."""
        self._later.stop()
        self.show_log(None, "")

    def forget(self) -> None:
        self._collector = self._read_key = None
        self._plots = ()
        self.stretch.resume()
        self.canvas.point_at(None)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if DRAWING not in sys.modules:
            self.wanted.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._later.stop()
        self._drawn_at.invalidate()

    # --- drawing ---------------------------------------------------------------------------

    def draw_log(self) -> None:
        """At most once a second, however often samples come; another log at once."""
        if self._collector is not None and self._drawn_at.isValid() and self.at_s is None:
            left = _UPDATE_MS - self._drawn_at.elapsed()
            if left > 0:
                if not self._later.isActive():
                    self._later.start(int(left))
                return
        self.draw_now()

    def draw_now(self) -> None:
        if not self.isVisible():
            return
        peer = self.peer
        if peer is None or len(peer.table) == 0:
            self.pane.show_empty(
                "chart",
                "No statistics yet.",
                "Every number of the connection is plotted here, from its first sample on.",
            )
            return
        if DRAWING not in sys.modules:
            return
        from peerdeck.gui.widgets.plots.collect import Collector

        clock = QElapsedTimer()
        clock.start()
        self.pane.show_ready()
        if self._collector is None or self._collector.table is not peer.table:
            self._collector = Collector(peer.table)
        self._draw(self._collector)
        self.last_cost_ms = clock.nsecsElapsed() / 1e6
        self._drawn_at.restart()

    def _draw(self, collector: "Collector") -> None:
        table, stretch = collector.table, self.stretch
        newest = table.times[-1]
        is_live = self.at_s is None and self._clock() - newest < _LIVE_S
        stretch.least_s = FIRST_SPAN_S if is_live else LEAST_SPAN_S
        stretch.set_extent(table.times[0], newest)
        stretch.look_at(self.at_s)
        zero = (
            self.log.started_at if self.log is not None and self.log.started_at else table.times[0]
        )
        axis = TimeAxis(
            begin=stretch.begin,
            end=stretch.end,
            newest=newest,
            zero=zero,
            relative=is_live and stretch.follows,
            marker=self.at_s,
            marks=self._marks(),
        )
        if self.chooser.isVisible():
            self.chooser.set_objects(list(collector.named.values()))
        self.canvas.show_plots(self._read(collector, axis), axis)
        self.bar.show_state(stretch, is_live=is_live)

    def _marks(self) -> tuple[Mark, ...]:
        """Losses and rebuilds among the events; looked for again only when there are more."""
        events = self.peer.events if self.peer is not None else []
        key = (id(events), appended(events))
        if key != self._marks_key:
            found = [e for e in events if e.kind == "session" and e.tone]
            self._found_marks = tuple(Mark(e.at_s, e.name, e.tone) for e in found[-_MOST_MARKS:])
            self._marks_key = key
        return self._found_marks

    def _read(self, collector: "Collector", axis: TimeAxis) -> Sequence[Plot]:
        """The same plots again where nothing but the time that is pointed to has changed."""
        chooser, table = self.chooser, collector.table
        raw = chooser.raw.isChecked()
        seen = (axis.begin, axis.end, len(table), table.times[0], table.times[-1])
        key = (collector, *seen, chooser.chosen, chooser.arranged, raw)
        if key != self._read_key:
            rows = collector.rows(axis.begin, axis.end)
            self._plots = collector.plots(rows, chooser.chosen, chooser.arranged, raw=raw)
            self._read_key = key
        return self._plots

    # --- what the user does ----------------------------------------------------------------

    def toggle_pause(self) -> None:
        """Freezes what is seen, not what is measured; what is over stands still anyway."""
        if self.at_s is not None:
            return
        if self.stretch.is_paused:
            self.stretch.resume()
        else:
            self.stretch.pause()
        self.draw_now()

    def follow(self) -> None:
        self.stretch.resume()
        self.draw_now()

    def _choose_span(self, span_s: float) -> None:
        self.stretch.choose_span(span_s)
        self.draw_now()

    def _zoom(self, factor: float, around: float) -> None:
        self.stretch.zoom(factor, around)
        self.draw_now()

    def _pan(self, seconds: float) -> None:
        self.stretch.pan(seconds)
        self.draw_now()

    def _show_chooser(self, shown: bool) -> None:
        self.chooser.setVisible(shown)
        self.draw_now()
        (self.chooser.search if shown else self.canvas).setFocus()
