"""Received RTP streams: counted by packet, assembled into frames, measured frame by frame."""

from collections import deque
from collections.abc import Callable
from time import perf_counter, time

from aiortc.jitterbuffer import MAX_MISORDER, JitterBuffer, JitterFrame
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add, uint16_gt

from peerdeck.engine.aiortc_adapter.rtp import overhead_bytes

_STREAMS_KEPT = 64
_WINDOW = 30  # frames of which the W3C's freezes take the mean
_ENOUGH = 5  # before so many there is no mean worth comparing with
_FREEZE_MORE_S = 0.150
_LATE_S = 10.0
_PATIENCE_S = 1.0
_TIMESTAMPS = 1 << 32
_NALS_FIRST = {7, 9, 24}  # parameter sets, delimiter, several in one packet


class Pictures:
    """Frames of one video stream as they leave the decoder, which is when they are shown.

    inter_frame_s, inter_frame_squared_s: sums of the times between frames. freezes: as the W3C
    counts them: a time of at least max(3 × mean, mean + 150 ms) over the last 30 frames.
    """

    __slots__ = (
        "_last", "_spans", "_times", "count", "freezes", "frozen_s", "height", "inter_frame_s",
        "inter_frame_squared_s", "key_frames", "width",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = self.key_frames = self.freezes = self.width = self.height = 0
        self.frozen_s = self.inter_frame_s = self.inter_frame_squared_s = 0.0
        self._spans: deque[float] = deque(maxlen=_WINDOW)
        self._times: deque[float] = deque(maxlen=240)
        self._last: float | None = None

    def shown(self, at_s: float, width: int, height: int, *, key: bool) -> None:
        """at_s: on one monotonic clock."""
        self.count += 1
        self.key_frames += key
        self.width, self.height = width, height
        self._times.append(at_s)
        if self._last is not None:
            span = at_s - self._last
            self.inter_frame_s += span
            self.inter_frame_squared_s += span * span
            self._spans.append(span)
            mean = sum(self._spans) / len(self._spans)
            if len(self._spans) >= _ENOUGH and span >= max(3 * mean, mean + _FREEZE_MORE_S):
                self.freezes += 1
                self.frozen_s += span
        self._last = at_s

    def in_last_second(self, at_s: float) -> int:
        return sum(1 for time_s in tuple(self._times) if at_s - 1 < time_s <= at_s)


class Inbound:
    """One SSRC. bytes: payloads; header_bytes: headers and padding. received_at: POSIX seconds.

    nacks, plis: sent for it. discarded: packets too late to be of use. frames: complete ones that
    left the jitter buffer; incomplete: given up. waited_s, emitted: time in the jitter buffer and
    what it was of: frames of a video, samples of an audio stream. undecodable, skipped, late:
    frames that were no picture, were not decoded for want of time, or not handed on for it.
    """

    __slots__ = (
        "bytes", "decode_s", "decoder", "discarded", "emitted", "frames", "header_bytes",
        "incomplete", "late", "nacks", "packets", "payload_type", "pictures", "plis", "received_at",
        "remote", "sample_rate", "samples", "skipped", "undecodable", "waited_s",
    )  # fmt: skip

    def __init__(self) -> None:
        self.bytes = self.header_bytes = self.packets = 0
        self.payload_type = -1
        self.received_at = 0.0
        self.nacks = self.plis = self.discarded = self.frames = self.incomplete = 0
        self.waited_s = self.decode_s = 0.0
        self.emitted = self.undecodable = self.samples = self.sample_rate = 0
        self.skipped = self.late = 0
        self.pictures = Pictures()
        self.decoder = ""
        self.remote: RemoteSender | None = None


class RemoteSender:
    """What the other end reported of a stream that it sends. at_s, sent_at: POSIX seconds."""

    __slots__ = ("at_s", "bytes", "packets", "reports", "sent_at")

    def __init__(self) -> None:
        self.packets = self.bytes = self.reports = 0
        self.at_s = self.sent_at = 0.0


def starts_frame(codec: str, payload: bytes) -> bool:
    """Whether an RTP payload surely is a frame's first (RFC 7741 §4.2, RFC 6184 §5.4)."""
    if codec == "VP8":
        return bool(payload) and payload[0] & 0x17 == 0x10  # start of partition 0
    if codec == "H264":
        return bool(payload) and payload[0] & 0x1F in _NALS_FIRST
    return False


class InboundStreams(dict[int, Inbound]):
    """By SSRC; made when first asked for, bounded."""

    def __missing__(self, ssrc: int) -> Inbound:
        stream = Inbound()
        if len(self) < _STREAMS_KEPT:
            self[ssrc] = stream
        return stream

    def count(self, data: bytes) -> None:
        """data: one RTP packet, decrypted."""
        size, header = len(data), overhead_bytes(data)
        stream = self[int.from_bytes(data[8:12], "big")]
        stream.packets += 1
        stream.header_bytes += header
        stream.bytes += max(0, size - header)
        stream.payload_type = data[1] & 0x7F
        stream.received_at = time()


class Statistics(dict[int, StreamStatistics]):
    """aiortc's statistics by SSRC, mended as it puts them in.

    RTP timestamps begin again every 13 hours of video, which aiortc takes for jitter of minutes.
    """

    def __setitem__(self, ssrc: int, statistics: StreamStatistics) -> None:
        super().__setitem__(ssrc, _WrappingStatistics(statistics._clockrate))


class _WrappingStatistics(StreamStatistics):
    def add(self, packet: RtpPacket) -> None:
        if self._last_timestamp is not None:
            turns = round((packet.timestamp - self._last_timestamp) / _TIMESTAMPS)
            self._last_timestamp += turns * _TIMESTAMPS
        super().add(packet)


class MeasuredFrame(JitterFrame):
    """An encoded frame, whose stream it is, and how long it waited to be complete."""

    def __init__(self, packets: list[RtpPacket], stream: Inbound, waited_s: float) -> None:
        data: list[bytes] = [packet._data for packet in packets]  # type: ignore[attr-defined]
        super().__init__(b"".join(data), packets[0].timestamp)
        self.stream = stream
        self.waited_s = waited_s


class MeasuringBuffer(JitterBuffer):
    """aiortc's jitter buffer with a clock, and some of its faults mended.

    A frame is complete at its marker, not only when the next one begins, unless the sender has been
    seen to set markers elsewhere. What comes before the first packet that was seen, while nothing
    has been taken out, still has its place. What is missing for a second is given up, and a key
    frame asked for. Packets amid a frame are not searched for a whole one.

    starts: whether a packet surely is a frame's first.
    """

    def __init__(
        self, streams: InboundStreams, like: JitterBuffer, starts: Callable[[RtpPacket], bool]
    ) -> None:
        super().__init__(like.capacity, like._prefetch, like._is_video)
        self._streams = streams
        self._starts = starts
        self._begun = False  # something was taken out, or given up
        self._more = False  # another frame may be complete already
        self._newest: int | None = None
        self._markers_hold = like._is_video
        self._by_marker: int | None = None  # timestamp of the last frame that a marker ended
        self._taken_at = perf_counter()
        self._since: dict[int, float] = {}  # first arrival, by RTP timestamp

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        sequence = packet.sequence_number
        if not self._in_place(packet):
            self._streams[packet.ssrc].discarded += 1
            return False, None
        self._since.setdefault(packet.timestamp, perf_counter())
        if packet.timestamp == self._by_marker and packet._data:  # type: ignore[attr-defined]
            self._markers_hold = False
        in_order = self._newest is None or sequence == uint16_add(self._newest, 1)
        if in_order or self._newest is None or uint16_gt(sequence, self._newest):
            self._newest = sequence
        self._more = self._more or not in_order or self._ends_a_frame(packet)
        asks, frame = super().add(packet)
        if frame is None and self._is_video and perf_counter() - self._taken_at > _PATIENCE_S:
            lost = self._lost()
            if lost:
                self._give_up(lost)
                return True, self._remove_frame(sequence)
        return asks, frame

    def _lost(self) -> int:
        """How many places to leave for the next frame behind a gap that nobody closed in time.

        aiortc asks once for what is missing, and without an answer stands until 512 packets came.
        """
        if self._origin is None or self._newest is None:
            return 0
        now, before, behind = perf_counter(), None, False
        for place in range(uint16_add(self._newest, -self._origin) + 1):
            packet = self._packets[(self._origin + place) % self._capacity]
            if packet is not None and before is None and place and not behind:
                if now - self._since.get(packet.timestamp, now) <= _PATIENCE_S:
                    return 0
                behind = True
            if packet is not None and behind:
                begins = before is not None and before.timestamp != packet.timestamp
                if begins or self._starts(packet):
                    return place
            before = packet
        return 0

    def _give_up(self, count: int) -> None:
        origin = self._origin or 0
        places = (self._packets[(origin + place) % self._capacity] for place in range(count))
        gone = {packet.timestamp: packet.ssrc for packet in places if packet is not None}
        for timestamp, ssrc in gone.items():
            self._streams[ssrc].incomplete += 1
            self._since.pop(timestamp, None)
        self.remove(count)
        self._begun = self._more = True
        self._taken_at = perf_counter()

    def _in_place(self, packet: RtpPacket) -> bool:
        """Whether a packet is still of use; makes room before the first one."""
        sequence = packet.sequence_number
        if self._origin is None or self._newest is None or not uint16_gt(self._origin, sequence):
            return True
        if not self._begun and uint16_add(self._newest, -sequence) < self._capacity:
            self._origin = sequence
            return True
        if uint16_add(self._origin, -sequence) >= MAX_MISORDER:
            self._newest = None  # the sender began anew, and so will the buffer
            return True
        return False

    def _ends_a_frame(self, packet: RtpPacket) -> bool:
        """Only such a packet is worth a search, as long as all come in order."""
        if self._markers_hold and packet.marker:
            return True
        first = self._packets[self._origin % self._capacity] if self._origin is not None else None
        return first is None or first.timestamp != packet.timestamp

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        while self._more:
            packets = self._complete()
            if not packets:
                return None
            frame = self._take(packets)
            # Padding alone (RFC 3550 §5.1) would tell a decoder that the stream is over.
            if frame.data:
                return frame
        return None

    def _complete(self) -> list[RtpPacket]:
        """The oldest frame if it is whole, and enough others after it are."""
        origin = self._origin or 0
        packets: list[RtpPacket] = []
        ends: list[int] = []  # behind how many packets whole frames end
        needed = max(1, self._prefetch)
        for place in range(self._capacity):
            packet = self._packets[(origin + place) % self._capacity]
            if packet is None:
                break
            if packets and packet.timestamp != packets[-1].timestamp and place not in ends[-1:]:
                ends.append(place)
            packets.append(packet)
            if self._markers_hold and packet.marker and (self._begun or self._starts(packets[0])):
                ends.append(place + 1)
            if len(ends) > needed:
                break
        self._more = len(ends) > needed
        return packets[: ends[0]] if len(ends) >= needed else []

    def _take(self, packets: list[RtpPacket]) -> MeasuredFrame:
        first, now = packets[0], perf_counter()
        self._begun, self._taken_at = True, now
        self.remove(len(packets))
        self._by_marker = first.timestamp if packets[-1].marker else None
        waited_s = now - self._since.pop(first.timestamp, now)
        if len(self._since) > self._capacity:  # of packets that came too late
            self._since = {t: s for t, s in self._since.items() if now - s < _LATE_S}
        frame = MeasuredFrame(packets, self._streams[first.ssrc], waited_s)
        if frame.data:
            frame.stream.frames += 1
            if self._is_video:
                frame.stream.emitted += 1
                frame.stream.waited_s += waited_s
        return frame

    def smart_remove(self, count: int) -> bool:
        """Gives up incomplete frames."""
        before = [packet for packet in self._packets if packet is not None]
        everything = super().smart_remove(count)
        left = {packet.timestamp for packet in self._packets if packet is not None}
        gone = {packet.timestamp: packet for packet in before if packet.timestamp not in left}
        for packet in gone.values():
            self._streams[packet.ssrc].incomplete += 1
            self._since.pop(packet.timestamp, None)
        self._begun = self._more = True
        return everything
