"""Tunnel and camera faults where the demo's own devices are at the far end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.localcloud.signaling_client import Door, eventually

from peerdeck.core.channel import Role
from peerdeck.core.tunnel import Mode
from peerdeck.engine.tunnel import TunnelProxy
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.protocol.tunnel_events import Version
from peerdeck.wiring import devices_of

REQUEST = b"GET /status HTTP/1.0\r\n\r\n"


@pytest.fixture
async def devices(local_cloud: LocalCloud) -> AsyncIterator[None]:
    async with devices_of(local_cloud):
        yield


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def source_of(stack: AsyncExitStack, cloud: LocalCloud, *services: str) -> TunnelProxy:
    _, token, _ = cloud.state.tunnels.open("eu-west-1", thing="pump-07", services=services)
    proxy = TunnelProxy(mode=Mode.SOURCE, url=cloud.relay.url, access_token=token)
    stack.push_async_callback(proxy.aclose)
    await proxy.start()
    return proxy


async def fetched(proxy: TunnelProxy) -> bytes:
    """The first line of the device's page, or b"" where the connection was reset."""
    port = next(s.port for s in proxy.snapshot().services if s.service == "HTTP")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(REQUEST)
        async with asyncio.timeout(5):
            return (await reader.read()).partition(b"\r\n")[0]
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.usefixtures("devices")
async def test_a_refusing_device_resets_and_serves_again(
    local_cloud: LocalCloud, stack: AsyncExitStack
) -> None:
    proxy = await source_of(stack, local_cloud, "HTTP")
    await local_cloud.faults.switch_on("tunnel-destination-refuses")
    assert await fetched(proxy) == b""
    await local_cloud.faults.switch_off("tunnel-destination-refuses")
    assert b"200" in await fetched(proxy)
    assert b"200" in await fetched(proxy)


@pytest.mark.usefixtures("devices")
async def test_a_restarted_relay_is_found_again_by_both_ends(
    local_cloud: LocalCloud, stack: AsyncExitStack, door: Door
) -> None:
    proxy = await source_of(stack, local_cloud, "HTTP")
    assert b"200" in await fetched(proxy)
    await local_cloud.faults.switch_on("relay-restart", duration_s=0.1)
    await eventually(lambda: len(local_cloud.relay.versions(Mode.SOURCE)) == 0, door.health)
    await eventually(
        lambda: all(len(local_cloud.relay.versions(mode)) == 1 for mode in Mode), door.health
    )
    assert b"200" in await fetched(proxy)


@pytest.mark.usefixtures("devices")
async def test_devices_change_to_v1_and_back_at_once(
    local_cloud: LocalCloud, stack: AsyncExitStack, door: Door
) -> None:
    relay = local_cloud.relay
    proxy = await source_of(stack, local_cloud, "SSH", "HTTP")
    await eventually(lambda: relay.versions(Mode.DESTINATION) == (Version.V3,), door.health)
    await local_cloud.faults.switch_on("tunnel-v1-device")
    await eventually(lambda: relay.versions(Mode.DESTINATION) == (Version.V1,), door.health)
    await local_cloud.faults.switch_off("tunnel-v1-device")
    await eventually(lambda: relay.versions(Mode.DESTINATION) == (Version.V3,), door.health)
    assert b"200" in await fetched(proxy)


@pytest.mark.usefixtures("devices")
async def test_the_camera_goes_offline_and_is_back(local_cloud: LocalCloud, door: Door) -> None:
    arn = local_cloud.live_channels[0][1]
    await local_cloud.faults.switch_on("master-offline")
    await eventually(lambda: not local_cloud.signaling.connected(arn), door.health)
    await local_cloud.faults.switch_off("master-offline")
    await eventually(
        lambda: local_cloud.signaling.connected(arn) == ((Role.MASTER, ""),), door.health
    )
