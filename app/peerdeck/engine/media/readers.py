"""Where pictures and sounds come from: read on a feed's thread, one item after the other."""

import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import av

from peerdeck.engine.media.picture import FPS, GeneratedPicture
from peerdeck.engine.media.tone import CHUNK_S, Tone


class VideoReader(Protocol):
    """fps: about how many frames a second, for the encoder."""

    fps: float

    def read(self, position_s: float) -> tuple[float, av.VideoFrame]:
        """The next frame and when it is due, on the scale of position_s (now). Blocks.

        Raises MediaUnusable where there is nothing more to be had.
        """

    def close(self) -> None:
        """Idempotent."""


class AudioReader(Protocol):
    """Chunks of CHUNK_BYTES: 20 ms of 16-bit little-endian stereo at 48 kHz."""

    def read(self, position_s: float) -> tuple[float, bytes]:
        """As VideoReader's."""

    def close(self) -> None:
        """Idempotent."""


class PictureReader:
    """Frames that nobody could take in time are never drawn."""

    def __init__(
        self, picture: GeneratedPicture, fps: int = FPS, clock: Callable[[], float] = time.time
    ) -> None:
        self.fps = float(fps)
        self._picture = picture
        self._clock = clock
        self._number = -1

    def read(self, position_s: float) -> tuple[float, av.VideoFrame]:
        self._number = max(self._number + 1, math.floor(position_s * self.fps))
        due_s = self._number / self.fps
        shown_at = datetime.fromtimestamp(self._clock() + due_s - position_s).astimezone()
        drawn = self._picture.draw(due_s, self._number, shown_at)
        return due_s, av.VideoFrame.from_numpy_buffer(drawn, format="yuv420p")

    def close(self) -> None:
        pass


class ToneReader:
    """Sounds when the clock in the generated picture shows a full second."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._number = -1
        self._tone = Tone()

    def read(self, position_s: float) -> tuple[float, bytes]:
        self._number = max(self._number + 1, math.floor(position_s / CHUNK_S))
        due_s = self._number * CHUNK_S
        return due_s, self._tone.chunk((self._clock() + due_s - position_s) % 1.0)

    def close(self) -> None:
        pass
