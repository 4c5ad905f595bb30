"""Throughput of the tunnel relay, plain and TLS, beside raw TCP in the same run.

A sender and a receiver in a process of their own push full DATA messages through the relay, which
runs in another process. Raw TCP: the same bytes through a plain asyncio forwarder. All take turns.
"""

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, at_least, median_of, options, report
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from peerdeck.localcloud.authority import Authority
from peerdeck.localcloud.relay import TunnelRelay
from peerdeck.localcloud.tunnels import TunnelRegistry
from peerdeck.protocol.frames import MAX_PAYLOAD, Message, MessageType, encode

DATA = encode(Message(MessageType.DATA, 1, "SSH", 1, os.urandom(MAX_PAYLOAD)))
START = encode(Message(MessageType.STREAM_START, 1, "SSH", 1))
MIB = 1 << 20
HEADERS = [("Sec-WebSocket-Protocol", "aws.iot.securetunneling-3.0")]


class Side(WSListener):
    """Counts what it hears; sends while the socket takes it."""

    def __init__(self) -> None:
        self.heard = 0
        self.expected = 0
        self.done = asyncio.Event()
        self.ready = asyncio.Event()
        self.ready.set()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in {WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self.heard += len(frame.get_payload_as_memoryview())
            if self.expected and self.heard >= self.expected:
                self.done.set()

    def pause_writing(self) -> None:
        self.ready.clear()

    def resume_writing(self) -> None:
        self.ready.set()


async def through_relay(url: str, tokens: dict[str, str], context: Any, count: int) -> float:
    """MiB/s of `count` messages."""
    sides = {}
    for mode in ("destination", "source"):
        side = sides[mode] = Side()
        await ws_connect(
            lambda side=side: side,
            f"{url}/tunnel?local-proxy-mode={mode}",
            ssl_context=context,
            extra_headers=[*HEADERS, ("access-token", tokens[mode])],
        )
    source, destination = sides["source"], sides["destination"]
    destination.expected = count * len(DATA)
    started = time.perf_counter()
    source.transport.send(WSMsgType.BINARY, START)
    for _ in range(count):
        await source.ready.wait()
        source.transport.send(WSMsgType.BINARY, DATA)
    await destination.done.wait()
    elapsed = time.perf_counter() - started
    for side in sides.values():
        side.transport.disconnect(graceful=False)
        await side.transport.wait_disconnected()
    return count * len(DATA) / MIB / elapsed


class Forwarder(asyncio.Protocol):
    """The receiver connects first, the sender second; what one sends, the other gets."""

    first: "Forwarder | None" = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.other = Forwarder.first
        if self.other is None:
            Forwarder.first = self
        else:
            self.other.other, Forwarder.first = self, None

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


class Sink(asyncio.Protocol):
    def __init__(self, expected: int) -> None:
        self.left = expected
        self.done = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left <= 0:
            self.done.set()


async def through_tcp(port: int, count: int) -> float:
    loop = asyncio.get_running_loop()
    transport, sink = await loop.create_connection(
        lambda: Sink(count * len(DATA)), "127.0.0.1", port
    )
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.perf_counter()
    for _ in range(count):
        writer.write(DATA)
        await writer.drain()
    await sink.done.wait()
    elapsed = time.perf_counter() - started
    writer.close()
    transport.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return count * len(DATA) / MIB / elapsed


async def serve() -> None:
    """The relay's process: one line of ports, then a line of tokens for every line it reads."""
    registry = TunnelRegistry("123456789012")
    authority = Authority.fresh()
    relay = TunnelRelay(registry, tls=authority.server_context())
    await relay.start()
    loop = asyncio.get_running_loop()
    tcp = await loop.create_server(Forwarder, "127.0.0.1", 0)
    ports = {
        "ws": relay.port,
        "wss": relay.tls_port,
        "tcp": tcp.sockets[0].getsockname()[1],
        "ca": authority.certificate_pem.decode(),
    }
    print(json.dumps(ports), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _, source, destination = registry.open(line.decode().strip(), services=("SSH",))
        tokens = {"source": source.reveal(), "destination": destination.reveal()}
        print(json.dumps(tokens), flush=True)
    await relay.aclose()
    tcp.close()


@contextlib.contextmanager
def server() -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(10)


def ask(process: Any) -> dict[str, str]:
    process.stdin.write("eu-west-1\n")
    process.stdin.flush()
    answer: dict[str, str] = json.loads(process.stdout.readline())
    return answer


async def measure(process: Any, rounds: int, count: int) -> list[Figure]:
    rates: dict[str, list[float]] = {"tcp": [], "ws": [], "wss": []}
    ports = json.loads(process.stdout.readline())
    context = ssl.create_default_context(cadata=ports["ca"])
    for _ in range(rounds):
        rates["tcp"].append(await through_tcp(ports["tcp"], count))
        for scheme, tls in (("ws", None), ("wss", context)):
            url = f"{scheme}://127.0.0.1:{ports[scheme]}"
            rates[scheme].append(await through_relay(url, ask(process), tls, count))
    ratios = {
        scheme: [tcp / rate for tcp, rate in zip(rates["tcp"], rates[scheme], strict=True)]
        for scheme in ("ws", "wss")
    }
    return [
        median_of("raw TCP through a forwarder", rates["tcp"], "MiB/s"),
        at_least("relay, ws", rates["ws"], "MiB/s", 400),
        at_least("relay, wss", rates["wss"], "MiB/s", 200),
        median_of("raw TCP / relay, ws", ratios["ws"], "×"),
        median_of("raw TCP / relay, wss", ratios["wss"], "×"),
    ]


def main() -> int:
    if "--serve" in sys.argv:
        asyncio.run(serve())
        return 0
    chosen = options(__doc__ or "")
    rounds, count = (3, 2000) if chosen.quick else (7, 8000)
    with server() as process:
        return report(asyncio.run(measure(process, rounds, count)), chosen.json)


if __name__ == "__main__":
    sys.exit(main())
