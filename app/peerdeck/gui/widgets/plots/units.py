"""Units of plots: how their values read, and in what scale an axis is labelled."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from peerdeck.core.quantities import bitrate_text, bytes_text, milliseconds_text

_TICK_PX: Final = 22
_MOST_TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class Unit:
    """text(value) reads in full; scales: (from which top on, factor, name on the axis), the
    coarsest first. least_top: of an axis, so that noise near zero looks like noise."""

    text: Callable[[float], str]
    scales: tuple[tuple[float, float, str], ...]
    least_top: float = 1.0

    def scale(self, top: float) -> tuple[float, str]:
        """Factor and name for an axis that reaches up to `top`."""
        for least, factor, name in self.scales:
            if top >= least:
                return factor, name
        return self.scales[-1][1:]


def count_text(value: float) -> str:
    """1234567.0 → "1,234,567", 0.5 → "0.5", 12.3456 → "12.35"."""
    if abs(value) < 1e21 and value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.3g}"


def _thousands(name: str) -> tuple[tuple[float, float, str], ...]:
    """Scales of a count with "thousand" and "million" before its name."""
    return ((1e7, 1e-6, f"M {name}".strip()), (1e4, 1e-3, f"k {name}".strip()), (0, 1, name))


def counted(name: str) -> Unit:
    """Things: "packets", "frames", "" for what has no name."""
    return Unit(lambda value: f"{count_text(value)} {name}".strip(), _thousands(name), 0.0)


BITRATE: Final = Unit(bitrate_text, ((1e6, 1e-6, "Mbps"), (1e3, 1e-3, "kbps"), (0, 1, "bps")), 1e4)
BYTES: Final = Unit(
    bytes_text, ((1e9, 1e-9, "GB"), (1e6, 1e-6, "MB"), (1e3, 1e-3, "kB"), (0, 1, "B")), 1e3
)
SECONDS: Final = Unit(lambda s: milliseconds_text(1000 * s), ((1.0, 1, "s"), (0, 1000, "ms")), 0.01)
MILLISECONDS: Final = Unit(milliseconds_text, ((1e4, 1e-3, "s"), (0, 1, "ms")), 1.0)
PERCENT: Final = Unit(lambda v: f"{v:.1f} %", ((0, 1, "%"),), 4.0)
FPS: Final = Unit(lambda v: f"{v:.0f} fps", ((0, 1, "fps"),), 10.0)
PIXELS: Final = Unit(lambda v: f"{v:.0f} px", ((0, 1, "px"),), 100.0)
PACKET_RATE: Final = Unit(lambda v: f"{v:.0f} /s", ((1e4, 1e-3, "k/s"), (0, 1, "/s")), 100.0)
RATE: Final = Unit(lambda v: f"{count_text(v)} /s", ((1e4, 1e-3, "k/s"), (0, 1, "/s")), 1.0)
SHARE: Final = Unit(lambda v: f"{v:.3g} s/s", ((0, 1, "s/s"),), 0.01)
FLAG: Final = Unit(lambda v: "yes" if v else "no", ((0, 1, ""),), 1.0)
PLAIN: Final = counted("")


def unit_of(word: str, *, rate: bool) -> Unit:
    """Of a definition's unit ("bytes", "s", "packets" …); rate: of its growth per second."""
    if rate:
        # The value of bytes is scaled by 8.
        return {"bytes": BITRATE, "s": SHARE}.get(word, RATE)
    known = {
        "bytes": BYTES,
        "s": SECONDS,
        "ms": MILLISECONDS,
        "bit/s": BITRATE,
        "frames/s": FPS,
        "pixels": PIXELS,
        "flag": FLAG,
    }
    return known.get(word) or counted(word)


def round_step(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)


def axis_range(low: float, high: float, least_top: float, *, tight: bool) -> tuple[float, float]:
    """What an axis shows for values of low to high: from zero, up to a round number.

    tight: from near the lowest instead, for totals that grow far above zero.
    """
    if tight and low > 0.5 * high > 0 and high > least_top:
        step = round_step((high - low) / 4 or high / 100)
        return math.floor(low / step) * step, math.ceil(high / step + 0.01) * step
    top = max(high, least_top if low >= 0 else 0.0)
    top = top or (1.0 if low >= 0 else 0.0)
    step = round_step((top - min(0.0, low)) / 5 or 1.0)
    bottom = math.floor(low / step) * step if low < 0 else 0.0
    return bottom, math.ceil(top * 1.02 / step) * step


def ticks(low: float, high: float, height_px: float) -> list[float]:
    """Few round values within an axis, as many as have room, two at least where one can."""
    most = min(_MOST_TICKS, max(1.0, height_px / _TICK_PX))
    step = round_step((high - low) / most)
    if step > high - low > 0:
        step = round_step((high - low) / 2.5)
    first = math.ceil(low / step - 1e-9)
    count = int((high - first * step) / step + 1e-9)
    return [(first + number) * step for number in range(count + 1)]


def time_step(span_s: float, width_px: float, label_px: float) -> float:
    """Seconds between two labels of a time axis that do not touch."""
    most = max(1.0, width_px / label_px)
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
    return next((step for step in steps if span_s / step <= most), 43200)
