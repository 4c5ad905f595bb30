"""Starting, being refused, losing the link, coming back, and ending."""

import asyncio
import socket
import time

import pytest
from picows import WSMsgType
from tests.engine.tunnel.strange_service import (
    SERVICE_IDS,
    RawService,
    WebSocketService,
    free_port,
)
from tests.engine.tunnel.tunnel_chain import QUICK, REGION, Client, Server, Watch, port_of, until

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import LinkState, Mode
from peerdeck.engine.tunnel import (
    Limits,
    PortInUse,
    TunnelError,
    TunnelProxy,
    TunnelRefused,
    TunnelTakenOver,
    TunnelUnreachable,
    UnusableServices,
)
from peerdeck.protocol.frames import Message, MessageType, decode, encode

S = LinkState
TOKEN = Secret("the-access-token")


def proxy_to(url: str, mode: Mode = Mode.SOURCE, **more) -> TunnelProxy:
    return TunnelProxy(mode=mode, url=url, access_token=TOKEN, **{"limits": QUICK, **more})


class TestStart:
    async def test_a_source_listens_when_it_has_started(self, chain):
        made = await chain(SSH=1, HTTP=2)
        port = free_port()
        source = await made.source(listen={"SSH": port})
        link = source.snapshot()
        assert link.state is S.READY
        assert [row.service for row in link.services] == ["SSH", "HTTP"]
        assert link.services[0].port == port
        assert link.services[1].port > 0
        assert {row.host for row in link.services} == {"127.0.0.1"}
        assert len(link.channel_id) == 36

    async def test_a_bare_port_serves_the_only_service(self, chain):
        made = await chain(SSH=1)
        port = free_port()
        source = await made.source(listen={"": port})
        assert port_of(source, "SSH") == port

    async def test_a_port_in_use_is_named_with_its_service(self, chain):
        made = await chain(SSH=1, HTTP=2)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            source = made.proxy(Mode.SOURCE, listen={"HTTP": port})
            with pytest.raises(
                PortInUse, match=f"port {port} for HTTP .* another program"
            ) as error:
                await source.start()
        assert (error.value.port, error.value.service) == (port, "HTTP")
        assert source.snapshot().state is S.FAILED

    @pytest.mark.parametrize(
        ("mode", "more", "words"),
        [
            (Mode.SOURCE, {"listen": {"FTP": 0}}, "services SSH, HTTP, not FTP"),
            (Mode.DESTINATION, {"targets": {"SSH": ("h", 1)}}, "no target is given for HTTP"),
            (Mode.DESTINATION, {"targets": {"FTP": ("h", 1)}}, "services SSH, HTTP, not FTP"),
        ],
    )
    async def test_services_must_be_those_of_the_tunnel(self, chain, mode, more, words):
        made = await chain(SSH=1, HTTP=2)
        proxy = made.proxy(mode, **more)
        with pytest.raises(UnusableServices, match=words):
            await proxy.start()
        assert words in proxy.snapshot().reason

    async def test_a_proxy_starts_once(self, chain):
        made = await chain(SSH=1)
        source = await made.source()
        with pytest.raises(RuntimeError):
            await source.start()


