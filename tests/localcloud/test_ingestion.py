"""Media storage: the storage peer offers, a real aiortc peer answers, frames are counted."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp
from tests.localcloud.conftest import AwsClient, AwsClients
from tests.localcloud.signaling_client import PAYLOAD, Door, Peer, eventually

from peerdeck.core.channel import Role
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.cloud import LocalCloud

STREAM = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/yard/1700000000000"
BOUND_S = 20.0


@pytest.fixture
def stored(local_cloud: LocalCloud, front_door: str) -> str:
    """The live channel, with its media stored."""
    local_cloud.state.channels.store_in("eu-west-1", front_door, STREAM)
    return front_door


@pytest.fixture
def webrtc(aws: AwsClients, local_cloud: LocalCloud, front_door: str) -> AwsClient:
    """A client on the channel's WEBRTC endpoint."""
    return aws("kinesis-video-webrtc-storage", endpoint=endpoint(local_cloud, front_door))


def endpoint(cloud: LocalCloud, arn: str) -> str:
    channel = cloud.state.channels.by_arn("eu-west-1", arn)
    label = cloud.state.channels.endpoint_label("eu-west-1", channel, Role.MASTER, "WEBRTC")
    return f"{cloud.state.base_url}/{label}"


class Answerer:
    """What a device or a viewer does in ingestion: answers the offer, sends media."""

    def __init__(self, peer: Peer) -> None:
        self.connection = RTCPeerConnection()
        self.offer = ""
        self._peer = peer

    async def run(self, *tracks: Any) -> None:
        """Answers the first offer; goes on with candidates."""
        while True:
            message = await self._peer.hears()
            assert "senderClientId" not in message  # "Storage session doesn't send a clientId"
            fields = json.loads(base64.b64decode(message["messagePayload"]))
            if message["messageType"] == "SDP_OFFER":
                await self._answer(fields["sdp"], tracks)
            else:
                candidate = candidate_from_sdp(fields["candidate"].removeprefix("candidate:"))
                candidate.sdpMid = fields["sdpMid"]
                candidate.sdpMLineIndex = fields["sdpMLineIndex"]
                await self.connection.addIceCandidate(candidate)

    async def _answer(self, sdp: str, tracks: tuple[Any, ...]) -> None:
        self.offer = sdp
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for track in tracks:
            self.connection.addTrack(track)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        answer = {"type": "answer", "sdp": self.connection.localDescription.sdp}
        payload = base64.b64encode(json.dumps(answer).encode()).decode()
        await self._peer.send("SDP_ANSWER", payload, correlationId="answer")


@pytest.fixture
async def answerers() -> AsyncIterator[list[Answerer]]:
    """Those that a test appends are closed."""
    made: list[Answerer] = []
    yield made
    for answerer in made:
        await answerer.connection.close()


async def test_a_channel_without_storage_has_no_session(webrtc: AwsClient, front_door: str) -> None:
    refusal = await webrtc.refusal("join_storage_session", channelArn=front_door)
    assert refusal[:2] == (400, "InvalidArgumentException")
    assert "not enabled" in refusal[2]
    refusal = await webrtc.refusal(
        "join_storage_session_as_viewer", channelArn=front_door, clientId="ada"
    )
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_only_the_channels_webrtc_endpoint_knows_the_session(
    aws: AwsClients, local_cloud: LocalCloud, stored: str
) -> None:
    regional = aws("kinesis-video-webrtc-storage")
    assert (await regional.refusal("join_storage_session", channelArn=stored))[0] == 403
    other = local_cloud.state.channels.by_name("eu-west-1", "lobby").arn
    foreign = aws("kinesis-video-webrtc-storage", endpoint=endpoint(local_cloud, other))
    refusal = await foreign.refusal("join_storage_session", channelArn=stored)
    assert refusal[:2] == (400, "InvalidArgumentException")
    missing = stored.replace("front-door", "nowhere")
    refusal = await foreign.refusal("join_storage_session", channelArn=missing)
    assert refusal[:2] == (404, "ResourceNotFoundException")


async def test_a_reserved_client_id_does_not_join(webrtc: AwsClient, stored: str) -> None:
    refusal = await webrtc.refusal(
        "join_storage_session_as_viewer", channelArn=stored, clientId="AWS_x"
    )
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_the_masters_media_are_received_and_counted(
    webrtc: AwsClient, local_cloud: LocalCloud, door: Door, stored: str, answerers: list[Answerer]
) -> None:
    answerer = Answerer(await door.master())
    answerers.append(answerer)
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as group:
        answering = group.create_task(answerer.run(VideoStreamTrack(), AudioStreamTrack()))
        await webrtc("join_storage_session", channelArn=stored)
        (session,) = local_cloud.signaling.storage_sessions(stored)
        await session.connected.wait()
        await eventually(lambda: min(session.frames.values()) > 3, door.health)
        answering.cancel()
    assert "H264/90000" in answerer.offer
    assert "opus/48000" in answerer.offer
    assert "VP8" not in answerer.offer
    assert "m=application" not in answerer.offer  # ingestion has no data channel
    assert "a=candidate" not in answerer.offer  # candidates are trickled


