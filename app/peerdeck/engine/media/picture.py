"""The generated picture: a test card that moves, with a clock and the session's name burnt in."""

import math
from datetime import datetime

import numpy as np
import numpy.typing as npt

from peerdeck.core.dot_letters import COLUMNS, ROWS, dots

Plane = npt.NDArray[np.uint8]
WIDTH, HEIGHT, FPS = 1280, 720, 30
_INK, _DIM, _TRACK = 226, 132, 58
# Colour bars of three quarters (ITU-R BT.801) as limited-range BT.601 Y, U, V.
_BARS = (
    (180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58),
    (84, 184, 198), (65, 100, 212), (35, 212, 114),
)  # fmt: skip
_BALL = (198, 74, 150)
_CLOCK = "00:00:00.000"


class GeneratedPicture:
    """`draw` makes a frame in about a millisecond; width and height are even.

    Planes are YUV 4:2:0 (BT.601, 16–235), which is what encoders take: nothing is converted.
    """

    def __init__(self, name: str, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.width, self.height = width, height
        unit = self._unit = max(1, height // 180)
        self._ground = _ground(width, height)
        self._ball = _disc(height // 6)
        self._digits = {c: _letter(c, 3 * unit) for c in "0123456789:."}
        self._small = {c: _letter(c, unit) for c in "0123456789"}
        self._clock_at = self._centred(_CLOCK, 3 * unit, height * 44 // 100)
        self._sweep = (height * 60 // 100, unit * 2)
        self._frame_at = self._centred("0" * 8, unit, height * 68 // 100)
        self._write_name(name)

    def draw(self, seconds: float, number: int, now: datetime) -> Plane:
        """seconds: since the start, for what moves. number: of the frame. now: for the clock.

        The result has height·3/2 rows: Y, then U and V, as PyAV's yuv420p takes it.
        """
        frame = self._ground.copy()
        self._put_ball(frame, seconds)
        self._put_sweep(frame, now.microsecond / 1e6)
        clock = f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}"
        self._write(frame, self._clock_at, clock, self._digits, _INK)
        self._write(frame, self._frame_at, f"{number:08d}", self._small, _DIM)
        return frame

    def _centred(self, text: str, scale: int, middle: int) -> tuple[int, int]:
        """Where a line's top left corner is."""
        width = len(text) * (COLUMNS + 1) * scale
        return max(0, (self.width - width) // 2), middle - ROWS * scale // 2

    def _write_name(self, name: str) -> None:
        """As large as fits, and cut where even the smallest does not."""
        room = self.width * 9 // 10
        cell = COLUMNS + 1
        scale = max(1, min(2 * self._unit, room // max(1, len(name) * cell)))
        text = name[: room // (cell * scale)]
        letters = {c: _letter(c, scale) for c in text}
        at = self._centred(text, scale, self.height * 28 // 100)
        self._write(self._ground, at, text, letters, _INK)

    @staticmethod
    def _write(
        frame: Plane, at: tuple[int, int], text: str, letters: dict[str, Plane], ink: int
    ) -> None:
        """On the luma alone: the ground is grey there."""
        x, y = at
        for character in text:
            letter = letters[character]
            rows, columns = letter.shape
            area = frame[y : y + rows, x : x + columns]
            np.maximum(area, letter[:, : area.shape[1]] * np.uint8(ink), out=area)
            x += columns

    def _put_sweep(self, frame: Plane, part: float) -> None:
        """A line that fills once a second."""
        y, thick = self._sweep
        left = self.width // 4
        frame[y : y + thick, left : left + int(part * self.width / 2)] = _INK

    def _put_ball(self, frame: Plane, seconds: float) -> None:
        size = self._ball.shape[0]
        turn = 2 * math.pi * seconds
        x = int((0.5 + 0.5 * math.sin(turn / 7)) * (self.width - size)) // 2 * 2
        y = int((0.5 + 0.5 * math.sin(turn / 3.1)) * (self.height * 8 // 10 - size)) // 2 * 2
        half = self.height // 2, self.width // 2
        chroma = frame[self.height :].reshape(2, *half)
        for plane, color, step in zip(
            (frame[: self.height], chroma[0], chroma[1]), _BALL, (1, 2, 2), strict=True
        ):
            alpha = self._ball[::step, ::step]
            rows, columns = alpha.shape
            area = plane[y // step : y // step + rows, x // step : x // step + columns]
            area[:] = area + alpha * (color - area.astype(np.float32))


def _letter(character: str, scale: int) -> Plane:
    """1 where ink is; 7·scale rows, 6·scale columns."""
    rows = np.frombuffer(dots(character), dtype=np.uint8)
    bits = np.unpackbits(rows[:, None], axis=1)[:, 8 - COLUMNS :]
    cell = np.pad(bits, ((0, 0), (0, 1)))
    return np.repeat(np.repeat(cell, scale, axis=0), scale, axis=1)


def _ground(width: int, height: int) -> Plane:
    """Dark, with a grid that shows distortion and bars that show wrong colours."""
    luma = np.full((height, width), 30, dtype=np.uint8)
    luma += np.linspace(0, 14, height, dtype=np.uint8)[:, None]
    step = height // 9
    luma[::step, :] += 12
    luma[:, ::step] += 12
    y, thick = height * 60 // 100, max(1, height // 180) * 2
    luma[y : y + thick, width // 4 : width * 3 // 4] = _TRACK
    chroma = np.full((2, height // 2, width // 2), 128, dtype=np.uint8)
    chroma[0] = 138  # a breath of blue
    top = height * 82 // 100 // 2 * 2
    edges = np.linspace(0, width // 2, len(_BARS) + 1).astype(int)
    for (bright, u, v), left, right in zip(_BARS, edges, edges[1:], strict=False):
        luma[top:, 2 * left : 2 * right] = bright
        chroma[0, top // 2 :, left:right] = u
        chroma[1, top // 2 :, left:right] = v
    return np.concatenate([luma.ravel(), chroma.ravel()]).reshape(height * 3 // 2, width)


def _disc(size: int) -> npt.NDArray[np.float32]:
    """Opaque in the middle, with a soft edge."""
    size += size % 2
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    distance = np.hypot(axis[:, None], axis[None, :])
    return np.clip((1 - distance) * size / 8, 0, 0.92).astype(np.float32)
