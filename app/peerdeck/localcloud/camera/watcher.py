"""One viewer at the camera: from its offer until it is gone."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import cast

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCapabilities,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import candidate_from_sdp

from peerdeck.localcloud.camera.checks import end_at_once
from peerdeck.localcloud.camera.live import LiveTrack, LiveVideo
from peerdeck.protocol.signaling import (
    SessionDescription,
    SignalingMessage,
    TrickledCandidate,
    candidate_message,
    description_message,
)

_log = logging.getLogger(__name__)

SILENT_AFTER_S = 10.0
# Retransmissions have a stream of their own (RFC 4588), so that a viewer's count of lost packets
# tells what the network lost, and not what was left after the repair.
_SENT = frozenset({"video/VP8", "video/rtx"})
_CONNECT_S = 30.0
_CHECK_S = 1.0
_CLOSE_S = 1.0
_MAX_CANDIDATES = 100
# What aiortc raises at an SDP or a candidate that it cannot read or does not want.
UNUSABLE = (
    ValueError, AssertionError, LookupError, TypeError, AttributeError,
    InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip


class Watcher:
    """`run()` answers, stays while the viewer does, and cleans up.

    telemetry: called once a second for the text that goes over the viewer's data channel.
    """

    def __init__(
        self,
        client_id: str,
        video: LiveVideo,
        *,
        send: Callable[[SignalingMessage], Awaitable[None]],
        telemetry: Callable[[], dict[str, object]],
    ) -> None:
        self.client_id = client_id
        self.offer = ""  # the SDP that is being served
        self.connected = False
        self._video = video
        self._send = send
        self._telemetry = telemetry
        self._connection: RTCPeerConnection | None = None
        self._early: deque[TrickledCandidate] = deque(maxlen=_MAX_CANDIDATES)
        self._channels: list[RTCDataChannel] = []
        self._gone = asyncio.Event()
        self._established = asyncio.Event()

    async def run(self, offer: str, ice_servers: Sequence[RTCIceServer]) -> None:
        """Raises one of UNUSABLE where the offer cannot be answered."""
        self.offer = offer
        # WORKAROUND: under MAX_BUNDLE aiortc 1.16 closes the one transport that there is where the
        # offer's first section is not the video. Balanced bundles what the offer bundles. Goes when
        # `setRemoteDescription` spares a transport that is its own replacement.
        configuration = RTCConfiguration(list(ice_servers), bundlePolicy=RTCBundlePolicy.BALANCED)
        connection = self._connection = RTCPeerConnection(configuration)
        connection.on("datachannel", self._channel_opened)
        connection.on("connectionstatechange", self._connection_changed)
        track: LiveTrack | None = None
        try:
            if "m=video" in offer:
                track = self._add_video(connection, offer)
            await self._answer(connection, offer)
            async with asyncio.timeout(_CONNECT_S):
                await self._either(self._established, self._gone)
            await self._stay(connection, reports_due=track is not None)
        except TimeoutError:
            _log.info("camera: viewer %s never connected", self.client_id)
        finally:
            self.connected = False
            if track is not None:
                track.stop()
            await _close(connection)

    async def add(self, candidate: TrickledCandidate) -> None:
        """Early ones wait for the offer. Raises one of UNUSABLE."""
        if self._connection is None or self._connection.remoteDescription is None:
            self._early.append(candidate)
            return
        if not candidate.candidate:
            await self._connection.addIceCandidate(None)
            return
        parsed = candidate_from_sdp(candidate.candidate)
        parsed.sdpMid, parsed.sdpMLineIndex = candidate.sdp_mid, candidate.sdp_m_line_index
        await self._connection.addIceCandidate(parsed)

    def leave(self) -> None:
        """Makes `run()` end."""
        self._gone.set()

    def send_text(self, text: str) -> None:
        for channel in self._channels:
            if channel.readyState == "open":
                channel.send(text)

    def _add_video(self, connection: RTCPeerConnection, offer: str) -> LiveTrack:
        """VP8 from the shared encoder where the viewer takes it, else aiortc encodes for it."""
        shared = "VP8/90000" in offer
        track = self._video.watch(raw=not shared)
        transceiver = connection.addTransceiver(track, direction="sendonly")
        if shared:
            # aiortc has no event for a picture loss report; it asks its own encoder, which rests.
            transceiver.sender._send_keyframe = self._video.lost  # type: ignore[method-assign]
            capabilities: RTCRtpCapabilities = RTCRtpSender.getCapabilities("video")
            transceiver.setCodecPreferences(
                [codec for codec in capabilities.codecs if codec.mimeType in _SENT]
            )
        return track

    async def _answer(self, connection: RTCPeerConnection, offer: str) -> None:
        """As devices do: the answer first, without candidates, then one message for each."""
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for transceiver in connection.getTransceivers():
            # aiortc's annotations leave out that there may be none.
            if cast("MediaStreamTrack | None", transceiver.sender.track) is None:
                # A viewer's microphone: nobody listens, and aiortc queues it without bound.
                transceiver.direction = "inactive"
        while self._early:
            await self.add(self._early.popleft())
        end_at_once(connection)
        answer = await connection.createAnswer()
        sdp, _ = _separate(answer.sdp)
        await self._send(
            description_message(
                SessionDescription("answer", sdp), recipient=self.client_id, correlation_id="answer"
            )
        )
        await connection.setLocalDescription(answer)  # asks STUN and TURN
        _, candidates = _separate(connection.localDescription.sdp)
        for candidate in candidates:
            await self._send(
                candidate_message(candidate, recipient=self.client_id, correlation_id="candidate")
            )

    async def _stay(self, connection: RTCPeerConnection, *, reports_due: bool) -> None:
        """Once a second: telemetry out, and a look whether the viewer still reports."""
        self.connected = self._established.is_set()
        heard_at = datetime.now(UTC)
        while not self._gone.is_set():
            self.send_text(json.dumps(self._telemetry()))
            heard_at = max(heard_at, await _reported_at(connection) or heard_at)
            silent_s = (datetime.now(UTC) - heard_at).total_seconds()
            if reports_due and silent_s > SILENT_AFTER_S:
                _log.info("camera: viewer %s is silent", self.client_id)
                return
            try:
                async with asyncio.timeout(_CHECK_S):
                    await self._gone.wait()
            except TimeoutError:
                continue

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        self._channels.append(channel)
        channel.on("close", lambda: self._channels.remove(channel))

        @channel.on("message")
        def echo(message: str | bytes) -> None:
            if channel.readyState == "open":
                channel.send(message)

        channel.send(json.dumps(self._telemetry()))

    def _connection_changed(self) -> None:
        if self._connection is None:
            return
        if self._connection.connectionState == "connected":
            self._established.set()
        elif self._connection.connectionState in {"failed", "closed"}:
            self._gone.set()

    @staticmethod
    async def _either(*events: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        waits = [loop.create_task(event.wait(), name="camera/wait") for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def _reported_at(connection: RTCPeerConnection) -> datetime | None:
    """When the last receiver report came; viewers of video send one a second or so."""
    reports = [
        entry.timestamp
        for entry in (await connection.getStats()).values()
        if entry.type == "remote-inbound-rtp"
    ]
    return max(reports, default=None)


async def _close(connection: RTCPeerConnection) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await connection.close()
    except TimeoutError:
        _log.warning("camera: a connection did not close in time")


def _separate(sdp: str) -> tuple[str, list[TrickledCandidate]]:
    """The SDP without candidates, and those of its first section, with which the others bundle."""
    lines, found, sections, mid = [], [], 0, "0"
    for line in sdp.splitlines():
        sections += line.startswith("m=")
        if sections == 1 and line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:")
        if line.startswith("a=candidate:"):
            if sections == 1:
                found.append(line.removeprefix("a=candidate:"))
        elif line != "a=end-of-candidates":
            lines.append(line)
    return "\r\n".join(lines) + "\r\n", [TrickledCandidate(text, mid, 0) for text in found]
