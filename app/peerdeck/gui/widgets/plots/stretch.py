"""Which stretch of time is looked at: the newest, or a place that the user went to."""

from dataclasses import dataclass, field
from typing import Final

ALL: Final = 0.0
SPANS_S: Final = (60.0, 300.0, 900.0, ALL)
USUAL_SPAN_S: Final = 300.0
FIRST_SPAN_S: Final = 60.0  # a young session is not a sliver at the right edge
LEAST_SPAN_S: Final = 2.0
_AIR: Final = 0.02
_AFTER: Final = 0.25  # of what is seen lies after the focus


@dataclass
class Stretch:
    """A window on data from `first` to `newest`, which grow; seconds on any one clock.

    span_s: what is seen of them while the newest is followed, ALL for everything. least_s: of the
    data that are seen, at least; what lacks is empty. focus: a time of the past that is seen
    instead of the newest, with something of what followed.
    """

    span_s: float = USUAL_SPAN_S
    first: float = 0.0
    newest: float = 0.0
    least_s: float = FIRST_SPAN_S
    focus: float | None = None
    _place: tuple[float, float] | None = None  # gone to by zoom or pan
    _paused_at: float | None = None
    _zoomed_span_s: float | None = field(default=None)

    def set_extent(self, first: float, newest: float) -> None:
        self.first, self.newest = first, max(first, newest)

    def look_at(self, focus: float | None) -> None:
        """A place that was gone to moves along once the focus would leave it."""
        if focus is not None and focus != self.focus and self._place is not None:
            begin, end = self._place
            if not begin <= focus <= end:
                self._go(focus - (1 - _AFTER) * (end - begin), end - begin)
        self.focus = focus

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
        if self._paused_at is not None:
            return self._paused_at
        if self.focus is None:
            return self.newest
        width = self._width()
        return min(self.newest, max(self.first + width, self.focus + _AFTER * width))

    def _width(self) -> float:
        if self._zoomed_span_s is not None:
            return self._zoomed_span_s
        newest = self.newest if self._paused_at is None else self._paused_at
        known = newest - self.first
        if self.span_s == ALL:
            return max(LEAST_SPAN_S, known)
        return max(self.least_s, min(self.span_s, known))

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
        whole = max(self.newest - self.first, self.least_s)
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
        if at_newest and self._paused_at is None and self.focus is None:
            self._place, self._zoomed_span_s = None, width
        else:
            self._place = (end - width, end)
