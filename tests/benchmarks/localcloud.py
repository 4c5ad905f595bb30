"""The local cloud under load: 200 signaling clients, 100 tunnels, 1,000 requests a second at once.

The cloud runs in a process of its own, with its quotas: requests go to four regions. Latency counts
from when a request was due, not from when it could be sent.
"""

import asyncio
import base64
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))
import aiohttp
import psutil
from figures import Figure, options, report
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from peerdeck.core.channel import Role
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.sigv4 import presign_websocket, sign_headers
from peerdeck.protocol.frames import Message, MessageType, encode

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1", "sa-east-1")
CHANNELS = 50  # in each region
ROOMS, VIEWERS = 20, 9  # channels with a master and so many viewers: 200 clients
TUNNELS = 100
RATE = 1000.0  # requests a second
CONNECTIONS = 25
SIGN_AGAIN_S = 120.0
PAYLOAD = base64.b64encode(b"c" * 300).decode()
DATA = encode(Message(MessageType.DATA, 1, "SSH", 1, b"d" * 1024))
START = encode(Message(MessageType.STREAM_START, 1, "SSH", 1))
TUNNEL_HEADERS = [("Sec-WebSocket-Protocol", "aws.iot.securetunneling-3.0")]


@dataclass
class Tally:
    """What became of the load; latencies in milliseconds."""

    requests: list[float] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)
    data: list[float] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Target:
    """The cloud under load, as its first line describes it."""

    base_url: str
    tunnel_url: str
    access_key: str
    secret_key: str
    arns: dict[str, list[str]]

    def request(self, region: str, path: str, fields: dict[str, Any], target: str = "") -> bytes:
        """A signed request as it goes over the wire; path may hold an endpoint's label."""
        url, body = self.base_url + path, json.dumps(fields).encode()
        headers = sign_headers(
            "POST",
            url,
            body=body,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=region,
            service="IoTSecuredTunneling" if target else "kinesisvideo",
            now=datetime.now(UTC),
            headers={"X-Amz-Target": f"IoTSecuredTunneling.{target}"} if target else {},
        )
        lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    def socket_url(self, endpoint: str, region: str, arn: str, client_id: str = "") -> str:
        parameters = {"X-Amz-ChannelARN": arn}
        if client_id:
            parameters["X-Amz-ClientId"] = client_id
        return presign_websocket(
            endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=region,
            parameters=parameters,
            now=datetime.now(UTC),
        )


class Wire:
    """One kept-alive HTTP connection without a client library's cost."""

    def __init__(self, target: Target) -> None:
        self._parts = urlsplit(target.base_url)

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(
            self._parts.hostname, self._parts.port
        )

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def call(wire: Wire, request: bytes) -> dict[str, Any]:
    status, body = await wire.ask(request)
    if status != 200:
        raise RuntimeError(f"{status} {body[:200]!r}")
    answer: dict[str, Any] = json.loads(body)
    return answer


async def endpoint(wire: Wire, target: Target, region: str, arn: str, role: Role, kind: str) -> str:
    configuration = {"Protocols": [kind], "Role": role.value}
    fields = {"ChannelARN": arn, "SingleMasterChannelEndpointConfiguration": configuration}
    request = target.request(region, "/getSignalingChannelEndpoint", fields)
    answer = await call(wire, request)
    url: str = answer["ResourceEndpointList"][0]["ResourceEndpoint"]
    return url


async def mixture(wire: Wire, target: Target) -> list[tuple[str, str, dict[str, Any], str]]:
    """A round of requests that stays within the quotas at RATE; region, path, fields, target."""
    found: list[tuple[str, str, dict[str, Any], str]] = []
    for number in range(CHANNELS):
        for region in REGIONS:
            by_arn = {"ChannelARN": target.arns[region][number]}
            found.append((region, "/describeSignalingChannel", by_arn, ""))
            found.append((region, "/getSignalingChannelEndpoint", by_arn, ""))
            found.append((region, "/", {"maxResults": 10}, "ListTunnels"))
            if number % 2:
                found.append((region, "/describeSignalingChannel", by_arn, ""))
            elif number % 4:
                found.append((region, "/listSignalingChannels", {"MaxResults": 10}, ""))
            else:
                url = await endpoint(
                    wire, target, region, by_arn["ChannelARN"], Role.VIEWER, "HTTPS"
                )
                path = urlsplit(url).path + "/v1/get-ice-server-config"
                found.append((region, path, by_arn, ""))
    return found