class TestRefused:
    async def test_a_spent_token_is_refused_in_the_services_words(self, chain):
        made = await chain(SSH=1)
        first = await made.source()
        second = made.proxy(Mode.SOURCE)
        with pytest.raises(TunnelRefused, match="client token does not match") as error:
            await second.start()
        assert error.value.status == 400
        assert error.value.channel_id
        link = second.snapshot()
        assert (link.state, link.channel_id) == (S.FAILED, error.value.channel_id)
        assert link.reason == str(error.value)
        assert first.snapshot().state is S.READY

    async def test_a_closed_tunnel_is_refused(self, chain):
        made = await chain(SSH=1)
        made.registry.close(REGION, made.record.id)
        with pytest.raises(TunnelRefused, match="Tunnel is closed"):
            await made.source()

    async def test_the_wrong_mode_is_refused(self, chain):
        made = await chain(SSH=1)
        with pytest.raises(TunnelRefused, match="not for source mode"):
            await made.source(access_token=made.destination_token)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"HTTP/1.1 403 Forbidden\r\nX-Status-Reason: used\r\n\r\n", "used"),
            (b"HTTP/1.1 403 Forbidden\r\nX-Status-Reason: used\r\n\r\nbody", "body"),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "Forbidden"),
            (b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\n", "Found"),
        ],
    )
    async def test_the_reason_is_the_body_or_the_header_or_the_status(self, answer, reason):
        async with RawService(answer) as service:
            proxy = proxy_to(service.url)
            with pytest.raises(TunnelRefused) as error:
                await proxy.start()
        assert error.value.reason == reason
        assert len(service.requests) == 1

    @pytest.mark.parametrize(
        "answer", [b"HTTP/1.1 503 Busy\r\n\r\nlater", b"220 ssh here\r\n\r\n", b"\r\n\r\n"]
    )
    async def test_what_may_work_later_is_unreachable(self, answer):
        async with RawService(answer) as service:
            with pytest.raises(TunnelUnreachable):
                await proxy_to(service.url).start()

    async def test_a_closed_port_is_unreachable(self):
        with pytest.raises(TunnelUnreachable):
            await proxy_to(f"ws://127.0.0.1:{free_port()}").start()

    @pytest.mark.parametrize("subprotocol", ["", "aws.iot.securetunneling-2.0"])
    async def test_another_protocol_than_offered_is_not_spoken(self, subprotocol):
        async with WebSocketService(subprotocol=subprotocol) as service:
            with pytest.raises(TunnelUnreachable, match=r"does not speak .*-3\.0"):
                await proxy_to(service.url).start()

    async def test_a_service_that_names_no_services_is_given_up(self):
        async with WebSocketService(greet=lambda _: None) as service:
            with pytest.raises(TunnelUnreachable, match="did not name"):
                await proxy_to(service.url, limits=Limits(connect_s=0.1)).start()

    async def test_a_service_that_says_nothing_is_given_up(self):
        async with RawService() as service:
            with pytest.raises(TunnelUnreachable, match=r"no answer within 0\.1 s"):
                await proxy_to(service.url, limits=Limits(connect_s=0.1)).start()


class TestHandshake:
    async def test_it_carries_what_the_guide_asks_for(self):
        async with RawService(b"HTTP/1.1 400 Bad Request\r\n\r\n") as service:
            proxy = proxy_to(service.url, Mode.DESTINATION)
            with pytest.raises(TunnelRefused):
                await proxy.start()
        head = service.requests[0].decode().split("\r\n")
        assert head[0] == "GET /tunnel?local-proxy-mode=destination HTTP/1.1"
        assert "Sec-WebSocket-Protocol: aws.iot.securetunneling-3.0" in head
        assert f"access-token: {TOKEN.reveal()}" in head
        assert f"client-token: {proxy.client_token.reveal()}" in head
        assert not any("permessage-deflate" in line for line in head)

    async def test_no_token_is_logged_or_shown(self, chain, caplog):
        caplog.set_level(1)
        caplog.set_level(1, "picows")
        made = await chain(SSH=1)
        source = await made.source()
        refused = made.proxy(Mode.SOURCE)
        with pytest.raises(TunnelRefused) as error:
            await refused.start()
        seen = caplog.text + repr(source) + repr(error.value) + str(source.snapshot())
        for secret in (made.source_token, source.client_token, refused.client_token):
            assert secret.reveal() not in seen


