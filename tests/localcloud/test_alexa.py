"""SendAlexaOfferToMaster: an offer by HTTP, answered over the master's socket."""

import asyncio
import base64
from typing import Any

import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.conftest import AwsClient, AwsClients, endpoints_of
from tests.localcloud.signaling_client import PAYLOAD, Door, eventually

from peerdeck.localcloud.cloud import LocalCloud

ANSWER = base64.b64encode(b'{"type": "answer", "sdp": "v=0"}').decode()
ECHO = "Echo-1"


@pytest.fixture
async def alexa(aws: AwsClients, front_door: str) -> AwsClient:
    endpoints = await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER")
    return aws("kinesis-video-signaling", endpoint=endpoints["HTTPS"])


def offer(alexa: AwsClient, arn: str, sender: str = ECHO) -> "asyncio.Task[dict[str, Any]]":
    call = alexa(
        "send_alexa_offer_to_master", ChannelARN=arn, SenderClientId=sender, MessagePayload=PAYLOAD
    )
    return asyncio.get_running_loop().create_task(call)


async def asked(door: Door, cloud: LocalCloud, count: int = 1) -> None:
    """Until the offers are there."""

    def there() -> bool:
        room = cloud.signaling._rooms.get(door.arn)
        return room is not None and len(room.callers) == count

    await eventually(there, door.health)


async def test_the_masters_answer_is_the_answer(
    alexa: AwsClient, door: Door, front_door: str
) -> None:
    master = await door.master()
    asking = offer(alexa, front_door)
    heard = await master.hears()
    assert heard == {
        "senderClientId": ECHO,
        "messageType": "SDP_OFFER",
        "messagePayload": PAYLOAD,
    }
    await master.send("ICE_CANDIDATE", recipientClientId=ECHO)  # an Alexa device takes none
    await master.send("SDP_ANSWER", ANSWER, recipientClientId=ECHO)
    assert (await asking)["Answer"] == ANSWER


async def test_a_master_that_comes_late_still_hears_the_offer(
    alexa: AwsClient, door: Door, local_cloud: LocalCloud, front_door: str
) -> None:
    asking = offer(alexa, front_door)
    await asked(door, local_cloud)
    master = await door.master()
    assert (await master.hears())["messageType"] == "SDP_OFFER"
    await master.send("SDP_ANSWER", ANSWER, recipientClientId=ECHO)
    assert (await asking)["Answer"] == ANSWER
    assert not local_cloud.signaling._rooms[front_door].callers


async def test_an_offer_that_nobody_answers_ends_with_its_ttl(
    alexa: AwsClient,
    door: Door,
    local_cloud: LocalCloud,
    cloud_clock: ShiftedClock,
    front_door: str,
) -> None:
    asking = offer(alexa, front_door)
    await asked(door, local_cloud)
    cloud_clock.ahead_s += 60
    local_cloud.signaling.sweep()
    with pytest.raises(alexa.boto.exceptions.ResourceNotFoundException):
        await asking
    local_cloud.signaling.sweep()
    assert not local_cloud.signaling._rooms


async def test_a_viewer_of_the_same_name_does_not_hear_the_answer(
    alexa: AwsClient, door: Door, front_door: str
) -> None:
    master, viewer = await door.master(), await door.viewer(ECHO)
    asking = offer(alexa, front_door)
    await master.hears()
    await master.send("SDP_ANSWER", ANSWER, recipientClientId=ECHO)
    await asking
    await viewer.settled()


async def test_two_devices_wait_side_by_side(alexa: AwsClient, door: Door, front_door: str) -> None:
    master = await door.master()
    asking = {name: offer(alexa, front_door, name) for name in ("Echo-1", "Echo-2")}
    for _ in asking:
        sender = (await master.hears())["senderClientId"]
        answer = base64.b64encode(sender.encode()).decode()
        await master.send("SDP_ANSWER", answer, recipientClientId=sender)
    for name, task in asking.items():
        assert base64.b64decode((await task)["Answer"]).decode() == name


async def test_the_newer_offer_of_a_device_takes_the_place_of_the_older(
    alexa: AwsClient, door: Door, local_cloud: LocalCloud, front_door: str
) -> None:
    master = await door.master()
    older = offer(alexa, front_door)
    await master.hears()
    newer = offer(alexa, front_door)
    await master.hears()
    with pytest.raises(alexa.boto.exceptions.ResourceNotFoundException):
        await older
    await master.send("SDP_ANSWER", ANSWER, recipientClientId=ECHO)
    assert (await newer)["Answer"] == ANSWER


async def test_deleting_the_channel_ends_the_wait(
    alexa: AwsClient, door: Door, local_cloud: LocalCloud, front_door: str
) -> None:
    asking = offer(alexa, front_door)
    await asked(door, local_cloud)
    local_cloud.state.channels.delete("eu-west-1", front_door)
    with pytest.raises(alexa.boto.exceptions.ResourceNotFoundException):
        await asking


@pytest.mark.parametrize("sender", ["AWS_x"])
async def test_a_reserved_sender_is_refused(alexa: AwsClient, front_door: str, sender: str) -> None:
    refusal = await alexa.refusal(
        "send_alexa_offer_to_master",
        ChannelARN=front_door,
        SenderClientId=sender,
        MessagePayload=PAYLOAD,
    )
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_the_regional_endpoint_does_not_know_it(aws: AwsClients, front_door: str) -> None:
    refusal = await aws("kinesis-video-signaling").refusal(
        "send_alexa_offer_to_master",
        ChannelARN=front_door,
        SenderClientId=ECHO,
        MessagePayload=PAYLOAD,
    )
    assert refusal[0] == 403
