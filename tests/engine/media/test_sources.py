"""One source, read by many connections: encoded once, begun with the first, ended with the last."""

import asyncio
import itertools
import threading

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError
from tests.engine.media.clips import write_clip

from peerdeck.core.join import JoinOptions, Source
from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.ice_servers import rtc_configuration
from peerdeck.engine.media import encoding
from peerdeck.engine.media.devices import Camera, Device
from peerdeck.engine.media.feed import VideoFeed
from peerdeck.engine.media.sources import MediaSources
from peerdeck.engine.media.tone import CHUNK


class Pair:
    """A sending connection and a receiving one, connected; what the latter got."""

    def __init__(self, sources, codec="video/VP8"):
        self.sender = RTCPeerConnection(rtc_configuration())
        self.receiver = RTCPeerConnection(rtc_configuration())
        self.tracks = {}
        for kind in ("video", "audio"):
            if sources.sends(kind):
                transceiver = self.sender.addTransceiver(kind, direction="sendonly")
                assert sources.attach(transceiver)
                if kind == "video":
                    codecs = RTCRtpReceiver.getCapabilities("video").codecs
                    wanted = [c for c in codecs if c.mimeType == codec]
                    transceiver.setCodecPreferences(wanted)

        @self.receiver.on("track")
        def came(track):
            self.tracks[track.kind] = track

    async def connect(self):
        await self.sender.setLocalDescription(await self.sender.createOffer())
        await self.receiver.setRemoteDescription(self.sender.localDescription)
        await self.receiver.setLocalDescription(await self.receiver.createAnswer())
        await self.sender.setRemoteDescription(self.receiver.localDescription)
        return self

    async def frames(self, kind, count):
        async with asyncio.timeout(10):
            return [await self.tracks[kind].recv() for _ in range(count)]

    async def close(self):
        await self.sender.close()
        await self.receiver.close()


@pytest.fixture
async def made():
    """Makes sources and connections, which it closes."""
    closing = []

    async def make(sources, codec="video/VP8"):
        pair = await Pair(sources, codec).connect()
        closing.insert(0, pair.close)
        if sources.aclose not in closing:
            closing.append(sources.aclose)
        return pair

    yield make
    for close in closing:
        await close()


def generated(**more):
    usual = {"video": Source.GENERATED, "audio": Source.GENERATED, "size": (320, 180), "fps": 25}
    return MediaSources(name="lab", **usual | more)


def media_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("media/")]


async def ended(feed):
    """Returns when its thread is gone."""
    async with asyncio.timeout(3):
        await feed._ended.wait()


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
async def test_a_peer_gets_the_picture_and_the_tone(made, codec):
    pair = await made(generated(), codec)
    frames = await pair.frames("video", 30)
    assert {(f.width, f.height) for f in frames} == {(320, 180)}
    steps = [25 * (b.time - a.time) for a, b in itertools.pairwise(frames)]
    assert all(step == pytest.approx(round(step), abs=0.05) for step in steps)
    assert sum(steps) < 60  # frames are skipped where a machine is busy, not all of them
    bars = frames[-1].to_ndarray(format="rgb24")[170, [20, 70, 160, 300]]
    assert (int(bars[0].max()) - int(bars[0].min())) < 20  # grey, yellow, green, blue
    assert bars[2][1] > int(bars[2][2]) + 60
    assert bars[3][2] > int(bars[3][0]) + 60
    sounds = await pair.frames("audio", 60)
    loud = [np.abs(s.to_ndarray()).max() for s in sounds]
    assert max(loud) > 3000
    assert min(loud) < 100  # a tone once a second, silence in between


async def test_many_peers_share_one_encoder(made, monkeypatch):
    encoded = []
    encode = encoding.SharedEncoder.encode

    def counting(self, frame, pts, *, key_frame):
        encoded.append((self, pts))
        return encode(self, frame, pts, key_frame=key_frame)

    monkeypatch.setattr(encoding.SharedEncoder, "encode", counting)
    sources = generated()
    pairs = [await made(sources) for _ in range(4)]
    await asyncio.gather(*(pair.frames("video", 15) for pair in pairs))
    assert sources.feeds["video"].readers == 4
    assert len({id(encoder) for encoder, _ in encoded}) == 1
    moments = [pts for _, pts in encoded]
    assert len(moments) == len(set(moments))


