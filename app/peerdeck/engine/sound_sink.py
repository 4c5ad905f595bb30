"""A received sound as PCM for a loudspeaker."""

from collections.abc import Callable

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

RATE = 48_000


class SoundSink:
    """on_sound: gets interleaved signed 16-bit little-endian samples, 48 kHz stereo; None: silence.

    frames: how many came, listened to or not.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.on_sound: Callable[[bytes], None] | None = None
        self._resampler = AudioResampler(format="s16", layout="stereo", rate=RATE)

    async def drain(self, track: MediaStreamTrack) -> None:
        """Reads until the track ends: aiortc queues without bound what nobody reads."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.frames += 1
            if self.on_sound is not None and isinstance(frame, AudioFrame):
                self.on_sound(self._pcm(frame))

    def _pcm(self, frame: AudioFrame) -> bytes:
        return b"".join(
            bytes(part.planes[0])[: 4 * part.samples] for part in self._resampler.resample(frame)
        )
