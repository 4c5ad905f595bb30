"""The newest frame at the size that is shown."""

import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from peerdeck.engine.video_sink import VideoSink, discard


def frame_of(width, height, luma=81, blue=90, red=240):
    """Evenly coloured; by default pure red in BT.601."""
    planes = np.concatenate(
        [
            np.full(width * height, luma),
            np.full(width * height // 4, blue),
            np.full(width * height // 4, red),
        ]
    ).astype(np.uint8)
    return VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), format="yuv420p")


class Played(MediaStreamTrack):
    kind = "video"

    def __init__(self, frames):
        super().__init__()
        self._frames = iter(frames)

    async def recv(self):
        for frame in self._frames:
            return frame
        raise MediaStreamError


async def sink_of(*frames):
    came = []
    sink = VideoSink(lambda: came.append(sink.frames))
    await sink.drain(Played(frames))
    assert came == list(range(1, len(frames) + 1))
    return sink


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((320, 180), (320, 180)),
        ((160, 500), (160, 90)),
        ((500, 90), (160, 90)),
        ((640, 360), (640, 360)),
        ((161, 91), (160, 90)),
        ((1, 1), (2, 2)),
    ],
)
async def test_the_aspect_is_kept_inside_the_size_asked(asked, given):
    sink = await sink_of(frame_of(320, 180))
    picture = sink.picture(*asked)
    assert (picture.width, picture.height) == given
    assert picture.stride >= 4 * picture.width
    assert len(picture.data) >= picture.stride * picture.height


async def test_pixels_are_blue_green_red_in_every_corner():
    sink = await sink_of(frame_of(320, 180))
    for size in ((320, 180), (192, 108), (640, 360)):
        picture = sink.picture(*size)
        rows = np.frombuffer(picture.data, np.uint8)[: picture.stride * picture.height]
        pixels = rows.reshape(picture.height, picture.stride)[:, : 4 * picture.width]
        corners = pixels.reshape(picture.height, picture.width, 4)[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert np.abs(corners[:, :3].astype(int) - [0, 0, 255]).max() <= 3


async def test_only_the_newest_frame_is_shown_and_a_new_one_is_a_new_picture():
    sink = await sink_of(frame_of(320, 180), frame_of(64, 48))
    picture = sink.picture(64, 48)
    assert (sink.frames, sink.width, sink.height) == (2, 64, 48)
    assert (picture.width, picture.height) == (64, 48)
    assert sink.picture(64, 48) is picture
    assert sink.picture(32, 24) is not picture
    await sink.drain(Played([frame_of(64, 48)]))
    assert sink.picture(64, 48) is not picture


async def test_what_was_asked_for_is_prepared_for_the_next_frame_and_only_for_it():
    sink = await sink_of(frame_of(320, 180))
    scaled = []
    make = sink._ahead.picture
    sink._ahead.picture = lambda frame, *size: scaled.append(size) or make(frame, *size)
    sink.prepare(frame_of(320, 180))()
    assert scaled == [], "nobody has looked yet"
    before = sink.picture(160, 90)
    sink.prepare(frame_of(320, 180, luma=200))()
    sink.prepare(frame_of(320, 180, luma=16, blue=128, red=128))()
    assert scaled == [(160, 90)], "nobody looked at the second one"
    assert sink.frames == 4
    black = sink.picture(160, 90)
    assert bytes(black.data[:3]) == b"\0\0\0" != bytes(before.data[:3])
    sink.prepare(frame_of(320, 180))()
    assert scaled == [(160, 90)] * 2
    assert sink.picture(160, 90) is sink.picture(160, 90) is not black
    assert (sink.picture(64, 36).width, sink.picture(160, 90).width) == (64, 160)


async def test_a_frame_of_another_size_is_prepared_for_the_same_view():
    sink = await sink_of(frame_of(320, 180))
    sink.picture(160, 160)
    sink.prepare(frame_of(100, 200))()
    picture = sink.picture(160, 160)
    assert (picture.width, picture.height) == (80, 160)


async def test_a_picture_outlives_its_frame():
    sink = await sink_of(frame_of(320, 180))
    picture = sink.picture(320, 180)
    before = bytes(picture.data[:64])
    sink.clear()
    assert sink.picture(320, 180) is None
    assert bytes(picture.data[:64]) == before


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (-1, 5)])
async def test_no_size_means_no_picture(size):
    assert (await sink_of(frame_of(64, 48))).picture(*size) is None


async def test_a_track_nobody_hears_is_read_to_its_end():
    track = Played([frame_of(64, 48)] * 5)
    async with asyncio.timeout(5):
        await discard(track)


async def test_every_column_is_converted_at_every_width():
    sink = await sink_of(frame_of(1280, 720))
    for width in range(32, 700, 2):
        picture = sink.picture(width, 720)
        rows = np.frombuffer(picture.data, np.uint8).reshape(picture.height, -1, 4)
        columns = rows[:, : picture.width].astype(int)
        assert abs(columns - columns[0, 0]).max() <= 10, width
        assert width - 4 <= picture.width <= width
