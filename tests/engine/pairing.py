"""Two peer connections in one process, ours both, joined without signaling."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from av import VideoFrame

from peerdeck.core.rtc_stats import StatsReport
from peerdeck.engine.aiortc_adapter import PeerInternals
from peerdeck.engine.ice_servers import rtc_configuration
from peerdeck.engine.tasks import TaskSet


class Picture(VideoStreamTrack):
    """30 frames a second that move."""

    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__()
        self.width, self.height, self.frames = width, height, 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self.frames += 1
        row = ((np.arange(self.width) + 5 * self.frames) % 256).astype(np.uint8)
        pixels = np.tile(row, (self.height * 3 // 2, 1))
        frame = VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


class End:
    """One of the two. frames: decoded ones that came. On `changed`: a frame or a message."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(rtc_configuration())
        self.tasks = TaskSet("test-end")
        self.channel: RTCDataChannel | None = None
        self.messages: list[str | bytes] = []
        self.frames = 0
        self.sounds = 0
        self._internals: PeerInternals | None = None
        self._changed = asyncio.Condition()
        self.connection.on("track", self._track)
        self.connection.on("datachannel", self.listen)

    @property
    def internals(self) -> PeerInternals:
        assert self._internals is not None
        return self._internals

    def measure(self) -> None:
        self._internals = PeerInternals(self.connection)

    def report(self) -> StatsReport:
        return StatsReport(time.time(), self.internals.stats())

    def one(self, kind: str, /, **members: Any) -> dict[str, Any]:
        """The members of the one object of that type that there is now."""
        ((_, found),) = self.report().of(kind, **members)
        return dict(found)

    def listen(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", self._message)
        channel.on("open", lambda: self.tasks.start("open", self._tell()))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: bool(condition()))

    async def seen(self, condition: Callable[[StatsReport], object]) -> StatsReport:
        """The report in which it holds, looked at with every frame and message."""
        await self.until(lambda: condition(self.report()))
        return self.report()

    def _track(self, track: MediaStreamTrack) -> None:
        self.tasks.start(f"drain-{track.kind}", self._drain(track))

    async def _drain(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.frames += track.kind == "video"
            self.sounds += track.kind == "audio"
            await self._tell()

    def _message(self, message: str | bytes) -> None:
        self.messages.append(message)
        self.tasks.start(f"message-{len(self.messages)}", self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def close(self) -> None:
        await self.tasks.aclose()
        await self.internals.close(1.0)


@asynccontextmanager
async def paired(
    media: Iterable[MediaStreamTrack] = (), *, before: Callable[[End, End], None] | None = None
) -> AsyncIterator[tuple[End, End]]:
    """A viewer that offers, a camera that answers with `media`, and a data channel, open.

    before: may tamper with both when they are measured, and before anything is sent.
    """
    viewer, camera = End(), End()
    try:
        tracks = list(media)
        for track in tracks:
            viewer.connection.addTransceiver(track.kind, direction="recvonly")
        viewer.listen(viewer.connection.createDataChannel("data"))
        viewer.measure()
        await viewer.connection.setLocalDescription(await viewer.connection.createOffer())
        await camera.connection.setRemoteDescription(viewer.connection.localDescription)
        for track in tracks:
            camera.connection.addTrack(track)
        camera.measure()
        if before is not None:
            before(viewer, camera)
        await camera.connection.setLocalDescription(await camera.connection.createAnswer())
        local = camera.connection.localDescription
        await viewer.connection.setRemoteDescription(RTCSessionDescription(local.sdp, local.type))
        await viewer.until(lambda: viewer.channel and viewer.channel.readyState == "open")
        yield viewer, camera
    finally:
        for end in (viewer, camera):
            await end.close()


def camera_and_microphone() -> list[MediaStreamTrack]:
    return [Picture(), AudioStreamTrack()]


def lose(every: int, internals: PeerInternals) -> None:
    """Every so many-th RTP packet that arrives is lost."""
    receiving, count = internals._measuring._receiving, 0
    handle = receiving.handle

    def lossy(plain: bytes) -> None:
        nonlocal count
        count += 1
        if count % every:
            handle(plain)

    receiving.handle = lossy  # type: ignore[method-assign]
