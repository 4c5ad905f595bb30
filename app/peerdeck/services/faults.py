"""What can go wrong in the demo on demand: switched on for a while, and off again."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.observable import Observable
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.account import AccountService, AccountState
from peerdeck.services.journal import JournalService
from peerdeck.services.status import Status

Value = float | str
LATE_S = 0.1  # the cloud's own timer comes first
_GONE = UserError(
    "The demo is not running.", "Choose “Demo (local cloud)” among the profiles first."
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """choices: the only values, or () for any number from least to most, or any text.

    suggestions: what that text could be.
    """

    name: str
    words: str
    default: Value
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()

    def check(self, value: Value) -> Value:
        """Raises FieldError. Numbers must lie in the bounds; the demo has the last word."""
        if self.choices and value not in self.choices:
            raise FieldError(self.name, str(value), f"must be one of {', '.join(self.choices)}.")
        if isinstance(self.default, str):
            return str(value)
        number = float(value)
        least, most = self.least, self.most
        if least is not None and most is not None and not least <= number <= most:
            raise FieldError(self.name, str(value), f"must be {least:g} to {most:g}.")
        return number


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can go wrong, as the demo tells of it.

    momentary: over as soon as it happened. duration_s: its own, where it has one. values: what it
    is on with, or would be. left_s: at the time of asking; None without an end in time. happened:
    how often it was switched on.
    """

    name: str
    group: str
    title: str
    description: str
    end: str
    momentary: bool
    duration_s: float | None
    parameters: tuple[Parameter, ...]
    on: bool
    values: Mapping[str, Value]
    left_s: float | None
    happened: int


class FaultSwitches(Protocol):
    """The faults of a running demo. Everything raises UserError where it does not answer."""

    async def listing(self) -> tuple[Fault, ...]: ...

    async def switch_on(
        self, name: str, values: Mapping[str, Value], duration_s: float | None
    ) -> None: ...

    async def switch_off(self, name: str) -> None: ...

    async def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FaultsState:
    """faults: in the demo's order; none where there is no demo. ends_at: POSIX seconds, by name."""

    status: Status = Status.IDLE
    faults: tuple[Fault, ...] = ()
    ends_at: Mapping[str, float] = field(default_factory=dict)
    problem: UserError | None = None

    @property
    def active(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.on)


class FaultsService:
    """Follows the account: there is something to switch in the demo only, and it ends with it."""

    def __init__(
        self,
        account: AccountService,
        journal: JournalService,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._journal = journal
        self._clock = clock
        self._tasks = TaskSet("faults")
        self._switches: FaultSwitches | None = None
        self._waiting: asyncio.Task[None] | None = None
        self.state = Observable(FaultsState())
        self._unsubscribe = account.state.subscribe(self._account_changed)

    def _account_changed(self, _: AccountState) -> None:
        switches = self._account.faults
        if switches is self._switches:
            return
        before, self._switches = self._switches, switches
        self._stop_waiting()
        if before is not None and self.state.value.active:
            # Sessions of the demo may live on beside another account; they get well.
            self._tasks.start("leave", self._leave(before))
        self.state.publish(FaultsState())
        if switches is not None:
            self._tasks.start("first look", self.refresh())

    @staticmethod
    async def _leave(switches: FaultSwitches) -> None:
        try:
            await switches.clear()
        except UserError:
            return  # that demo has ended, and its faults with it

    async def refresh(self) -> None:
        """Asks the demo anew; failures stand in the state. Does nothing without a demo."""
        switches = self._switches
        if switches is None:
            return
        if not self.state.value.faults:
            self._publish(status=Status.LOADING)
        try:
            faults = await switches.listing()
        except UserError as error:
            if switches is self._switches:
                self._publish(status=Status.FAILED, problem=error)
            return
        if switches is not self._switches:
            return
        now = self._clock()
        ends_at = {f.name: now + f.left_s for f in faults if f.on and f.left_s is not None}
        self._publish(status=Status.READY, faults=faults, ends_at=ends_at, problem=None)
        self._stop_waiting()
        if ends_at:
            due = min(ends_at.values()) - now + LATE_S
            self._waiting = self._tasks.start("end", self._look_after(due))

    async def switch_on(
        self, name: str, values: Mapping[str, Value] | None = None, duration_s: float | None = None
    ) -> None:
        """duration_s: None until it is switched off, or for the fault's own time.

        On again with other values is fine. Raises FieldError before asking, and UserError.
        """
        switches, fault = self._known(name)
        checked = {p.name: p.check((values or {}).get(p.name, p.default)) for p in fault.parameters}
        with self._journal.timed("demo", f"Fault on: {fault.title}") as result:
            await switches.switch_on(name, checked, None if fault.momentary else duration_s)
            result.text = ", ".join(f"{key} {value}" for key, value in checked.items())
        await self.refresh()

    async def switch_off(self, name: str) -> None:
        """Idempotent. Raises UserError."""
        switches, fault = self._known(name)
        with self._journal.timed("demo", f"Fault off: {fault.title}"):
            await switches.switch_off(name)
        await self.refresh()

    async def clear(self) -> None:
        """Everything off. Raises UserError."""
        if self._switches is None:
            raise _GONE
        with self._journal.timed("demo", "All faults off"):
            await self._switches.clear()
        await self.refresh()

    def _known(self, name: str) -> tuple[FaultSwitches, Fault]:
        fault = next((fault for fault in self.state.value.faults if fault.name == name), None)
        if self._switches is None or fault is None:
            raise _GONE
        return self._switches, fault

    async def _look_after(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        self._waiting = None  # refresh() must not cancel the task that it runs in
        await self.refresh()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _publish(self, **fields: object) -> None:
        self.state.publish(replace(self.state.value, **fields))  # type: ignore[arg-type]

    async def aclose(self) -> None:
        """Idempotent; the demo itself ends its faults."""
        self._unsubscribe()
        await self._tasks.aclose()
