"""A signaling server that does what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import WSMsgType, web


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
        socket = web.WebSocketResponse(timeout=0.2)
        await socket.prepare(request)
        async with self._arrived:
            self.connections.append(socket)
            self._arrived.notify_all()
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                self.received.put_nowait(frame.data)
        return socket

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
    for socket in server.connections:
        await socket.close()
    await runner.cleanup()
