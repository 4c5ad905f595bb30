"""The picture: dusk over hills, lights that drift, a clock that shows how late one sees it.

Drawn as YUV 4:2:0 (BT.601, 16–235), which is what encoders take: nothing is converted per frame.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from peerdeck.localcloud.camera.font import text_mask

Plane = npt.NDArray[np.uint8]
_INK, _SHADE, _NEUTRAL = 230, 34, 128
_SKY = ((0.0, (18, 22, 58)), (0.45, (86, 62, 122)), (0.75, (226, 120, 96)), (1.0, (255, 196, 128)))
_HILLS = (
    (0.62, 0.05, 1.3, (62, 50, 92)),
    (0.72, 0.045, 2.1, (40, 36, 70)),
    (0.83, 0.03, 3.4, (22, 24, 46)),
)


@dataclass(frozen=True, slots=True)
class _Light:
    """A soft disc. color: YUV; path: how often it swings per minute, in x and in y."""

    alpha: npt.NDArray[np.float32]
    color: tuple[int, int, int]
    path: tuple[float, float]
    phase: float


class Scene:
    """`draw` fills a new frame; width and height are even."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._scale = max(1, height // 180)
        self._ground = _planes(_landscape(width, height))
        self._lights = _lights(height)
        margin = 4 * self._scale
        self._clock_at = (margin, height - margin - 11 * self._scale)
        plate = text_mask(name, self._scale)
        self._plate(margin, margin, plate.shape[1], plate)
        self._plate(*self._clock_at, text_mask("00:00:00.000", self._scale).shape[1], None)

    def draw(self, seconds: float, now: datetime) -> Plane:
        """seconds: since the start, for what moves. now: local time, for the clock.

        The result has height·3/2 rows: Y, then U and V, as PyAV's yuv420p takes it.
        """
        frame = self._ground.copy()
        for light in self._lights:
            self._blend(frame, light, seconds)
        clock = f"{now:%H:%M:%S}.{now.microsecond // 1000:03d}"
        self._write(frame, *self._clock_at, text_mask(clock, self._scale))
        return frame

    def _plate(self, x: int, y: int, width: int, mask: npt.NDArray[np.bool_] | None) -> None:
        """Dark and grey, so that text on it changes the luma only."""
        pad = 2 * self._scale
        box = (
            slice(y - y % 2, (y + 7 * self._scale + 2 * pad) // 2 * 2),
            slice(x - x % 2, (x + width + 2 * pad) // 2 * 2),
        )
        luma, *chroma = _split(self._ground, self.width, self.height)
        luma[box] = _SHADE + luma[box] // 8
        for plane in chroma:
            plane[box[0].start // 2 : box[0].stop // 2, box[1].start // 2 : box[1].stop // 2] = (
                _NEUTRAL
            )
        if mask is not None:
            self._write(self._ground, x, y, mask)

    def _write(self, frame: Plane, x: int, y: int, mask: npt.NDArray[np.bool_]) -> None:
        pad = 2 * self._scale
        area = frame[y + pad : y + pad + mask.shape[0], x + pad : x + pad + mask.shape[1]]
        area[mask[: area.shape[0], : area.shape[1]]] = _INK

    def _blend(self, frame: Plane, light: _Light, seconds: float) -> None:
        """Mixes the light into each plane at its place; both lie wholly inside the picture."""
        size = light.alpha.shape[0]
        turn = 2 * math.pi * seconds / 60
        swing_x = 0.5 + 0.5 * math.sin(turn * light.path[0] + light.phase)
        swing_y = 0.5 + 0.5 * math.cos(turn * light.path[1] + light.phase)
        x = int(swing_x * (self.width - size)) // 2 * 2
        y = int((0.12 + 0.5 * swing_y) * (self.height - size)) // 2 * 2
        planes = _split(frame, self.width, self.height)
        for plane, color, step in zip(planes, light.color, (1, 2, 2), strict=True):
            alpha = light.alpha[::step, ::step]
            rows, columns = alpha.shape
            area = plane[y // step : y // step + rows, x // step : x // step + columns]
            area[:] = area + alpha * (color - area.astype(np.float32))


def _split(frame: Plane, width: int, height: int) -> tuple[Plane, Plane, Plane]:
    """Views of Y, U and V."""
    half = height // 2, width // 2
    chroma = frame[height:].reshape(2, *half)
    return frame[:height], chroma[0], chroma[1]


def _landscape(width: int, height: int) -> npt.NDArray[np.float32]:
    """RGB, shape (height, width, 3), 0–255."""
    down = np.linspace(0, 1, height, dtype=np.float32)
    stops = [stop for stop, _ in _SKY]
    sky = np.stack(
        [np.interp(down / 0.85, stops, [color[i] for _, color in _SKY]) for i in range(3)], axis=1
    )
    picture = np.repeat(sky[:, None, :], width, axis=1).astype(np.float32)
    across = np.linspace(0, 2 * math.pi, width, dtype=np.float32)
    glow = np.exp(-(((across - 4.2) / 0.9) ** 2)[None, :] - (((down - 0.66) / 0.22) ** 2)[:, None])
    picture += glow[:, :, None] * np.array([70, 60, 20], dtype=np.float32)
    for level, swing, waves, color in _HILLS:
        ridge = level + swing * (np.sin(across * waves) + 0.4 * np.sin(across * waves * 2.7 + 1))
        # A soft edge of a few pixels instead of stairs.
        cover = np.clip((down[:, None] - ridge[None, :]) * height / 2 + 0.5, 0, 1)[:, :, None]
        shade = np.array(color, dtype=np.float32) * (1.1 - 0.4 * down[:, None, None])
        picture += cover * (shade - picture)
    return np.clip(picture, 0, 255)


def _planes(picture: npt.NDArray[np.float32]) -> Plane:
    """BT.601 limited range, chroma averaged over 2×2."""
    height, width, _ = picture.shape
    red, green, blue = (picture[:, :, i] for i in range(3))
    luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    u = 128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255
    v = 128 + (112 * red - 93.786 * green - 18.214 * blue) / 255
    # Gradients band less with half a step of an ordered pattern.
    luma += (np.indices((height, width)).sum(axis=0) % 2 - 0.5) / 2
    small = [plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for plane in (u, v)]
    parts = [luma.ravel(), *(plane.ravel() for plane in small)]
    return np.concatenate(parts).round().astype(np.uint8).reshape(height * 3 // 2, width)


def _lights(height: int) -> tuple[_Light, ...]:
    return (
        _Light(_disc(height // 3, 0.85, 0.34), (220, 100, 146), (2.0, 3.0), 0.0),
        _Light(_disc(height // 5, 0.55, 0.20), (200, 150, 110), (5.0, 4.0), 2.1),
        _Light(_disc(height // 8, 0.70, 0.30), (210, 118, 160), (9.0, 7.0), 4.0),
    )


def _disc(size: int, strength: float, core: float) -> npt.NDArray[np.float32]:
    """Opaque within `core` of its radius, then fading."""
    size += size % 2
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    distance = np.hypot(axis[:, None], axis[None, :])
    fade = np.clip((1 - distance) / (1 - core), 0, 1)
    return (strength * fade**2).astype(np.float32)
