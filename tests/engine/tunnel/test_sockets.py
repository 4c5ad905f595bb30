"""How connections begin and end where nothing may take a turn of the loop too many."""

import asyncio
import contextlib
import gc
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.engine.tunnel.strange_service import WebSocketService
from tests.engine.tunnel.tunnel_chain import QUICK, Client, Server, port_of, until

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.tunnel import Limits, PortInUse, TunnelProxy
from peerdeck.engine.tunnel.dialer import Dialer
from peerdeck.engine.tunnel.dialing import begin_dial
from peerdeck.engine.tunnel.sockets import Listener, Settling
from peerdeck.engine.tunnel.waiting import Leisure
from peerdeck.protocol.frames import MessageStream, MessageType, decode

T = MessageType
LOCAL = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))


class Accepted(asyncio.Protocol, Settling):
    """What a listener makes; it counts how often it was told to begin."""

    made: list["Accepted"]

    def __init__(self) -> None:
        self.began = 0
        self.lost = False
        self.transport: asyncio.Transport | None = None
        self.made.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def begin(self) -> None:
        self.began += 1


@pytest.fixture
def accepted() -> type[Accepted]:
    return type("Fresh", (Accepted,), {"made": []})


async def ended(accepted: type[Accepted]) -> None:
    for one in accepted.made:
        assert one.transport is not None
        one.transport.abort()
    await until(lambda: all(one.lost for one in accepted.made))


def types(frame: bytes) -> list[MessageType]:
    return [MessageType(decode(whole[2:]).type) for whole in MessageStream().feed(frame)]


async def test_a_client_that_speaks_first_costs_one_frame() -> None:
    async with WebSocketService() as service:
        proxy = TunnelProxy(mode=Mode.SOURCE, url=service.url, access_token=Secret("t"))
        await proxy.start()
        try:
            with socket.create_connection(("127.0.0.1", port_of(proxy, "SSH"))) as client:
                client.sendall(b"SSH-2.0-first")
                await until(lambda: service.frames)
            assert [types(data) for _, data in service.frames] == [[T.STREAM_START, T.DATA]]
        finally:
            await proxy.aclose()


async def test_a_client_that_waits_for_the_server_starts_its_connection_all_the_same() -> None:
    async with WebSocketService() as service:
        proxy = TunnelProxy(mode=Mode.SOURCE, url=service.url, access_token=Secret("t"))
        await proxy.start()
        try:
            async with Client(port_of(proxy, "SSH")):
                await until(lambda: service.frames)
            assert types(service.frames[0][1]) == [T.STREAM_START]
        finally:
            await proxy.aclose()


async def test_the_end_of_a_client_that_is_gone_leaves_with_the_next_beginning() -> None:
    limits = Limits(half_closed=1, leisure_s=60.0)
    async with WebSocketService() as service:
        proxy = TunnelProxy(
            mode=Mode.SOURCE, url=service.url, access_token=Secret("t"), limits=limits
        )
        await proxy.start()
        try:
            for number in range(4):
                with socket.create_connection(("127.0.0.1", port_of(proxy, "SSH"))) as client:
                    client.sendall(b"x")
                    await until(lambda number=number: len(service.frames) > number)
            told = [types(data) for _, data in service.frames]
            assert told[:2] == [[T.STREAM_START, T.DATA], [T.CONNECTION_START, T.DATA]]
            assert told[3] == [T.CONNECTION_RESET, T.CONNECTION_START, T.DATA]
        finally:
            await proxy.aclose()


async def test_what_nobody_waits_for_is_done_in_order_and_once() -> None:
    done: list[int] = []
    over = asyncio.Event()
    leisure = Leisure(0.001)
    for number in range(3):
        leisure.do(lambda number=number: done.append(number))  # type: ignore[misc]
    leisure.do(over.set)
    assert done == []
    async with asyncio.timeout(5):
        await over.wait()
    assert done == [0, 1, 2]
    leisure.do(lambda: done.append(3))
    leisure.end()
    leisure.end()
    assert done == [0, 1, 2, 3]


