"""Media files as sources: any container that FFmpeg reads, in its own pace, over and over."""

import contextlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.media.tone import CHUNK, CHUNK_BYTES, CHUNK_S, RATE

_BEHIND_S = (
    0.5  # later than this (a suspended machine, a slow decoder), it goes on from where it is
)
_SHORTEST_S = 0.1  # of one pass: a still picture is a film of one frame
_SILENCE = bytes(CHUNK_BYTES)


class _Passes:
    """One stream of a file, pass after pass. kind: "video" or "audio"."""

    def __init__(self, path: str, kind: str) -> None:
        self.path, self.kind = path, kind
        self.container, self.stream = _opened(path, kind)
        self.length_s = (self.container.duration or 0) / av.time_base
        self.begins_s = 0.0  # the present pass, on the feed's scale

    def frames(self, from_s: float) -> Iterator[tuple[float, "av.VideoFrame | av.AudioFrame"]]:
        """(seconds since the pass began, frame), from from_s on, until the pass ends."""
        origin_s = (self.container.start_time or 0) / av.time_base
        if from_s > 0:
            # Not every format can: then what lies before is read.
            with contextlib.suppress(av.FFmpegError):
                self.container.seek(int((from_s + origin_s) * av.time_base))
        end_s = 0.0
        for frame in self._decoded():
            at_s = end_s if frame.time is None else max(0.0, frame.time - origin_s)
            end_s = at_s + self._lasts_s(frame)
            if end_s > from_s:
                yield at_s, frame
        self.length_s = max(self.length_s, end_s, _SHORTEST_S)

    def rewind(self) -> None:
        """The file is opened anew, as not every format can seek."""
        self.close()
        self.container, self.stream = _opened(self.path, self.kind)
        self.begins_s += self.length_s

    def close(self) -> None:
        self.container.close()

    def _decoded(self) -> Iterator["av.VideoFrame | av.AudioFrame"]:
        broken, good = "", 0
        for packet in self.container.demux(self.stream):
            try:
                for frame in packet.decode():
                    good += 1
                    yield frame  # type: ignore[misc]
            except av.FFmpegError as error:
                broken = broken or _words(error)  # a damaged part is skipped
        if not good:
            raise MediaUnusable(self.path, broken or f"there is no {self.kind} frame in it")

    def _lasts_s(self, frame: "av.VideoFrame | av.AudioFrame") -> float:
        if isinstance(frame, av.AudioFrame):
            return frame.samples / frame.sample_rate
        rate = getattr(self.stream, "average_rate", None)
        return 1 / float(rate) if rate else 0.04


class VideoFile:
    """Raises MediaUnusable. begin_s: position of the feed, in whichever pass that is."""

    def __init__(self, path: str, begin_s: float = 0.0) -> None:
        self._passes = _Passes(path, "video")
        length_s = self._passes.length_s
        self._passes.begins_s = begin_s // length_s * length_s if length_s else begin_s
        self._frames = self._passes.frames(begin_s - self._passes.begins_s)
        rate = getattr(self._passes.stream, "average_rate", None)
        self.fps = min(60.0, max(5.0, float(rate or 30)))

    def read(self, position_s: float) -> tuple[float, av.VideoFrame]:
        passes = self._passes
        found = next(self._frames, None)
        while found is None:
            passes.rewind()
            self._frames = passes.frames(0.0)
            found = next(self._frames, None)
        at_s, frame = found
        if not isinstance(frame, av.VideoFrame):
            raise TypeError("a video stream decodes to video frames")
        due_s = passes.begins_s + at_s
        if due_s < position_s - _BEHIND_S:
            passes.begins_s += position_s - due_s
            due_s = position_s
        return due_s, frame

    def close(self) -> None:
        self._passes.close()


class AudioFile:
    """As VideoFile; silence where a pass is longer than its sound."""

    def __init__(self, path: str, begin_s: float = 0.0) -> None:
        self._passes = _Passes(path, "audio")
        length_s = self._passes.length_s
        self._passes.begins_s = begin_s // length_s * length_s if length_s else begin_s
        self._from_s = begin_s - self._passes.begins_s
        self._chunks: deque[bytes] = deque()
        self._frames = self._passes.frames(self._from_s)
        self._pcm = Pcm()
        self._next_s = begin_s

    def read(self, position_s: float) -> tuple[float, bytes]:
        if self._next_s < position_s - _BEHIND_S:
            self._passes.begins_s += position_s - self._next_s
            self._next_s = position_s
        while not self._chunks:
            found = next(self._frames, None)
            if found is None:
                self._end_pass()
            elif isinstance(found[1], av.AudioFrame):
                self._chunks += self._pcm.chunks(found[1])
        due_s, self._next_s = self._next_s, self._next_s + CHUNK_S
        return due_s, self._chunks.popleft()

    def close(self) -> None:
        self._passes.close()

    def _end_pass(self) -> None:
        passes = self._passes
        end_s = passes.begins_s + passes.length_s
        missing = int((end_s - self._next_s) / CHUNK_S)
        self._chunks.extend([_SILENCE] * max(0, missing))
        passes.rewind()
        self._frames = passes.frames(0.0)


class Pcm:
    """Cuts whatever is decoded into chunks of 20 ms."""

    def __init__(self) -> None:
        self._resampler = AudioResampler(format="s16", layout="stereo", rate=RATE, frame_size=CHUNK)

    def chunks(self, frame: av.AudioFrame) -> list[bytes]:
        frame.pts = None  # gaps are the reader's business
        return [bytes(part.planes[0])[:CHUNK_BYTES] for part in self._resampler.resample(frame)]


def check_file(path: str, kind: str) -> None:
    """Reads its first frame. kind: "video" or "audio". Raises MediaUnusable. Blocks."""
    passes = _Passes(path, kind)
    try:
        next(passes.frames(0.0), None)
    finally:
        passes.close()


def _opened(
    path: str, kind: str
) -> "tuple[av.container.InputContainer, av.VideoStream | av.AudioStream]":
    if Path(path).is_dir():
        raise MediaUnusable(path, "it is a folder")
    try:
        container = av.open(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaUnusable(path, _words(error)) from error
    streams = container.streams.video if kind == "video" else container.streams.audio
    if not streams:
        container.close()
        raise MediaUnusable(path, f"there is no {kind} in it")
    stream = streams[0]
    stream.codec_context.thread_type = "AUTO"
    return container, stream


def _words(error: Exception) -> str:
    """ "Invalid data found when processing input" means little to a person."""
    if isinstance(error, av.InvalidDataError):
        return "it is no media file, or it is damaged"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
