"""Bytes through a whole tunnel: right, fair, bounded, and with a definite end."""

import asyncio
import hashlib
import socket

import pytest
from tests.engine.tunnel.bulk import BLOCK, BULK, MIB, PeakMemory, digest_of, give, pour, swallow
from tests.engine.tunnel.tunnel_chain import Client, Server, port_of, until

from peerdeck.engine.tunnel import Limits


async def test_64_mib_upwards_arrive_whole_in_bounded_memory(chain):
    async def serve(reader, writer):
        writer.write((await swallow(reader, BULK)).encode())
        await writer.drain()

    async with Server(serve) as server:
        made = await chain(BULK=server.port)
        await made.destination()
        source = await made.source()
        async with PeakMemory() as memory, Client(port_of(source, "BULK")) as client:
            await pour(client.writer, BULK)
            assert (await client.rest(20)).decode() == digest_of(BULK)
        assert memory.growth < 24 * MIB  # both proxies, relay, client and server
        assert source.snapshot().services[0].bytes_up == BULK


async def test_64_mib_downwards_arrive_whole_in_bounded_memory(chain):
    async def serve(_, writer):
        await give(writer, BULK)

    async with Server(serve) as server:
        made = await chain(BULK=server.port)
        await made.destination()
        source = await made.source()
        async with PeakMemory() as memory, Client(port_of(source, "BULK")) as client:
            assert await swallow(client.reader, BULK) == digest_of(BULK)
        assert memory.growth < 24 * MIB
        assert source.snapshot().services[0].bytes_down == BULK


async def test_both_directions_at_once_are_an_echo(chain):
    async with Server() as server:
        made = await chain(ECHO=server.port)
        await made.destination()
        source = await made.source()
        size = 16 * MIB
        async with Client(port_of(source, "ECHO")) as client, asyncio.timeout(20):
            _, digest = await asyncio.gather(
                pour(client.writer, size), swallow(client.reader, size)
            )
        assert digest == digest_of(size)


async def test_a_sender_is_stopped_while_nobody_reads(chain):
    """The reference grows by every byte in flight, or dies; here the sender has to wait."""
    go_on = asyncio.Event()

    async def serve(reader, writer):
        reader._transport.pause_reading()
        await go_on.wait()
        reader._transport.resume_reading()
        writer.write((await swallow(reader, BULK)).encode())
        await writer.drain()

    async with Server(serve) as server:
        made = await chain(BULK=server.port)
        destination = await made.destination()
        source = await made.source()
        async with Client(port_of(source, "BULK")) as client:
            pouring = asyncio.get_running_loop().create_task(pour(client.writer, BULK))
            taken = -1

            def stands_still() -> bool:
                nonlocal taken
                before, taken = taken, source.snapshot().services[0].bytes_up
                return taken == before and taken > 0

            for _ in range(3):
                await asyncio.sleep(0.1)
                await until(stands_still)
            assert taken < BULK / 2  # the kernel's buffers and our windows, no more
            assert not pouring.done()
            go_on.set()
            await pouring
            assert (await client.rest(20)).decode() == digest_of(BULK)
        assert destination.snapshot().services[0].bytes_down == BULK


async def test_a_slow_reader_gets_every_byte(chain):
    async def serve(_, writer):
        await give(writer, 8 * MIB)

    async with Server(serve) as server:
        made = await chain(SLOW=server.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "SLOW")) as client:
            digest, left = hashlib.sha256(), 8 * MIB
            while left:
                data = await client.reader.read(128 * 1024)
                digest.update(data)
                left -= len(data)
                await asyncio.sleep(0)
            assert digest.hexdigest() == digest_of(8 * MIB)


async def test_bulk_does_not_starve_a_keystroke(chain):
    async def serve(reader, _):
        await swallow(reader, 1 << 40)

    async with Server() as echo, Server(serve) as sink:
        made = await chain(SSH=echo.port, BULK=sink.port)
        await made.destination()
        source = await made.source()
        async with Client(port_of(source, "BULK")) as bulk, Client(port_of(source, "SSH")) as ssh:
            pouring = asyncio.get_running_loop().create_task(pour(bulk.writer, 1 << 40))
            await until(lambda: source.snapshot().services[1].bytes_up > 4 * MIB)
            loop = asyncio.get_running_loop()
            took = []
            for _ in range(50):
                began = loop.time()
                assert await ssh.ask(b"k" * 64) == b"k" * 64
                took.append(loop.time() - began)
            pouring.cancel()
            await asyncio.wait({pouring})
        assert sorted(took)[25] < 0.25  # all on one loop, eight turns of it; the reference: 5.9 s