class TestReconnect:
    async def test_after_a_restart_of_the_relay_new_connections_work(self, chain):
        async with Server() as server:
            made = await chain(SSH=server.port)
            watch = Watch()
            destination = watch.of(made.proxy(Mode.DESTINATION, on_change=watch))
            await destination.start()
            near = Watch()
            source = near.of(made.proxy(Mode.SOURCE, on_change=near))
            await source.start()
            port = port_of(source, "SSH")
            async with Client(port) as old:
                assert await old.ask(b"x") == b"x"
                await made.restart_relay()
                with pytest.raises(ConnectionError):  # a definite end, not an orderly one
                    await old.rest()
            await near.reach(S.READY, 2)
            await watch.reach(S.READY, 2)
            assert near.states == [S.CONNECTING, S.READY, S.RECONNECTING, S.READY]
            assert "the relay is shutting down" in near.links[2].reason
            assert source.snapshot().reconnects == 1
            assert port_of(source, "SSH") == port
            async with Client(port) as new:
                assert await new.ask(b"y") == b"y"

    async def test_who_comes_while_the_link_is_down_is_served_afterwards(self, chain):
        async with Server() as server:
            made = await chain(Limits(backoff_base_s=0.05, held=2), SSH=server.port)
            watch = Watch()
            source = watch.of(made.proxy(Mode.SOURCE, on_change=watch))
            await source.start()
            port = port_of(source, "SSH")
            clients: list[Client] = []

            async def knock() -> None:
                await watch.reach(S.RECONNECTING)
                for number in range(3):
                    client = Client(port)
                    await client.__aenter__()
                    client.writer.write(b"%d" % number)
                    clients.append(client)
                with pytest.raises(ConnectionError):  # two are held, the third is not
                    await clients[2].rest()

            await made.restart_relay(knock)
            await made.destination()
            for number, client in enumerate(clients[:2]):
                assert await client.reader.readexactly(1) == b"%d" % number
            for client in clients:
                await client.__aexit__()

    async def test_it_tries_again_until_the_service_is_back(self, chain):
        made = await chain(SSH=1)
        watch = Watch()
        source = watch.of(made.proxy(Mode.SOURCE, on_change=watch))
        await source.start()

        async def wait() -> None:
            await watch.reach(S.RECONNECTING, 4)

        await made.restart_relay(wait)
        await watch.reach(S.READY, 2)
        assert source.snapshot().reconnects == 1
        assert source.snapshot().reason == ""

    async def test_a_tunnel_that_is_closed_ends_the_proxy_with_the_reason(self, chain):
        made = await chain(SSH=1)
        source = await made.source()
        port = port_of(source, "SSH")
        made.registry.close(REGION, made.record.id)
        async with asyncio.timeout(5):
            await source.wait_closed()
        assert isinstance(source.failure, TunnelRefused)
        link = source.snapshot()
        assert (link.state, link.reconnects) == (S.FAILED, 0)
        assert "Tunnel is closed" in link.reason
        with pytest.raises(ConnectionRefusedError):
            await Client(port).__aenter__()

    async def test_a_rotated_token_ends_the_side_that_had_it(self, chain):
        async with Server() as server:
            made = await chain(SSH=server.port)
            destination = await made.destination()
            source = await made.source()
            made.registry.rotate(REGION, made.record.id, [Mode.SOURCE])
            async with asyncio.timeout(5):
                await source.wait_closed()
            assert "not valid" in source.snapshot().reason
            assert destination.snapshot().state is S.READY

    async def test_a_destination_that_restarts_ends_old_connections(self, chain):
        async with Server() as server:
            made = await chain(SSH=server.port)
            destination = await made.destination()
            source = await made.source()
            async with Client(port_of(source, "SSH")) as old:
                assert await old.ask(b"x") == b"x"
                await destination.aclose()
                assert await old.rest() == b""
            await made.destination(client_token=destination.client_token)
            async with Client(port_of(source, "SSH")) as new:
                assert await new.ask(b"y") == b"y"

    async def test_a_destination_that_vanishes_ends_old_connections_when_it_is_back(self, chain):
        async with Server() as server:
            made = await chain(SSH=server.port)
            destination = await made.destination()
            source = await made.source()
            async with Client(port_of(source, "SSH")) as old:
                assert await old.ask(b"x") == b"x"
                destination._board.machine.reset_all = lambda: None  # no farewell
                await destination.aclose()
                await made.destination(client_token=destination.client_token)
                assert await old.rest() == b""
                async with Client(port_of(source, "SSH")) as new:
                    assert await new.ask(b"y") == b"y"

    async def test_a_source_that_restarts_is_not_spliced_into_the_old_session(self, chain):
        sessions: list[bytes] = []

        async def serve(reader, writer):
            sessions.append(b"")
            mine = len(sessions) - 1
            while data := await reader.read(100):
                sessions[mine] += data
                writer.write(b"%d" % mine)

        async with Server(serve) as server:
            made = await chain(SSH=server.port)
            await made.destination()
            source = await made.source()
            async with Client(port_of(source, "SSH")) as old:
                assert await old.ask(b"a") == b"0"
                source._board.machine.reset_all = lambda: None  # no farewell
                await source.aclose()
                again = await made.source(client_token=source.client_token)
                async with Client(port_of(again, "SSH")) as new:
                    assert await new.ask(b"b") == b"1"
            assert sessions == [b"a", b"b"]

    async def test_changed_services_end_the_proxy(self):
        async with WebSocketService() as service:
            proxy = proxy_to(service.url)
            await proxy.start()
            other = encode(Message(MessageType.SERVICE_IDS, available_service_ids=("WEB",)))
            service.greet = lambda transport: transport.send(WSMsgType.BINARY, other)
            service.peers[0].disconnect()
            async with asyncio.timeout(5):
                await proxy.wait_closed()
        assert isinstance(proxy.failure, UnusableServices)
        assert "from SSH to WEB" in proxy.snapshot().reason