async def request_load(target: Target, tally: Tally, seconds: float) -> None:
    wires = [Wire(target) for _ in range(CONNECTIONS)]
    for wire in wires:
        await wire.open()
    plan = await mixture(wires[0], target)
    share = RATE / CONNECTIONS
    requests: list[bytes] = []
    signed_at = -SIGN_AGAIN_S

    def sign() -> None:
        nonlocal signed_at
        if time.monotonic() - signed_at >= SIGN_AGAIN_S:
            requests[:] = [target.request(*one) for one in plan]
            signed_at = time.monotonic()

    async def client(wire: Wire, number: int) -> None:
        due = time.monotonic() + number / RATE
        index = number
        while due < ends_at:
            await asyncio.sleep(due - time.monotonic())
            sign()
            status, body = await wire.ask(requests[index % len(requests)])
            tally.requests.append(1000 * (time.monotonic() - due))
            if status != 200:
                tally.errors.append(f"{plan[index % len(plan)][1]}: {status} {body[:200]!r}")
            due += 1 / share
            index += CONNECTIONS

    sign()
    ends_at = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number, wire in enumerate(wires):
            group.create_task(client(wire, number))
    for wire in wires:
        wire.close()


async def signaling_load(
    target: Target, tally: Tally, stop: asyncio.Event, ready: asyncio.Barrier
) -> None:
    """Each viewer sends a candidate a second; its master answers each with one."""
    wire = Wire(target)
    await wire.open()
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        asyncio.TaskGroup() as masters,
    ):
        answering = []
        async with asyncio.TaskGroup() as viewers:
            for number in range(ROOMS):
                region = REGIONS[number % len(REGIONS)]
                arn = target.arns[region][number]
                url = await endpoint(wire, target, region, arn, Role.MASTER, "WSS")
                master = await session.ws_connect(target.socket_url(url, region, arn))
                answering.append(masters.create_task(answer_each(master)))
                url = await endpoint(wire, target, region, arn, Role.VIEWER, "WSS")
                for name in range(VIEWERS):
                    signed = target.socket_url(url, region, arn, f"viewer-{name}")
                    viewer = await session.ws_connect(signed)
                    viewers.create_task(ask_master(viewer, tally, stop, name / VIEWERS))
            wire.close()
            await ready.wait()
        for task in answering:  # only now, so that nobody is left without an answer
            task.cancel()


async def answer_each(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for frame in socket:
        message = {
            "action": "ICE_CANDIDATE",
            "messagePayload": PAYLOAD,
            "recipientClientId": json.loads(frame.data)["senderClientId"],
        }
        await socket.send_json(message)


async def ask_master(
    socket: aiohttp.ClientWebSocketResponse, tally: Tally, stop: asyncio.Event, phase: float
) -> None:
    await asyncio.sleep(phase)
    message = {"action": "ICE_CANDIDATE", "messagePayload": PAYLOAD, "correlationId": "c"}
    while not stop.is_set():
        began = time.monotonic()
        await socket.send_json(message)
        frame = await socket.receive(timeout=10)
        if frame.type is not aiohttp.WSMsgType.TEXT or "statusResponse" in frame.data:
            tally.errors.append(f"signaling: {frame}")
            break
        tally.messages.append(1000 * (time.monotonic() - began))
        await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))
    await socket.close()


