"""Which stretch of time is looked at: the newest, or a place that the user went to."""

from dataclasses import dataclass, field
from typing import Final

ALL: Final = 0.0
SPANS_S: Final = (60.0, 300.0, 900.0, ALL)
USUAL_SPAN_S: Final = 300.0
FIRST_SPAN_S: Final = 60.0  # a young session is not a sliver at the right edge
LEAST_SPAN_S: Final = 2.0
_AIR: Final = 0.02


@dataclass
class Stretch:
    """A window on data from `first` to `newest`, which grow; seconds on any one clock.

    span_s: what is seen of them while the newest is followed, ALL for everything.
    """

    span_s: float = USUAL_SPAN_S
    first: float = 0.0
    newest: float = 0.0
    _place: tuple[float, float] | None = None  # gone to by zoom or pan
    _paused_at: float | None = None
    _zoomed_span_s: float | None = field(default=None)

    def set_extent(self, first: float, newest: float) -> None:
        self.first, self.newest = first, max(first, newest)

    @property
    def follows(self) -> bool:
        """Whether new samples are seen when they come."""
        return self._place is None and self._paused_at is None

    @property
    def is_paused(self) -> bool:
        return self._paused_at is not None

    @property
    def behind_s(self) -> float:
        """How much newer the newest sample is than the right edge."""
        return max(0.0, self.newest - self.end)

    @property
    def begin(self) -> float:
        if self._place is not None:
            return self._place[0]
        return self._right - self._width()

    @property
    def end(self) -> float:
        return self._place[1] if self._place is not None else self._right

    @property
    def _right(self) -> float:
        return self.newest if self._paused_at is None else self._paused_at

    def _width(self) -> float:
        known = self._right - self.first
        if self._zoomed_span_s is not None:
            return self._zoomed_span_s
        wanted = known if self.span_s == ALL else min(self.span_s, known)
        return max(FIRST_SPAN_S, wanted) if self.span_s != ALL else max(LEAST_SPAN_S, wanted)

    def choose_span(self, span_s: float) -> None:
        self.span_s = span_s
        self._place, self._zoomed_span_s = None, None

    def pause(self) -> None:
        if self._paused_at is None:
            self._paused_at = self.end if self._place is None else self.newest

    def resume(self) -> None:
        """To the newest, at the span that was chosen."""
        self._paused_at = self._place = self._zoomed_span_s = None

    def zoom(self, factor: float, around: float) -> None:
        """factor < 1 looks closer. At the right edge the newest stays followed."""
        begin, end = self.begin, self.end
        around = min(max(around, begin), end)
        whole = max(self.newest - self.first, FIRST_SPAN_S)
        width = min(max((end - begin) * factor, LEAST_SPAN_S), whole)
        share = (around - begin) / (end - begin)
        self._go(around - share * width, width)

    def pan(self, seconds: float) -> None:
        """Positive: to later times."""
        self._go(self.begin + seconds, self.end - self.begin)

    def _go(self, begin: float, width: float) -> None:
        begin = max(begin, min(self.first, self.newest - width))
        end = min(begin + width, self.newest)
        at_newest = end >= self.newest - _AIR * width
        if at_newest and self._paused_at is None:
            self._place, self._zoomed_span_s = None, width
        else:
            self._place = (end - width, end)
