"""The sound of a session on this machine's speakers, only when asked for."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QIODevice, QObject

from peerdeck.core.errors import UserError

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QAudioSink

RATE: Final = 48_000
CHANNELS: Final = 2
BUFFER_S: Final = 0.2
_SAMPLE_BYTES: Final = 2

NO_DEVICE: Final = UserError(
    "This machine has no sound output.", "Connect a speaker or headphones and unmute again."
)


class Sound(QObject):
    """Plays PCM: 16-bit little-endian, 48 kHz, stereo.

    Holds BUFFER_S at most: what comes while it is full is dropped, so that the sound never falls
    behind the picture.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sink: QAudioSink | None = None
        self._device: QIODevice | None = None
        self.dropped = 0

    @property
    def is_playing(self) -> bool:
        return self._device is not None

    async def start(self) -> None:
        """Raises UserError where there is nothing to play it on. Idempotent."""
        # On a thread: it costs 130 ms, and nobody who stays muted pays for it.
        multimedia: Any = await asyncio.to_thread(importlib.import_module, "PySide6.QtMultimedia")
        if self._device is None:
            self._open(multimedia)

    def _open(self, multimedia: Any) -> None:
        output = multimedia.QMediaDevices.defaultAudioOutput()
        form = multimedia.QAudioFormat()
        form.setSampleRate(RATE)
        form.setChannelCount(CHANNELS)
        form.setSampleFormat(multimedia.QAudioFormat.SampleFormat.Int16)
        if output.isNull():
            raise NO_DEVICE
        if not output.isFormatSupported(form):
            raise UserError(
                f"{output.description()} does not play 48 kHz stereo.",
                "Choose another output in the system's sound settings.",
            )
        sink = multimedia.QAudioSink(output, form, self)
        sink.setBufferSize(int(RATE * BUFFER_S) * CHANNELS * _SAMPLE_BYTES)
        device = sink.start()
        if device is None:
            sink.deleteLater()
            raise UserError(
                f"{output.description()} cannot be opened.", "Another program may hold it."
            )
        self._sink, self._device = sink, device

    def play(self, pcm: bytes) -> None:
        """Whole samples; dropped while muted or full."""
        if self._sink is None or self._device is None:
            return
        if self._sink.bytesFree() < len(pcm):
            self.dropped += len(pcm)
            return
        self._device.write(pcm)

    def stop(self) -> None:
        """Idempotent."""
        sink, self._sink, self._device = self._sink, None, None
        if sink is not None:
            sink.stop()
            sink.deleteLater()
