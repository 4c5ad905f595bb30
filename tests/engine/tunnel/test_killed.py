"""Relay, source and destination killed amid transfers: an error, a new start, memory back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import psutil
import pytest
from tests.engine.tunnel.bulk import MIB, digest_of, pour, swallow
from tests.engine.tunnel.proxy_process import ProxyProcess
from tests.engine.tunnel.tunnel_chain import Chain, Client, Server, until

from peerdeck.core.tunnel import Mode

pytestmark = pytest.mark.slow
SIZE = 8 * MIB
ROUNDS = 4


class Apart:
    """Relay and server here, both proxies in processes of their own."""

    def __init__(self, chain: Chain, server: Server) -> None:
        self.chain = chain
        self.server = server

    async def begin(self) -> None:
        make = asyncio.to_thread
        url = self.chain.relay.url
        targets = {"BULK": self.server.port}
        self.destination = await make(
            ProxyProcess, Mode.DESTINATION, url, self.chain.destination_token, targets=targets
        )
        self.source = await make(ProxyProcess, Mode.SOURCE, url, self.chain.source_token)
        self.port = self.source.ports["BULK"]

    async def transfer(self) -> None:
        """A whole one, both ways; whoever has just come back may still need a moment."""
        async with asyncio.timeout(20):
            while True:
                try:
                    async with Client(self.port) as client:
                        echoed = asyncio.get_running_loop().create_task(
                            swallow(client.reader, SIZE)
                        )
                        try:
                            await pour(client.writer, SIZE)
                            assert await echoed == digest_of(SIZE)
                        except BaseException:
                            echoed.cancel()
                            await asyncio.wait({echoed})
                            if not echoed.cancelled():
                                echoed.exception()
                            raise
                except (OSError, AssertionError):
                    await asyncio.sleep(0.05)
                else:
                    return

    async def interrupted(self, kill: Callable[[], Awaitable[object]]) -> None:
        """A transfer under way ends with an error, not as if it were whole, and soon."""
        async with Client(self.port) as client:
            pouring = asyncio.get_running_loop().create_task(pour(client.writer, 1 << 40))
            assert await client.reader.readexactly(4 * MIB)
            await kill()
            async with asyncio.timeout(10):
                with pytest.raises(ConnectionError):
                    await self._read_to_the_end(client)
                await asyncio.wait({pouring})
            assert isinstance(pouring.exception(), OSError)

    async def _read_to_the_end(self, client: Client) -> None:
        while await client.reader.read(MIB):
            pass
        while True:  # an orderly end of the answers alone: then the sending side must know
            client.writer.write(b"?")
            await client.writer.drain()
            await asyncio.sleep(0.01)

    def memory(self, part: ProxyProcess) -> int:
        return psutil.Process(part.process.pid).memory_info().rss


@pytest.fixture
async def apart() -> AsyncIterator[Apart]:
    async with AsyncExitStack() as stack, Server() as server:
        chain = Chain(stack, {"BULK": server.port})
        await chain.open()
        made = Apart(chain, server)
        await made.begin()
        yield made
        await asyncio.to_thread(made.source.end)
        await asyncio.to_thread(made.destination.end)


async def test_a_killed_destination(apart):
    async def kill() -> None:  # the service tells the source of it when a successor comes
        await asyncio.to_thread(apart.destination.kill)
        await asyncio.to_thread(apart.destination.start)

    await apart.transfer()
    before = apart.memory(apart.source)
    for _ in range(ROUNDS):
        await apart.interrupted(kill)
        await apart.transfer()
    assert apart.memory(apart.source) - before < 8 * MIB


async def test_a_killed_source(apart):
    await apart.transfer()
    before = apart.memory(apart.destination)
    for _ in range(ROUNDS):
        await apart.interrupted(lambda: asyncio.to_thread(apart.source.kill))
        await asyncio.to_thread(apart.source.start)
        apart.port = apart.source.ports["BULK"]
        await apart.transfer()
        await until(lambda: not apart.server._tasks, 15)  # the old server session has ended, too
    assert apart.memory(apart.destination) - before < 8 * MIB


async def test_a_killed_relay(apart):
    await apart.transfer()
    before = [apart.memory(part) for part in (apart.source, apart.destination)]

    async def kill() -> None:
        apart.chain.relay.suspend()

    for _ in range(ROUNDS):
        await apart.interrupted(kill)
        await apart.chain.relay.resume()
        await apart.transfer()
    after = [apart.memory(part) for part in (apart.source, apart.destination)]
    assert max(a - b for a, b in zip(after, before, strict=True)) < 8 * MIB
