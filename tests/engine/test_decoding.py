"""The decoding thread: what is queued has an end, at both of its ends."""

import asyncio
import threading

import pytest
from aiortc import RTCPeerConnection
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket
from tests.engine.pairing import Picture

from peerdeck.engine.aiortc_adapter.decoding import Decoding, starts_anew
from peerdeck.engine.aiortc_adapter.inbound import Inbound, MeasuredFrame
from peerdeck.engine.ice_servers import rtc_configuration

VP8 = RTCRtpCodecParameters("video/VP8", 90_000, payloadType=97)
OPUS = RTCRtpCodecParameters("audio/opus", 48_000, 2, 96)
G722 = RTCRtpCodecParameters("audio/G722", 8_000, 1, 9)


@pytest.fixture
async def receiver():
    connection = RTCPeerConnection(rtc_configuration())
    found = connection.addTransceiver("video", direction="recvonly").receiver
    found._track = RemoteStreamTrack("video")
    yield found
    await connection.close()


def encoded(stream, data, timestamp=0, waited_s=0.0):
    packet = RtpPacket(timestamp=timestamp)
    packet._data = data
    return MeasuredFrame([packet], stream, waited_s)


async def vp8_frames(count):
    source, encoder, made = Picture(64, 48), Vp8Encoder(), []
    for _ in range(count):
        payloads, _ = encoder.encode(await source.recv())
        made.append(b"".join(payload[4:] for payload in payloads))
    return made


def worked(decoding):
    """Everything that is queued, in a thread as aiortc has it."""
    decoding._tasks.put(None)
    thread = threading.Thread(target=decoding.get)
    thread.start()
    thread.join()


async def test_frames_reach_the_track_in_order_and_are_timed(receiver):
    decoding, stream = Decoding(receiver, asyncio.get_running_loop()), Inbound()
    for number, data in enumerate(await vp8_frames(3)):
        decoding.put((VP8, encoded(stream, data, 3000 * number)))
    worked(decoding)
    frames = [await receiver._track._queue.get() for _ in range(3)]
    assert [frame.pts for frame in frames] == [0, 3000, 6000]
    assert (stream.pictures.count, stream.pictures.key_frames) == (3, 1)
    assert stream.decode_s > 0


async def test_a_screen_gets_frames_on_the_decoders_thread_and_shows_them_on_the_loop(receiver):
    prepared, shown, last = [], [], asyncio.Event()
    here = threading.get_ident()

    def show(frame):
        shown.append((frame.pts, threading.get_ident() == here))
        if len(shown) == 3:
            last.set()

    def screen(frame):
        prepared.append((frame.pts, threading.get_ident() == here))
        return lambda: show(frame)

    decoding = Decoding(receiver, asyncio.get_running_loop(), screen)
    for number, data in enumerate(await vp8_frames(3)):
        decoding.put((VP8, encoded(Inbound(), data, 3000 * number)))
    worked(decoding)
    await last.wait()
    assert prepared == [(0, False), (3000, False), (6000, False)]
    assert shown == [(0, True), (3000, True), (6000, True)]
    assert receiver._track._queue.empty()


async def test_what_is_no_picture_asks_for_one(receiver, caplog):
    decoding, stream = Decoding(receiver, asyncio.get_running_loop()), Inbound()
    decoding.put((VP8, encoded(stream, b"\x01no frame at all")))
    worked(decoding)
    assert stream.undecodable == 1
    assert receiver._RTCRtpReceiver__decoder_error.is_set()


async def test_behind_a_slow_decoder_frames_are_skipped_until_a_key_frame(receiver):
    decoding, stream = Decoding(receiver, asyncio.get_running_loop()), Inbound()
    key, *others = await vp8_frames(3)
    for data in [key] + [others[0]] * 200:
        decoding.put((VP8, encoded(stream, data)))
    assert decoding._tasks.qsize() == 60
    assert stream.skipped == 141
    assert receiver._RTCRtpReceiver__decoder_error.is_set()  # a key frame is asked for
    decoding.put((VP8, encoded(stream, key)))
    assert stream.skipped == 142, "there is no room yet"
    while decoding._tasks.qsize() > 5:
        decoding._tasks.get()
    decoding.put((VP8, encoded(stream, others[0])))
    assert stream.skipped == 143, "needs what was skipped"
    for data in (key, others[0]):
        decoding.put((VP8, encoded(stream, data)))
    assert (stream.skipped, decoding._tasks.qsize()) == (143, 7)


async def test_before_a_busy_loop_the_oldest_pictures_are_let_go(receiver):
    decoding, stream = Decoding(receiver, asyncio.get_running_loop()), Inbound()
    for number, data in enumerate(await vp8_frames(20)):
        decoding.put((VP8, encoded(stream, data, 3000 * number)))
    worked(decoding)  # the loop does not turn meanwhile
    last = [await receiver._track._queue.get() for _ in range(8)]
    assert [frame.pts for frame in last] == [3000 * number for number in range(12, 20)]
    assert stream.late == 12


async def test_the_end_does_not_wait_for_what_is_queued(receiver):
    decoding, stream = Decoding(receiver, asyncio.get_running_loop()), Inbound()
    for data in await vp8_frames(20):
        decoding.put((VP8, encoded(stream, data)))
    decoding.put(None)
    decoding.get()
    assert stream.pictures.count == 0


@pytest.mark.parametrize(("codec", "rate", "step"), [(OPUS, 48_000, 960), (G722, 16_000, 160)])
async def test_samples_are_counted_by_timestamps_where_nobody_listens(receiver, codec, rate, step):
    decoding, stream = Decoding(receiver, asyncio.get_running_loop()), Inbound()
    decoding.wanted = False
    # Four frames, one of them after a pause of ten seconds.
    for timestamp in (0, step, 2 * step, 2 * step + 10 * codec.clockRate):
        decoding.put((codec, encoded(stream, b"x", timestamp, 0.08)))
    assert decoding._tasks.qsize() == 0
    assert stream.sample_rate == rate
    assert stream.samples == stream.emitted == 2 * step * rate // codec.clockRate
    assert stream.waited_s / stream.emitted == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("codec", "data", "anew"),
    [
        ("VP8", b"\x10\x00", True),
        ("VP8", b"\x11\x00", False),
        ("VP8", b"", False),
        ("H264", b"\x00\x00\x00\x01\x67a\x00\x00\x00\x01\x68b\x00\x00\x01\x65c", True),
        ("H264", b"\x00\x00\x00\x01\x61a\x00\x00\x00\x01\x61b", False),
        ("H264", b"\x00\x00\x01", False),
        ("opus", b"x", True),
    ],
)
def test_a_frame_tells_whether_it_needs_others(codec, data, anew):
    assert starts_anew(codec, data) is anew
