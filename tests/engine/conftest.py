"""A signaling server that does what the test says; viewers on the local cloud's live channel."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, web

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import JoinOptions
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.secret import Secret
from peerdeck.engine.attempt import Limits
from peerdeck.engine.viewer import ViewerSession
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.sigv4 import presign_websocket, sign_headers


class SignalingServer:
    """Real sockets, no rules: `connections` holds those that came, in order.

    refuse: makes the response that refuses the next upgrades, None lets them pass.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refuse: Callable[[], web.Response] | None = None
        self.received: asyncio.Queue[str] = asyncio.Queue()
        self.connections: list[web.WebSocketResponse] = []
        self.queries: list[str] = []
        self._arrived = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        async with self._arrived:
            self.queries.append(request.raw_path)
            self._arrived.notify_all()
        if self.refuse is not None:
            return self.refuse()
        opened = web.WebSocketResponse(timeout=0.2)
        await opened.prepare(request)
        async with self._arrived:
            self.connections.append(opened)
            self._arrived.notify_all()
        async for frame in opened:
            if frame.type is WSMsgType.TEXT:
                self.received.put_nowait(frame.data)
        return opened

    async def requested(self, count: int) -> None:
        """Returns when so many requests came, refused ones included."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.queries) >= count)

    async def connection(self, number: int) -> web.WebSocketResponse:
        """The connection of that number, counted from 0, as soon as it is there."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.connections) > number)
        return self.connections[number]


@pytest.fixture
async def signaling_server() -> AsyncIterator[SignalingServer]:
    server = SignalingServer()
    application = web.Application()
    application.router.add_get("/{tail:.*}", server.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    yield server
    for connected in server.connections:
        await connected.close()
    await runner.cleanup()


class Join:
    """One viewer's session in a running task, on the local cloud's live channel."""

    def __init__(self, session: ViewerSession, changed: asyncio.Event) -> None:
        self.session = session
        self.log = session._peer_log
        self.changed = changed
        self.framed = asyncio.Event()
        session.watch_frames(self.framed.set)
        self.task = asyncio.get_running_loop().create_task(session.run(), name="test/join")

    async def until(self, condition: Callable[[ViewerSession], object]) -> None:
        """TimeoutError after 10 s; what `run()` raises, if it ends before."""
        async with asyncio.timeout(10):
            while not condition(self.session):
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the session ended")
                self.changed.clear()
                self.framed.clear()
                waits = [
                    asyncio.get_running_loop().create_task(event.wait())
                    for event in (self.changed, self.framed)
                ]
                await asyncio.wait(
                    [*waits, self.task], timeout=1, return_when=asyncio.FIRST_COMPLETED
                )
                for wait in waits:
                    wait.cancel()

    async def failure(self) -> BaseException:
        """What `run()` raises."""
        async with asyncio.timeout(10):
            await asyncio.wait([self.task])
        error = self.task.exception()
        assert error is not None
        return error

    async def leave(self) -> None:
        await self.session.leave()
        await self.task


@dataclass
class Channel:
    """The live channel of a local cloud: signs for viewers, as the console's cloud room does."""

    cloud: LocalCloud
    region: str
    arn: str
    wss: str = ""
    joins: list[Join] = field(default_factory=list)

    async def find_endpoint(self) -> None:
        keys = self.cloud.credentials
        url = f"{self.cloud.endpoints.kinesis_video}/getSignalingChannelEndpoint"
        wanted = {"Protocols": ["WSS", "HTTPS"], "Role": "VIEWER"}
        body = json.dumps(
            {"ChannelARN": self.arn, "SingleMasterChannelEndpointConfiguration": wanted}
        ).encode()
        headers = sign_headers(
            "POST",
            url,
            body=body,
            access_key=keys.access_key,
            secret_key=keys.secret_key.reveal(),
            region=self.region,
            service="kinesisvideo",
            now=datetime.now(UTC),
            headers={"Content-Type": "application/json"},
        )
        async with ClientSession() as session, session.post(url, data=body, headers=headers) as got:
            entries = (await got.json(content_type=None))["ResourceEndpointList"]
        self.wss = next(e["ResourceEndpoint"] for e in entries if e["Protocol"] == "WSS")

    def url(self, client_id: str, secret_key: str = "") -> str:
        keys = self.cloud.credentials
        return presign_websocket(
            self.wss,
            access_key=keys.access_key,
            secret_key=secret_key or keys.secret_key.reveal(),
            region=self.region,
            parameters={"X-Amz-ChannelARN": self.arn, "X-Amz-ClientId": client_id},
            now=datetime.now(UTC),
        )

    def ice_servers(self) -> tuple[IceServer, ...]:
        username, password = self.cloud.turn.issue()
        turn = IceUri.parse(f"turn:127.0.0.1:{self.cloud.turn.port}?transport=udp")
        stun = IceUri.parse(self.cloud.endpoints.stun)
        return IceServer((stun,)), IceServer((turn,), username, Secret(password))

    def join(
        self,
        *,
        open_signaling: Callable[[str], Awaitable[str]] | None = None,
        ice_servers: Sequence[IceServer] | None = None,
        **rest: Any,
    ) -> Join:
        """rest: fields of JoinOptions and Limits, and arguments of ViewerSession."""
        changed = asyncio.Event()
        servers = self.ice_servers() if ice_servers is None else ice_servers

        async def signed(client_id: str) -> str:
            return self.url(client_id)

        ice_servers_of = rest.pop("ice_servers_of", None)

        async def fetched(_: str) -> Sequence[IceServer]:
            return servers

        named = {x.name for x in fields(JoinOptions)} & rest.keys()
        limited = {x.name for x in fields(Limits)} & rest.keys()
        session = ViewerSession(
            options=JoinOptions(**{name: rest.pop(name) for name in named}),
            log=SessionLog(),
            open_signaling=open_signaling or signed,
            ice_servers=ice_servers_of or fetched,
            on_change=changed.set,
            limits=Limits(**{name: rest.pop(name) for name in limited}),
            **{"new_client_id": lambda: f"viewer-{secrets.token_hex(6)}", **rest},
        )
        joined = Join(session, changed)
        self.joins.append(joined)
        return joined

    async def aclose(self) -> None:
        for joined in self.joins:
            await joined.session.leave()
            await asyncio.gather(joined.task, return_exceptions=True)


@pytest.fixture
async def channel(local_cloud: LocalCloud) -> AsyncIterator[Channel]:
    """Without a master."""
    found = Channel(local_cloud, *local_cloud.live_channels[0])
    await found.find_endpoint()
    yield found
    await found.aclose()


@pytest.fixture
async def camera(channel: Channel) -> AsyncIterator[DemoCamera]:
    """The channel's master; small, since two cores run the tests."""
    keys = channel.cloud.credentials
    master = DemoCamera(
        channel_arn=channel.arn,
        region=channel.region,
        endpoints=channel.cloud.endpoints,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        width=480,
        height=270,
        fps=20,
    )
    await master.start()
    yield master
    await master.aclose()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A UDP port that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent.getsockname()[1]
