"""Whatever comes to the HTTP and WebSocket ports: the cloud stays up, and its memory bounded."""

import asyncio
import base64
import gc
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.localcloud.model_cases import SERVED, operation_model
from tests.localcloud.signaling_client import Door, eventually

from peerdeck.core.channel import Role
from peerdeck.localcloud import gateway
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.sigv4 import sign_headers

BOUND_S = 10.0
MIB = 1 << 20
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
OPERATIONS = [(service, name) for service, names in SERVED.items() for name in names]
_texts = st.text(max_size=40) | st.sampled_from(["AAAA", "a", "SOURCE", "WSS", "\ud800", "\0"])
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | _texts
JSON = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_texts, inner, max_size=5),
    max_leaves=12,
)
LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"POST /listSignalingChannels HTTP/1.1\r\n", b"Host: x\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n",
        b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"0\r\n\r\n", b"Upgrade: websocket\r\n",
        b"Connection: Upgrade\r\n", b"Sec-WebSocket-Key: x\r\n", b"Sec-WebSocket-Version: 13\r\n",
        b"Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/e\r\n", b"X-Amz-Target: \xff\r\n",
        b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n", b"GET /%ff%00 HTTP/1.1\r\n",
        b"GET /m-000000000000?X-Amz-Signature=1&X-Amz-Credential=%ff HTTP/1.1\r\n",
    ]
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_failures(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing hostile may surprise us: no traceback, no internal failure."""
    yield
    bad = [r for r in caplog.records if r.levelno >= logging.ERROR and "peerdeck" in r.name]
    assert not bad, [record.getMessage() for record in bad]


@asynccontextmanager
async def connection(
    cloud: LocalCloud,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(cloud.state.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@SETTINGS
@given(data=st.binary(max_size=400) | st.lists(LINES, max_size=12).map(b"".join))
async def test_no_bytes_crash_the_http_port(local_cloud: LocalCloud, data: bytes) -> None:
    async with asyncio.timeout(BOUND_S), connection(local_cloud) as (reader, writer):
        writer.write(data)
        writer.write_eof()
        answer = await reader.read(MIB)
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:300]


class Sender:
    """Signed requests with any body."""

    def __init__(self, cloud: LocalCloud, arn: str, session: aiohttp.ClientSession) -> None:
        cloud.state.quotas.enforced = False
        self._cloud = cloud
        self._session = session
        channels = cloud.state.channels
        channel = channels.by_arn("eu-west-1", arn)
        self._bases = {"kinesisvideo": cloud.state.base_url}
        for service, protocol in (
            ("kinesis-video-signaling", "HTTPS"),
            ("kinesis-video-webrtc-storage", "WEBRTC"),
        ):
            label = channels.endpoint_label("eu-west-1", channel, Role.VIEWER, protocol)
            self._bases[service] = f"{cloud.state.base_url}/{label}"

    async def __call__(self, service: str, operation: str, body: bytes) -> int:
        path = operation_model(service, operation).http["requestUri"]
        tunneling = service == "iotsecuretunneling"
        headers = {"X-Amz-Target": f"IoTSecuredTunneling.{operation}"} if tunneling else {}
        url = self._bases.get(service, self._cloud.state.base_url) + path
        keys = self._cloud.credentials
        signed = sign_headers(
            "POST",
            url,
            body=body,
            access_key=keys.access_key,
            secret_key=keys.secret_key.reveal(),
            region="eu-west-1",
            service="IoTSecuredTunneling" if tunneling else "kinesisvideo",
            now=datetime.now(UTC),
            headers={**headers, "Content-Type": "application/json"},
        )
        async with self._session.post(url, data=body, headers=signed) as response:
            await response.read()
            return response.status


@pytest.fixture
async def sender(local_cloud: LocalCloud, front_door: str) -> AsyncIterator[Sender]:
    async with aiohttp.ClientSession() as session:
        yield Sender(local_cloud, front_door, session)


@SETTINGS
@given(operation=st.sampled_from(OPERATIONS), data=st.data())
async def test_no_json_is_an_internal_failure(
    sender: Sender, operation: tuple[str, str], data: st.DataObject
) -> None:
    shape = operation_model(*operation).input_shape
    assert shape is not None
    names = st.sampled_from(sorted(shape.members)) | _texts  # type: ignore[attr-defined]
    fields = data.draw(st.dictionaries(names, JSON, max_size=6) | JSON)
    assert await sender(*operation, json.dumps(fields).encode()) < 500


@SETTINGS
@given(operation=st.sampled_from(OPERATIONS), body=st.binary(max_size=200))
async def test_no_body_is_an_internal_failure(
    sender: Sender, operation: tuple[str, str], body: bytes
) -> None:
    assert await sender(*operation, body) < 500


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"MaxResults": ' + b"9" * 5000 + b"}",
        b'{"MaxResults": 1e999}',
        b'{"MaxResults": NaN}',
        b'{"ChannelNameCondition": {"ComparisonValue": "' + b"\\ud800" * 1000 + b'"}}',
        b'{"NextToken": "' + b"A" * 900_000 + b'"}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
    ],
)
async def test_known_traps_of_parsers_are_refused(sender: Sender, body: bytes) -> None:
    assert await sender("kinesisvideo", "ListSignalingChannels", body) in {200, 400}


@SETTINGS
@given(
    frame=JSON
    | st.fixed_dictionaries(
        {"action": st.sampled_from(["SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"]) | _texts},
        optional={
            "messagePayload": _texts | JSON,
            "recipientClientId": _texts | JSON,
            "correlationId": _texts | JSON,
        },
    ),
    role=st.sampled_from(list(Role)),
)
async def test_no_message_ends_a_connection(
    local_cloud: LocalCloud, door: Door, frame: Any, role: Role
) -> None:
    local_cloud.state.quotas.enforced = False
    peer = await (door.master() if role is Role.MASTER else door.viewer("ada"))
    await peer.socket.send_bytes(json.dumps(frame).encode())
    await peer.send("NONSENSE", correlationId="settled")
    async with asyncio.timeout(BOUND_S):
        while (await peer.hears()).get("statusResponse", {}).get("correlationId") != "settled":
            pass
    await peer.socket.close()


@SETTINGS
@given(frames=st.binary(min_size=1, max_size=300))
async def test_no_frame_crashes_the_signaling_port(
    local_cloud: LocalCloud, door: Door, frames: bytes
) -> None:
    local_cloud.state.quotas.enforced = False
    async with asyncio.timeout(BOUND_S), upgraded(local_cloud, door, "raw") as (reader, writer):
        writer.write(frames)
        writer.write_eof()
        while await reader.read(MIB):
            pass
    await eventually(lambda: not local_cloud.signaling._sockets, door.health)


@asynccontextmanager
async def upgraded(
    cloud: LocalCloud, door: Door, client_id: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A viewer's connection just after its upgrade, as plain TCP."""
    url = urlsplit(door.url(Role.VIEWER, client_id))
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    async with connection(cloud) as (reader, writer):
        writer.write(head.encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        yield reader, writer


async def test_a_body_that_never_ends_is_given_up(
    local_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "BODY_S", 0.05)
    async with asyncio.timeout(BOUND_S), connection(local_cloud) as (reader, writer):
        writer.write(
            b"POST /listSignalingChannels HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        )
        assert b" 408 " in await reader.readline()


async def test_a_viewer_that_never_reads_is_dropped_at_a_bounded_cost(
    local_cloud: LocalCloud, door: Door, front_door: str
) -> None:
    master = await door.master()
    async with asyncio.timeout(BOUND_S), upgraded(local_cloud, door, "deaf"):
        gc.collect()
        before = psutil.Process().memory_info().rss
        room = local_cloud.signaling._rooms[front_door]
        while any(role is Role.VIEWER for role, _ in local_cloud.signaling.connected(front_door)):
            for _ in range(50):
                room.send("deaf", "x" * 10_000)
            await master.settled()
        assert psutil.Process().memory_info().rss - before < 40 * MIB


@pytest.mark.slow
async def test_three_hundred_half_requests_end_and_cost_little(local_cloud: LocalCloud) -> None:
    """Slow loris: headers that never end. Others are served meanwhile."""
    parts = urlsplit(local_cloud.state.base_url)
    before = psutil.Process().memory_info().rss
    streams = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(300)]
    for _, writer in streams:
        writer.write(b"POST /listSignalingChannels HTTP/1.1\r\nX-Slow: ")
    async with aiohttp.ClientSession() as session:
        for _ in range(20):
            for _, writer in streams:
                writer.write(b"a" * 100)
            async with session.get(f"{local_cloud.state.base_url}/health") as response:
                assert response.status == 200
    assert psutil.Process().memory_info().rss - before < 60 * MIB
    async with asyncio.timeout(gateway.IDLE_S + BOUND_S):
        for reader, _ in streams:
            with suppress(ConnectionError):
                while await reader.read(MIB):
                    pass
    for _, writer in streams:
        writer.close()
