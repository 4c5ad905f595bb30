"""The peer that stores a channel's media: it offers, receives and counts; it keeps nothing.

Rules: Kinesis Video Streams WebRTC developer guide, "WebRTC ingestion": roles are inverted, H.264
video and Opus audio, no data channel, candidates are trickled, an hour at most.
"""

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from peerdeck.localcloud.state import IceSet

LIFE_S = 3600.0
CONNECT_S = 60.0  # a peer that is told to answer may still have to come online
_CLOSE_S = 0.5
_MAX_CANDIDATES = 100
_CODECS = {"video": "video/H264", "audio": "audio/opus"}
# What aiortc raises at an SDP or a candidate that it cannot read or does not want.
_UNUSABLE = (
    ValueError, AssertionError, LookupError, TypeError, AttributeError,
    InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip
_log = logging.getLogger(__name__)


class StorageSession:
    """One peer's media on the way to the store. viewer: its client id, "" for the master.

    send(kind, payload): a signaling message to that peer. frames: received so far, by "video" and
    "audio". connected: set once media can flow. `run()` is the whole life.
    """

    def __init__(
        self,
        channel_arn: str,
        viewer: str,
        *,
        send: Callable[[str, str], None],
        ice: Sequence[IceSet],
    ) -> None:
        self.channel_arn = channel_arn
        self.viewer = viewer
        self.frames = {"video": 0, "audio": 0}
        self.connected = asyncio.Event()
        self._send = send
        self._ice = ice
        self._gone = asyncio.Event()
        self._decided = asyncio.Event()  # connected or gone
        self._heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_MAX_CANDIDATES)
        self._early: deque[dict[str, Any]] = deque(maxlen=_MAX_CANDIDATES)
        self._answered = False
        self._readers: set[asyncio.Task[None]] = set()

    def hear(self, kind: str, payload: str) -> None:
        """The peer's answer or candidate; payload: base64 of JSON."""
        if not self._heard.full():
            self._heard.put_nowait((kind, payload))

    def end(self, reason: str) -> None:
        """Makes `run()` end."""
        _log.info("storage session of %s ends: %s", self.viewer or "the master", reason)
        self._gone.set()
        self._decided.set()

    async def run(self) -> None:
        servers = [RTCIceServer(list(s.uris), s.username, s.password) for s in self._ice]
        connection = RTCPeerConnection(
            RTCConfiguration(servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        connection.on("track", self._track_came)
        connection.on("connectionstatechange", lambda: self._changed(connection))
        listener: asyncio.Task[None] | None = None
        try:
            await self._offer(connection)
            listener = asyncio.get_running_loop().create_task(
                self._listen(connection), name="storage/listen"
            )
            await self._stay()
        finally:
            tasks = [*self._readers, *([listener] if listener is not None else [])]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=_CLOSE_S)
            await _close(connection)

    async def _offer(self, connection: RTCPeerConnection) -> None:
        """Everything from the master; "viewers can only ingest audio"."""
        for kind in ("audio",) if self.viewer else ("video", "audio"):
            transceiver = connection.addTransceiver(kind, direction="recvonly")
            capabilities = RTCRtpReceiver.getCapabilities(kind)
            codecs = capabilities.codecs if capabilities is not None else []
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType == _CODECS[kind]])
        await connection.setLocalDescription(await connection.createOffer())
        sdp, candidates = _separate(connection.localDescription.sdp)
        self._send("SDP_OFFER", _packed({"type": "offer", "sdp": sdp}))
        for candidate in candidates:
            self._send("ICE_CANDIDATE", _packed(candidate))

    async def _stay(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._decided.wait()
            async with asyncio.timeout(LIFE_S):
                await self._gone.wait()
        except TimeoutError:
            _log.info("storage session of %s timed out", self.viewer or "the master")

    async def _listen(self, connection: RTCPeerConnection) -> None:
        while True:
            kind, payload = await self._heard.get()
            try:
                fields = json.loads(base64.b64decode(payload))
                if kind == "SDP_ANSWER":
                    answer = RTCSessionDescription(fields["sdp"], "answer")
                    await connection.setRemoteDescription(answer)
                    self._answered = True
                    while self._early:
                        await _add(connection, self._early.popleft())
                elif not self._answered:
                    self._early.append(fields)
                else:
                    await _add(connection, fields)
            except _UNUSABLE as error:
                _log.info("storage session ignores %s: %s", kind, error)

    def _track_came(self, track: MediaStreamTrack) -> None:
        task = asyncio.get_running_loop().create_task(
            self._count(track), name=f"storage/{track.kind}"
        )
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)

    async def _count(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                self.frames[track.kind] += 1
        except MediaStreamError:
            return

    def _changed(self, connection: RTCPeerConnection) -> None:
        if connection.connectionState == "connected":
            self.connected.set()
            self._decided.set()
        elif connection.connectionState in {"failed", "closed"}:
            self._gone.set()
            self._decided.set()


async def _add(connection: RTCPeerConnection, fields: dict[str, Any]) -> None:
    line = str(fields.get("candidate") or "").removeprefix("candidate:")
    if not line:
        await connection.addIceCandidate(None)
        return
    candidate = candidate_from_sdp(line)
    candidate.sdpMid, candidate.sdpMLineIndex = fields.get("sdpMid"), fields.get("sdpMLineIndex")
    await connection.addIceCandidate(candidate)


async def _close(connection: RTCPeerConnection) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await connection.close()
    except TimeoutError:
        _log.warning("a storage session's connection did not close in time")


def _packed(fields: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode()


def _separate(sdp: str) -> tuple[str, list[dict[str, Any]]]:
    """The SDP without candidates, and those of its first section, with which the others bundle."""
    lines = sdp.splitlines()
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n", list(_first_candidates(lines))


def _first_candidates(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    sections, mid = 0, "0"
    for line in lines:
        sections += line.startswith("m=")
        if sections == 1 and line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:")
        if sections == 1 and line.startswith("a=candidate:"):
            text = line.removeprefix("a=")
            yield {"candidate": text, "sdpMid": mid, "sdpMLineIndex": 0}
