"""Connectivity checks as soon as there is something to check."""

import asyncio
import contextlib
from collections.abc import Callable

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection, StunProtocol

from peerdeck.engine.tasks import TaskSet

_INTERVAL_S = 0.005  # Ta, at the least (RFC 8445 §14.2)
_RELAY_LATER_S = 0.05
_IDLE_S = 0.5


class Pacing:
    """Stands in for aioice's clock of 20 ms, at which candidates wait and ends are noticed late.

    A check starts when its candidate comes, the next one 5 ms later. Relayed pairs have to wait a
    moment where there may be others: the first pair that answers is nominated, and stays.
    """

    def __init__(self, ice: Connection, tasks: TaskSet, clock: Callable[[], float]) -> None:
        self._ice = ice
        self._tasks = tasks
        self._clock = clock
        self._changed = asyncio.Event()
        self._driving = False
        self._relay_at = 0.0
        self._connect = ice.connect
        self._pair = ice._pair_remote_candidate
        self._receive = ice.request_received

    def install(self) -> None:
        ice = self._ice
        ice.connect = self.connect  # type: ignore[method-assign]
        ice._check_periodic = self._check_periodic  # type: ignore[method-assign]
        ice._pair_remote_candidate = self._pair_remote_candidate  # type: ignore[method-assign,assignment]
        ice.request_received = self._request_received  # type: ignore[method-assign]

    async def connect(self) -> None:
        """Begins with the first pair; without one, when there will be none."""
        ice = self._ice
        while not (ice._check_list or ice._early_checks or ice._closing):
            if not ice._remote_candidates_expected():
                break
            await self._wait(_IDLE_S / 10)
        self._relay_at = self._clock() + _RELAY_LATER_S
        await self._connect()

    def _check_periodic(self) -> bool:
        """aioice's loop asks; where there are pairs, it need not ask again."""
        ice = self._ice
        if ice._check_list_done:
            return False
        if not ice._check_list:
            return ice._remote_candidates_expected()
        if not self._driving:
            self._driving = True
            self._tasks.start("checks", self._drive())
        return False

    async def _drive(self) -> None:
        ice = self._ice
        while not ice._check_list_done:
            pair = self._next()
            if pair is not None:
                ice.check_start_task(pair)
                await asyncio.sleep(_INTERVAL_S)
            elif self._relay_at > self._clock():
                await self._wait(self._relay_at - self._clock())
            elif self._is_over():
                return
            else:
                await self._wait(_IDLE_S)

    def _is_over(self) -> bool:
        """aioice says so, once every check has ended."""
        return not self._ice._remote_candidates_expected()

    def _next(self) -> CandidatePair | None:
        early = self._clock() < self._relay_at
        for state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN):
            for pair in self._ice._check_list:
                if pair.state is state and pair.task is None and not (early and _relayed(pair)):
                    return pair
        return None

    async def _wait(self, at_most_s: float) -> None:
        """Until something changes from now on."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._changed.wait()

    def _pair_remote_candidate(self, remote: Candidate) -> None:
        self._pair(remote)
        self._changed.set()

    def _request_received(
        self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        self._receive(message, addr, protocol)
        self._changed.set()


def _relayed(pair: CandidatePair) -> bool:
    return "relay" in {pair.local_candidate.type, pair.remote_candidate.type}
