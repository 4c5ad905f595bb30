"""Sent RTP streams: counted by packet, measured where frames are encoded."""

from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import av
from aiortc import RTCRtpSender
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peerdeck.engine.aiortc_adapter.rtp import overhead_bytes

_NAL_IDR, _NAL_STAP_A, _NAL_FU_A = 5, 24, 28


class RemoteReceiver:
    """What the other end reported of a stream that we send. at_s: POSIX seconds of the last time.

    jitter: in units of the codec's clock. fraction_lost: 0–1. rtts: how many were measured.
    """

    __slots__ = ("at_s", "fraction_lost", "jitter", "packets_lost", "rtt_s", "rtt_total_s", "rtts")

    def __init__(self) -> None:
        self.packets_lost = self.jitter = self.rtts = 0
        self.fraction_lost = self.rtt_total_s = self.at_s = 0.0
        self.rtt_s: float | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a source that encodes by itself says of a frame, as its packets' `opaque`.

    encoder: FFmpeg's name. target_bps: what it was told to spend.
    """

    encoder: str
    width: int
    height: int
    encode_s: float
    target_bps: int


class Outbound:
    """One SSRC. bytes: payloads; header_bytes: headers and padding.

    again, bytes_again: of these, packets that were sent before. frames_sent: by their markers.
    frames, key_frames, encode_s, width, height: of the encoder. nacks, plis, firs: received.
    """

    __slots__ = (
        "_times", "again", "bytes", "bytes_again", "encode_s", "encoder", "firs", "frames",
        "frames_sent", "header_bytes", "height", "key_frames", "nacks", "packets", "payload_type",
        "plis", "remote", "resending", "target_bps", "width",
    )  # fmt: skip

    def __init__(self) -> None:
        self.bytes = self.header_bytes = self.packets = self.again = self.bytes_again = 0
        self.payload_type = -1
        self.frames_sent = self.frames = self.key_frames = self.width = self.height = 0
        self.nacks = self.plis = self.firs = 0
        self.encode_s = 0.0
        self.encoder = ""
        self.target_bps: int | None = None  # None: aiortc's own encoder knows
        self.resending = False
        self.remote: RemoteReceiver | None = None
        self._times: deque[float] = deque(maxlen=240)

    def encoded(self, now: float, codec: str, payloads: list[bytes]) -> None:
        self.frames += 1
        self.key_frames += is_key_frame(codec, payloads)
        self._times.append(now)

    def shared(self, frame: Encoded) -> None:
        """Encoded once for many: each of them counts it as its own."""
        self.encode_s += frame.encode_s
        self.width, self.height = frame.width, frame.height
        self.encoder, self.target_bps = frame.encoder, frame.target_bps

    def in_last_second(self, at_s: float) -> int:
        return sum(1 for time_s in tuple(self._times) if at_s - 1 < time_s <= at_s)


class OutboundStreams(dict[int, Outbound]):
    """By SSRC."""

    def __missing__(self, ssrc: int) -> Outbound:
        stream = self[ssrc] = Outbound()
        return stream

    def count(self, data: bytes) -> None:
        """data: one RTP packet, not yet encrypted."""
        size, header = len(data), overhead_bytes(data)
        stream = self[int.from_bytes(data[8:12], "big")]
        stream.packets += 1
        stream.header_bytes += header
        stream.bytes += size - header
        if stream.resending:
            stream.again += 1
            stream.bytes_again += size - header
        else:
            stream.payload_type = data[1] & 0x7F
            stream.frames_sent += data[1] >> 7


def watch_sender(sender: RTCRtpSender, stream: Outbound) -> None:
    """Measures the encoder that a sender will make, and tells what it sends again."""
    next_frame, retransmit = sender._next_encoded_frame, sender._retransmit

    async def measured_frame(codec: RTCRtpCodecParameters) -> Any:
        if sender._RTCRtpSender__encoder is None:  # type: ignore[attr-defined]
            encoder = get_encoder(codec)
            _measure_encoder(encoder, codec.name, stream)
            sender._RTCRtpSender__encoder = encoder  # type: ignore[attr-defined]
        return await next_frame(codec)

    async def retransmitted(sequence_number: int) -> None:
        stream.resending = sender._RTCRtpSender__rtx_payload_type is None  # type: ignore[attr-defined]
        try:
            await retransmit(sequence_number)
        finally:
            stream.resending = False

    sender._next_encoded_frame = measured_frame  # type: ignore[method-assign]
    sender._retransmit = retransmitted  # type: ignore[method-assign]


def _measure_encoder(encoder: Any, codec: str, stream: Outbound) -> None:
    encode, pack = encoder.encode, encoder.pack

    def measured(frame: Any, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        started = perf_counter()
        payloads, timestamp = encode(frame, force_keyframe)
        now = perf_counter()
        if isinstance(frame, av.VideoFrame):
            stream.encode_s += now - started
            stream.width, stream.height = frame.width, frame.height
            if not stream.encoder:
                stream.encoder = str(getattr(getattr(encoder, "codec", None), "name", ""))
            if payloads:
                stream.encoded(now, codec, payloads)
        return payloads, timestamp

    def packed(packet: Any) -> tuple[list[bytes], int]:
        payloads, timestamp = pack(packet)
        if payloads:
            stream.encoded(perf_counter(), codec, payloads)
        if isinstance(packet.opaque, Encoded):
            stream.shared(packet.opaque)
        return payloads, timestamp

    encoder.encode, encoder.pack = measured, packed


def is_key_frame(codec: str, payloads: list[bytes]) -> bool:
    """payloads: of the RTP packets of one frame (RFC 7741 §4.3, RFC 6184 §5.4)."""
    if codec == "VP8":
        first = payloads[0]
        # Extension octet, then two octets of picture id, as aiortc writes them; bit 0 of the frame.
        start = 1 if not first[0] & 0x80 else 4 if first[1] & 0x80 else 2
        return len(first) > start and not first[start] & 1
    if codec == "H264":
        return any(_has_idr(payload) for payload in payloads)
    return False


def _has_idr(payload: bytes) -> bool:
    kind = payload[0] & 0x1F
    if kind == _NAL_FU_A:
        return len(payload) > 1 and payload[1] & 0x1F == _NAL_IDR
    if kind == _NAL_STAP_A:
        place = 1
        while place + 2 < len(payload):
            if payload[place + 2] & 0x1F == _NAL_IDR:
                return True
            place += 2 + int.from_bytes(payload[place : place + 2], "big")
        return False
    return kind == _NAL_IDR
