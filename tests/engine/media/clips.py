"""Small media files, made by FFmpeg's own encoders."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000


def write_clip(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: int = 20,
    size: tuple[int, int] = (160, 120),
    video: str = "mpeg4",
    audio: str = "",
    audio_seconds: float | None = None,
) -> Path:
    """A picture that gets brighter, frame by frame, from 40 to 200; a tone beside it."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream(audio, rate=RATE) if audio else None
        if video:
            stream = container.add_stream(video, rate=fps)
            stream.width, stream.height = size
            stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}.get(video, "yuv420p")
            stream.gop_size = 5
            count = int(seconds * fps)
            for number in range(count):
                luma = np.full((size[1] * 3 // 2, size[0]), 128, dtype=np.uint8)
                luma[: size[1]] = 40 + 160 * number // max(1, count - 1)
                frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode())
        if sound is not None:
            _write_sound(container, sound, audio_seconds or seconds)
    return path


def _write_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, seconds: float
) -> None:
    times = np.arange(int(seconds * RATE)) / RATE
    wave = (8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")[None, :]
    frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    resampler = av.AudioResampler(
        format=stream.format, layout=stream.layout, rate=RATE, frame_size=stream.frame_size or None
    )
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode())
