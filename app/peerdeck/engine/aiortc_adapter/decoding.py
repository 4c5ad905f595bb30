"""The decoding thread of one receiver, measured."""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import av
from aiortc import RTCRtpReceiver
from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.codecs.vpx import Vp8Decoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peerdeck.engine.aiortc_adapter.inbound import Inbound, MeasuredFrame

_log = logging.getLogger(__name__)
_LONGEST_S = 0.12  # a frame of Opus; what is longer is a pause of the sender
_WAITING_KEPT = 60  # encoded frames
_DECODED_KEPT = 8
_START_CODE = b"\x00\x00\x01"
_NAL_IDR = 5
_Task = tuple[RTCRtpCodecParameters, MeasuredFrame]


# Shows the frames of a video. It is called on the decoder's thread, while a frame is still in the
# processor's cache; what it returns is called on the loop.
Screen = Callable[[av.VideoFrame], Callable[[], None]]


class _Vp8(Vp8Decoder):
    """FFmpeg's own: a quarter cheaper than libvpx, of which FFmpeg has to copy every frame."""

    def __init__(self) -> None:
        self.codec = av.CodecContext.create("vp8", "r")
        self.codec.thread_count = 1  # a second one costs more than it brings


class Decoding:
    """Takes the place of the queue between a receiver and its decoding thread.

    aiortc's thread asks it for work and gets none but the end: what there is to do is done within
    `get()`, so that it can be timed, and decoded frames reach the loop by one callback instead of a
    task each. Every attribute of a stream has one thread that writes it.

    screen: gets the frames instead of the track. wanted: False lets sound go undecoded; its samples
    are counted by their timestamps then.

    Bounded at both ends: behind a decoder that is too slow frames are dropped until a key frame,
    which is asked for; before a loop that is busy the oldest decoded ones are.
    """

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        loop: asyncio.AbstractEventLoop,
        screen: Screen | None = None,
    ) -> None:
        self._receiver = receiver
        self._screen = screen
        self._failed: threading.Event = receiver._RTCRtpReceiver__decoder_error  # type: ignore[attr-defined]
        self._loop = loop
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._decoded: deque[Callable[[], None]] = deque(maxlen=_DECODED_KEPT)
        self._scheduled = False
        self._skipping = False
        self._ending = False
        self.wanted = True
        self._passed: int | None = None  # timestamp of the last frame that was let go
        self._codec = ""
        self._decoder: Decoder | None = None

    def put(self, task: _Task | None) -> None:
        if task is not None and not self.wanted:
            self._pass(*task)
            return
        self._passed = None
        self._ending = self._ending or task is None
        if task is None or not self._is_too_much(*task):
            self._tasks.put(task)

    def _is_too_much(self, codec: RTCRtpCodecParameters, encoded: MeasuredFrame) -> bool:
        waiting = self._tasks.qsize()
        if self._skipping and waiting < _WAITING_KEPT / 2 and starts_anew(codec.name, encoded.data):
            self._skipping = False
        elif not self._skipping and waiting >= _WAITING_KEPT:
            self._skipping = True
            self._failed.set()  # aiortc asks for a key frame with the next packet
        encoded.stream.skipped += self._skipping
        return self._skipping

    def get(self) -> None:
        """Until the end, for which aiortc's loop waits: what is still queued is let go then."""
        while (task := self._tasks.get()) is not None:
            if not self._ending:
                self._decode(*task)
        self._decoder = None

    def _decode(self, codec: RTCRtpCodecParameters, encoded: MeasuredFrame) -> None:
        if self._decoder is None or codec.name != self._codec:
            self._decoder, self._codec = _decoder_of(codec), codec.name
        stream = encoded.stream
        stream.decoder = stream.decoder or _implementation(self._decoder)
        started = perf_counter()
        try:
            frames = self._decoder.decode(encoded)
        except av.FFmpegError as error:
            _log.info("a %s frame could not be decoded: %s", codec.name, error)
            stream.undecodable += 1
            self._failed.set()
            return
        now = perf_counter()
        stream.decode_s += now - started
        for frame in frames:
            _measure(stream, frame, encoded, now)
            self._hand_over(stream, frame)

    def _pass(self, codec: RTCRtpCodecParameters, encoded: MeasuredFrame) -> None:
        before, self._passed = self._passed, encoded.timestamp
        # The clock of G.722 ticks at half its rate, by mistake (RFC 3551 §4.5.2).
        scale = 2 if codec.name == "G722" else 1
        samples = scale * (encoded.timestamp - before) if before is not None else 0
        stream = encoded.stream
        if 0 < samples <= _LONGEST_S * codec.clockRate * scale:
            stream.samples += samples
            stream.sample_rate = codec.clockRate * scale
            stream.emitted += samples
            stream.waited_s += encoded.waited_s * samples

    def _hand_over(self, stream: Inbound, frame: Any) -> None:
        show = self._screen(frame) if self._screen is not None else partial(self._queue, frame)
        stream.late += len(self._decoded) == _DECODED_KEPT
        self._decoded.append(show)
        if not self._scheduled:
            self._scheduled = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        while self._receiver._track is not None and self._decoded:
            self._decoded.popleft()()

    def _queue(self, frame: Any) -> None:
        self._receiver._track._queue.put_nowait(frame)  # type: ignore[union-attr]


def _decoder_of(codec: RTCRtpCodecParameters) -> Decoder:
    return _Vp8() if codec.name == "VP8" else get_decoder(codec)


def starts_anew(codec: str, data: bytes) -> bool:
    """Whether a frame needs no other (RFC 6386 §9.1; H.264 §7.4.1: an IDR slice)."""
    if codec == "VP8":
        return bool(data) and not data[0] & 1
    if codec == "H264":
        place = data.find(_START_CODE)
        while 0 <= place < len(data) - len(_START_CODE):
            if data[place + len(_START_CODE)] & 0x1F == _NAL_IDR:
                return True
            place = data.find(_START_CODE, place + len(_START_CODE))
        return False
    return True


def _measure(stream: Inbound, frame: Any, encoded: MeasuredFrame, now: float) -> None:
    if isinstance(frame, av.VideoFrame):
        stream.pictures.shown(now, frame.width, frame.height, key=bool(frame.key_frame))
    elif isinstance(frame, av.AudioFrame):
        stream.samples += frame.samples
        stream.sample_rate = frame.sample_rate
        stream.emitted += frame.samples
        stream.waited_s += encoded.waited_s * frame.samples


def _implementation(decoder: Decoder) -> str:
    """FFmpeg's own decoders by the name that browsers give them."""
    name = str(getattr(getattr(decoder, "codec", None), "name", ""))
    return "FFmpeg" if name in {"vp8", "h264"} else name
