"""What happened, in order; bounded."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.journal import Entry
from peerdeck.core.observable import Observable

CAPACITY = 1000


@dataclass(slots=True)
class Result:
    """Filled in by the body of `JournalService.timed`."""

    text: str = ""
    detail: str = ""


class JournalService:
    """`entries.value` holds the newest CAPACITY entries, oldest first."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._entries: deque[Entry] = deque(maxlen=CAPACITY)
        self.entries: Observable[tuple[Entry, ...]] = Observable(())

    def record(
        self,
        kind: str,
        what: str,
        *,
        ok: bool = True,
        took_ms: float | None = None,
        result: str = "",
        detail: str = "",
    ) -> None:
        entry = Entry(self._clock(), kind, what, ok, took_ms, result, detail)
        self._entries.append(entry)
        self.entries.publish(tuple(self._entries))

    @contextmanager
    def timed(self, kind: str, what: str) -> Iterator[Result]:
        """Records how the body ended and how long it took; what it raises passes through."""
        started = self._monotonic()
        result = Result()

        def write(ok: bool, text: str, detail: str) -> None:
            took_ms = 1000 * (self._monotonic() - started)
            self.record(kind, what, ok=ok, took_ms=took_ms, result=text, detail=detail)

        try:
            yield result
        except UserError as error:
            write(False, error.title, error.detail or error.remedy)
            raise
        except FieldError as error:
            write(False, str(error), "")
            raise
        write(True, result.text, result.detail)
