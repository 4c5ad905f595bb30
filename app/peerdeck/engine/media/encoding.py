"""Video encoders that are shared: one for each codec, whoever watches."""

from fractions import Fraction
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from peerdeck.engine.aiortc_adapter.outbound import Encoded

if TYPE_CHECKING:
    from av.video.stream import VideoStream

VideoPacket: TypeAlias = "Packet[VideoStream]"  # generic for type checkers only

CLOCK_RATE = 90_000  # of RTP video (RFC 7741 §4.1, RFC 6184 §5.1)
TIME_BASE = Fraction(1, CLOCK_RATE)
MAX_WIDTH, MAX_HEIGHT = 1920, 1080
_KEY_FRAME_INTERVAL_S = 4
_BITS_PER_PIXEL = 0.06
_LEAST_BPS, _MOST_BPS = 250_000, 4_000_000


def bit_rate_bps(width: int, height: int, fps: float) -> int:
    """1.7 Mbit/s for 1280×720 at 30 frames a second."""
    return int(min(_MOST_BPS, max(_LEAST_BPS, _BITS_PER_PIXEL * width * height * fps)))


class SharedEncoder:
    """codec: "VP8" or "H264". Makes packets that RTCRtpSender takes; on the feed's thread."""

    def __init__(self, codec: str, fps: float) -> None:
        self._codec = codec
        self._fps = fps
        self._context: VideoCodecContext | None = None

    def encode(
        self, frame: av.VideoFrame, pts: int, *, key_frame: bool
    ) -> tuple[list[VideoPacket], bool]:
        """Packets of this frame, and whether a key frame is among them. pts: at CLOCK_RATE.

        A frame of another size begins with a key frame by itself.
        """
        context = self._context
        if context is None or (context.width, context.height) != (frame.width, frame.height):
            context = self._context = _context(self._codec, frame.width, frame.height, self._fps)
        frame.pts, frame.time_base = pts, TIME_BASE
        frame.pict_type = PictureType.I if key_frame else PictureType.NONE
        began = perf_counter()
        packets = context.encode(frame)
        took_s = perf_counter() - began
        for packet in packets:
            packet.pts, packet.time_base = pts, TIME_BASE
            packet.opaque = Encoded(
                context.name, frame.width, frame.height, took_s, context.bit_rate or 0
            )
        return packets, any(packet.is_keyframe for packet in packets)


def _context(codec: str, width: int, height: int, fps: float) -> VideoCodecContext:
    """Realtime, no delay, a constant bit rate, one thread."""
    name = {"VP8": "libvpx", "H264": "libx264"}[codec]
    context = av.CodecContext.create(name, "w")
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{name} is a video codec")
    rate = bit_rate_bps(width, height, fps)
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = TIME_BASE
    context.framerate = Fraction(fps).limit_denominator(1001)
    context.bit_rate = rate
    context.gop_size = int(fps * _KEY_FRAME_INTERVAL_S)
    context.thread_count = 1
    context.options = {"minrate": str(rate), "maxrate": str(rate), "bufsize": str(rate)}
    if codec == "VP8":
        context.options |= {
            "deadline": "realtime",
            "cpu-used": "-8",
            "lag-in-frames": "0",
            "static-thresh": "100",
            "undershoot-pct": "100",
            "overshoot-pct": "15",
        }
    else:
        context.profile = "Baseline"  # what 42e01f in the SDP promises
        context.options = {
            "maxrate": str(rate),
            "bufsize": str(rate // 2),
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "level": "31" if width * height <= 1280 * 720 else "40",
        }
    return context


def encodable(frame: av.VideoFrame) -> av.VideoFrame:
    """As yuv420p of even size, at most MAX_WIDTH × MAX_HEIGHT."""
    scale = min(1.0, MAX_WIDTH / frame.width, MAX_HEIGHT / frame.height)
    width, height = (max(2, int(s * scale) // 2 * 2) for s in (frame.width, frame.height))
    if (frame.format.name, frame.width, frame.height) == ("yuv420p", width, height):
        return frame
    return frame.reformat(width=width, height=height, format="yuv420p")