async def test_a_peer_that_comes_late_begins_at_once_with_a_key_frame(made):
    sources = generated()
    first = await made(sources)
    await first.frames("video", 10)
    second = await made(sources, "video/H264")
    third = await made(sources)
    assert len(await third.frames("video", 3)) == 3
    assert len(await second.frames("video", 3)) == 3


async def test_it_begins_with_the_first_reader_and_ends_with_the_last(made):
    sources = generated()
    assert not media_threads()
    first, second = await made(sources), await made(sources)
    await first.frames("video", 2)
    await second.frames("video", 2)
    assert sorted(media_threads()) == ["media/audio", "media/video"]
    await first.close()
    await second.frames("video", 2)
    assert sources.feeds["video"].readers == 1
    await second.close()
    for feed in sources.feeds.values():
        await ended(feed)
    assert not media_threads()
    third = await made(sources)
    await third.frames("video", 2)
    assert sources.feeds["video"].readers == 1


async def test_closing_ends_threads_and_tracks(made):
    sources = generated()
    pair = await made(sources)
    await pair.frames("video", 2)
    await sources.aclose()
    await sources.aclose()
    assert not media_threads()
    assert not sources.feeds["video"].running
    track = pair.sender.getSenders()[0].track
    if track is not None:
        with pytest.raises(MediaStreamError):
            await track.recv()


async def test_what_is_closed_does_not_begin_again():
    sources = generated()
    await sources.aclose()
    track = sources.feeds["video"].track(lambda: "VP8")
    with pytest.raises(MediaStreamError):
        await track.recv()
    sources.watch_picture(lambda: None)
    assert not media_threads()
    assert sources.picture(10, 10) is None


async def test_its_sender_sees_it_before_anybody_watches():
    sources, came = generated(audio=Source.NONE), asyncio.Event()
    sources.watch_picture(came.set)
    async with asyncio.timeout(5):
        await came.wait()
    picture = sources.picture(160, 160)
    assert (picture.width, picture.height) == (160, 90)
    sources.watch_picture(None)
    await ended(sources.feeds["video"])
    assert not media_threads()


async def test_one_who_does_not_read_loses_up_to_a_key_frame_and_costs_nobody(made):
    sources = generated(audio=Source.NONE)
    feed = sources.feeds["video"]
    lazy, eager = feed.track(lambda: "VP8"), feed.track(lambda: "VP8")
    try:
        assert (await lazy.recv()).is_keyframe
        for _ in range(70):
            await eager.recv()
        assert lazy._queue.qsize() <= 60
        waited = [await lazy.recv() for _ in range(lazy._queue.qsize())]
        fresh = waited[0]
        assert fresh.is_keyframe or len(waited) == 60
    finally:
        await sources.aclose()


async def test_many_who_begin_at_once_cost_few_key_frames():
    sources = generated(audio=Source.NONE)
    feed = sources.feeds["video"]
    watching = feed.track(lambda: "VP8")
    try:
        await watching.recv()
        kinds, beginning = [], []
        for number in range(40):
            if number % 2 and number < 20:
                late = feed.track(lambda: "VP8")
                beginning.append(asyncio.get_running_loop().create_task(late.recv()))
            kinds.append((await watching.recv()).is_keyframe)
        async with asyncio.timeout(5):
            firsts = await asyncio.gather(*beginning)
        assert all(packet.is_keyframe for packet in firsts)
        assert sum(kinds) <= 8  # at 25 frames a second, one for every fourth frame at most
    finally:
        await sources.aclose()


async def test_a_loss_brings_a_key_frame_but_not_one_for_each(made):
    sources = generated(audio=Source.NONE)
    feed = sources.feeds["video"]
    track = feed.track(lambda: "VP8")
    try:
        await track.recv()
        kinds = []
        for _ in range(25):
            feed.lost("VP8")
            kinds.append((await track.recv()).is_keyframe)
        assert 1 <= sum(kinds) <= 3
    finally:
        await sources.aclose()


async def test_picture_and_sound_of_one_file_stay_together(made, tmp_path):
    path = write_clip(tmp_path / "a.mkv", seconds=2.0, audio="pcm_s16le", audio_seconds=1.0)
    where = {"video_source": str(path), "audio_source": str(path)}
    sources = MediaSources(video=Source.FILE, audio=Source.FILE, **where)
    await sources.check()
    pair = await made(sources)
    frames = await pair.frames("video", 20)
    assert (frames[0].width, frames[0].height) == (160, 120)
    sounds = await pair.frames("audio", 20)
    assert {s.samples for s in sounds} == {CHUNK}
    assert sources.problems == {}


