"""ICE configuration of one channel: fetched, tried, refreshed before it ends."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from peerdeck.core.channel import Role
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.ice import IceProbe, IceRequest, IceServer, ProbeVerdict, refresh_at
from peerdeck.core.observable import Observable
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.account import AccountService
from peerdeck.services.channel_access import ChannelAccess
from peerdeck.services.explain import explained
from peerdeck.services.journal import JournalService
from peerdeck.services.status import Status

RETRY_S = 5.0
PROBE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class IceState:
    """servers: the region's STUN server first, then what GetIceServerConfig answered.

    probes: by URI text. testing: whether a test runs. refreshes: how often renewed by themselves.
    """

    channel_arn: str = ""
    status: Status = Status.IDLE
    request: IceRequest | None = None
    servers: tuple[IceServer, ...] = ()
    fetched_at: float = 0.0
    testing: bool = False
    probes: Mapping[str, IceProbe] = field(default_factory=dict)
    refreshes: int = 0
    problem: UserError | None = None

    @property
    def expires_at(self) -> float | None:
        """POSIX seconds of the first end among the credentials, or None."""
        ends = [server.expires_at for server in self.servers if server.expires_at]
        return min(ends, default=None)


class IceService:
    """One panel at a time: `select` forgets the credentials of the channel before.

    access: what joins remember of channels; what tests show is put there, too.
    """

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
        self._tasks = TaskSet("ice")
        self.access = ChannelAccess(clock=clock)
        self._refresh: asyncio.Task[None] | None = None
        self.state = Observable(IceState())

    def select(self, channel_arn: str) -> None:
        if channel_arn != self.state.value.channel_arn:
            self._stop_refresh()
            self.state.publish(IceState(channel_arn=channel_arn))

    async def fetch(self, request: IceRequest) -> None:
        """GetIceServerConfig. Raises FieldError before asking; failures stand in the state."""
        request.check()
        self.select(request.channel_arn)
        self._stop_refresh()
        await self._fetch(request)

    async def _fetch(self, request: IceRequest) -> bool:
        self._publish(status=Status.LOADING, problem=None, request=request)
        try:
            with (
                self._journal.timed("ice", "Fetch ICE configuration") as result,
                explained("fetch the ICE configuration"),
            ):
                servers = await self.servers(request)
                result.text = f"{sum(len(server.uris) for server in servers)} URIs"
        except UserError as error:
            if self.state.value.channel_arn == request.channel_arn:
                self._publish(status=Status.FAILED, problem=error)
            return False
        if self.state.value.channel_arn != request.channel_arn:
            return False  # the user has gone on to another channel
        known = {uri.text for server in servers for uri in server.uris}
        probes = {uri: p for uri, p in self.state.value.probes.items() if uri in known}
        self._publish(status=Status.READY, servers=servers, fetched_at=self._clock(), probes=probes)
        self._refresh = self._tasks.start("refresh", self._keep_fresh(request))
        return True

    async def servers(self, request: IceRequest) -> tuple[IceServer, ...]:
        """STUN and TURN servers for a request, fresh; raises CloudError."""
        client = self._account.kinesis_video()
        return (client.stun_server(), *await client.ice_servers(request, role=Role.VIEWER))

    async def _keep_fresh(self, request: IceRequest) -> None:
        due = refresh_at(self.state.value.servers)
        if due is None:
            return
        await asyncio.sleep(max(0.0, due - self._clock()))
        while True:
            if await self._fetch(request):
                break
            await asyncio.sleep(RETRY_S)
        self._publish(refreshes=self.state.value.refreshes + 1)

    def _stop_refresh(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None

    async def test(self) -> None:
        """Tries every URI in parallel; verdicts appear in `probes` as they come.

        Raises FieldError without servers, UserError for an unusable bundle of authorities.
        """
        from peerdeck.engine.ice_probe import probe_all

        state = self.state.value
        if not state.servers:
            raise FieldError("ICE servers", "", "are not there yet: fetch them first.")
        if state.testing:
            return
        self._publish(testing=True, probes={})
        try:
            with self._journal.timed("ice", "Test ICE servers") as result:
                tls = await self._account.trust()
                running = probe_all(state.servers, timeout_s=PROBE_TIMEOUT_S, tls=tls)
                async with contextlib.aclosing(running) as probes:
                    async for probe in probes:
                        if self.state.value.channel_arn != state.channel_arn:
                            result.text = "given up for another channel"
                            return
                        self.access.note(probe)
                        self._publish(probes={**self.state.value.probes, probe.uri: probe})
                found = self.state.value.probes.values()
                works = sum(probe.verdict is ProbeVerdict.OK for probe in found)
                result.text = f"{works} of {len(found)} work"
                result.detail = "\n".join(
                    f"{p.uri}: {p.verdict} {p.reason or p.relayed or p.mapped}" for p in found
                )
        finally:
            self._publish(testing=False)

    def _publish(self, **fields: object) -> None:
        self.state.publish(replace(self.state.value, **fields))  # type: ignore[arg-type]

    async def aclose(self) -> None:
        self._stop_refresh()
        await self._tasks.aclose()
        await self.access.aclose()