class Side(WSListener):
    """One end of a tunnel. heard: bytes, without the SERVICE_IDS that come first."""

    def __init__(self) -> None:
        self.fresh = asyncio.Event()
        self.closed = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed = True
        self.fresh.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in {WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self.fresh.set()


async def tunnel_load(
    target: Target, tally: Tally, stop: asyncio.Event, ready: asyncio.Barrier
) -> None:
    """Each tunnel carries a kilobyte a second from its source to its destination."""
    wire = Wire(target)
    await wire.open()
    fields = {"destinationConfig": {"thingName": "thing", "services": ["SSH"]}}
    async with asyncio.TaskGroup() as group:
        for number in range(TUNNELS):
            region = REGIONS[number % len(REGIONS)]
            answer = await call(wire, target.request(region, "/", fields, "OpenTunnel"))
            sides = []
            for mode in ("destination", "source"):
                headers = [*TUNNEL_HEADERS, ("access-token", answer[f"{mode}AccessToken"])]
                url = f"{target.tunnel_url}/tunnel?local-proxy-mode={mode}"
                _, side = await ws_connect(Side, url, extra_headers=headers)
                sides.append(side)
            group.create_task(push(*sides, tally=tally, stop=stop, phase=number / TUNNELS))
        wire.close()
        await ready.wait()


async def push(
    destination: Side, source: Side, *, tally: Tally, stop: asyncio.Event, phase: float
) -> None:
    source.transport.send(WSMsgType.BINARY, START)
    await asyncio.sleep(phase + 0.5)
    while not stop.is_set():
        began = time.monotonic()
        destination.fresh.clear()
        source.transport.send(WSMsgType.BINARY, DATA)
        async with asyncio.timeout(10):
            await destination.fresh.wait()
        if destination.closed or source.closed:
            tally.errors.append("a tunnel's socket was closed")
            return
        tally.data.append(1000 * (time.monotonic() - began))
        await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))
    for side in (source, destination):
        side.transport.disconnect(graceful=False)
        await side.transport.wait_disconnected()


async def watch(process: psutil.Process, tally: Tally, stop: asyncio.Event) -> None:
    while not stop.is_set():
        tally.memory_mib.append(process.memory_info().rss / (1 << 20))
        await asyncio.sleep(1)


async def load(target: Target, server: psutil.Process, seconds: float) -> tuple[Tally, float]:
    """The load for so long; what became of it, and the share of a core that the cloud took."""
    tally, stop, ready = Tally(), asyncio.Event(), asyncio.Barrier(3)
    async with asyncio.TaskGroup() as group:
        group.create_task(signaling_load(target, tally, stop, ready))
        group.create_task(tunnel_load(target, tally, stop, ready))
        await ready.wait()  # everybody is connected
        used = sum(server.cpu_times()[:2])
        began = time.monotonic()
        group.create_task(watch(server, tally, stop))
        await request_load(target, tally, seconds)
        core = (sum(server.cpu_times()[:2]) - used) / (time.monotonic() - began)
        stop.set()
    return tally, core


async def serve() -> None:
    """The cloud's process: one line that describes it, then until its standard input ends."""
    channels = tuple(
        SeedChannel(region, f"channel-{number:03}")
        for region in REGIONS
        for number in range(CHANNELS)
    )
    async with LocalCloud(Seed(regions=REGIONS, channels=channels)) as cloud:
        registry = cloud.state.channels
        arns = {
            region: [c.arn for c in registry.page(region, prefix="", after="", limit=CHANNELS)[0]]
            for region in REGIONS
        }
        target = Target(
            cloud.endpoints.kinesis_video,
            cloud.endpoints.tunnel_data,
            cloud.credentials.access_key,
            cloud.credentials.secret_key.reveal(),
            arns,
        )
        print(json.dumps(vars(target)), flush=True)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.read()


@contextlib.contextmanager
def server() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


def figures(tally: Tally, core: float, seconds: float) -> list[Figure]:
    found = [
        Figure("errors", len(tally.errors), "", target=0.5),
        Figure("requests a second", len(tally.requests) / seconds, "/s", 950, more_is_better=True),
    ]
    for name, values in (
        ("request", tally.requests),
        ("signaling round trip", tally.messages),
        ("tunnel, one way", tally.data),
    ):
        found += [
            Figure(f"{name} p50", percentile(values, 50), "ms"),
            Figure(f"{name} p99", percentile(values, 99), "ms"),
        ]
    third = max(1, len(tally.memory_mib) // 3)
    early = statistics.median(tally.memory_mib[:third])
    late = statistics.median(tally.memory_mib[-third:])
    return [
        *found,
        Figure("memory at the end", late, "MiB", 256),
        Figure("memory growth", late - early, "MiB", 16),
        Figure("share of a core", core, ""),
    ]


def main() -> int:
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(serve())
        return 0
    arguments = options(__doc__ or "")
    seconds = 10.0 if arguments.quick else 60.0
    with server() as process:
        assert process.stdout is not None
        target = Target(**json.loads(process.stdout.readline()))
        tally, core = asyncio.run(load(target, psutil.Process(process.pid), seconds))
    for error in tally.errors[:5]:
        print(error, file=sys.stderr)
    return report(figures(tally, core, seconds), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