async def test_a_listener_takes_a_whole_burst_in_one_turn(accepted: type[Accepted]) -> None:
    listener = Listener(LOCAL, accepted, backlog=64, rest_s=1.0)
    clients = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(20)]
    await listener.start()
    await until(lambda: len(accepted.made) == 20)
    await until(lambda: all(one.began == 1 for one in accepted.made))
    listener.close()
    listener.close()
    for client in clients:
        client.close()
    await ended(accepted)


@pytest.fixture
def exhausted() -> Iterator[Callable[[bool], None]]:
    """Takes every descriptor of this process (True), and gives them back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[socket.socket] = []

    def exhaust(on: bool) -> None:
        if not on:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            while taken:
                taken.pop().close()
            return
        most = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (most + 4, hard))
        with contextlib.suppress(OSError):
            while True:
                taken.append(socket.socket())

    yield exhaust
    exhaust(False)


async def test_without_descriptors_a_listener_rests_and_goes_on(
    accepted: type[Accepted],
    caplog: pytest.LogCaptureFixture,
    exhausted: Callable[[bool], None],
) -> None:
    listener = Listener(LOCAL, accepted, backlog=8, rest_s=0.05)
    await listener.start()
    with socket.socket() as client:
        client.setblocking(False)
        exhausted(True)
        client.connect_ex(("127.0.0.1", listener.port))
        await until(lambda: "EMFILE" in caplog.text)
        for _ in range(100):
            await asyncio.sleep(0)
        tries = caplog.text.count("EMFILE")
        exhausted(False)
        assert tries < 10, "it does not try in every turn"
        await until(lambda: accepted.made and accepted.made[0].began)
    listener.close()
    await ended(accepted)


async def test_a_port_that_is_given_back_in_time_is_taken(chain) -> None:
    async with Server() as other:
        made = await chain(SSH=1, limits=Limits(bind_attempts=500, bind_delay_s=0.01))
        proxy = made.proxy(Mode.SOURCE, listen={"SSH": other.port})
        starting = asyncio.ensure_future(proxy.start())  # noqa: TID251
        await until(lambda: made.registry.records()[0].sides[Mode.SOURCE].connected)
    async with asyncio.timeout(5):
        await starting
    assert port_of(proxy, "SSH") == other.port


async def test_a_port_that_stays_taken_is_tried_as_often_as_wished(chain) -> None:
    async with Server() as other:
        made = await chain(SSH=1, limits=Limits(bind_attempts=3, bind_delay_s=0.01))
        with pytest.raises(PortInUse, match="another program"):
            await made.source(listen={"SSH": other.port})


async def test_a_target_on_this_machine_needs_no_task(chain, monkeypatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("a task dialed")

    monkeypatch.setattr(Dialer, "_dial", never)
    async with Server() as server:
        made = await chain(SSH=server.port, limits=QUICK)
        await made.destination()
        proxy = await made.source()
        async with Client(port_of(proxy, "SSH")) as client:
            assert await client.ask(b"x") == b"x"


async def test_where_transports_take_their_time_everything_works_as_well(
    chain, monkeypatch
) -> None:
    for room in ("sockets", "local"):
        monkeypatch.setattr(f"peerdeck.engine.tunnel.{room}.AT_ONCE", False)
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination()
        proxy = await made.source()
        async with Client(port_of(proxy, "SSH")) as client:
            assert await client.ask(b"x") == b"x"


async def test_a_dial_that_is_given_up_before_its_first_turn_leaves_no_socket() -> None:
    """A target that does not answer at once is left to a task; this one never gets a turn."""
    failed: list[object] = []
    tasks = TaskSet("test")
    dialer = Dialer(Limits(), tasks, failed.append)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as one:
        at = server.getsockname()[1]
        while True:  # until its backlog is full
            attempt = begin_dial(("127.0.0.1", at))
            assert attempt is not None
            one.callback(attempt.socket.close)
            if not attempt.is_whole:
                break
        dialer.targets = {"SSH": ("127.0.0.1", at)}
        local = type("Local", (), {"service": "SSH", "problem": "", "client": ""})()
        descriptors = psutil.Process().num_fds()
        gc.disable()
        try:
            dialer.start(local)
            assert psutil.Process().num_fds() > descriptors
            dialer.cancel(local)
            await tasks.aclose()
            assert failed == [local]
        finally:
            gc.enable()
        assert psutil.Process().num_fds() == descriptors