async def test_a_burst_of_200_connections_is_served(chain):
    async with Server() as server:
        made = await chain(Limits(half_closed_s=0.05), WEB=server.port)
        await made.destination()
        source = await made.source()

        async def one(number: int) -> None:
            async with Client(port_of(source, "WEB")) as client:
                assert await client.ask(b"%04d" % number) == b"%04d" % number

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for number in range(200):
                group.create_task(one(number))
        row = source.snapshot().services[0]
        assert row.connections_total == 200
        await until(lambda: source.snapshot().services[0].connections == 0)


async def test_services_do_not_mix(chain):
    async def upper(reader, writer):
        while data := await reader.read(100):
            writer.write(data.upper())

    async with Server() as echo, Server(upper) as shout:
        made = await chain(ECHO=echo.port, SHOUT=shout.port)
        await made.destination()
        source = await made.source()
        async with (
            Client(port_of(source, "ECHO")) as one,
            Client(port_of(source, "SHOUT")) as two,
            Client(port_of(source, "SHOUT")) as three,
        ):
            assert await one.ask(b"hi") == b"hi"
            assert await two.ask(b"hi") == b"HI"
            assert await three.ask(b"ho") == b"HO"


class TestEnds:
    async def test_a_server_that_closes_ends_the_client_at_once(self, chain):
        async def serve(_, writer):
            writer.write(b"bye")

        async with Server(serve) as server:
            made = await chain(WEB=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "WEB")) as client:
                assert await client.rest() == b"bye"

    async def test_an_answer_arrives_whole_though_nobody_read_the_question(self, chain):
        """Closing at once would send a RST, and what the kernel still holds would be lost."""

        async def serve(reader, writer):
            await reader.readexactly(1)
            await pour(writer, 400_000)
            writer.close()
            await writer.wait_closed()

        async with Server(serve) as server:
            made = await chain(WEB=server.port)
            await made.destination()
            source = await made.source()
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port_of(source, "WEB")))
            with client:
                client.sendall(b"?")
                await until(lambda: source.snapshot().services[0].connections_total == 1)
                await until(lambda: source.snapshot().services[0].connections == 0)
                client.sendall(b"more, which nobody will read")
                client.setblocking(False)
                size, loop = 0, asyncio.get_running_loop()
                async with asyncio.timeout(5):
                    while data := await loop.sock_recv(client, 65536):
                        size += len(data)
            assert size == 400_000

    async def test_half_close_still_delivers_late_bytes(self, chain):
        asked = asyncio.Event()

        async def serve(reader, writer):
            await reader.readexactly(8)
            await asked.wait()
            for number in range(10):
                writer.write(b"%d" % number)
                await writer.drain()
                await asyncio.sleep(0.01)

        async with Server(serve) as server:
            made = await chain(WEB=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "WEB")) as client:
                client.writer.write(b"question")
                client.writer.write_eof()
                await until(lambda: source.snapshot().services[0].bytes_up == 8)
                asked.set()
                assert await client.rest() == b"0123456789"

    async def test_a_client_that_is_gone_ends_the_server_after_a_while(self, chain):
        async with Server() as server:
            made = await chain(Limits(half_closed_s=0.05), WEB=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "WEB")) as client:
                assert await client.ask(b"x") == b"x"
            async with asyncio.timeout(5):
                await server.ended.wait()
            await until(lambda: source.snapshot().services[0].connections == 0)

    async def test_half_closed_ones_are_few(self, chain):
        async with Server() as server:
            made = await chain(Limits(half_closed=3), WEB=server.port)
            await made.destination()
            source = await made.source()
            for _ in range(9):
                async with Client(port_of(source, "WEB")) as client:
                    await client.ask(b"x")
                    client.writer.write_eof()
            await until(lambda: source.snapshot().services[0].connections <= 3)

    async def test_a_client_that_resets_ends_the_server_at_once(self, chain):
        async with Server() as server:
            made = await chain(WEB=server.port)
            await made.destination()
            source = await made.source()
            client = socket.create_connection(("127.0.0.1", port_of(source, "WEB")))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await until(lambda: server.accepted == 1)
            client.close()
            async with asyncio.timeout(2):
                await server.ended.wait()

    async def test_a_refused_dial_ends_that_connection_alone(self, chain):
        refused = socket.create_server(("127.0.0.1", 0))
        port = refused.getsockname()[1]
        refused.close()
        async with Server() as server:
            made = await chain(SSH=server.port, WEB=port)
            destination = await made.destination()
            source = await made.source()
            async with Client(port_of(source, "SSH")) as good:
                assert await good.ask(b"1") == b"1"
                async with Client(port_of(source, "WEB")) as bad:
                    assert await bad.rest() == b""
                assert await good.ask(b"2") == b"2"
            row = destination.snapshot().services[1]
            assert f"127.0.0.1:{port}: " in row.problem
            assert "refused" in row.problem

    async def test_a_target_that_does_not_answer_holds_up_nobody(self, chain):
        deaf = socket.socket()
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fill = [socket.socket() for _ in range(3)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        try:
            async with Server() as server:
                made = await chain(Limits(dial_s=0.3), SSH=server.port, DEAF=port)
                destination = await made.destination()
                source = await made.source()
                async with Client(port_of(source, "DEAF")) as stuck:
                    await until(lambda: source.snapshot().services[1].connections == 1)
                    async with Client(port_of(source, "SSH")) as good:
                        assert await good.ask(b"1", 0.2) == b"1"
                    assert await stuck.rest() == b""
                assert "no answer within 0.3 s" in destination.snapshot().services[1].problem
        finally:
            for each in (*fill, deaf):
                each.close()

    async def test_what_came_before_the_target_answered_is_delivered(self, chain):
        heard = asyncio.get_running_loop().create_future()

        async def serve(reader, _):
            heard.set_result(await reader.read(-1))

        async with Server(serve) as server:
            made = await chain(Limits(half_closed_s=0.01), LOG=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "LOG")) as client:
                client.writer.write(b"fire and forget")
                client.writer.write_eof()
                async with asyncio.timeout(5):
                    assert await heard == b"fire and forget"

    async def test_a_reader_that_takes_nothing_is_cut_where_others_wait(self, chain, caplog):
        async def serve(_, writer):
            await pour(writer, BULK)

        async with Server() as echo, Server(serve) as server:
            made = await chain(Limits(stall_s=0.2), SSH=echo.port, BULK=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "SSH")) as good:
                assert await good.ask(b"1") == b"1"
                stuck = socket.create_connection(("127.0.0.1", port_of(source, "BULK")))
                try:
                    await until(lambda: source.snapshot().services[1].bytes_down > MIB)
                    assert await good.ask(b"2") == b"2"
                    await until(lambda: source.snapshot().services[1].connections == 0)
                    assert await good.ask(b"3") == b"3"
                finally:
                    stuck.close()
        assert "held up the others" in caplog.text

    async def test_a_lone_reader_may_take_its_time(self, chain):
        async def serve(_, writer):
            await give(writer, 16 * MIB)

        async with Server(serve) as server:
            made = await chain(Limits(stall_s=0.02), BULK=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "BULK")) as client:
                client.reader._transport.pause_reading()
                await asyncio.sleep(0.3)
                client.reader._transport.resume_reading()
                assert await swallow(client.reader, 16 * MIB) == digest_of(16 * MIB)


@pytest.mark.parametrize("size", [1, 4095, 4096, 64511, 64512, 64513, 200_000])
async def test_sizes_around_every_edge_come_back_whole(chain, size):
    async with Server() as server:
        made = await chain(ECHO=server.port)
        await made.destination()
        source = await made.source()
        data = (BLOCK * 2)[:size]
        async with Client(port_of(source, "ECHO")) as client:
            assert await client.ask(data) == data
