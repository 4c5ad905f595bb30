"""Faults as switches: on with values and perhaps a duration, and off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from peerdeck.core.errors import FieldError

MAX_DURATION_S = 86_400.0
Value = float | str
Values = Mapping[str, Value]
_log = logging.getLogger(__name__)


class UnknownFaultError(LookupError):
    """No fault has that name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Number:
    """A parameter with a unit in its name. Both bounds are allowed values."""

    name: str
    words: str
    default: float
    least: float
    most: float

    def read(self, value: object) -> Value:
        """Raises FieldError."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FieldError(self.name, str(value), "must be a number.")
        if not self.least <= value <= self.most:
            rule = f"must be {self.least:g} to {self.most:g}."
            raise FieldError(self.name, str(value), rule)
        return float(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter with few values; any text of letters and digits where `values` is empty.

    suggestions: what a menu may offer then.
    """

    name: str
    words: str
    default: str
    values: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()

    def read(self, value: object) -> Value:
        """Raises FieldError."""
        if not isinstance(value, str):
            raise FieldError(self.name, str(value), "must be a text.")
        if self.values and value not in self.values:
            raise FieldError(self.name, value, f"must be one of {', '.join(self.values)}.")
        if not self.values and not (value == "*" or (value.isalnum() and len(value) <= 64)):
            raise FieldError(self.name, value, "must be an operation's name, or “*” for all.")
        return value


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can go wrong.

    description: what a user of the console will meet. end: what ends it. stop: None for a moment's
    event, which is over as soon as it happened. duration_s: how long it lasts unless told
    otherwise; None means until it is switched off. group: heading in a menu.
    """

    name: str
    title: str
    description: str
    start: Callable[[Values], None]
    stop: Callable[[], Awaitable[None] | None] | None = None
    parameters: tuple[Number | Choice, ...] = ()
    duration_s: float | None = None
    end: str = "Ends when it is switched off."
    group: str = ""

    @property
    def momentary(self) -> bool:
        return self.stop is None

    def read(self, given: Mapping[str, object]) -> Values:
        """Checked values, defaults included; raises FieldError."""
        names = {parameter.name for parameter in self.parameters}
        for name, value in given.items():
            if name not in names:
                known = ", ".join(sorted(names)) or "none"
                raise FieldError(
                    name, str(value), f"is no parameter of {self.name}; it has {known}."
                )
        return {p.name: p.read(given.get(p.name, p.default)) for p in self.parameters}


@dataclass(frozen=True, slots=True)
class FaultState:
    """A fault now. values: what it is on with, or would be. left_s: None without an end in time.

    happened: how often it was switched on.
    """

    fault: Fault
    on: bool
    values: Values
    left_s: float | None
    happened: int


@dataclass(slots=True)
class _On:
    values: Values
    timer: asyncio.TimerHandle | None
    ends_at: float  # seconds of the loop's clock; what counts only with a timer
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ending: bool = False


class Faults:
    """Knows which faults are on. clock: seconds of the running loop."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = {fault.name: fault for fault in faults}
        self._on: dict[str, _On] = {}
        self._happened: dict[str, int] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def listing(self) -> tuple[FaultState, ...]:
        """Every fault, in the catalogue's order."""
        return tuple(self.state(name) for name in self._faults)

    def state(self, name: str) -> FaultState:
        """Raises UnknownFaultError."""
        fault = self._fault(name)
        on = self._on.get(name)
        left_s = None
        if on is not None and on.timer is not None:
            left_s = max(0.0, on.ends_at - asyncio.get_running_loop().time())
        values = on.values if on is not None else fault.read({})
        return FaultState(fault, on is not None, values, left_s, self._happened.get(name, 0))

    async def switch_on(
        self, name: str, values: Mapping[str, object] = {}, *, duration_s: float | None = None
    ) -> FaultState:
        """Again with other values is fine. Raises UnknownFaultError, FieldError."""
        fault = self._fault(name)
        checked = fault.read(values)
        lasting_s = duration_s if duration_s is not None else fault.duration_s
        if lasting_s is not None and not 0 < lasting_s <= MAX_DURATION_S:
            rule = f"must be more than 0 and at most {MAX_DURATION_S:g}."
            raise FieldError("duration_s", f"{lasting_s:g}", rule)
        await self.switch_off(name)
        fault.start(checked)
        self._happened[name] = self._happened.get(name, 0) + 1
        _log.info("fault %s is on", name)
        if not fault.momentary:
            loop, timer = asyncio.get_running_loop(), None
            if lasting_s is not None:
                timer = loop.call_later(lasting_s, self._end, name)
            self._on[name] = _On(checked, timer, loop.time() + (lasting_s or 0.0))
        return self.state(name)

    async def switch_off(self, name: str) -> FaultState:
        """Idempotent; off when what the fault did is undone. Raises UnknownFaultError, OSError."""
        fault = self._fault(name)
        on = self._on.get(name)
        if on is not None and on.ending:
            await on.ended.wait()
        elif on is not None and fault.stop is not None:
            await self._stop(on, name, fault.stop)
        return self.state(name)

    async def _stop(self, on: _On, name: str, stop: Callable[[], Awaitable[None] | None]) -> None:
        on.ending = True
        if on.timer is not None:
            on.timer.cancel()
        try:
            stopped = stop()
            if stopped is not None:
                await stopped
        finally:
            on.ended.set()
            self._on.pop(name, None)
        _log.info("fault %s is off", name)

    async def clear(self) -> None:
        """Everything off."""
        for name in tuple(self._on):
            await self.switch_off(name)

    async def aclose(self) -> None:
        """Forgets timers; what the faults did goes with the cloud. Idempotent."""
        for on in self._on.values():
            if on.timer is not None:
                on.timer.cancel()
        self._on.clear()
        ending = tuple(self._ending)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _fault(self, name: str) -> Fault:
        fault = self._faults.get(name)
        if fault is None:
            names = ", ".join(self._faults)
            raise UnknownFaultError(f"No fault is called “{name[:60]}”; there are {names}.")
        return fault

    def _end(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._ended(name), name=f"fault/{name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _ended(self, name: str) -> None:
        try:
            await self.switch_off(name)
        except OSError:  # a port that the relay had was taken meanwhile
            _log.exception("fault %s could not be undone", name)
