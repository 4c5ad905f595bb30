"""Frames out of packets, and the W3C's freezes out of frames."""

import itertools

import pytest
from aiortc import rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from peerdeck.engine.aiortc_adapter import inbound
from peerdeck.engine.aiortc_adapter.inbound import (
    InboundStreams,
    MeasuringBuffer,
    Pictures,
    Statistics,
    starts_frame,
)

SSRC = 7


def packet(sequence, timestamp, *, marker=0, data=b"x", payload=b"first"):
    found = RtpPacket(
        sequence_number=sequence % 65536,
        timestamp=timestamp,
        marker=marker,
        ssrc=SSRC,
        payload=payload,
    )
    found._data = data
    return found


def frame(first, timestamp, size=3):
    """Packets of a frame, each with its number as data; the last one marked."""
    return [
        packet(
            first + place,
            timestamp,
            marker=int(place == size - 1),
            data=f"{first + place},".encode(),
            payload=b"later" if place else b"first",
        )
        for place in range(size)
    ]


class Video:
    def __init__(self):
        self.streams = InboundStreams()
        like = JitterBuffer(512, is_video=True)
        self.buffer = MeasuringBuffer(self.streams, like, lambda packet: packet.payload == b"first")
        self.out = []
        self.asked = 0

    def add(self, *packets):
        for one in packets:
            pli, whole = self.buffer.add(one)
            self.asked += pli
            if whole is not None:
                self.out.append(whole.data.decode())
        return self.out

    @property
    def stream(self):
        return self.streams[SSRC]


@pytest.fixture
def video():
    return Video()


def test_a_frame_is_complete_at_its_marker(video):
    assert video.add(*frame(10, 0)) == ["10,11,12,"]
    assert video.stream.frames == video.stream.emitted == 1


