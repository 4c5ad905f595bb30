"""What a thing measures and logs; everything is a function of its name and of time."""

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

FIRMWARE = "4.2.1"
_LOG_EVERY_S = 7
_LOG_LINES = (
    "INFO  sampler: 12 values in 38 ms",
    "INFO  uplink: shadow accepted",
    "DEBUG watchdog: fed",
    "INFO  sampler: 12 values in 41 ms",
    "WARN  uplink: publish took 812 ms",
    "INFO  valve: position 62 %",
    "INFO  ntp: offset 1.8 ms",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """name, value, unit; high: at or above this it is a warning."""

    name: str
    value: float
    unit: str
    high: float

    @property
    def is_high(self) -> bool:
        return self.value >= self.high


class Thing:
    """clock: POSIX seconds; the thing was booted when it was made."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._clock = clock
        self._booted_at = clock()
        self._phase = zlib.crc32(name.encode()) % 360

    @property
    def uptime_s(self) -> float:
        return self._clock() - self._booted_at

    @property
    def time_text(self) -> str:
        return _stamp(self._clock())

    def readings(self) -> tuple[Reading, ...]:
        """Slow waves, different for every thing; the inlet runs hot now and then."""
        return (
            Reading("inlet temperature", self._wave(61.0, 9.0, 47), "°C", 68.0),
            Reading("outlet pressure", self._wave(412.0, 14.0, 31), "kPa", 430.0),
            Reading("flow", self._wave(18.4, 2.2, 23), "l/min", 25.0),
            Reading("motor speed", self._wave(1470.0, 25.0, 13), "rpm", 1600.0),
            Reading("supply voltage", self._wave(23.9, 0.3, 61), "V", 26.0),
        )

    def log(self, count: int) -> Iterator[str]:
        """The last `count` lines, the newest last."""
        newest = int(self._clock()) // _LOG_EVERY_S
        for number in range(newest - count + 1, newest + 1):
            line = _LOG_LINES[(number + self._phase) % len(_LOG_LINES)]
            yield f"{_stamp(number * _LOG_EVERY_S)} {line}"

    def _wave(self, mean: float, swing: float, period_s: float) -> float:
        angle = 2 * math.pi * self._clock() / period_s + math.radians(self._phase)
        return round(mean + swing * math.sin(angle), 1)


def duration_text(seconds: float) -> str:
    """93784 → "1 d 2 h 3 min"."""
    minutes = int(seconds) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    parts = [f"{days} d"] if days else []
    parts += [f"{hours} h"] if days or hours else []
    return " ".join([*parts, f"{minutes % 60} min"])


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
