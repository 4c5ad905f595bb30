"""A TURN server with a clock of its own, and who talks to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.localcloud.turn.dialogue import (
    Clock,
    Socket,
    User,
)

from peerdeck.localcloud.turn import TurnServer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(clock: Clock) -> AsyncIterator[TurnServer]:
    server = TurnServer(clock=clock)
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def sockets() -> AsyncIterator[list[Socket]]:
    opened: list[Socket] = []
    yield opened
    for socket in opened:
        socket.transport.abort()


@pytest.fixture
async def user(server: TurnServer, sockets: list[Socket]) -> User:
    sockets.append(await Socket.open())
    user = User(server, sockets[-1])
    await user.log_in(*server.issue(label="viewer"))
    return user


@pytest.fixture
async def peer(sockets: list[Socket]) -> Socket:
    sockets.append(await Socket.open())
    return sockets[-1]


@pytest.fixture
async def tcp(
    server: TurnServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield reader, writer
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
