"""Statistics of a recording: rows as they lie in the file, columns when they are looked at."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from peerdeck.core.rtc_stats import Member, StatsReport
from peerdeck.core.stats_table import NOT_KNOWN, WIDTH, StatsTable
from peerdeck.storage.recordings.records import TYPES, VALUE_BYTES, Column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.uint8]


_ROWS_AT_ONCE = 256


class Segment:
    """Rows with the same columns. deltas: each row's changes, in order; taken over."""

    def __init__(self, columns: Sequence[Column], deltas: bytearray) -> None:
        import numpy as np

        self.columns = columns
        self.places = {(c.id, c.member): place for place, c in enumerate(columns, start=1)}
        width = VALUE_BYTES * (1 + len(columns))
        rows = len(deltas) // width
        words = np.frombuffer(deltas, "<u8", rows * (1 + len(columns)))
        words = words.reshape(rows, 1 + len(columns))
        # In small portions: numpy holds the interpreter for each, and the window's loop wants it.
        for start in range(0, rows, _ROWS_AT_ONCE):
            portion = words[start : start + _ROWS_AT_ONCE]
            if start:
                portion[0] ^= words[start - 1]
            np.bitwise_xor.accumulate(portion, axis=0, out=portion)
        self._rows: Rows = words.view("u1").reshape(rows, VALUE_BYTES, 1 + len(columns))

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, place: int) -> bytes:
        """place: 0 for the times. Doubles in this machine's order."""
        return self._doubles(self._rows[:, :, place])

    def row(self, number: int) -> "array[float]":
        """The time, then a value per column."""
        return array("d", self._doubles(self._rows[number].T))

    @staticmethod
    def _doubles(planes: "Rows") -> bytes:
        import numpy as np

        return np.ascontiguousarray(planes).view("<f8").astype("=f8", copy=False).tobytes()


class RecordedTable(StatsTable):
    """Reads as any table; nothing can be appended."""

    def __init__(
        self,
        segments: Sequence[Segment],
        texts: Mapping[Member, list[tuple[float, str | None]]],
    ) -> None:
        super().__init__()
        self._segments = [segment for segment in segments if len(segment)]
        self._starts: list[int] = []
        for segment in self._segments:
            self._starts.append(len(self.times))
            self.times.frombytes(segment.column(0))
            for column in segment.columns:
                self._widen((column.id, column.member), TYPES.get(column.sort, float))
        self.appended = len(self.times)
        self._texts = dict(texts)

    def append(self, report: StatsReport) -> None:
        raise TypeError("a recording is only read")

    def copy(self) -> StatsTable:
        return self

    def members(self) -> tuple[Member, ...]:
        return tuple(self._types)

    def column(self, member: Member) -> Sequence[float]:
        if member not in self._types:
            return array("d")
        column = self._columns.get(member)
        if column is None:
            column = self._columns[member] = array("d")
            for segment in self._segments:
                place = segment.places.get(member)
                if place is None:
                    column.extend(array("d", [NOT_KNOWN]) * len(segment))
                else:
                    column.frombytes(segment.column(place))
        return column

    def _widen(self, member: Member, kind: type) -> None:
        if WIDTH[kind] >= WIDTH[self._types.setdefault(member, kind)]:
            self._types[member] = kind

    def _numbers(self, row: int) -> Iterator[tuple[Member, float]]:
        place = bisect_right(self._starts, row) - 1
        segment = self._segments[place]
        values = segment.row(row - self._starts[place])
        return zip(segment.places, values[1:], strict=True)
