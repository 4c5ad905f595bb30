"""Targets of other kinds, clients without a port, and what is told of each connection."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.engine.tunnel.tunnel_chain import Client, Server, Watch, echo, port_of, until

from peerdeck.core.tunnel import ConnectionEvent, ConnectionState, LinkState
from peerdeck.engine.tunnel import Limits, TunnelUnreachable, UnusableServices
from peerdeck.engine.tunnel.ledger import MOST_SHOWN

# A client that has gone looks like one that only finished sending; tests need not wait for it.
ENDING = ConnectionState.ENDING
BRIEF = Limits(backoff_base_s=0.05, backoff_cap_s=0.2, half_closed_s=0.1)


class Heard:
    """Events of connections; `until` waits for what they say."""

    def __init__(self) -> None:
        self.events: list[ConnectionEvent] = []

    def __call__(self, event: ConnectionEvent) -> None:
        self.events.append(event)

    async def closed(self, number: int = 1) -> list[ConnectionEvent]:
        await until(lambda: sum(event.closed for event in self.events) >= number)
        return [event for event in self.events if event.closed]


async def test_a_unix_socket_is_a_target(chain, tmp_path: Path):
    path = str(tmp_path / "app.sock")
    server = await asyncio.start_unix_server(echo, path)
    made = await chain(limits=BRIEF, ECHO=1)
    heard = Heard()
    await made.destination(targets={"ECHO": path}, on_connection=heard)
    source = await made.source()
    async with Client(port_of(source, "ECHO")) as client:
        assert await client.ask(b"x" * 300_000) == b"x" * 300_000
        assert heard.events[0].connection.client == path
    await heard.closed()
    server.close()


async def test_an_absent_unix_socket_resets_that_connection_and_is_named(chain, tmp_path: Path):
    made = await chain(limits=BRIEF, ECHO=1)
    heard = Heard()
    path = str(tmp_path / "absent.sock")
    destination = await made.destination(targets={"ECHO": path}, on_connection=heard)
    source = await made.source()
    async with Client(port_of(source, "ECHO")) as client:
        assert await client.rest() == b""
    closed = (await heard.closed())[0]
    assert closed.problem == f"{path}: No such file or directory"
    assert closed.broken
    assert destination.snapshot().services[0].problem == closed.problem


async def test_a_target_that_comes_late_is_tried_as_often_as_asked_for(chain):
    async with Server() as server:
        port = server.port
    heard = Heard()
    made = await chain(limits=Limits(dial_attempts=200, dial_delay_s=0.02), ECHO=port)
    await made.destination(on_connection=heard)
    source = await made.source()
    async with Client(port_of(source, "ECHO")) as client:
        client.writer.write(b"early")
        late = Server()
        late.port = port
        async with late:
            assert await client.reader.readexactly(5) == b"early"
    await heard.closed()


async def test_targets_are_dialed_from_the_bind_address(chain):
    async with Server() as server:
        peers = []
        accept = server._serve

        async def serve(reader, writer):
            peers.append(writer.get_extra_info("peername")[0])
            await accept(reader, writer)

        server._serve = serve
        made = await chain(limits=BRIEF, ECHO=server.port)
        await made.destination(bind="127.0.0.9")
        source = await made.source()
        async with Client(port_of(source, "ECHO")) as client:
            assert await client.ask(b"hello") == b"hello"
        assert peers == ["127.0.0.9"]


async def test_each_connection_is_told_with_its_client_and_bytes(chain):
    async with Server() as server:
        made = await chain(limits=BRIEF, ECHO=server.port)
        await made.destination()
        heard = Heard()
        source = await made.source(on_connection=heard, clock=lambda: 1_700_000_000.0)
        async with (
            Client(port_of(source, "ECHO")) as one,
            Client(port_of(source, "ECHO")) as two,
        ):
            assert await one.ask(b"abc") == b"abc"
            assert await two.ask(b"x" * 100_000) == b"x" * 100_000
            rows = source.snapshot().connections
            assert [row.number for row in rows] == [2, 1], "newest first"
            host, port = one.writer.get_extra_info("sockname")
            assert rows[1].client == f"{host}:{port}"
            assert (rows[1].bytes_up, rows[1].bytes_down) == (3, 3)
            assert (rows[0].bytes_up, rows[0].bytes_down) == (100_000, 100_000)
            assert rows[0].opened_at == 1_700_000_000.0
            assert {row.state for row in rows} == {ConnectionState.OPEN}
            one.writer.write_eof()
            await until(lambda: ENDING in {row.state for row in source.snapshot().connections})
        closed = await heard.closed(2)
        assert {(e.connection.number, e.connection.bytes_down) for e in closed} == {
            (1, 3),
            (2, 100_000),
        }
        assert source.snapshot().connections == ()
        assert len(heard.events) == 4


async def test_only_the_newest_connections_are_listed(chain):
    async with Server() as server:
        made = await chain(limits=BRIEF, ECHO=server.port)
        await made.destination()
        source = await made.source()
        sockets = []
        for _ in range(MOST_SHOWN + 5):
            client = socket.create_connection(("127.0.0.1", port_of(source, "ECHO")))
            sockets.append(client)
        await until(lambda: source.snapshot().services[0].connections == MOST_SHOWN + 5)
        rows = source.snapshot().connections
        assert len(rows) == MOST_SHOWN
        assert (rows[0].number, rows[-1].number) == (MOST_SHOWN + 5, 6)
        for client in sockets:
            client.close()
        await until(lambda: server.ended.is_set() and not source.snapshot().connections)


@pytest.mark.parametrize("held", [0, 64])
async def test_while_the_link_is_down_new_connections_are_held_or_refused(chain, held):
    async with Server() as server:
        limits = Limits(backoff_base_s=0.05, backoff_cap_s=0.2, held=held)
        made = await chain(limits=limits, ECHO=server.port)
        destination_watch, watch = Watch(), Watch()
        destination = await made.destination(on_change=destination_watch)
        destination_watch.of(destination)
        source = watch.of(await made.source(on_change=watch))
        outcome = []

        async def pause() -> None:
            await watch.reach(LinkState.RECONNECTING)
            async with Client(port_of(source, "ECHO")) as client:
                if held:
                    await until(
                        lambda: (
                            source.snapshot().connections
                            and source.snapshot().connections[0].state is ConnectionState.HELD
                        )
                    )
                    outcome.append("held")
                else:
                    with pytest.raises(ConnectionError):
                        await client.rest()
                    outcome.append("refused")

        await made.restart_relay(pause)
        await watch.reach(LinkState.READY)
        assert outcome == ["held" if held else "refused"]
        states = [event.state for event in source.snapshot().history]
        assert states[:3] == [LinkState.CONNECTING, LinkState.READY, LinkState.RECONNECTING]


async def test_a_lost_link_is_given_up_after_as_many_attempts_as_asked_for(chain):
    made = await chain(limits=Limits(backoff_base_s=0.01, attempts=3), ECHO=1)
    watch = Watch()
    source = watch.of(await made.source(on_change=watch))
    await made.relay.aclose()
    async with asyncio.timeout(5):
        await source.wait_closed()
    assert isinstance(source.failure, TunnelUnreachable)
    # The loss itself, two attempts that failed, and the third that ended it.
    assert watch.states.count(LinkState.RECONNECTING) == 3
    assert watch.states[-1] is LinkState.FAILED


async def test_a_client_without_a_port_is_attached(chain):
    async with Server() as server:
        made = await chain(limits=BRIEF, ECHO=server.port)
        await made.destination()
        heard = Heard()
        source = await made.source(open_ports=False, on_connection=heard)
        assert port_of(source, "ECHO") == 0
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        ours.setblocking(False)
        await source.attach(theirs)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(ours, b"through")
        assert await loop.sock_recv(ours, 100) == b"through"
        ours.close()
        assert (await heard.closed())[0].connection.bytes_up == 7


async def test_of_several_services_the_one_of_an_attached_client_must_be_named(chain):
    async with Server() as server:
        made = await chain(SSH=server.port, HTTP=server.port)
        source = await made.source(open_ports=False)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        with pytest.raises(UnusableServices, match="SSH, HTTP"):
            await source.attach(theirs)
        with pytest.raises(UnusableServices, match="SSH, HTTP"):
            await source.attach(theirs, "VNC")
        ours.close()
        theirs.close()


async def test_spare_ports_and_targets_fill_in_and_may_name_strangers(chain):
    async with Server() as one, Server() as two:
        made = await chain(SSH=one.port, HTTP=two.port)
        spare = {"HTTP": ("127.0.0.1", two.port), "VNC": ("127.0.0.1", 5900), "SSH": ("x", 1)}
        await made.destination(targets={"SSH": ("127.0.0.1", one.port)}, spare_targets=spare)
        async with Server() as free:
            port = free.port
        source = await made.source(spare_ports={"HTTP": port, "VNC": 1})
        assert port_of(source, "HTTP") == port
        assert port_of(source, "SSH") not in {0, port}
        async with Client(port_of(source, "SSH")) as client:
            assert await client.ask(b"ssh") == b"ssh"
        async with Client(port_of(source, "HTTP")) as client:
            assert await client.ask(b"http") == b"http"
        assert (one.accepted, two.accepted) == (1, 1)
