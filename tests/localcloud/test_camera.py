"""The demo's camera, judged by plain aiortc and aiohttp."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest
from aiohttp import ClientSession
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame
from yarl import URL

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.camera.checks import _Checks
from peerdeck.localcloud.camera.font import text_mask
from peerdeck.localcloud.camera.live import LiveVideo
from peerdeck.localcloud.camera.scene import Scene
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.sigv4 import presign_websocket
from peerdeck.protocol.signaling import (
    Kind,
    SessionDescription,
    decode,
    description_message,
    encode,
    read_candidate,
    read_description,
)

NOON = datetime(2026, 11, 20, 12, 34, 56, 789000, tzinfo=UTC)


def make_camera(cloud: LocalCloud, **options) -> DemoCamera:
    region, arn = cloud.live_channels[0]
    return DemoCamera(
        channel_arn=arn,
        region=region,
        endpoints=cloud.endpoints,
        access_key=cloud.credentials.access_key,
        secret_key=cloud.credentials.secret_key,
        **{"width": 320, "height": 180, "fps": 15, **options},
    )


@pytest.fixture
async def camera(local_cloud: LocalCloud) -> AsyncIterator[DemoCamera]:
    started = make_camera(local_cloud)
    await started.start()
    yield started
    await started.aclose()


class PlainViewer:
    """A viewer of which the console knows nothing: aiortc and a WebSocket."""

    def __init__(
        self,
        cloud: LocalCloud,
        wss: str,
        *,
        codec: str = "",
        channel: bool = True,
        sends: bool = False,
    ):
        """sends: its microphone, too, and first, as browsers do; it has a camera as well."""
        self.client_id = f"plain-{secrets.token_hex(4)}"
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.connection = RTCPeerConnection(RTCConfiguration([]))
        if sends:
            self.connection.addTransceiver(AudioStreamTrack(), direction="sendrecv")
        video = VideoStreamTrack() if sends else "video"
        direction = "sendrecv" if sends else "recvonly"
        self.transceiver = self.connection.addTransceiver(video, direction=direction)
        self.channel = self.connection.createDataChannel("kvsDataChannel") if channel else None
        if self.channel is not None:
            self.channel.on("message", self.texts.put_nowait)
        if codec:
            capabilities = RTCRtpReceiver.getCapabilities("video")
            self.transceiver.setCodecPreferences(
                [c for c in capabilities.codecs if c.mimeType == f"video/{codec}"]
            )
        self._cloud = cloud
        self._wss = wss

    async def join(self) -> VideoFrame:
        """The first frame."""
        region, arn = self._cloud.live_channels[0]
        keys = self._cloud.credentials
        url = presign_websocket(
            self._wss,
            access_key=keys.access_key,
            secret_key=keys.secret_key.reveal(),
            region=region,
            parameters={"X-Amz-ChannelARN": arn, "X-Amz-ClientId": self.client_id},
            now=datetime.now(UTC),
        )
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = SessionDescription("offer", self.connection.localDescription.sdp)
        async with (
            asyncio.timeout(10),
            ClientSession() as session,
            session.ws_connect(URL(url, encoded=True)) as socket,
        ):
            await socket.send_str(encode(description_message(offer, correlation_id="o")))
            answered = False
            while True:
                message = decode(await socket.receive_str())
                assert message is not None
                if message.kind is Kind.SDP_ANSWER:
                    answer = read_description(message).sdp
                    assert "a=candidate" not in answer
                    await self.connection.setRemoteDescription(
                        RTCSessionDescription(answer, "answer")
                    )
                    answered = True
                elif message.kind is Kind.ICE_CANDIDATE:
                    assert answered
                    trickled = read_candidate(message)
                    candidate = candidate_from_sdp(trickled.candidate)
                    candidate.sdpMid = trickled.sdp_mid
                    await self.connection.addIceCandidate(candidate)
                    break
            return await self.transceiver.receiver.track.recv()

    async def frame(self) -> VideoFrame:
        async with asyncio.timeout(10):
            return await self.transceiver.receiver.track.recv()

    async def leave(self) -> None:
        await self.connection.close()


@pytest.fixture
async def viewers(local_cloud: LocalCloud, camera: DemoCamera):
    made = []
    endpoint = await _viewer_endpoint(camera)

    def make(**options) -> PlainViewer:
        made.append(PlainViewer(local_cloud, endpoint, **options))
        return made[-1]

    yield make
    for viewer in made:
        await viewer.leave()


async def _viewer_endpoint(camera: DemoCamera) -> str:
    access = camera._access
    answer = await access._post(
        access._endpoints.kinesis_video,
        "/getSignalingChannelEndpoint",
        {
            "ChannelARN": access._channel_arn,
            "SingleMasterChannelEndpointConfiguration": {"Protocols": ["WSS"], "Role": "VIEWER"},
        },
    )
    return answer["ResourceEndpointList"][0]["ResourceEndpoint"]


async def served(camera: DemoCamera) -> None:
    """Returns when the camera is done with every viewer."""
    tasks = [t for t in camera._tasks if t.get_name().endswith("/watcher")]
    if tasks:
        async with asyncio.timeout(5):
            await asyncio.wait(tasks)
    assert not camera.watchers


async def test_the_camera_is_online_when_it_has_started(local_cloud, camera):
    assert camera.online.is_set()
    assert camera.name == "front-door"
    roles = [role for role, _ in local_cloud.signaling.connected(local_cloud.live_channels[0][1])]
    assert roles == ["MASTER"]


async def test_a_plain_viewer_sees_the_scene_and_hears_telemetry(viewers):
    viewer = viewers()
    frame = await viewer.join()
    assert (frame.width, frame.height) == (320, 180)
    luma = frame.to_ndarray(format="gray")
    expected = Scene("front-door", 320, 180).draw(0, NOON)[:180]
    # The same picture but for lights, clock and compression.
    assert abs(luma[:, 140:180].mean() - expected[:, 140:180].mean()) < 25

    async with asyncio.timeout(5):
        first, second = json.loads(await viewer.texts.get()), json.loads(await viewer.texts.get())
    assert {"uptime_s", "temperature_c", "fps", "viewers", "clock"} == first.keys()
    assert second["uptime_s"] >= first["uptime_s"]
    assert second["viewers"] == 1
    viewer.channel.send("ping")
    async with asyncio.timeout(5):
        while await viewer.texts.get() != "ping":
            pass


async def test_viewers_share_one_encoder_and_the_camera_rests_without_them(camera, viewers):
    first, second = viewers(), viewers()
    await first.join()
    encoder = camera.video._encoder
    await second.join()
    await second.frame()
    assert len(camera.watchers) == 2
    assert camera.video._encoder is encoder

    await first.leave()
    await second.leave()
    await served(camera)
    assert camera.video.measured_fps == 0.0
    assert not camera.video._wanted.is_set()


async def test_a_viewer_without_vp8_gets_h264(viewers):
    viewer = viewers(codec="H264")
    frame = await viewer.join()
    assert frame.width == 320


async def test_a_viewer_without_data_channel_is_served_and_missed(camera, viewers):
    viewer = viewers(channel=False)
    await viewer.join()
    await viewer.frame()
    await viewer.leave()
    await served(camera)


async def test_a_viewer_with_microphone_and_camera_sees_and_is_not_listened_to(camera, viewers):
    viewer = viewers(sends=True)
    await viewer.join()
    await viewer.frame()
    connection = camera.watchers[viewer.client_id]._connection
    assert {t.kind: t.currentDirection for t in connection.getTransceivers()} == {
        "video": "sendonly",
        "audio": "inactive",
    }


async def test_a_viewer_that_vanishes_is_dropped_for_its_silence(camera, viewers, monkeypatch):
    monkeypatch.setattr("peerdeck.localcloud.camera.watcher.SILENT_AFTER_S", 1.0)
    viewer = viewers()
    await viewer.join()
    await viewer.frame()
    ice = viewer.transceiver.receiver.transport.transport.iceGatherer._connection
    for protocol in ice._protocols:
        protocol.transport.abort()
    await served(camera)


async def test_an_offer_that_cannot_be_answered_harms_nobody(camera, viewers, caplog):
    caplog.set_level("INFO")
    camera._offered("odd", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\n")
    camera._offered("empty", "")
    viewer = viewers()
    await viewer.join()
    assert "cannot answer odd" in caplog.text
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


async def test_the_same_offer_again_keeps_the_session_and_another_replaces_it(camera, viewers):
    viewer = viewers()
    await viewer.join()
    watcher = camera.watchers[viewer.client_id]
    camera._offered(viewer.client_id, watcher.offer)
    assert camera.watchers[viewer.client_id] is watcher
    other = RTCPeerConnection(RTCConfiguration([]))
    other.createDataChannel("kvsDataChannel")
    await other.setLocalDescription(await other.createOffer())
    camera._offered(viewer.client_id, other.localDescription.sdp)
    assert camera.watchers[viewer.client_id] is not watcher
    assert watcher._gone.is_set()
    await other.close()


async def test_the_camera_comes_back_after_a_drop_and_after_go_away(local_cloud, camera, viewers):
    viewer = viewers()
    await viewer.join()
    for disturb in ("drop", "GO_AWAY"):
        before = camera._socket
        if disturb == "drop":
            await camera._socket.close()
        else:
            local_cloud.signaling.announce(local_cloud.live_channels[0][1], "GO_AWAY")
        async with asyncio.timeout(10):
            while camera._socket is before or camera._socket is None:
                await camera.online.wait()
                await viewer.frame()  # goes on meanwhile
    await viewers().join()


async def test_a_camera_without_a_cloud_keeps_trying_and_closes_at_once(caplog, monkeypatch):
    monkeypatch.setattr("peerdeck.localcloud.camera.device._START_S", 0.1)
    camera = DemoCamera(
        channel_arn="arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1",
        region="eu-west-1",
        endpoints=Endpoints(kinesis_video="http://127.0.0.1:9"),
        access_key="AKIA",
        secret_key=Secret("5ecre7"),
        width=64,
        height=36,
    )
    await camera.start()
    assert not camera.online.is_set()
    await camera.aclose()
    await camera.aclose()
    assert "5ecre7" not in caplog.text


def test_the_clock_is_burnt_in_and_readable_dot_by_dot():
    scene = Scene("pump-07", 640, 360)
    frame = scene.draw(0.0, NOON)
    mask = text_mask("12:34:56.789", 2)
    x, y = 8 + 4, 360 - 8 - 22 + 4
    area = frame[y : y + mask.shape[0], x : x + mask.shape[1]]
    assert (area[mask] == 230).all()
    assert (area[~mask] < 100).all()


def test_the_scene_moves_and_stays_within_video_levels():
    scene = Scene("front-door", 320, 180)
    first, later = scene.draw(0.0, NOON), scene.draw(1.0, NOON)
    assert first.shape == (270, 320)
    assert first.dtype == np.uint8
    assert (first != later).any()
    for frame in (first, later):
        assert frame.min() >= 16
        assert frame.max() <= 240


@pytest.mark.parametrize("seconds", [0, 3.7, 15, 1e6])
def test_lights_never_leave_the_picture(seconds):
    Scene("x", 64, 36).draw(seconds, NOON)


def test_unknown_characters_are_blank():
    assert not text_mask("é", 1).any()
    assert text_mask("", 3).shape == (21, 0)
    assert text_mask("AB", 3).shape == (21, 36)


async def test_a_viewer_that_lost_the_picture_gets_a_key_frame_soon(camera, viewers):
    viewer = viewers()
    await viewer.join()
    key_at = camera.video._key_at
    receiver = viewer.transceiver.receiver
    (ssrc,) = receiver._RTCRtpReceiver__remote_streams
    await receiver._send_rtcp_pli(ssrc)
    for _ in range(20):  # on its own the camera waits for 60
        await viewer.frame()
    assert camera.video._key_at > key_at


async def test_viewers_that_go_on_asking_get_two_key_frames_a_second_at_most():
    now_s = 0.0
    video = LiveVideo(Scene("x", 64, 36), 8, clock=lambda: now_s)
    track = video.watch()
    keys = []
    for number in range(20):
        video.lost()
        _, packets = video._make(number)
        keys += [number for packet in packets if packet.is_keyframe]
        now_s += 0.125
    assert keys == [0, 4, 8, 12, 16]
    track.stop()


async def test_a_watcher_that_does_not_read_loses_packets_up_to_a_key_frame():
    video = LiveVideo(Scene("x", 64, 36), 10)
    track = video.watch()
    for number in range(25):
        _, packets = video._make(number)
        for packet in packets:
            track.offer(packet)
    packet = await track.recv()
    assert packet.is_keyframe
    track.stop()
    track.stop()


async def test_checks_of_the_camera_go_on_while_their_end_is_waited_for():
    """aioice's loop would look again after 20 ms only; here it is left at once."""
    answers = [True, True, True, False]
    over = asyncio.Event()

    class Ice:
        _check_list = ("a pair",)

        def _check_periodic(self) -> bool:
            goes_on = answers.pop(0)
            if not goes_on:
                over.set()
            return goes_on

    ice = Ice()
    _Checks(ice).install()
    assert not ice._check_periodic()
    async with asyncio.timeout(5):
        await over.wait()
    assert answers == []


async def test_checks_of_the_camera_wait_for_the_first_candidate():
    class Ice:
        _check_list = ()

        def _check_periodic(self) -> bool:
            return True

    ice = Ice()
    _Checks(ice).install()
    assert ice._check_periodic()
