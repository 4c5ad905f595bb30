"""Rates of calls, by a clock that tests set."""

import asyncio

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ShiftedClock
from tests.localcloud.conftest import AwsClients, endpoints_of
from tests.localcloud.signaling_client import Door

from peerdeck.core.channel import Role
from peerdeck.localcloud import quotas
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.quotas import BURST_S, RATES, Quotas, RateExceededError

ICE = "GetIceServerConfig"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counter(clock: Clock) -> Quotas:
    return Quotas(clock)


def let_through(counter: Quotas, operation: str, region: str = "r", channel: str = "c") -> int:
    """How many calls pass before one is refused."""
    for count in range(10_000):
        try:
            counter.take(operation, region, channel)
        except RateExceededError:
            return count
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize("operation", [name for name in RATES if RATES[name].channel])
def test_a_channel_has_its_burst_and_then_its_rate(
    counter: Quotas, clock: Clock, operation: str
) -> None:
    rate = RATES[operation].channel
    assert let_through(counter, operation) == rate * BURST_S
    clock.now += 1
    assert let_through(counter, operation) == rate
    clock.now += 1000  # a quiet time does not add up
    assert let_through(counter, operation) == rate * BURST_S


def test_channels_regions_and_operations_do_not_use_up_each_others_calls(counter: Quotas) -> None:
    let_through(counter, ICE)
    counter.take(ICE, "r", "another channel")
    counter.take(ICE, "another region", "c")
    counter.take("TagResource", "r", "c")


def test_an_account_has_a_rate_over_all_its_channels(counter: Quotas) -> None:
    for number in range(int(RATES[ICE].account * BURST_S)):
        counter.take(ICE, "r", f"channel {number}")
    with pytest.raises(RateExceededError):
        counter.take(ICE, "r", "one more")


def test_operations_without_a_quota_are_not_counted(counter: Quotas) -> None:
    for _ in range(5000):
        counter.take("GetCallerIdentity", "r")


def test_a_clock_that_is_set_back_refuses_nobody_for_long(counter: Quotas, clock: Clock) -> None:
    counter.take(ICE, "r", "c")
    clock.now -= 3600
    counter.take(ICE, "r", "c")
    let_through(counter, ICE)
    clock.now += 1
    counter.take(ICE, "r", "c")


def test_what_is_remembered_is_bounded(
    counter: Quotas, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "MAX_BUCKETS", 50)
    for number in range(1000):
        counter.take("ConnectAsViewer", "r", str(number))
        assert len(counter._buckets) <= 50
    clock.now += BURST_S
    counter.take("ConnectAsViewer", "r", "last")
    assert len(counter._buckets) <= 50


async def test_a_flood_is_refused_in_aws_words_and_time_heals_it(
    aws: AwsClients, front_door: str, cloud_clock: ShiftedClock
) -> None:
    https = (await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER"))["HTTPS"]
    client = aws("kinesis-video-signaling", endpoint=https)
    for _ in range(int(RATES[ICE].channel * BURST_S)):
        await client("get_ice_server_config", ChannelARN=front_door)
    refused: list[ClientError] = []
    while not refused:  # the real clock fills while we ask
        try:
            await client("get_ice_server_config", ChannelARN=front_door)
        except ClientError as error:
            refused.append(error)
    answer = refused[0].response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"]["Code"] == "ClientLimitExceededException"
    assert "Rate exceeded" in answer["Error"]["Message"]
    cloud_clock.ahead_s += 1
    await client("get_ice_server_config", ChannelARN=front_door)


async def test_connecting_too_often_is_refused_before_the_upgrade(
    local_cloud: LocalCloud, front_door: str, door: Door, cloud_clock: ShiftedClock
) -> None:
    async with asyncio.timeout(20):
        refusal = (0, "", "")
        while refusal[1] != "ClientLimitExceededException":
            refusal = await door.refusal(door.url(Role.MASTER), upgrade=False)
    assert refusal[0] == 400
    await door.viewer("ada")  # viewers have a rate of their own
    cloud_clock.ahead_s += 1
    await door.master()