def test_a_frame_waits_for_what_is_missing(video):
    video.add(*frame(10, 0))
    first, second, third = frame(13, 3000)
    assert len(video.add(first, third)) == 1
    assert len(video.add(*frame(16, 6000))) == 1
    assert video.add(second)[1] == "13,14,15,"
    # aiortc gives one frame for a packet: the next one brings what had waited.
    assert video.add(*frame(19, 9000))[2:] == ["16,17,18,", "19,20,21,"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_comes_before_the_first_that_was_seen_has_its_place(video, order):
    packets = frame(65534, 0)
    assert video.add(*(packets[place] for place in order)) == ["65534,65535,65536,"]
    assert video.stream.discarded == 0


def test_a_first_frame_without_its_beginning_waits_for_the_next_one(video):
    """As aiortc does; decoding it will fail, and ask for a key frame."""
    assert video.add(*frame(10, 0)[1:]) == []
    assert video.add(*frame(13, 3000))[0] == "11,12,"


@pytest.mark.parametrize(
    ("codec", "payload", "sure"),
    [
        ("VP8", b"\x10\x00", True),
        ("VP8", b"\x90\x80\x05\x00", True),
        ("VP8", b"\x00\x00", False),
        ("VP8", b"\x11\x00", False),  # of another partition
        ("VP8", b"", False),
        ("H264", b"\x67", True),
        ("H264", b"\x78\x00\x01\x67", True),
        ("H264", b"\x61", False),  # one of perhaps several slices
        ("opus", b"\x10", False),
    ],
)
def test_a_payload_tells_whether_a_frame_starts(codec, payload, sure):
    assert starts_frame(codec, payload) is sure


def test_what_comes_after_its_frame_has_left_is_discarded_and_counted(video):
    packets = frame(10, 0)
    video.add(*packets, packets[1], *frame(13, 3000))
    assert len(video.out) == 2
    assert video.stream.discarded == 1


def test_markers_that_lie_are_believed_once(video):
    """A sender that marks each slice: from then on, a frame ends where the next one begins."""
    video.add(packet(1, 0, marker=1, data=b"a"), packet(2, 0, marker=1, data=b"b"))
    video.add(packet(3, 3000, marker=1, data=b"c"), packet(4, 3000, marker=1, data=b"d"))
    video.add(packet(5, 6000, marker=1, data=b"e"))
    assert video.out == ["a", "b", "cd"]


def test_padding_is_no_frame_and_no_lie(video):
    video.add(*frame(10, 0), packet(13, 0, data=b""), packet(14, 0, data=b""))
    video.add(*frame(15, 3000))
    assert video.out == ["10,11,12,", "15,16,17,"]
    assert video.stream.frames == 2


def test_frames_that_never_become_whole_are_given_up_and_asked_for_anew(video):
    video.add(*frame(0, 0))
    first, _, third = frame(3, 3000)
    video.add(first, third)
    for number in range(2, 180):
        video.add(*frame(3 * number, 3000 * number))
    assert video.asked >= 1
    assert video.stream.incomplete >= 1
    assert len(video.out) > 3


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(inbound, "perf_counter", found)
    return found


def send(video, clock, number, *, without=()):
    """A frame of three packets, and its time at 30 frames a second."""
    clock.now += 1 / 30
    video.add(*(p for p in frame(3 * number, 3000 * number) if p.sequence_number not in without))


def test_what_nobody_sends_again_is_given_up_after_a_second(clock):
    video = Video()
    for number in range(10):
        send(video, clock, number, without={16})  # amid frame 5
    assert len(video.out) == 5
    for number in range(10, 34):
        send(video, clock, number)
    assert len(video.out) == 5
    assert video.asked == 0
    for number in range(34, 64):
        send(video, clock, number)
    assert video.asked == 1
    assert video.stream.incomplete == 1
    # Its rest was not taken for a frame, and no other is missing.
    assert video.out[5:] == [f"{3 * n},{3 * n + 1},{3 * n + 2}," for n in range(6, 64)]


@pytest.mark.parametrize("without", [{15}, {17}, {15, 16}, {16, 17}, {15, 16, 17}, {14, 15}])
def test_whatever_part_is_lost_the_next_frame_begins_at_its_beginning(clock, without):
    video = Video()
    for number in range(80):
        send(video, clock, number, without=without)
    assert video.asked == 1
    last = max(without) // 3
    assert video.out[-1] == "237,238,239,"
    assert all(text.split(",")[0] in {str(3 * n) for n in range(80)} for text in video.out)
    assert len(video.out) >= 80 - (last - min(without) // 3 + 1)


def test_slow_pictures_have_their_second_too(clock):
    """That a frame's end is missing is seen with the next frame; from then on it counts."""
    video = Video()
    for number in range(3):
        video.add(*frame(3 * number, 90_000 * number))
        clock.now += 1.5
    first, second, lost = frame(9, 270_000)
    video.add(first, second)
    clock.now += 1.5
    video.add(*frame(12, 360_000))
    assert video.asked == 0
    clock.now += 0.4
    video.add(lost)
    assert video.out[3] == "9,10,11,"


def test_a_sender_that_begins_anew_is_followed(video):
    video.add(*frame(30_000, 0))
    video.add(*frame(100, 9_000_000), *frame(103, 9_003_000))
    assert video.asked == 1
    assert video.out[-1] == "103,104,105,"


def test_the_numbers_of_packets_begin_again(video):
    for number in range(200):
        video.add(*frame(65_400 + 3 * number, 3000 * number))
    assert len(video.out) == 200


def test_audio_keeps_as_many_frames_as_before():
    ours = MeasuringBuffer(InboundStreams(), JitterBuffer(16, prefetch=4), lambda _: False)
    theirs = JitterBuffer(16, prefetch=4)
    order = [0, 1, 3, 2, 4, 5, 6, 8, 7, 9, 10, 11, 12, 40, 41, 42, 43, 44, 45, 46]
    for number in order:
        mine, other = (b.add(packet(number, 960 * number)) for b in (ours, theirs))
        assert (mine[1] and mine[1].timestamp) == (other[1] and other[1].timestamp), number


def shown(*spans):
    pictures, at_s = Pictures(), 100.0
    pictures.shown(at_s, 4, 2, key=True)
    for span in spans:
        at_s += span
        pictures.shown(at_s, 4, 2, key=False)
    return pictures


def test_a_pause_is_a_freeze_by_the_mean_of_the_last_thirty():
    assert shown(*[0.033] * 40, 0.2, *[0.033] * 5).freezes == 1
    frozen = shown(*[0.033] * 40, 0.5, 0.4)
    assert frozen.freezes == 2
    assert frozen.frozen_s == pytest.approx(0.9)


def test_slow_pictures_are_no_freeze():
    assert shown(*[0.5] * 40).freezes == 0
    # 3 × the mean counts where it is more than the mean and 150 ms.
    assert shown(*[0.2] * 40, 0.5).freezes == 0
    assert shown(*[0.2] * 40, 0.8).freezes == 1


def test_too_few_frames_make_no_mean():
    assert shown(0.033, 0.5).freezes == 0


def test_the_times_between_frames_are_summed_with_their_squares():
    pictures = shown(0.1, 0.3)
    assert pictures.inter_frame_s == pytest.approx(0.4)
    assert pictures.inter_frame_squared_s == pytest.approx(0.1)
    assert (pictures.count, pictures.key_frames) == (3, 1)
    assert pictures.in_last_second(100.4) == 3
    assert pictures.in_last_second(101.2) == 1


def test_a_packet_is_headers_and_payload():
    streams = InboundStreams()
    plain = RtpPacket(payload_type=97, ssrc=SSRC, payload=b"12345").serialize()
    streams.count(plain)
    padded = RtpPacket(payload_type=97, ssrc=SSRC, payload=b"12345")
    padded.padding_size = 4
    padded.csrc = [1, 2]
    streams.count(padded.serialize())
    extended = plain[:12] + b"\xbe\xde\x00\x02" + bytes(8) + plain[12:]
    streams.count(bytes([extended[0] | 0x10]) + extended[1:])
    stream = streams[SSRC]
    assert (stream.packets, stream.bytes, stream.payload_type) == (3, 15, 97)
    assert stream.header_bytes == 12 + (12 + 8 + 4) + (12 + 12)


def test_strangers_cannot_fill_the_memory():
    streams = InboundStreams()
    for ssrc in range(500):
        streams.count(RtpPacket(ssrc=ssrc, payload=b"1").serialize())
    assert len(streams) == 64


def test_jitter_does_not_rise_when_timestamps_begin_again(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rtcrtpreceiver.time, "time", clock)
    statistics = Statistics()
    statistics[SSRC] = rtcrtpreceiver.StreamStatistics(90_000)
    start = (1 << 32) - 30_000
    for number in range(60):
        clock.now += 1 / 30
        statistics[SSRC].add(packet(number, (start + 3000 * number) % (1 << 32)))
    assert statistics[SSRC].jitter <= 1
    assert statistics[SSRC].packets_lost == 0
