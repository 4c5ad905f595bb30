"""How much may wait to be sent on a link: a keystroke waits behind all of it."""

from collections.abc import Callable

QUEUE_S = 0.02
LEAST_BYTES = 8 * 1024
_MEASURE_S = 0.01
_FREE_S = 0.5


class Pace:
    """`budget`: what the link carries in QUEUE_S by its own measure, a power of two, in bytes.

    Measured while the sender has to wait for the link, for only then the link sets the pace. most:
    the largest budget, also that of a link that nobody has had to wait for yet. clock: seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.budget = most
        self._most = most
        self._clock = clock
        self._blocked_at = 0.0
        self._free_at = clock()
        self._sent_before = 0
        self._measured_s = 0.0
        self._measured_bytes = 0

    def blocked(self, sent: int) -> None:
        """The link takes no more. sent: bytes that it has ever taken from us."""
        self._blocked_at = self._clock()
        self._sent_before = sent

    def freed(self, sent: int) -> bool:
        """The link takes more again. True where the budget has changed."""
        self._free_at = self._clock()
        self._measured_s += self._free_at - self._blocked_at
        self._measured_bytes += sent - self._sent_before
        if self._measured_s < _MEASURE_S:
            return False
        rate = self._measured_bytes / self._measured_s
        self._measured_s, self._measured_bytes = 0.0, 0
        return self._set(int(rate * QUEUE_S))

    def relax(self) -> bool:
        """For a link that nobody waits for any more; True where the budget has changed."""
        now = self._clock()
        if now - self._free_at < _FREE_S:
            return False
        self._free_at = now
        return self._set(2 * self.budget)

    def _set(self, wanted: int) -> bool:
        wanted = max(LEAST_BYTES, min(self._most, wanted))
        before, self.budget = self.budget, 1 << (wanted.bit_length() - 1)
        return self.budget != before
