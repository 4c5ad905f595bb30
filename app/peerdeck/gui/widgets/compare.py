"""Two logs side by side."""

import asyncio
import importlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.peer_log import SessionLog
from peerdeck.gui.models.comparison import COMPARISON_COLUMNS, FigureRow, comparison_text
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.theme import GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import CopyButton
from peerdeck.gui.widgets.flex import FlexSplitter
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.plots.canvas import Canvas
from peerdeck.gui.widgets.plots.chooser import WIDTH, Chooser
from peerdeck.gui.widgets.plots.stretch import ALL, Stretch
from peerdeck.gui.widgets.plots.traces import TimeAxis, clock_text
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

if TYPE_CHECKING:
    from peerdeck.gui.widgets.plots.pairing import Side

DRAWING: Final = "peerdeck.gui.widgets.plots.pairing"  # imports numpy
Choice = tuple[str, SessionLog, str]  # what it is called, its log, the peer
_MOST_OFFSET_S: Final = 86_400.0


def start_text(log: SessionLog) -> str:
    """Local time of its start, with the day: "Nov 20, 22:01:07"."""
    return time.strftime("%b %d, %H:%M:%S", time.localtime(log.started_at or log.span()[0]))


class CompareView(QWidget):
    """The same figures of two logs, live, recorded or imported: in one plot each, and as a table.

    Both begin at 0; B can be moved along the time. wanted(): seen for the first time; the owner
    awaits `load()`, which imports beside the loop.
    """

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choices: list[Choice] = []
        self._sides: tuple[Side, Side] | None = None
        self.stretch = Stretch(span_s=ALL)
        self.first, self.second = QComboBox(), QComboBox()
        self.offset = QDoubleSpinBox()
        self.choose = QToolButton()
        self.remark = label("", "small", "muted")
        self.canvas = Canvas()
        self.chooser = Chooser()
        self.chooser.hide()
        self.figures = RowsModel[FigureRow](COMPARISON_COLUMNS, lambda row: row.key, self)
        self.table = DataTable(self.figures)
        self.copy = CopyButton(lambda: comparison_text(self.figures.shown), "the table")
        self._set_up()
        self._lay_out()
        self._connect()

    def _set_up(self) -> None:
        for box, name in ((self.first, "A"), (self.second, "B")):
            box.setAccessibleName(f"Log {name}")
            box.setMinimumContentsLength(14)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self.offset.setAccessibleName("How much later B is drawn")
        self.offset.setToolTip("How much later than its start B is drawn")
        self.offset.setRange(-_MOST_OFFSET_S, _MOST_OFFSET_S)
        self.offset.setDecimals(1)
        self.offset.setSuffix(" s")
        self.choose.setText("Choose members…")
        self.choose.setCheckable(True)
        self.choose.setProperty("kind", "segment")
        self.table.setProperty("frame", "none")
        self.table.setAccessibleName("Figures of both logs")

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(GAP_S, GAP_XS, GAP_S, 0)
        bar.setSpacing(GAP_S)
        for name, box in (("A", self.first), ("B", self.second)):
            bar.addWidget(label(name, "strong"))
            bar.addWidget(box, 2)
        bar.addWidget(label("B later by", tone="muted"))
        bar.addWidget(self.offset)
        bar.addWidget(self.remark)
        bar.addStretch(1)
        bar.addWidget(self.choose)
        bar.addWidget(self.copy)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self.canvas)
        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.addWidget(FlexSplitter(area, self.table, beside=45, above=58))
        split.addWidget(self.chooser)
        split.setStretchFactor(0, 1)
        split.setSizes([3 * WIDTH, WIDTH])
        self.pane = StatePane(split, "compare.pane")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        column.addLayout(bar)
        column.addWidget(self.pane, 1)

    def _connect(self) -> None:
        self.first.currentIndexChanged.connect(lambda _: self._pair())
        self.second.currentIndexChanged.connect(lambda _: self._pair())
        self.offset.valueChanged.connect(lambda _: self._move())
        self.choose.toggled.connect(self._show_chooser)
        self.chooser.closed.connect(lambda: self.choose.setChecked(False))
        self.chooser.changed.connect(self.refresh)
        self.canvas.zoomed.connect(self._zoom)
        self.canvas.panned.connect(self._pan)
        self.canvas.live_wanted.connect(self._whole)

    # --- what the owner says ---------------------------------------------------------------

    def show_choices(self, choices: Sequence[tuple[str, SessionLog]]) -> None:
        """(title, log) of everything that is open; what was chosen stays chosen."""
        found: list[Choice] = []
        titles = [title for title, _ in choices]
        for title, log in choices:
            # Sessions of one channel are told apart by when they began.
            called = title if titles.count(title) == 1 else f"{title} · {start_text(log)}"
            for peer_id in log.peers:
                several = len(log.peers) > 1
                found.append((f"{called} · {peer_id}" if several else called, log, peer_id))
        if [(t, id(log), p) for t, log, p in found] == [
            (t, id(log), p) for t, log, p in self.choices
        ]:
            return
        before = [self._choice(box) for box in (self.first, self.second)]
        self.choices = found
        taken: list[int] = []
        for box, had in zip((self.first, self.second), before, strict=True):
            box.blockSignals(True)
            box.clear()
            box.addItems([title for title, _, _ in found])
            kept = next((i for i, one in enumerate(found) if had and one[1:] == had[1:]), None)
            free = next((i for i in range(len(found)) if i not in taken), 0)
            place = free if kept is None else kept
            taken.append(place)
            box.setCurrentIndex(place if found else -1)
            box.blockSignals(False)
        self._pair()

    async def load(self) -> None:
        """Imports what draws, and draws if it is still to be seen."""
        await asyncio.to_thread(importlib.import_module, DRAWING)
        self._pair()

    def end(self) -> None:
        """Idempotent; the owner calls it before it goes."""
        self.show_choices(())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if DRAWING not in sys.modules:
            self.wanted.emit()
        self._pair()

    # --- drawing ---------------------------------------------------------------------------

    def _choice(self, box: QComboBox) -> Choice | None:
        place = box.currentIndex()
        return self.choices[place] if 0 <= place < len(self.choices) else None

    def _pair(self) -> None:
        """Takes both sides that are chosen."""
        a, b = self._choice(self.first), self._choice(self.second)
        self._sides = None
        if a is not None and b is not None and DRAWING in sys.modules:
            from peerdeck.gui.widgets.plots.pairing import Side

            names = [f"{letter} {one[0]}" for letter, one in (("A", a), ("B", b))]
            first, second = (
                Side(name, log, log.peer(peer_id))
                for name, (_, log, peer_id) in zip(names, (a, b), strict=True)
            )
            second.offset_s = self.offset.value()
            self._sides = (first, second)
        self.stretch.resume()
        self.refresh()

    def refresh(self) -> None:
        """One of the logs may have grown."""
        if not self.isVisible():
            return
        if len(self.choices) < 2:
            self.pane.show_empty(
                "compare",
                "Two logs are needed.",
                "Open a recording or a dump of a browser beside another session: both are drawn "
                "from their start on, in the same plots.",
            )
            return
        extents = [side.extent() for side in self._sides or ()]
        known = [extent for extent in extents if extent is not None]
        if self._sides is None or not known:
            self.pane.show_loading()
            return
        self.pane.show_ready()
        self.stretch.set_extent(min(a for a, _ in known), max(b for _, b in known))
        self._draw(*self._sides)

    def _draw(self, a: "Side", b: "Side") -> None:
        from peerdeck.gui.widgets.plots.pairing import paired

        begin, end = self.stretch.begin, self.stretch.end
        if self.chooser.isVisible():
            self.chooser.set_objects(list(a.reader.named.values()))
        raw = self.chooser.raw.isChecked()
        plots, figures = paired(a, b, begin, end, self.chooser.chosen, raw=raw)
        axis = TimeAxis(begin, end, self.stretch.newest, relative=False, has_moments=False)
        self.canvas.show_plots(plots, axis)
        self.figures.set_rows(figures)
        times = " to ".join(clock_text(max(0.0, at)) for at in (begin, end))
        self.remark.setText(f"Table of {times}")

    # --- what the user does ----------------------------------------------------------------

    def _move(self) -> None:
        if self._sides is not None:
            self._sides[1].offset_s = self.offset.value()
            self.refresh()

    def _zoom(self, factor: float, around: float) -> None:
        self.stretch.zoom(factor, around)
        self.refresh()

    def _pan(self, seconds: float) -> None:
        self.stretch.pan(seconds)
        self.refresh()

    def _whole(self) -> None:
        self.stretch.choose_span(ALL)
        self.refresh()

    def _show_chooser(self, shown: bool) -> None:
        self.chooser.setVisible(shown)
        self.refresh()