def _pings(service):
    return sum(kind is WSMsgType.PING for kind, _ in service.frames)


class TestLiveness:
    async def test_a_silent_service_is_noticed(self):
        async with WebSocketService() as service:
            watch = Watch()
            limits = Limits(ping_s=0.05, dead_after=3, backoff_base_s=60, connect_s=5)
            proxy = watch.of(
                proxy_to(service.url, on_change=watch, limits=limits, clock=lambda: 1234.5)
            )
            await proxy.start()
            link = await watch.reach(S.RECONNECTING)
            assert "nothing was heard" in link.reason
            await proxy.aclose()
        assert (WSMsgType.PING, b"1234500") in service.frames

    async def test_pongs_keep_a_link_alive(self):
        async with WebSocketService(quiet=False) as service:
            proxy = proxy_to(service.url, limits=Limits(ping_s=0.03, dead_after=8))
            await proxy.start()
            answered: set[float | None] = set()
            await until(lambda: answered.add(proxy._link.rtt_ms) or len(answered) > 10)
            assert proxy.snapshot().state is S.READY
            assert proxy._link.rtt_ms < 1000
            await proxy.aclose()

    async def test_a_link_that_we_do_not_read_is_not_dead(self):
        async with WebSocketService() as service:
            proxy = proxy_to(service.url, limits=Limits(ping_s=0.03, dead_after=8))
            await proxy.start()
            proxy._link.pause_reading()  # as a slow local reader does
            await until(lambda: _pings(service) > 10)
            assert proxy.snapshot().state is S.READY
            proxy._link.resume_reading()
            await until(lambda: proxy.snapshot().state is S.RECONNECTING)
            await proxy.aclose()

    @pytest.mark.parametrize(
        ("send", "words"),
        [
            (lambda t: t.send(WSMsgType.TEXT, b"hello"), "text frame"),
            (lambda t: t.send(WSMsgType.BINARY, b"\0\2\x08\x63"), "type 99 is unknown"),
            (lambda t: t.send_close(1011, "an internal error"), "(1011 an internal error)"),
            (lambda t: t.send(WSMsgType.BINARY, bytes(131_077)), "exceeding max"),
        ],
    )
    async def test_what_the_service_must_not_do_ends_the_link(self, send, words):
        async with WebSocketService() as service:
            watch = Watch()
            proxy = watch.of(proxy_to(service.url, on_change=watch))
            await proxy.start()
            send(service.peers[0])
            link = await watch.reach(S.RECONNECTING)
            assert words in link.reason
            await proxy.aclose()

    async def test_fragments_of_any_size_are_one_byte_stream(self):
        def in_crumbs(transport):
            for index in range(len(SERVICE_IDS)):
                kind = WSMsgType.BINARY if index == 0 else WSMsgType.CONTINUATION
                transport.send(kind, SERVICE_IDS[index : index + 1], fin=False)
            transport.send(WSMsgType.CONTINUATION, b"", fin=True)

        async with WebSocketService(greet=in_crumbs) as service:
            proxy = proxy_to(service.url)
            await proxy.start()
            assert proxy.snapshot().services[0].service == "SSH"
            await proxy.aclose()


