"""The signaling channels of the present account and region."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from peerdeck.core.channel import Channel
from peerdeck.core.errors import UserError
from peerdeck.core.observable import Observable
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.account import AccountService, AccountState
from peerdeck.services.explain import explained
from peerdeck.services.journal import JournalService
from peerdeck.services.status import Status


@dataclass(frozen=True, slots=True)
class ChannelsState:
    """channels: sorted by name. loaded_at: POSIX seconds of the last whole list, 0 for never."""

    status: Status = Status.IDLE
    channels: tuple[Channel, ...] = ()
    loaded_at: float = 0.0
    problem: UserError | None = None

    def by_arn(self, arn: str) -> Channel | None:
        return next((channel for channel in self.channels if channel.arn == arn), None)


class ChannelsService:
    """Follows the account: a new profile or region empties the list and loads the other one."""

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
        self._tasks = TaskSet("channels")
        self._loading: asyncio.Task[None] | None = None
        self._place: tuple[object, ...] = ()
        self.state = Observable(ChannelsState())
        self._unsubscribe = account.state.subscribe(self._account_changed)

    def _account_changed(self, account: AccountState) -> None:
        if account.place == self._place:
            return
        self._place = account.place
        if self._loading is not None:
            self._loading.cancel()
        status = Status.FAILED if account.problem else Status.IDLE
        self.state.publish(ChannelsState(status=status, problem=account.problem))
        if account.usable:
            self._loading = self._tasks.start("load", self._load())

    async def refresh(self) -> None:
        """Loads the list anew; the old one stays until then. Failures stand in the state."""
        if not self._account.state.value.usable:
            await self._account.retry()
            return
        if self._loading is not None and not self._loading.done():
            await asyncio.wait([self._loading])
            return
        self._loading = self._tasks.start("load", self._load())
        await asyncio.wait([self._loading])

    async def _load(self) -> None:
        self.state.publish(replace(self.state.value, status=Status.LOADING, problem=None))
        fresh: list[Channel] = []
        try:
            with (
                self._journal.timed("channels", "List signaling channels") as result,
                explained("list the channels"),
            ):
                async for page in self._account.kinesis_video().list_channels():
                    fresh.extend(page)
                result.text = f"{len(fresh)} channels in {self._account.region.name}"
        except UserError as error:
            self.state.publish(replace(self.state.value, status=Status.FAILED, problem=error))
            return
        fresh.sort(key=lambda channel: channel.name.casefold())
        self.state.publish(ChannelsState(Status.READY, tuple(fresh), self._clock()))

    async def aclose(self) -> None:
        self._unsubscribe()
        await self._tasks.aclose()
