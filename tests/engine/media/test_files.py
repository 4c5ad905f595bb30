"""Files in their own pace, over and over; bad ones are named with the reason."""

import itertools

import pytest
from tests.engine.media.clips import write_clip

from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.media.files import AudioFile, VideoFile, check_file
from peerdeck.engine.media.tone import CHUNK_BYTES, CHUNK_S


def read_all(reader, until_s):
    """Everything due before until_s, read exactly when it is due."""
    found, position_s = [], 0.0
    while position_s < until_s:
        position_s, item = reader.read(position_s)
        found.append((position_s, item))
    reader.close()
    return found


def luma(frame):
    return int(frame.to_ndarray(format="gray")[10:-10, 10:-10].mean())


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "mpeg4"),
        ("a.webm", "libvpx"),
        ("a.avi", "mjpeg"),
        ("a.ts", "mpeg2video"),
    ],
)
def test_every_container_is_read_in_its_own_pace_and_begins_again(tmp_path, name, video):
    path = write_clip(tmp_path / name, video=video, fps=25, seconds=1.0)
    reader = VideoFile(str(path))
    assert reader.fps == pytest.approx(25, rel=0.05)
    frames = read_all(reader, 2.3)
    times = [at_s for at_s, _ in frames]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert all(gap == pytest.approx(0.04, abs=0.03) for gap in gaps)
    assert len(frames) == pytest.approx(2.3 * 25, abs=3)
    brightest = [n for n, (_, f) in enumerate(frames) if luma(f) > 180]
    darkest = [n for n, (_, f) in enumerate(frames) if luma(f) < 70 and n > 20]
    assert brightest
    assert darkest[0] > brightest[0]


def test_a_feed_that_begins_late_is_where_the_file_is_then(tmp_path):
    path = write_clip(tmp_path / "a.mp4", video="libx264", fps=20, seconds=2.0)
    reader = VideoFile(str(path), begin_s=5.0)  # in the third pass, one second into it
    at_s, frame = reader.read(5.0)
    assert at_s == pytest.approx(5.0, abs=0.06)
    assert luma(frame) == pytest.approx(120, abs=12)
    reader.close()


def test_after_a_pause_it_goes_on_from_where_it_was(tmp_path):
    path = write_clip(tmp_path / "a.mp4", video="libx264", fps=20, seconds=2.0)
    reader = VideoFile(str(path))
    reader.read(0.0)
    at_s, frame = reader.read(60.0)
    assert at_s == pytest.approx(60.0)
    assert luma(frame) < 60
    assert reader.read(60.0)[0] == pytest.approx(60.05, abs=0.01)
    reader.close()


def test_a_still_picture_is_a_film_of_one_frame(tmp_path):
    path = write_clip(tmp_path / "a.png", video="png", seconds=0.05)
    frames = read_all(VideoFile(str(path)), 1.0)
    assert 5 <= len(frames) <= 30


def test_sound_comes_in_chunks_and_fills_up_a_pass_that_is_longer(tmp_path):
    path = write_clip(tmp_path / "a.mkv", seconds=1.0, audio="pcm_s16le", audio_seconds=0.5)
    chunks = read_all(AudioFile(str(path)), 2.0)
    assert all(len(chunk) == CHUNK_BYTES for _, chunk in chunks)
    times = [at_s for at_s, _ in chunks]
    assert times == pytest.approx([n * CHUNK_S for n in range(len(times))])
    loud = [any(chunk) for _, chunk in chunks]
    assert all(loud[2:23])
    assert not any(loud[26:48])
    assert all(loud[53:73])  # the second pass begins where the picture's does


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mp3", "libmp3lame"), ("a.ogg", "libopus")]
)
def test_sound_files_have_no_picture(tmp_path, name, codec):
    path = write_clip(tmp_path / name, video="", audio=codec)
    check_file(str(path), "audio")
    with pytest.raises(MediaUnusable, match="there is no video in it"):
        check_file(str(path), "video")


def test_bad_files_are_named_with_the_reason(tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("no film at all")
    cut = write_clip(tmp_path / "cut.mp4", video="libx264")
    cut.write_bytes(cut.read_bytes()[:200])
    empty = tmp_path / "empty.mkv"
    empty.touch()
    for path, why in (
        (tmp_path / "gone.mp4", "no such file"),
        (tmp_path, "it is a folder"),
        (text, "no media file"),
        (cut, "no media file"),
        (empty, "no media file|end of file"),
    ):
        with pytest.raises(MediaUnusable, match=why) as caught:
            check_file(str(path), "video")
        assert caught.value.where == str(path)


def test_a_damaged_part_is_skipped(tmp_path):
    path = write_clip(tmp_path / "a.ts", video="mpeg2video", seconds=2.0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    assert len(read_all(VideoFile(str(path)), 4.0)) > 40


def test_a_file_that_goes_away_ends_with_its_name(tmp_path):
    path = write_clip(tmp_path / "a.mp4", seconds=0.5)
    reader = VideoFile(str(path))
    path.unlink()
    with pytest.raises(MediaUnusable, match="no such file"):
        read_all(reader, 5.0)