async def test_a_file_that_fails_while_it_is_sent_ends_its_tracks_and_tells_why(made, tmp_path):
    path = write_clip(tmp_path / "a.mp4", seconds=0.3)
    told = asyncio.Event()
    sources = MediaSources(
        video=Source.FILE,
        audio=Source.GENERATED,
        video_source=str(path),
        on_problem=lambda kind, error: told.set(),
    )
    pair = await made(sources)
    await pair.frames("video", 2)
    path.unlink()
    async with asyncio.timeout(5):
        await told.wait()
    assert sources.problems["video"].where == str(path)
    assert "no such file" in str(sources.problems["video"])
    assert len(await pair.frames("audio", 3)) == 3  # the sound goes on


async def test_a_bug_in_a_source_ends_it_with_a_word_and_a_traceback(made, monkeypatch, caplog):
    def broken(self, stop, post):
        raise ZeroDivisionError

    monkeypatch.setattr(VideoFeed, "_produce", broken)
    sources = generated(audio=Source.NONE)
    track = sources.feeds["video"].track(lambda: "VP8")
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert "fault of Peerdeck" in str(sources.problems["video"])
    assert "ZeroDivisionError" in caplog.text


async def test_what_a_join_sends_is_checked_before_it(tmp_path):
    options = JoinOptions(video=Source.FILE, video_source=str(tmp_path / "gone.mp4"))
    with pytest.raises(MediaUnusable, match=r"gone\.mp4: no such file"):
        await MediaSources.of(options, "lab").check()
    for kind, words in (("video", "camera"), ("audio", "microphone")):
        sources = MediaSources(**{kind: Source.DEVICE, f"{kind}_source": "nosuch"})
        with pytest.raises(MediaUnusable, match=words):
            await sources.check()


async def test_a_camera_is_read_as_it_comes(made, monkeypatch):
    device = Device("testsrc=size=320x240:rate=15,realtime", "Test source", "lavfi", True)
    camera = Camera(device)
    assert camera.fps == 15
    at_s, frame = camera.read(7.0)
    assert (at_s, frame.width, frame.height) == (7.0, 320, 240)
    camera.close()
    monkeypatch.setattr("peerdeck.engine.media.sources.device_named", lambda *_: device)
    pair = await made(MediaSources(video=Source.DEVICE))
    frames = await pair.frames("video", 5)
    assert (frames[0].width, frames[0].height) == (320, 240)


def test_any_picture_becomes_encodable():
    for size, format_ in (
        ((641, 359), "rgb24"),
        ((4096, 2160), "yuv420p"),
        ((640, 360), "yuv420p"),
    ):
        frame = encoding.encodable(av.VideoFrame(*size, format_))
        assert frame.format.name == "yuv420p"
        assert frame.width % 2 == frame.height % 2 == 0
        assert frame.width <= encoding.MAX_WIDTH
        assert frame.height <= encoding.MAX_HEIGHT


async def test_what_is_sent_can_be_seen_before_anybody_watches_it():
    sources = MediaSources(video=Source.GENERATED, name="gate")
    seen = asyncio.Event()
    sources.watch_picture(seen.set)
    async with asyncio.timeout(10):
        await seen.wait()
    picture = sources.picture(320, 180)
    assert (picture.width, picture.height) == (320, 180)
    assert sources.feeds["video"].readers == 1
    sources.watch_picture(None)
    assert sources.feeds["video"].readers == 0
    assert sources.picture(320, 180) is None
    await sources.aclose()
    assert not sources.feeds["video"].running


async def test_a_preview_encodes_nothing(monkeypatch):
    def never(*_, **__):
        raise AssertionError("a preview is encoded")

    monkeypatch.setattr(encoding.SharedEncoder, "encode", never)
    sources = MediaSources(video=Source.GENERATED, name="gate")
    seen = asyncio.Event()
    sources.watch_picture(seen.set)
    async with asyncio.timeout(10):
        await seen.wait()
    await sources.aclose()
    assert sources.problems == {}
