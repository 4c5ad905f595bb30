"""The figures of a session: eight lines that are glanced at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from peerdeck.core.quantities import bitrate_text, milliseconds_text
from peerdeck.core.stats import PeerStats
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, set_tone
from peerdeck.gui.widgets.figures import NOTHING, Sparkline
from peerdeck.gui.widgets.labels import label

SPARK_SAMPLES: Final = 60
_LEAST_HEIGHT: Final = 34


@dataclass(frozen=True, slots=True)
class Limit:
    """From `warn` (and `bad`) on a value deserves attention; `falling`: low is bad. words say what
    it means for the picture."""

    warn: float
    bad: float
    words: str
    falling: bool = False

    def tone(self, value: float) -> str:
        if self.falling:
            return "bad" if value <= self.bad else "warn" if value <= self.warn else ""
        return "bad" if value >= self.bad else "warn" if value >= self.warn else ""


@dataclass(frozen=True, slots=True)
class Line:
    """title; value of a sample and its text; least top of its sparkline; limit past which it is
    coloured and named."""

    title: str
    value: Callable[[PeerStats], float | None]
    text: Callable[[float], str]
    least_top: float
    limit: Limit | None = None


def _percent(value: float) -> str:
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def _per_second(value: float) -> str:
    return f"{value:.0f} /s"


# Where people begin to notice: ITU-T G.114 calls 150 ms one way transparent, 400 ms the end; a few
# per cent of loss already freeze a picture without retransmission.
LINES: Final = (
    Line("Bitrate in", lambda s: s.bitrate_in_bps, bitrate_text, 1e5, Limit(0, 0, "nothing", True)),
    Line("Bitrate out", lambda s: s.bitrate_out_bps, bitrate_text, 1e4),
    Line("Packets", lambda s: s.packets_per_s, _per_second, 100),
    Line("Frames", lambda s: s.fps, lambda v: f"{v:.0f} fps", 15, Limit(10, 1, "choppy", True)),
    Line("Round trip", lambda s: s.rtt_ms, milliseconds_text, 100, Limit(300, 800, "slow")),
    Line("Loss", lambda s: s.loss_percent, _percent, 4, Limit(2, 8, "lossy")),
    Line("Jitter", lambda s: s.jitter_ms, milliseconds_text, 30, Limit(50, 150, "uneven")),
)


class FigureLine(QFrame):
    """Title, value large, unit small, last minute as a line; a word beside a coloured value."""

    def __init__(self, title: str, *, sparkline: bool = True, least_top: float = 0.0) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self._title = label(title, "small", "muted")
        self._title.setFixedWidth(self._title.fontMetrics().horizontalAdvance("Bitrate out ") + 2)
        self._value = label(NOTHING, "figure")
        self._unit = label("", "unit", "muted")
        self._word = label("", "small")
        self._spark = Sparkline(SPARK_SAMPLES, 22, least_top) if sparkline else None
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, GAP_XS, GAP_S, GAP_XS)
        row.setSpacing(GAP_XS)
        row.addWidget(self._title)
        middle = Qt.AlignmentFlag.AlignVCenter
        for part in (self._value, self._unit, self._word):
            row.addWidget(part, 0, middle)
        row.addStretch(1)
        if self._spark is not None:
            self._spark.setFixedWidth(84)
            self._spark.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
            row.addWidget(self._spark)

    @property
    def text(self) -> str:
        parts = (self._value.text(), self._unit.text(), self._word.text())
        return " ".join(part for part in parts if part)

    def show_text(self, text: str, tone: str = "", word: str = "") -> None:
        """ "48 ms" is split into value and unit; tone: "warn", "bad" or "", named by `word`."""
        value, _, unit = text.partition(" ")
        self._value.setText(value or NOTHING)
        self._unit.setText(unit)
        self._word.setText(word if tone else "")
        for part in (self._value, self._word):
            set_tone(part, "tone", tone)
        if self._spark is not None:
            self._spark.set_tone(tone or "accent")
        self.setAccessibleName(f"{self._title.text()} {self.text}")

    def set_samples(self, samples: Iterable[float | None]) -> None:
        if self._spark is not None:
            self._spark.set_samples(samples)


class SessionFigures(QWidget):
    """One line per figure; `show_samples` once a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = {
            line.title: FigureLine(line.title, least_top=line.least_top) for line in LINES
        }
        self.resolution = FigureLine("Resolution", sparkline=False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        for widget in (*self.lines.values(), self.resolution):
            column.addWidget(widget, 1)
        self.setAccessibleName("Figures")

    def show_samples(self, history: Sequence[PeerStats], latest: PeerStats | None) -> None:
        """history: oldest first; latest: None dashes everything out."""
        recent = list(history)[-SPARK_SAMPLES:]
        for line in LINES:
            shown = self.lines[line.title]
            shown.set_samples(line.value(sample) for sample in recent)
            value = line.value(latest) if latest else None
            if value is None:
                shown.show_text("")
                continue
            tone = line.limit.tone(value) if line.limit else ""
            shown.show_text(line.text(value), tone, line.limit.words if line.limit else "")
        size = f"{latest.width}×{latest.height}" if latest and latest.width else ""
        if latest is not None:
            self.lines["Packets"].setToolTip(
                f"{latest.packets_received:,} received, {latest.packets_lost:,} lost"
            )
        self.resolution.show_text(f"{size} {latest.codec}" if latest and size else "")
