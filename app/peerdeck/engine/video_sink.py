"""The newest frame of a video track, as pixels of the size that is shown."""

from collections.abc import Callable
from functools import partial

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from peerdeck.core.stats import Picture

Size = tuple[int, int]


class VideoSink:
    """Keeps one frame, never a queue. frames: how many came. width, height: of the last one.

    What was asked for once is prepared for the next frame, by whoever decodes it: its pixels are
    still in the processor's cache there, and the loop has nothing to do but to paint.
    """

    def __init__(self, on_frame: Callable[[], None]) -> None:
        self.frames = 0
        self.width = 0
        self.height = 0
        self._on_frame = on_frame
        self._frame: VideoFrame | None = None
        self._picture: Picture | None = None
        self._asked: Size | None = None  # since the last frame was prepared
        self._size: Size | None = None  # that _picture is made for
        self._scaler = _Scaler()
        self._ahead = _Scaler()  # the decoder's thread's own

    async def drain(self, track: MediaStreamTrack) -> None:
        """Reads until the track ends: aiortc queues without bound what nobody reads."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self.show(frame)

    def prepare(self, frame: VideoFrame) -> Callable[[], None]:
        """On any one thread; what it returns shows the frame, and is for the loop."""
        size, self._asked = self._asked, None  # nothing is asked while nobody looks
        picture = self._ahead.picture(frame, *size) if size is not None else None
        return partial(self.show, frame, size, picture)

    def show(
        self, frame: VideoFrame, size: Size | None = None, picture: Picture | None = None
    ) -> None:
        """From now on the newest; picture: what was made of it for that size."""
        self._frame, self._size, self._picture = frame, size, picture
        self.width, self.height = frame.width, frame.height
        self.frames += 1
        self._on_frame()

    def picture(self, width: int, height: int) -> Picture | None:
        """Fits inside width×height pixels, aspect kept, at even sizes.

        The same object while nothing changed.
        """
        if self._frame is None or width < 1 or height < 1:
            return None
        size = self._asked = width, height
        if size != self._size:
            self._picture, self._size = self._scaler.picture(self._frame, *size), size
        return self._picture

    def clear(self) -> None:
        """Lets go of the pixels, a few megabytes."""
        self._frame = self._picture = self._size = self._asked = None


class _Scaler:
    """For one thread.

    Scaled first, converted then: swscale is twice as fast at the two as at both in one go. AREA is
    a third cheaper than BILINEAR where a picture is halved, and as good.
    """

    def __init__(self) -> None:
        self._scaling = VideoReformatter()
        self._converting = VideoReformatter()

    def picture(self, frame: VideoFrame, width: int, height: int) -> Picture:
        scale = min(width / frame.width, height / frame.height)
        scaled = self._scaling.reformat(
            frame,
            width=_convertible(frame.width * scale),
            height=_even(frame.height * scale),
            interpolation=Interpolation.AREA if scale < 1 else Interpolation.BILINEAR,
            threads=1,
        )
        pixels = self._converting.reformat(scaled, format="bgra", threads=1)
        plane = pixels.planes[0]  # the view keeps it, and it the frame: no copy
        return Picture(pixels.width, pixels.height, plane.line_size, memoryview(plane))


def _convertible(width: float) -> int:
    """WORKAROUND: swscale's conversion from yuv420p leaves the last columns as they were in memory
    where a width is 2 or 4 above a multiple of 16. Until PyAV brings an FFmpeg without that."""
    even = _even(width)
    return even - even % 16 if even > 16 and even % 16 in {2, 4} else even


def _even(size: float) -> int:
    """Chroma has half the size; a fraction of a pixel must not cost one."""
    return max(2, int(size + 1e-6) // 2 * 2)


async def discard(track: MediaStreamTrack) -> None:
    """Reads a track that nobody listens to until it ends."""
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return
