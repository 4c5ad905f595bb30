"""The generated sound: a short tone at every full second, when the picture's line is empty."""

import numpy as np

RATE = 48_000
CHUNK = 960  # samples, 20 ms
CHUNK_S = CHUNK / RATE
CHUNK_BYTES = 4 * CHUNK  # 16 bit, stereo
_PITCH_HZ = 880
_LENGTH_S = 0.2
_LOUDNESS = 0.22  # of full scale
_FADE_S = 0.01


class Tone:
    """`chunk` is 20 ms of 16-bit little-endian stereo at 48 kHz."""

    def __init__(self) -> None:
        times = np.arange(int(_LENGTH_S * RATE)) / RATE
        fade = np.clip(np.minimum(times, times[::-1]) / _FADE_S, 0, 1)
        wave = np.sin(2 * np.pi * _PITCH_HZ * times) * fade * _LOUDNESS * 32767
        second = np.zeros((RATE, 2), dtype="<i2")
        second[: len(wave)] = wave.astype("<i2")[:, None]
        self._second = second.tobytes()

    def chunk(self, second_part_s: float) -> bytes:
        """That begins so long after a full second, 0 to 1."""
        number = int(second_part_s / CHUNK_S + 0.5) % (RATE // CHUNK)
        return self._second[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
