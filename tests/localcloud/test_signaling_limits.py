"""Limits of time of a signaling connection, by the cloud's clock."""

import aiohttp
import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.signaling_client import Door, eventually

from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel

HOUR_S, MINUTE_S = 3600, 60


@pytest.fixture
def cloud_seed() -> Seed:
    return Seed(channels=(SeedChannel("eu-west-1", "door", live=True),))


async def test_go_away_comes_a_minute_before_the_hour_and_the_end_with_it(
    door: Door, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    viewer = await door.viewer("ada")
    for _ in range(6):  # talk keeps it from being idle
        cloud_clock.ahead_s += 9 * MINUTE_S
        await viewer.settled()
    cloud_clock.ahead_s = HOUR_S - MINUTE_S - 2
    local_cloud.signaling.sweep()
    await viewer.settled()
    cloud_clock.ahead_s = HOUR_S - MINUTE_S
    local_cloud.signaling.sweep()
    local_cloud.signaling.sweep()  # it is said once
    assert (await viewer.hears())["messageType"] == "GO_AWAY"
    await viewer.settled()
    cloud_clock.ahead_s = HOUR_S
    local_cloud.signaling.sweep()
    assert await viewer.closed() == aiohttp.WSCloseCode.GOING_AWAY


async def test_who_reconnects_after_go_away_stays(
    door: Door, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    old = await door.viewer("ada")
    cloud_clock.ahead_s = HOUR_S - MINUTE_S
    await old.settled()
    local_cloud.signaling.sweep()
    new = await door.viewer("ada")
    cloud_clock.ahead_s = HOUR_S
    local_cloud.signaling.sweep()
    await new.settled()


async def test_ten_minutes_of_silence_end_a_connection(
    door: Door, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    silent, talking = await door.viewer("silent"), await door.viewer("talking")
    cloud_clock.ahead_s = 10 * MINUTE_S - 2
    local_cloud.signaling.sweep()
    await talking.settled()
    cloud_clock.ahead_s = 10 * MINUTE_S
    local_cloud.signaling.sweep()
    assert await silent.closed() == aiohttp.WSCloseCode.GOING_AWAY
    await talking.settled()


async def test_a_ping_is_answered_and_counts_as_talk(
    door: Door, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    viewer = await door.viewer("ada")
    cloud_clock.ahead_s = 9 * MINUTE_S
    await viewer.socket.ping(b"still here")
    await viewer.settled()
    cloud_clock.ahead_s = 18 * MINUTE_S
    local_cloud.signaling.sweep()
    await viewer.settled()


async def test_limits_apply_without_anybody_asking(door: Door, cloud_clock: ShiftedClock) -> None:
    viewer = await door.viewer("ada")
    cloud_clock.ahead_s = HOUR_S
    assert await viewer.closed() == aiohttp.WSCloseCode.GOING_AWAY


async def test_what_waited_too_long_leaves_no_room_behind(
    door: Door, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    viewer = await door.viewer("ada")
    await viewer.send("SDP_OFFER")
    await viewer.settled()
    await viewer.socket.close()
    await eventually(lambda: not local_cloud.signaling._sockets, door.health)
    assert local_cloud.signaling._rooms
    cloud_clock.ahead_s += 120
    local_cloud.signaling.sweep()
    assert not local_cloud.signaling._rooms


async def test_a_new_ttl_holds_for_new_messages(
    door: Door, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    viewer = await door.viewer("ada")
    await viewer.send("SDP_OFFER")
    await viewer.settled()
    local_cloud.state.channels.update("eu-west-1", door.arn, ttl_s=5)
    await viewer.send("ICE_CANDIDATE")
    await viewer.settled()
    cloud_clock.ahead_s += 6
    master = await door.master()
    assert (await master.hears())["messageType"] == "SDP_OFFER"
    await viewer.send("SDP_ANSWER")
    assert (await master.hears())["messageType"] == "SDP_ANSWER"
