"""Live video: drawn and encoded once, however many watch, and not at all while nobody does."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from peerdeck.localcloud.camera.scene import Scene

if TYPE_CHECKING:
    from av.video.stream import VideoStream

VideoPacket: TypeAlias = "Packet[VideoStream]"  # generic for type checkers only

CLOCK_RATE = 90_000  # of RTP video (RFC 7741 §4.1)
BIT_RATE_BPS = 900_000
_KEY_FRAME_INTERVAL_S = 4
_LOSS_INTERVAL_S = 0.5  # packets are shared: one viewer's bad path must not cost the others
_QUEUE_S = 1
_TIME_BASE = Fraction(1, CLOCK_RATE)


class LiveTrack(MediaStreamTrack):
    """One watcher's share; begins with a key frame. Yields VP8 packets, or frames for other codecs.

    A watcher that falls a second behind loses what it has not read, up to the next key frame.
    """

    kind = "video"

    def __init__(self, video: "LiveVideo", *, raw: bool) -> None:
        super().__init__()
        self.raw = raw
        self._video = video
        self._queue: asyncio.Queue[VideoPacket | av.VideoFrame] = asyncio.Queue(
            video.fps * _QUEUE_S
        )
        self._needs_key = not raw

    async def recv(self) -> "VideoPacket | av.VideoFrame":
        if self.readyState != "live":
            raise MediaStreamError
        return await self._queue.get()

    def offer(self, item: "VideoPacket | av.VideoFrame") -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._needs_key = not self.raw
        if self._needs_key:
            if isinstance(item, Packet) and not item.is_keyframe:
                self._video.want_key_frame()
                return
            self._needs_key = False
        self._queue.put_nowait(item)

    def stop(self) -> None:
        super().stop()
        self._video.release(self)


class LiveVideo:
    """`run()` is the producer; its owner keeps it going."""

    def __init__(
        self, scene: Scene, fps: int, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.fps = fps
        self._scene = scene
        self._clock = clock
        self._tracks: set[LiveTrack] = set()
        self._wanted = asyncio.Event()
        self._encoder: VideoCodecContext | None = None
        self._key_wanted = True
        self._lost = False
        self._key_at = -math.inf
        self._produced: deque[float] = deque(maxlen=fps)

    @property
    def measured_fps(self) -> float:
        """Over the last second or so; 0 while nobody watches."""
        times = self._produced
        if len(times) < 2 or not self._tracks:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def watch(self, *, raw: bool = False) -> LiveTrack:
        track = LiveTrack(self, raw=raw)
        self._tracks.add(track)
        self._key_wanted = True
        self._wanted.set()
        return track

    def release(self, track: LiveTrack) -> None:
        """Idempotent."""
        self._tracks.discard(track)
        if not self._tracks:
            self._wanted.clear()
            self._produced.clear()

    def want_key_frame(self) -> None:
        self._key_wanted = True

    def lost(self) -> None:
        """A viewer cannot go on (RFC 4585 §6.3.1): a key frame for all, at most two a second."""
        self._lost = True

    async def run(self) -> None:
        """Until cancelled. A late frame is skipped, not made up for."""
        started, number = self._clock(), 0
        while True:
            await self._wanted.wait()
            due = max(number, int((self._clock() - started) * self.fps))
            await asyncio.sleep(max(0.0, started + due / self.fps - self._clock()))
            number = due + 1
            frame, packets = await asyncio.to_thread(self._make, due)
            self._produced.append(self._clock())
            for track in tuple(self._tracks):
                for item in (frame,) if track.raw else packets:
                    track.offer(item)

    def _make(self, number: int) -> "tuple[av.VideoFrame, list[VideoPacket]]":
        """On a thread: 5 to 10 ms at 720p."""
        picture = self._scene.draw(number / self.fps, datetime.now().astimezone())
        frame = av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")
        frame.pts = number * CLOCK_RATE // self.fps
        frame.time_base = _TIME_BASE
        if all(track.raw for track in tuple(self._tracks)):
            return frame, []
        if self._encoder is None:
            self._encoder = _vp8_encoder(self._scene.width, self._scene.height, self.fps)
        if self._key_wanted or (self._lost and self._clock() >= self._key_at + _LOSS_INTERVAL_S):
            self._key_wanted = False
            frame.pict_type = PictureType.I
        packets = self._encoder.encode(frame)
        if any(packet.is_keyframe for packet in packets):
            self._lost, self._key_at = False, self._clock()
        for packet in packets:
            packet.pts, packet.time_base = frame.pts, _TIME_BASE
        frame.pict_type = PictureType.NONE
        return frame, packets


def _vp8_encoder(width: int, height: int, fps: int) -> VideoCodecContext:
    """As a camera's: realtime, constant bit rate, one thread."""
    encoder = av.CodecContext.create("libvpx", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError("libvpx is a video codec")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = _TIME_BASE
    encoder.framerate = Fraction(fps)
    encoder.bit_rate = BIT_RATE_BPS
    encoder.gop_size = fps * _KEY_FRAME_INTERVAL_S
    encoder.thread_count = 1
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "-8",
        "lag-in-frames": "0",
        "minrate": str(BIT_RATE_BPS),
        "maxrate": str(BIT_RATE_BPS),
        "bufsize": str(BIT_RATE_BPS),
        "static-thresh": "100",
        "undershoot-pct": "100",
        "overshoot-pct": "15",
    }
    return encoder
