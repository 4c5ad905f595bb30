"""A viewer's session keeps ICE servers at hand that are good."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from tests.services.test_channel_access import ARN, Client

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.channel import Role
from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.core.peer_log import SessionLog
from peerdeck.services import engines
from peerdeck.services.channel_access import ChannelAccess
from peerdeck.services.engines import Joining, ViewerEngine


class Watched(Client):
    """Tells when it was asked for ICE servers."""

    def __init__(self, now) -> None:
        super().__init__(now)
        self.asked_ice: asyncio.Queue[float] = asyncio.Queue()
        self.asked_any: asyncio.Queue[str] = asyncio.Queue()

    async def _answer(self, what):
        self.asked_any.put_nowait(what)
        if what == "ice":
            self.asked_ice.put_nowait(self.now[0])
        await super()._answer(what)


@asynccontextmanager
async def keeping(now, monkeypatch, options=JoinOptions(), failure=None):
    async def no_probes(*_, **__):
        return
        yield

    monkeypatch.setattr("peerdeck.engine.ice_probe.probe_all", no_probes)
    monkeypatch.setattr(engines, "_LOOK_S", 0.01)
    client, access = Watched(now), ChannelAccess(clock=lambda: now[0])
    client.failure = failure
    engine = ViewerEngine(
        Joining(
            arn=ARN,
            name="front-door",
            options=options,
            log=SessionLog(),
            client=client,
            access=access,
            tls=None,
            new_client_id=lambda: "viewer",
            on_change=lambda: None,
            started=0.0,
            monotonic=lambda: 0.0,
            clock=lambda: now[0],
        )
    )
    task = asyncio.get_running_loop().create_task(engine.keep_fresh())
    try:
        yield engine, client, access, task
    finally:
        task.cancel()
        await asyncio.wait([task])
        await access.aclose()


async def soon(awaitable):
    async with asyncio.timeout(5):
        return await awaitable


@pytest.fixture
def now():
    return [1000.0]


async def test_they_are_renewed_thirty_seconds_before_their_end(now, monkeypatch):
    async with keeping(now, monkeypatch) as (_, client, access, _):
        assert await soon(client.asked_ice.get()) == 1000.0
        now[0] = 1269.0
        await access.ice_servers(client, ARN, Role.VIEWER)
        assert client.asked_ice.empty()
        now[0] = 1271.0
        assert await soon(client.asked_ice.get()) == 1271.0
        servers = await access.ice_servers(client, ARN, Role.VIEWER)
        assert servers[1].expires_at == 1571.0


async def test_when_the_service_says_so_they_are_fetched_at_once(now, monkeypatch):
    async with keeping(now, monkeypatch) as (engine, client, _, _):
        await soon(client.asked_ice.get())
        engine._stale.set()
        await soon(client.asked_ice.get())


async def test_failures_are_tried_again(now, monkeypatch):
    failure = CloudError("no", kind=Kind.UNREACHABLE)
    async with keeping(now, monkeypatch, failure=failure) as (_, client, access, _):
        for _ in range(3):
            await soon(client.asked_any.get())
        client.failure = None
        await soon(client.asked_ice.get())
        assert await access.ice_servers(client, ARN, Role.VIEWER)


async def test_a_session_without_servers_asks_for_none(now, monkeypatch):
    options = JoinOptions(policy=PathPolicy.HOST)
    async with keeping(now, monkeypatch, options) as (_, client, _, task):
        await soon(asyncio.wait([task]))
        assert client.asked == []
