"""A relay that splits, delays and drops: bytes stay right, ends stay definite."""

import pytest
from tests.engine.tunnel.splitter import Splitter
from tests.engine.tunnel.tunnel_chain import QUICK, Client, Server, port_of, until

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import LinkState, Mode
from peerdeck.engine.tunnel import TunnelProxy

DATA = bytes(range(251)) * 80


async def both(url: str, port: int) -> tuple[TunnelProxy, TunnelProxy]:
    destination = TunnelProxy(
        mode=Mode.DESTINATION,
        url=url,
        access_token=Secret("d"),
        targets={"SSH": ("127.0.0.1", port)},
        limits=QUICK,
    )
    source = TunnelProxy(mode=Mode.SOURCE, url=url, access_token=Secret("s"), limits=QUICK)
    await destination.start()
    await source.start()
    return source, destination


@pytest.mark.parametrize("most_bytes", [1, 3, 100, 5000])
async def test_frames_of_any_size_and_continuations_change_nothing(most_bytes):
    async with Server() as server, Splitter(most_bytes) as splitter:
        source, destination = await both(splitter.url, server.port)
        try:
            port = port_of(source, "SSH")
            async with Client(port) as one, Client(port) as two:
                assert await one.ask(DATA, 20) == DATA
                assert await two.ask(DATA[::-1], 20) == DATA[::-1]
        finally:
            await source.aclose()
            await destination.aclose()


async def talk(client: Client) -> None:
    for _ in range(100):
        await client.ask(DATA)


@pytest.mark.parametrize("cut_after", [700, 40_000, 300_001])
async def test_a_cut_amid_a_message_is_an_error_and_new_connections_work(cut_after):
    async with Server() as server, Splitter(3000, cut_after) as splitter:
        source, destination = await both(splitter.url, server.port)
        try:
            port = port_of(source, "SSH")
            async with Client(port) as client:
                with pytest.raises(ConnectionResetError):  # an error, no orderly end
                    await talk(client)
            for proxy in (source, destination):
                await until(lambda proxy=proxy: proxy.snapshot().state is LinkState.READY)
                await until(lambda proxy=proxy: proxy.snapshot().reconnects == 1)
            await until(lambda: source.snapshot().services[0].connections == 0)
            async with Client(port) as again:
                assert await again.ask(DATA) == DATA
        finally:
            await source.aclose()
            await destination.aclose()