async def test_the_demos_camera_can_be_stored(
    webrtc: AwsClient, local_cloud: LocalCloud, door: Door, stored: str
) -> None:
    keys = local_cloud.credentials
    camera = DemoCamera(
        channel_arn=stored,
        region="eu-west-1",
        endpoints=local_cloud.endpoints,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        width=320,
        height=180,
    )
    async with asyncio.timeout(BOUND_S):
        await camera.start()
        try:
            await webrtc("join_storage_session", channelArn=stored)
            (session,) = local_cloud.signaling.storage_sessions(stored)
            await eventually(lambda: session.frames["video"] > 3, door.health)
        finally:
            await camera.aclose()


async def test_a_viewer_joins_with_its_voice(
    webrtc: AwsClient, local_cloud: LocalCloud, door: Door, stored: str, answerers: list[Answerer]
) -> None:
    answerer = Answerer(await door.viewer("ada"))
    answerers.append(answerer)
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as group:
        answering = group.create_task(answerer.run(AudioStreamTrack()))
        await webrtc("join_storage_session_as_viewer", channelArn=stored, clientId="ada")
        (session,) = local_cloud.signaling.storage_sessions(stored)
        await eventually(lambda: session.frames["audio"] > 3, door.health)
        answering.cancel()


async def test_an_ordinary_viewer_is_refused_and_the_master_hears_nothing_of_it(
    door: Door, stored: str
) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    await viewer.send("SDP_OFFER", correlationId="id-1")
    status = (await viewer.hears())["statusResponse"]
    assert (status["correlationId"], status["errorType"]) == ("id-1", "InvalidArgumentException")
    assert "stores its media" in status["description"]
    await master.send("SDP_ANSWER", recipientClientId="ada", correlationId="id-2")
    status = (await master.hears())["statusResponse"]  # and nothing before it
    assert status["correlationId"] == "id-2"


async def test_a_master_that_comes_late_still_hears_the_offer(
    webrtc: AwsClient, door: Door, stored: str
) -> None:
    await webrtc("join_storage_session", channelArn=stored)
    master = await door.master()
    assert (await master.hears())["messageType"] == "SDP_OFFER"


async def test_the_newest_join_takes_the_session(
    webrtc: AwsClient, local_cloud: LocalCloud, door: Door, stored: str
) -> None:
    await webrtc("join_storage_session", channelArn=stored)
    (first,) = local_cloud.signaling.storage_sessions(stored)
    await webrtc("join_storage_session", channelArn=stored)
    await eventually(lambda: len(local_cloud.signaling.storage_sessions(stored)) == 1, door.health)
    assert local_cloud.signaling.storage_sessions(stored) != (first,)


@pytest.mark.parametrize("payload", [PAYLOAD, "bm9uc2Vuc2U=", "W10=", "e30=", "====", "AAAA"])
async def test_nonsense_does_not_end_a_session(
    webrtc: AwsClient,
    local_cloud: LocalCloud,
    door: Door,
    stored: str,
    answerers: list[Answerer],
    payload: str,
) -> None:
    peer = await door.master()
    await webrtc("join_storage_session", channelArn=stored)
    (session,) = local_cloud.signaling.storage_sessions(stored)
    for action in ("ICE_CANDIDATE", "SDP_ANSWER"):
        await peer.send(action, payload)
    answerer = Answerer(peer)
    answerers.append(answerer)
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as group:
        answering = group.create_task(answerer.run(VideoStreamTrack()))
        await eventually(lambda: session.frames["video"] > 0, door.health)
        answering.cancel()


async def test_switching_storage_off_ends_its_sessions_and_lets_viewers_in(
    webrtc: AwsClient, local_cloud: LocalCloud, door: Door, stored: str
) -> None:
    master, viewer = await door.master(), await door.viewer("ada")
    await webrtc("join_storage_session", channelArn=stored)
    local_cloud.state.channels.store_in("eu-west-1", stored, "")
    await eventually(lambda: not local_cloud.signaling.storage_sessions(stored), door.health)
    await viewer.send("SDP_OFFER")
    heard = await master.hears()
    while heard.get("senderClientId") != "ada":  # the session's own messages
        heard = await master.hears()
    refusal = await webrtc.refusal("join_storage_session", channelArn=stored)
    assert refusal[:2] == (400, "InvalidArgumentException")
