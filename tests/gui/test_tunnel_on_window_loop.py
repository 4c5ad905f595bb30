"""The local proxy on the window's loop: the same bytes, the same end."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

from tests.engine.tunnel.tunnel_chain import Chain, Client, Server, Watch, port_of

from peerdeck.core.tunnel import LinkState, Mode

SIZE = 8 * 1024 * 1024
DATA = bytes(range(256)) * (SIZE // 256)


def test_bulk_keystrokes_and_a_lost_link_on_qts_loop(on_loop):
    async def body() -> None:
        async with AsyncExitStack() as stack, Server() as server:
            chain = Chain(stack, {"ECHO": server.port})
            await chain.open()
            far = Watch()
            await far.of(chain.proxy(Mode.DESTINATION, on_change=far)).start()
            near = Watch()
            source = near.of(chain.proxy(Mode.SOURCE, on_change=near))
            await source.start()
            port = port_of(source, "ECHO")
            async with Client(port) as bulk, Client(port) as keys:
                echoed = asyncio.get_running_loop().create_task(bulk.reader.readexactly(SIZE))
                bulk.writer.write(DATA)
                for number in range(20):
                    assert await keys.ask(b"%08d" % number) == b"%08d" % number
                digest = hashlib.sha256(await echoed).digest()
                assert digest == hashlib.sha256(DATA).digest()
            await chain.restart_relay()
            await near.reach(LinkState.READY, 2)
            await far.reach(LinkState.READY, 2)
            async with Client(port) as again:
                assert await again.ask(b"back") == b"back"

    on_loop(body)
