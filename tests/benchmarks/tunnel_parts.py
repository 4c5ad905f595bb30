"""The processes of the tunnel benchmark: servers, forwarders, a relay, the proxies, and `ssh -L`.

Each is this file with a role; it prints one JSON line when it is ready and ends with its standard
input. Load and sink are as light as they can be: two cores carry everything that is measured.
"""

import asyncio
import contextlib
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from typing import Any

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.authority import Authority
from peerdeck.protocol.frames import Message, MessageType, encode

KIB, MIB = 1024, 1 << 20
SERVICES = ("ECHO", "BULK")
HEADERS = {"sec-websocket-protocol": "aws.iot.securetunneling-3.0", "channel-id": "benchmark"}
CHUNK = 256 * KIB


def ready(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def listener(backlog: int = 4096) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(backlog)
    return server


# What is at the far end


def echo() -> None:
    """Sends back whatever comes, on one thread without asyncio, for thousands of connections."""
    server = listener()
    server.setblocking(False)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN)
    poll.register(sys.stdin, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    ready(port=server.getsockname()[1])
    while True:
        for number, _ in poll.poll():
            if number == server.fileno():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        client, _ = server.accept()
                        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        clients[client.fileno()] = client
                        poll.register(client, select.EPOLLIN)
            elif number not in clients:
                return
            else:
                _echo_once(clients, number)


def _echo_once(clients: dict[int, socket.socket], number: int) -> None:
    client = clients[number]
    try:
        data = client.recv(65536)
        if data:
            client.sendall(data)
            return
    except OSError:
        pass
    del clients[number]
    client.close()


def bulk() -> None:
    """Per connection one order, "U" or "D" and 16 hexadecimal digits: how many bytes to take or to
    send. What was taken whole is answered with "K".
    """
    server = listener()
    ready(port=server.getsockname()[1])
    threading.Thread(target=_serve_bulk, args=(server,), daemon=True).start()
    sys.stdin.read()


def _serve_bulk(server: socket.socket) -> None:
    while True:
        client, _ = server.accept()
        threading.Thread(target=_bulk_client, args=(client,), daemon=True).start()


def _bulk_client(client: socket.socket) -> None:
    with client, contextlib.suppress(OSError, ValueError):
        order = client.recv(17, socket.MSG_WAITALL)
        size = int(order[1:], 16)
        if order[:1] == b"U":
            take(client, size)
            client.sendall(b"K")
        else:
            give(client, size)
        client.recv(1)


def take(client: socket.socket, size: int) -> None:
    """Raises OSError where the other side ends too early."""
    buffer = bytearray(CHUNK)
    while size > 0:
        count = client.recv_into(buffer, min(size, CHUNK))
        if not count:
            raise OSError("it ended too early")
        size -= count


def give(client: socket.socket, size: int) -> None:
    data = memoryview(os.urandom(CHUNK))
    while size > 0:
        client.sendall(data[:size])
        size -= len(data)


def pour(port: int) -> None:
    """Load: an upload without end."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"U%016x" % (1 << 60))
        ready()
        with contextlib.suppress(OSError):
            give(client, 1 << 60)


# What is between


class Hop(asyncio.BufferedProtocol):
    """One direction-less half of a TCP forwarder; rate: bytes per second that its link carries."""

    def __init__(self, rate: float, other: "Hop | None" = None) -> None:
        self.other = other
        self.buffer = memoryview(bytearray(8 * KIB if rate else 64 * KIB))
        self.rate = rate
        self.free_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        assert self.other is not None
        self.other.transport.write(bytes(self.buffer[:nbytes]))
        if self.rate:
            loop = asyncio.get_running_loop()
            now = loop.time()
            self.free_at = max(self.free_at, now) + nbytes / self.rate
            if self.free_at - now > 0.002:
                self.transport.pause_reading()
                loop.call_at(self.free_at, self.transport.resume_reading)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


class NearHop(Hop):
    """The half that was dialed; it dials the other one."""

    tasks: set[asyncio.Task[Any]] = set()  # noqa: RUF012

    def __init__(self, to: int, rate: float) -> None:
        super().__init__(rate)
        self.to = to

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self.dial())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def dial(self) -> None:
        loop = asyncio.get_running_loop()
        _, self.other = await loop.create_connection(
            lambda: Hop(self.rate, self), "127.0.0.1", self.to
        )
        self.transport.resume_reading()


async def hop(to: int, rate: float = 0.0) -> None:
    """A TCP forwarder to a local port. rate: of the link that it stands for, bytes per second."""
    loop = asyncio.get_running_loop()
    listening = listener()
    if rate:  # a link has segments of its own size, and a queue, but no megabytes of it
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * KIB)
    server = await loop.create_server(lambda: NearHop(to, rate), sock=listening, backlog=4096)
    ready(port=listening.getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)
    server.close()


class Side(WSListener):
    """A side of the relay that does nothing but pass frames on, so that it is no bottleneck."""

    sides: dict[tuple[str, str], "Side"] = {}  # noqa: RUF012

    def __init__(self, tunnel: str, mode: str) -> None:
        self.key = (tunnel, mode)
        self.peer = (tunnel, "source" if mode == "destination" else "destination")
        self.other: Side | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        under = transport.underlying_transport
        connection = under.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * KIB)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 128 * KIB)
        under.set_write_buffer_limits(high=128 * KIB)
        self.sides[self.key] = self
        self.other = self.sides.get(self.peer)
        if self.other is not None:
            self.other.other = self
        ids = encode(Message(MessageType.SERVICE_IDS, available_service_ids=SERVICES))
        transport.send(WSMsgType.BINARY, ids)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY and self.other is not None:
            self.other.transport.send(WSMsgType.BINARY, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.underlying_transport.resume_reading()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.sides.get(self.key) is self:
            del self.sides[self.key]
        if self.other is not None:
            self.other.other = None


async def relay() -> None:
    """Pairs source and destination by their access token; TLS 1.3 only."""
    authority = Authority.fresh()
    context = authority.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    def upgrade(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        mode = request.path.decode().rpartition("=")[2]
        side = Side(request.headers["access-token"], mode)
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(HEADERS), side)

    server = await ws_create_server(
        upgrade, "127.0.0.1", 0, ssl=context, ssl_outgoing_bio_size=64 * KIB
    )
    port = server.sockets[0].getsockname()[1]
    ready(port=port, ca=authority.certificate_pem.decode())
    await asyncio.to_thread(sys.stdin.read)


async def proxy(
    mode: str, port: int, ca: str, token: str = "t", targets: dict[str, int] | None = None
) -> None:
    """The engine itself, and nothing beside it."""
    from peerdeck.engine.tunnel import Limits, TunnelProxy

    made = TunnelProxy(
        mode=Mode(mode),
        url=f"wss://localhost:{port}",
        access_token=Secret(token),
        targets={name: ("127.0.0.1", at) for name, at in (targets or {}).items()},
        ssl_context=ssl.create_default_context(cadata=ca),
        limits=Limits(),
    )
    await made.start()
    ready(ports={row.service: row.port for row in made.snapshot().services})
    await asyncio.to_thread(sys.stdin.read)
    await made.aclose()


def on_window_loop(arguments: dict[str, Any]) -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from peerdeck.gui.loop import make_loop

    application = QApplication([])
    with asyncio.Runner(loop_factory=lambda: make_loop(application)) as runner:
        runner.run(proxy(**arguments))


# How they are started


class Part:
    """A child process; `facts` is what it said when it was ready."""

    def __init__(self, role: str, **arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, role, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{role} did not start")
        self.facts: dict[str, Any] = json.loads(line)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main(role: str, arguments: dict[str, Any]) -> None:
    plain = {"echo": echo, "bulk": bulk, "pour": pour, "window": lambda **a: on_window_loop(a)}
    coroutines = {"hop": hop, "relay": relay, "proxy": proxy}
    if role in plain:
        plain[role](**arguments)
    else:
        asyncio.run(coroutines[role](**arguments))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
