"""What a join asks the cloud for first, asked ahead and remembered for some minutes."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from peerdeck.cloud.errors import CloudError
from peerdeck.cloud.kinesis_video import KinesisVideo
from peerdeck.core.channel import ChannelEndpoints, Role
from peerdeck.core.errors import UserError
from peerdeck.core.ice import IceProbe, IceRequest, IceServer, IceUri, ProbeVerdict, refresh_at
from peerdeck.engine.tasks import TaskSet

ENDPOINTS_FOR_S = 300.0
PROBES_FOR_S = 300.0
PROBE_TIMEOUT_S = 5.0
_REMEMBERED = 256
T = TypeVar("T")
_Key = tuple[KinesisVideo, str, Role]


@dataclass(frozen=True, slots=True)
class _Probed:
    probe: IceProbe
    at: float


class ChannelAccess:
    """Endpoints and ICE servers of channels, and how well those servers work.

    Every coroutine raises CloudError. A question that is already being asked is not asked twice.
    clock: POSIX seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tasks = TaskSet("channel-access")
        self._endpoints: OrderedDict[_Key, tuple[ChannelEndpoints, float]] = OrderedDict()
        self._servers: OrderedDict[_Key, tuple[IceServer, ...]] = OrderedDict()
        self._probes: OrderedDict[str, _Probed] = OrderedDict()
        self._asking: dict[tuple[str, _Key], asyncio.Task[Any]] = {}

    async def endpoints(self, client: KinesisVideo, arn: str, role: Role) -> ChannelEndpoints:
        key = client, arn, role
        known = self._endpoints.get(key)
        if known is not None and self._clock() - known[1] < ENDPOINTS_FOR_S:
            return known[0]
        found = await self._once("endpoints", key, lambda: client.endpoints(arn, role))
        _remember(self._endpoints, key, (found, self._clock()))
        return found

    async def ice_servers(
        self, client: KinesisVideo, arn: str, role: Role, client_id: str = ""
    ) -> tuple[IceServer, ...]:
        """The region's STUN server first, then the service's; good for at least 30 s."""
        key = client, arn, role
        known = self._servers.get(key, ())
        due = refresh_at(known)
        if known and (due is None or self._clock() < due):
            return known
        await self.endpoints(client, arn, role)  # the client remembers what it needs of them
        request = IceRequest(arn, client_id=client_id)
        turn = await self._once("ice", key, lambda: client.ice_servers(request, role=role))
        servers = (client.stun_server(), *turn)
        _remember(self._servers, key, servers)
        return servers

    def forget(self, client: KinesisVideo, arn: str, *, endpoints: bool = False) -> None:
        """The next one to ask gets new ICE servers, and endpoints where they did not work."""
        for role in Role:
            self._servers.pop((client, arn, role), None)
            if endpoints:
                self._endpoints.pop((client, arn, role), None)

    # -- which server works ----------------------------------------------------------------------

    def note(self, probe: IceProbe) -> None:
        _remember(self._probes, probe.uri, _Probed(probe, self._clock()))

    def probed(self, uri: IceUri) -> IceProbe | None:
        """What trying it showed in the last five minutes."""
        found = self._probes.get(uri.text)
        fresh = found is not None and self._clock() - found.at < PROBES_FOR_S
        return found.probe if found is not None and fresh else None

    def best_first(self, servers: Iterable[IceServer]) -> tuple[IceServer, ...]:
        """`servers` with the URIs that work in front, the quickest first; silent ones at the end.

        Among those that were not tried the order stays.
        """
        ordered = [
            replace(server, uris=tuple(sorted(server.uris, key=self._rank))) for server in servers
        ]
        return tuple(sorted(ordered, key=lambda server: self._rank(server.uris[0])))

    async def probe(self, servers: Iterable[IceServer], tls: Any = None) -> None:
        """Tries those that were not tried lately, in parallel."""
        from peerdeck.engine.ice_probe import probe_all

        untried = []
        for server in servers:
            uris = tuple(uri for uri in server.uris if self.probed(uri) is None)
            if uris:
                untried.append(replace(server, uris=uris))
        running = probe_all(untried, timeout_s=PROBE_TIMEOUT_S, tls=tls)
        async with contextlib.aclosing(running) as probes:
            async for probe in probes:
                self.note(probe)

    async def begin(self, client: KinesisVideo, arn: str, role: Role) -> None:
        """Asks for the endpoints; who needs them waits for this answer, and is told problems."""
        with contextlib.suppress(CloudError, UserError):
            await self.endpoints(client, arn, role)

    async def prepare(self, client: KinesisVideo, arn: str, role: Role, tls: Any = None) -> None:
        """All of it, ahead of a join; what fails will fail, and be told, at the join."""
        with contextlib.suppress(CloudError, UserError):
            await self.probe(await self.ice_servers(client, arn, role), tls)

    def _rank(self, uri: IceUri) -> tuple[int, float]:
        probe = self.probed(uri)
        if probe is None:
            return 1, 0.0
        if probe.verdict is ProbeVerdict.OK:
            return 0, probe.rtt_ms or 0.0
        return 2, 0.0

    async def _once(self, what: str, key: _Key, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Whoever waits may be cancelled; the question goes on for the others."""
        task = self._asking.get((what, key))
        if task is None:
            task = self._tasks.start(what, self._asked(ask))
            self._asking[what, key] = task
            task.add_done_callback(lambda _: self._asking.pop((what, key), None))
        answer, error = await asyncio.shield(task)
        if error is not None:
            raise error
        return answer  # type: ignore[no-any-return]

    @staticmethod
    async def _asked(
        ask: Callable[[], Coroutine[Any, Any, T]],
    ) -> tuple[T | None, Exception | None]:
        try:
            return await ask(), None
        # Not swallowed: everybody who asked gets it.
        except Exception as error:  # noqa: BLE001
            return None, error

    async def aclose(self) -> None:
        await self._tasks.aclose()


def _remember(known: OrderedDict[Any, T], key: object, value: T) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