class TestEnd:
    async def test_closing_is_quick_and_idempotent_and_tells_both_sides(self, chain):
        async with Server() as server:
            made = await chain(SSH=server.port)
            destination = await made.destination()
            source = await made.source()
            async with Client(port_of(source, "SSH")) as client:
                assert await client.ask(b"x") == b"x"
                began = time.monotonic()
                await asyncio.gather(source.aclose(), source.aclose())
                await source.aclose()
                assert time.monotonic() - began < 1
                with pytest.raises(ConnectionError):
                    await client.rest()
            async with asyncio.timeout(5):
                await server.ended.wait()
            await source.wait_closed()
            assert source.snapshot().state is S.CLOSED
            assert source.failure is None
            assert destination.snapshot().state is S.READY

    async def test_closing_takes_no_second_even_if_nobody_reads(self):
        async with WebSocketService() as service:
            proxy = proxy_to(service.url)
            await proxy.start()
            service.peers[0].underlying_transport.pause_reading()
            async with Client(port_of(proxy, "SSH")) as client:
                client.writer.write(bytes(20_000_000))
                await until(lambda: proxy.snapshot().services[0].bytes_up > 200_000)
                began = time.monotonic()
                await proxy.aclose()
                assert time.monotonic() - began < 1

    async def test_leaving_sends_stream_resets(self):
        async with WebSocketService() as service:
            proxy = proxy_to(service.url)
            await proxy.start()
            async with Client(port_of(proxy, "SSH")):
                await until(lambda: proxy.snapshot().services[0].connections == 1)
                await proxy.aclose()
            await until(lambda: any(kind == WSMsgType.CLOSE for kind, _ in service.frames))
        said = [decode(data[2:]).type for kind, data in service.frames if kind == WSMsgType.BINARY]
        assert said == [MessageType.STREAM_START, MessageType.STREAM_RESET]

    @pytest.mark.parametrize("service", [RawService(), WebSocketService(greet=lambda _: None)])
    async def test_closing_while_it_starts_ends_the_start(self, service):
        async with service:
            proxy = proxy_to(service.url)
            starting = asyncio.get_running_loop().create_task(proxy.start())
            await until(lambda: getattr(service, "requests", None) or getattr(service, "peers", 0))
            began = time.monotonic()
            await proxy.aclose()
            with pytest.raises(TunnelError, match="closed before"):
                await starting
            assert time.monotonic() - began < 1

    async def test_cancelling_a_start_leaves_nothing(self):
        async with RawService() as service:
            proxy = proxy_to(service.url)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await proxy.start()
            assert proxy.snapshot().state is S.CLOSED
            async with asyncio.timeout(1):
                assert await service.readers[0].read() == b""  # the socket is closed, too

    async def test_closing_while_it_reconnects(self, chain):
        made = await chain(Limits(backoff_base_s=60), SSH=1)
        watch = Watch()
        source = watch.of(made.proxy(Mode.SOURCE, on_change=watch))
        await source.start()

        async def close() -> None:
            await watch.reach(S.RECONNECTING)
            async with asyncio.timeout(1):
                await source.aclose()

        await made.restart_relay(close)
        assert source.snapshot().state is S.CLOSED

    async def test_closing_before_it_started(self):
        proxy = proxy_to("ws://127.0.0.1:9")
        await proxy.aclose()
        await proxy.wait_closed()


class TestRivals:
    async def test_who_was_taken_over_does_not_fight(self, chain):
        """Each would end all connections of the other, for ever; the newest one has it."""
        async with Server() as server:
            made = await chain(SSH=server.port)
            await made.destination()
            watch = Watch()
            first = watch.of(made.proxy(Mode.SOURCE, on_change=watch))
            await first.start()
            second = await made.source(client_token=first.client_token)
            lost = await watch.reach(S.FAILED)
            assert "another connection took over" in lost.reason
            assert isinstance(first.failure, TunnelTakenOver)
            assert S.RECONNECTING not in watch.states
            async with Client(port_of(second, "SSH")) as client:
                assert await client.ask(b"x") == b"x"
            assert second.snapshot().reconnects == 0
