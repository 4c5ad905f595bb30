"""The signaling socket's rules, as dialogues over real connections."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.signaling_client import PAYLOAD, REGION, Door, eventually

from peerdeck.core.channel import Role
from peerdeck.localcloud import signaling_socket
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel

TTL_S = 30


@pytest.fixture
def cloud_seed() -> Seed:
    return Seed(
        channels=(
            SeedChannel(REGION, "door", ttl_s=TTL_S, live=True),
            SeedChannel(REGION, "other"),
        )
    )


@pytest.fixture
def arn(local_cloud: LocalCloud) -> str:
    return local_cloud.live_channels[0][1]


async def test_an_offer_reaches_the_master_with_its_sender(door: Door) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    await viewer.send("SDP_OFFER", correlationId="c1")
    assert await master.hears() == {
        "senderClientId": "ada",
        "messageType": "SDP_OFFER",
        "messagePayload": PAYLOAD,
    }


async def test_an_answer_reaches_the_named_viewer_only(door: Door) -> None:
    master, ada, bob = await door.master(), await door.viewer("ada"), await door.viewer("bob")
    await master.send("SDP_ANSWER", recipientClientId="bob")
    assert await bob.hears() == {"messageType": "SDP_ANSWER", "messagePayload": PAYLOAD}
    await ada.settled()  # the next thing that ada hears is not the answer


async def test_success_is_silent(door: Door) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    await viewer.send("ICE_CANDIDATE", correlationId="quiet")
    await master.hears()
    await viewer.settled()


async def test_order_is_kept(door: Door) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    payloads = [base64.b64encode(str(n).encode()).decode() for n in range(40)]
    for payload in payloads:
        await viewer.send("ICE_CANDIDATE", payload)
    assert [(await master.hears())["messagePayload"] for _ in payloads] == payloads


async def test_a_viewer_never_reaches_a_viewer(door: Door) -> None:
    master, ada, bob = await door.master(), await door.viewer("ada"), await door.viewer("bob")
    await ada.send("SDP_OFFER", recipientClientId="bob")  # the C SDK's viewer names its master so
    assert (await master.hears())["senderClientId"] == "ada"
    await bob.settled()


async def test_both_casings_and_empty_frames_are_understood(door: Door) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    for empty in ("", " ", "\n"):
        await viewer.socket.send_str(empty)
    await viewer.socket.send_json({"Action": "SDP_OFFER", "MessagePayload": PAYLOAD})
    assert (await master.hears())["messageType"] == "SDP_OFFER"


async def test_messages_wait_for_an_absent_master_in_order(door: Door) -> None:
    viewer = await door.viewer("ada")
    await viewer.send("SDP_OFFER")
    await viewer.send("ICE_CANDIDATE")
    await viewer.settled()
    master = await door.master()
    kinds = [(await master.hears())["messageType"] for _ in range(2)]
    assert kinds == ["SDP_OFFER", "ICE_CANDIDATE"]


async def test_messages_wait_for_an_absent_viewer_and_are_delivered_once(door: Door) -> None:
    master = await door.master()
    await master.send("SDP_ANSWER", recipientClientId="ada")
    await master.settled()
    ada = await door.viewer("ada")
    assert (await ada.hears())["messageType"] == "SDP_ANSWER"
    again = await door.viewer("ada")
    await again.settled()


async def test_what_waited_longer_than_the_ttl_is_gone(
    door: Door, cloud_clock: ShiftedClock
) -> None:
    viewer = await door.viewer("ada")
    await viewer.send("SDP_OFFER")
    await viewer.settled()
    cloud_clock.ahead_s = TTL_S - 1
    await viewer.send("ICE_CANDIDATE")
    await viewer.settled()
    cloud_clock.ahead_s = TTL_S + 1
    master = await door.master()
    assert (await master.hears())["messageType"] == "ICE_CANDIDATE"


async def test_what_waits_is_bounded_and_the_oldest_goes_first(door: Door) -> None:
    viewer = await door.viewer("ada")
    for number in range(150):
        payload = base64.b64encode(str(number).encode()).decode()
        await viewer.send("ICE_CANDIDATE", payload)
    await viewer.settled()
    master = await door.master()
    first = base64.b64decode((await master.hears())["messagePayload"])
    assert first == b"50"


async def test_the_newest_master_wins(door: Door) -> None:
    first, viewer = await door.master(), await door.viewer("ada")
    second = await door.master()
    assert await first.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION
    await viewer.send("SDP_OFFER")
    assert (await second.hears())["messageType"] == "SDP_OFFER"


async def test_the_newest_viewer_of_a_client_id_wins(door: Door) -> None:
    master, first = await door.master(), await door.viewer("ada")
    second = await door.viewer("ada")
    assert await first.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION
    await master.send("SDP_ANSWER", recipientClientId="ada")
    assert (await second.hears())["messageType"] == "SDP_ANSWER"


async def test_the_eleventh_viewer_is_refused_but_not_a_returning_one_nor_the_master(
    door: Door,
) -> None:
    for number in range(10):
        await door.viewer(f"viewer-{number}")
    status, code, _ = await door.refusal(door.url(Role.VIEWER, "eleventh"))
    assert (status, code) == (400, "ClientLimitExceededException")
    await door.viewer("viewer-3")
    await door.master()


async def test_a_viewer_that_left_makes_room(door: Door, local_cloud: LocalCloud, arn: str) -> None:
    viewers = [await door.viewer(f"viewer-{number}") for number in range(10)]
    await viewers[0].socket.close()
    await eventually(lambda: len(local_cloud.signaling.connected(arn)) == 9, door.health)
    await door.viewer("eleventh")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"action": "SHOUT", "messagePayload": PAYLOAD}, "The action must be one of"),
        ({"messagePayload": PAYLOAD}, "The action must be one of"),
        ({"action": ["SDP_OFFER"], "messagePayload": PAYLOAD}, "The action must be one of"),
        ({"action": "GO_AWAY", "messagePayload": PAYLOAD}, "The action must be one of"),
        ({"action": "SDP_OFFER"}, "must not be empty"),
        ({"action": "SDP_OFFER", "messagePayload": {}}, "must not be empty"),
        ({"action": "SDP_OFFER", "messagePayload": "{}"}, "base64"),
        ({"action": "SDP_OFFER", "messagePayload": "A" * 10_001}, "has 10001 characters"),
    ],
)
async def test_a_bad_message_is_reported_to_its_sender(
    door: Door, message: dict[str, object], words: str
) -> None:
    viewer = await door.viewer("ada")
    await viewer.socket.send_json({**message, "correlationId": "id-1"})
    report = await viewer.hears()
    assert report["messageType"] == "STATUS_RESPONSE"
    status = report["statusResponse"]
    assert words in status.pop("description")
    assert status == {
        "correlationId": "id-1",
        "errorType": "InvalidArgumentException",
        "statusCode": "400",
    }


async def test_a_payload_of_ten_thousand_characters_passes(door: Door) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    await viewer.send("SDP_OFFER", "A" * 10_000)
    assert len((await master.hears())["messagePayload"]) == 10_000


@pytest.mark.parametrize("frame", ["{", "[]", "5", '"x"', "null", "[" * 50_000, "\x00"])
async def test_what_carries_no_correlation_id_is_dropped_in_silence(door: Door, frame: str) -> None:
    viewer = await door.viewer("ada")
    await viewer.socket.send_str(frame)
    await viewer.send("NONSENSE")
    await viewer.send("NONSENSE", correlationId="not valid!")
    await viewer.settled()


@pytest.mark.parametrize("recipient", ["", "not valid!", "AWS_x", "x" * 257])
async def test_a_master_must_name_a_valid_recipient(door: Door, recipient: str) -> None:
    master = await door.master()
    await master.send("SDP_ANSWER", recipientClientId=recipient, correlationId="id-1")
    report = await master.hears()
    assert "recipientClientId" in report["statusResponse"]["description"]


async def test_a_flood_is_refused_and_reported(door: Door) -> None:
    viewer = await door.viewer("ada")
    for _ in range(51):
        await viewer.send("SDP_OFFER", correlationId="flood")
    status = (await viewer.hears())["statusResponse"]
    assert (status["correlationId"], status["errorType"]) == (
        "flood",
        "ClientLimitExceededException",
    )


async def test_an_oversized_frame_ends_the_connection(door: Door) -> None:
    viewer = await door.viewer("ada")
    await viewer.socket.send_str("x" * (signaling_socket.MAX_FRAME + 1))
    assert await viewer.closed() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_peer_that_falls_too_far_behind_is_dropped_not_waited_for(
    door: Door, local_cloud: LocalCloud, arn: str
) -> None:
    viewer = await door.viewer("slow")
    for _ in range(signaling_socket.MAX_QUEUED + 1):  # at once: the writer has no chance to keep up
        local_cloud.signaling.announce(arn, "GO_AWAY")
    assert await viewer.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION


@pytest.mark.parametrize("kind", ["GO_AWAY", "RECONNECT_ICE_SERVER"])
async def test_the_service_can_ask_everyone_to_go(
    door: Door, local_cloud: LocalCloud, arn: str, kind: str
) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    local_cloud.signaling.announce(arn, kind)
    assert (await master.hears())["messageType"] == kind
    assert (await viewer.hears())["messageType"] == kind


async def test_deleting_a_channel_closes_its_sockets(
    door: Door, local_cloud: LocalCloud, arn: str
) -> None:
    viewer = await door.viewer("ada")
    url = door.url(Role.VIEWER, "bob")
    local_cloud.state.channels.delete(REGION, arn)
    await viewer.closed()
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 404


async def test_a_wrong_key_is_refused_before_the_upgrade(door: Door) -> None:
    status, code, message = await door.refusal(door.url(Role.MASTER, secret_key="wrong"))
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("The request signature we calculated does not match")


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_an_expired_or_early_url_is_refused(door: Door, minutes: int) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    status, code, message = await door.refusal(door.url(Role.MASTER, now=now))
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("Signature expired" if minutes < 0 else "Signature not yet current")


async def test_an_unsigned_url_is_refused(door: Door) -> None:
    url = door.url(Role.MASTER).partition("?")[0]
    assert (await door.refusal(url))[:2] == (403, "MissingAuthenticationTokenException")


async def test_another_regions_signature_is_refused(door: Door) -> None:
    refusal = await door.refusal(door.url(Role.MASTER, region="us-east-1"))
    assert refusal[:2] == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("role", "client_id"),
    [
        (Role.VIEWER, ""),
        (Role.VIEWER, "AWS_viewer"),
        (Role.VIEWER, "not valid"),
        (Role.VIEWER, "x" * 257),
        (Role.MASTER, "ada"),
    ],
)
async def test_client_ids_are_for_viewers_and_have_rules(
    door: Door, role: Role, client_id: str
) -> None:
    refusal = await door.refusal(door.url(role, client_id))
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_the_channel_must_exist_and_be_the_endpoints(
    door: Door, local_cloud: LocalCloud
) -> None:
    missing = f"arn:aws:kinesisvideo:{REGION}:111122223333:channel/gone/1700000000000"
    refusal = await door.refusal(door.url(Role.MASTER, arn=missing))
    assert refusal[:2] == (404, "ResourceNotFoundException")
    other = local_cloud.state.channels.by_name(REGION, "other").arn
    refusal = await door.refusal(door.url(Role.MASTER, arn=other))
    assert refusal[:2] == (400, "InvalidArgumentException")
    refusal = await door.refusal(door.url(Role.MASTER, arn=""))
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_a_plain_get_is_no_socket(door: Door) -> None:
    refusal = await door.refusal(door.url(Role.MASTER), upgrade=False)
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_ten_viewers_and_a_master_talk_at_once(door: Door) -> None:
    master = await door.master()
    viewers = {f"viewer-{n}": await door.viewer(f"viewer-{n}") for n in range(10)}
    async with asyncio.TaskGroup() as group:
        for viewer in viewers.values():
            group.create_task(viewer.send("SDP_OFFER"))
    senders = {(await master.hears())["senderClientId"] for _ in viewers}
    assert senders == set(viewers)
    for name in viewers:
        await master.send("SDP_ANSWER", recipientClientId=name)
    for viewer in viewers.values():
        assert (await viewer.hears())["messageType"] == "SDP_ANSWER"


async def test_leaving_leaves_nothing_behind(door: Door, local_cloud: LocalCloud, arn: str) -> None:
    peers = [await door.master(), await door.viewer("ada")]
    for peer in peers:
        await peer.socket.close()
    other = await door.viewer("bob")
    await eventually(lambda: len(local_cloud.signaling.connected(arn)) == 1, other.settled)
    await other.socket.close()
    await eventually(lambda: not local_cloud.signaling._rooms, door.health)
    assert not local_cloud.signaling._sockets
