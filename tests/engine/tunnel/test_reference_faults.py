"""The ten faults of the C++ reference proxy, each reproduced there, none of them here."""

import asyncio
import socket
import time

import pytest
from tests.engine.tunnel.bulk import BULK, MIB, PeakMemory, digest_of, give, pour, swallow
from tests.engine.tunnel.strange_service import RawService, WebSocketService
from tests.engine.tunnel.tunnel_chain import Client, Server, Watch, port_of, until

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import LinkState, Mode
from peerdeck.engine.tunnel import Limits, TunnelProxy, TunnelRefused, dialing


async def test_fault_1_a_consumer_that_lags_kills_nobody(chain):
    """There: 128 KiB behind, and the receiving proxy dies of "basic_multi_buffer too long"."""

    async def serve(_, writer):
        await give(writer, 16 * MIB)

    async with Server(serve) as server, Server() as echo:
        made = await chain(BULK=server.port, SSH=echo.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "BULK")) as slow:
            slow.reader._transport.pause_reading()
            await until(lambda: source.snapshot().services[0].bytes_down > 256 * 1024)
            slow.reader._transport.resume_reading()
            assert await swallow(slow.reader, 16 * MIB) == digest_of(16 * MIB)
        async with Client(port_of(source, "SSH")) as other:
            assert await other.ask(b"alive") == b"alive"


async def test_fault_2_memory_does_not_grow_with_the_bytes_in_flight(chain):
    """There: 512 MiB sent, 490 MiB resident."""
    go_on = asyncio.Event()

    async def serve(reader, writer):
        reader._transport.pause_reading()
        await go_on.wait()
        reader._transport.resume_reading()
        writer.write((await swallow(reader, BULK)).encode())
        await writer.drain()

    async with Server(serve) as server:
        made = await chain(BULK=server.port)
        await made.destination()
        source = await made.source()
        async with PeakMemory() as memory, Client(port_of(source, "BULK")) as client:
            pouring = asyncio.get_running_loop().create_task(pour(client.writer, BULK))
            await until(lambda: source.snapshot().services[0].bytes_up > 256 * 1024)
            await asyncio.sleep(0.5)  # as much as will ever be taken
            assert source.snapshot().services[0].bytes_up < BULK / 2
            go_on.set()
            await pouring
            assert (await client.rest(20)).decode() == digest_of(BULK)
        assert memory.growth < 24 * MIB


async def test_fault_3_a_keystroke_does_not_wait_for_bulk(chain):
    """There: 5.9 s beside an upload. Both proxies, relay and all ends share one loop here."""

    async def serve(reader, _):
        await swallow(reader, 1 << 40)

    async with Server() as echo, Server(serve) as sink:
        made = await chain(SSH=echo.port, BULK=sink.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "BULK")) as bulk, Client(port_of(source, "SSH")) as ssh:
            pouring = asyncio.get_running_loop().create_task(pour(bulk.writer, 1 << 40))
            await until(lambda: source.snapshot().services[1].bytes_up > 4 * MIB)
            began = time.perf_counter()
            for _ in range(5):
                assert await ssh.ask(b"k" * 64) == b"k" * 64
            assert time.perf_counter() - began < 2.5
            pouring.cancel()
            await asyncio.wait({pouring})


async def test_fault_4_many_connections_at_once(chain):
    """There: the 129th is a null dereference, and 50 back to back take 19.5 s."""
    async with Server() as server:
        made = await chain(Limits(half_closed_s=0.05), WEB=server.port)
        await made.destination()
        source = await made.source()
        held = asyncio.Semaphore(0)

        async def one(number: int) -> None:
            async with Client(port_of(source, "WEB")) as client:
                assert await client.ask(b"%04d" % number) == b"%04d" % number
                await held.acquire()

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(one(number))
            await until(lambda: server.accepted == 300, 15)
            for _ in range(300):
                held.release()


