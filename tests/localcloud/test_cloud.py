"""The local cloud starts, serves and ends as one object."""

import asyncio
import socket
import time
from datetime import UTC, datetime

import aiohttp
import pytest
from tests.conftest import ShiftedClock

from peerdeck.core.channel import Role
from peerdeck.core.endpoints import Endpoints, check_endpoint
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.localcloud import cloud as cloud_module
from peerdeck.localcloud.cloud import CLOSE_S, LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel, demo_seed
from peerdeck.localcloud.sigv4 import presign_websocket

SEED = Seed(channels=(SeedChannel("eu-west-1", "door", live=True),))


def viewer_url(cloud: LocalCloud, client_id: str) -> str:
    region, arn = cloud.live_channels[0]
    channel = cloud.state.channels.by_arn(region, arn)
    label = cloud.state.channels.endpoint_label(region, channel, Role.VIEWER, "WSS")
    return presign_websocket(
        f"{cloud.state.base_url.replace('http', 'ws')}/{label}",
        access_key=cloud.credentials.access_key,
        secret_key=cloud.credentials.secret_key.reveal(),
        region=region,
        parameters={"X-Amz-ChannelARN": arn, "X-Amz-ClientId": client_id},
        now=datetime.now(UTC),
    )


def test_the_demo_has_two_regions_with_different_content() -> None:
    seed = demo_seed()
    names = {r: {c.name for c in seed.channels if c.region == r} for r in seed.regions}
    assert seed.regions == ("eu-west-1", "us-east-1")
    assert all(names.values())
    assert not names["eu-west-1"] & names["us-east-1"]
    assert [c.name for c in seed.channels if c.live] == ["front-door"]
    assert {t.name for t in seed.things} == {"pump-07", "gate-12", "kiosk-3"}
    assert all(t.services == ("SSH", "HTTP") for t in seed.things)


async def test_started_it_fills_every_endpoint(local_cloud: LocalCloud) -> None:
    endpoints = local_cloud.endpoints
    for name in Endpoints.__dataclass_fields__:
        url = getattr(endpoints, name)
        assert "127.0.0.1:" in url
        check_endpoint(name, url)
    assert local_cloud.regions == ("eu-west-1", "us-east-1")
    assert local_cloud.things == ("pump-07", "gate-12", "kiosk-3")


async def test_keys_are_random_unless_the_seed_has_some() -> None:
    first, second = LocalCloud(SEED), LocalCloud(SEED)
    assert first.credentials != second.credentials
    assert first.credentials.secret_key.reveal() not in repr(first.credentials)
    given = Seed(access_key="AKIAGIVEN", secret_key=Secret("given"))
    assert LocalCloud(given).credentials.secret_key.reveal() == "given"


async def test_starting_and_closing_twice_is_fine() -> None:
    cloud = LocalCloud(SEED)
    await cloud.aclose()
    await cloud.start()
    endpoints = cloud.endpoints
    await cloud.start()
    assert cloud.endpoints == endpoints
    await cloud.aclose()
    await cloud.aclose()


async def test_a_closed_cloud_can_start_again() -> None:
    cloud = LocalCloud(SEED)
    for _ in range(2):
        async with cloud:
            _, port = cloud.endpoints.kinesis_video.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            writer.close()
            await writer.wait_closed()


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cloud = LocalCloud(SEED, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await cloud.start()
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not {name for name in names if name.startswith(("localcloud", "turn"))}


async def test_closing_ends_every_connection_and_leaves_no_task() -> None:
    before = set(asyncio.all_tasks())
    async with aiohttp.ClientSession() as session:
        async with LocalCloud(SEED) as cloud:
            sockets = [await session.ws_connect(viewer_url(cloud, f"v{n}")) for n in range(3)]
            started_at = time.monotonic()
        assert time.monotonic() - started_at < CLOSE_S
        for peer in sockets:
            message = await peer.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert message.data == aiohttp.WSCloseCode.GOING_AWAY
    assert set(asyncio.all_tasks()) <= before


async def test_closing_does_not_wait_for_a_peer_that_never_answers() -> None:
    async with LocalCloud(SEED) as cloud:
        url = viewer_url(cloud, "silent")
        host, _, path = url.removeprefix("ws://").partition("/")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(
            f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        assert b"101" in await reader.readline()
        started_at = time.monotonic()
    assert time.monotonic() - started_at < CLOSE_S + 0.5
    writer.close()


async def test_a_tunnel_ends_without_anybody_asking(
    cloud_clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_module, "SWEEP_S", 0.01)
    async with LocalCloud(SEED, clock=cloud_clock) as cloud:
        ended = asyncio.Event()
        cloud.state.tunnels.on_revoked.append(lambda *_: ended.set())
        _, source, _ = cloud.state.tunnels.open("eu-west-1", lifetime_min=1)
        cloud.state.tunnels.admit(Mode.SOURCE, source.reveal(), None)
        cloud_clock.ahead_s = 61
        async with asyncio.timeout(5):
            await ended.wait()


async def test_it_listens_on_loopback_only(local_cloud: LocalCloud) -> None:
    assert local_cloud.turn.port
    assert local_cloud.relay.port
    fresh = LocalCloud(SEED)
    for name in ("turn", "relay"):
        with pytest.raises(RuntimeError, match="not started"):
            getattr(fresh, name)