async def test_fault_5_a_half_closed_client_gets_its_answer(chain):
    """There: after shutdown(SHUT_WR) the answer is 0 bytes."""

    async def serve(reader, writer):
        question = await reader.readexactly(8)
        await asyncio.sleep(0.05)
        writer.write(question * 1000)
        await writer.drain()

    async with Server(serve) as server:
        made = await chain(WEB=server.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "WEB")) as client:
            client.writer.write(b"question")
            client.writer.write_eof()
            assert await client.rest() == b"question" * 1000


async def test_fault_6_a_failed_dial_ends_no_other_connection_of_its_service(chain):
    """There: it resets every other one, after 12.5 s in which all services stand still."""
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "SSH")) as first:
            assert await first.ask(b"1") == b"1"
            server._server.close()  # the target refuses from now on
            async with Client(port_of(source, "SSH")) as second:
                assert await second.rest() == b""
            assert await first.ask(b"2") == b"2"


async def test_fault_7_a_restarted_source_is_not_spliced_into_an_old_session(chain):
    """There: its connection 1 reaches the server session of the old client."""
    sessions = []

    async def serve(reader, writer):
        sessions.append(b"")
        number = len(sessions) - 1
        while data := await reader.read(100):
            sessions[number] += data
            writer.write(b"%d" % number)

    async with Server(serve) as server:
        made = await chain(SSH=server.port)
        await made.destination()
        first = await made.source()
        async with Client(port_of(first, "SSH")) as old:
            assert await old.ask(b"a") == b"0"
            first._board.machine.reset_all = lambda: None  # killed: no farewell
            await first.aclose()
            second = await made.source(client_token=first.client_token)
            async with Client(port_of(second, "SSH")) as new:
                assert await new.ask(b"b") == b"1"
        assert sessions == [b"a", b"b"]


class TestFault8:
    """There: a Close frame or a refused token ends the process with status 0, without a word."""

    async def test_a_close_frame_is_told_and_survived(self, chain):
        made = await chain(SSH=1)
        watch = Watch()
        source = watch.of(made.proxy(Mode.SOURCE, on_change=watch))
        await source.start()
        await made.restart_relay()
        assert "the relay is shutting down" in (await watch.reach(LinkState.RECONNECTING)).reason
        await watch.reach(LinkState.READY, 2)

    async def test_a_refused_token_is_told_in_the_services_words(self):
        answer = (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 37\r\n\r\n"
            b"Access token was previously used once"
        )
        async with RawService(answer) as service:
            proxy = TunnelProxy(mode=Mode.SOURCE, url=service.url, access_token=Secret("t"))
            with pytest.raises(TunnelRefused, match="previously used"):
                await proxy.start()
            assert "previously used" in proxy.snapshot().reason

    async def test_a_silent_service_is_noticed(self):
        limits = Limits(ping_s=0.05, backoff_base_s=0.01)
        async with WebSocketService() as service:
            watch = Watch()
            proxy = watch.of(
                TunnelProxy(
                    mode=Mode.SOURCE,
                    url=service.url,
                    access_token=Secret("t"),
                    on_change=watch,
                    limits=limits,
                )
            )
            await proxy.start()
            assert "nothing was heard" in (await watch.reach(LinkState.RECONNECTING)).reason
            await proxy.aclose()


async def test_fault_9_every_address_of_a_name_is_tried(chain, monkeypatch):
    """There: only the first one."""
    with socket.create_server(("127.0.0.1", 0)) as refused:
        dead = refused.getsockname()[1]

    async def two_addresses(host: str, port: int):
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, ("127.0.0.1", dead)), (*kind, ("127.0.0.1", port))]

    async with Server() as server:
        made = await chain(SSH=server.port)
        monkeypatch.setattr(dialing, "_addresses", two_addresses)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "SSH")) as client:
            assert await client.ask(b"x") == b"x"


async def test_fault_10_the_user_is_told_everything(chain):
    """There: no metrics, no progress."""
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "SSH")) as client:
            assert await client.ask(b"12345") == b"12345"
            link = source.snapshot()
            row, connection = link.services[0], link.connections[0]
        assert link.state is LinkState.READY
        assert link.channel_id
        assert link.history
        assert (row.bytes_up, row.bytes_down, row.connections) == (5, 5, 1)
        assert (connection.service, connection.bytes_up, connection.bytes_down) == ("SSH", 5, 5)
