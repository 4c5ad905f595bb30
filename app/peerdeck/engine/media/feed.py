"""One source, read by many peers: a thread draws or decodes, and encodes, while anybody reads."""

import asyncio
import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from av.packet import Packet

from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.media.encoding import CLOCK_RATE, SharedEncoder, VideoPacket, encodable
from peerdeck.engine.media.readers import AudioReader, VideoReader
from peerdeck.engine.media.tone import CHUNK, RATE

_log = logging.getLogger(__name__)
Item: TypeAlias = "VideoPacket | VideoFrame | bytes"
Items: TypeAlias = Mapping[str, Sequence[Item]]  # by codec

RAW = "raw"  # as it comes, not encoded
_QUEUE = 60  # two seconds of video, one of sound
_CLOSE_S = 2.0
_KEY_INTERVAL_S = 0.15
_LOSS_INTERVAL_S = 0.5  # packets are shared: one viewer's bad path must not cost the others
_AUDIO_TIME_BASE = Fraction(1, RATE)


class Playhead:
    """Where the sources are, in seconds: picture and sound of one file stay together.

    Begins with the first feed that runs, and anew when all have stopped.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began_at = 0.0
        self._running = 0

    def begin(self) -> None:
        if not self._running:
            self._began_at = self._clock()
        self._running += 1

    def end(self) -> None:
        self._running -= 1

    @property
    def position_s(self) -> float:
        return self._clock() - self._began_at


class FeedTrack(MediaStreamTrack):
    """One peer's share. Reading begins the feed; one who falls behind loses what waited."""

    def __init__(self, feed: "Feed", codec: Callable[[], str]) -> None:
        super().__init__()
        self.kind = feed.kind
        self.codec = ""
        self._feed = feed
        self._negotiated = codec
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue(_QUEUE)
        self._needs_key = False

    async def recv(self) -> "VideoPacket | AudioFrame":
        if self.readyState != "live":
            raise MediaStreamError
        if not self.codec:
            self.codec = self._negotiated()
            self._needs_key = self.kind == "video"
            self._feed.begin(self)
        item = await self._queue.get()
        if item is None:
            raise MediaStreamError
        return self._packed(item)

    def offer(self, item: Item) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._needs_key = self.kind == "video"
        if self._needs_key and isinstance(item, Packet):
            if not item.is_keyframe:
                self._feed.want_key_frame(self.codec)
                return
            self._needs_key = False
        self._queue.put_nowait(item)

    def stop(self) -> None:
        if self.readyState != "live":
            return
        super().stop()
        self._feed.release(self)
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    def _packed(self, item: Item) -> "VideoPacket | AudioFrame":
        if isinstance(item, bytes | VideoFrame):
            raise TypeError("sound is an AudioTrack's, a raw picture a Preview's")
        return item


class AudioTrack(FeedTrack):
    """Its timestamps have no gaps, whatever was lost: aiortc's resampler insists."""

    _samples = 0

    def _packed(self, item: Item) -> AudioFrame:
        if not isinstance(item, bytes):
            raise TypeError("sound comes as bytes")
        frame = AudioFrame(format="s16", layout="stereo", samples=CHUNK)
        frame.planes[0].update(item)
        frame.sample_rate, frame.time_base = RATE, _AUDIO_TIME_BASE
        frame.pts = self._samples
        self._samples += CHUNK
        return frame


class Preview(FeedTrack):
    """What is sent, as its sender sees it: every frame goes to `on_frame` at once, none waits."""

    def __init__(self, feed: "Feed", on_frame: Callable[[VideoFrame], None]) -> None:
        super().__init__(feed, lambda: RAW)
        self.codec = RAW
        self._on_frame = on_frame

    def begin(self) -> None:
        """Until `stop()`."""
        self._feed.begin(self)

    def offer(self, item: Item) -> None:
        if isinstance(item, VideoFrame):
            self._on_frame(item)


class Feed(ABC):
    """on_problem: why it ended by itself; called on the loop, after its tracks were stopped."""

    kind = ""

    def __init__(
        self, name: str, playhead: Playhead, on_problem: Callable[[MediaUnusable], None]
    ) -> None:
        self._name = name
        self._playhead = playhead
        self._on_problem = on_problem
        self._tracks: set[FeedTrack] = set()
        # Read by the thread; codecs that need a key frame at once, and that may wait a little.
        self._codecs: frozenset[str] = frozenset()
        self._keys: set[str] = set()
        self._lost: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._ended = asyncio.Event()

    @property
    def running(self) -> bool:
        return self._thread is not None

    @property
    def readers(self) -> int:
        return len(self._tracks)

    def track(self, codec: Callable[[], str]) -> FeedTrack:
        """codec: tells the negotiated one at the first recv()."""
        return FeedTrack(self, codec)

    def begin(self, track: FeedTrack) -> None:
        """`track` reads from now on; after `aclose()` it is stopped instead."""
        if self._closed:
            track.stop()
            return
        self._tracks.add(track)
        self._codecs = frozenset(track.codec for track in self._tracks)
        self.want_key_frame(track.codec)
        if len(self._tracks) == 1:
            self._playhead.begin()
            self._ended.clear()
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run,
                args=(self._stop, self._thread, asyncio.get_running_loop()),
                name=f"media/{self._name}",
                daemon=True,  # a device that hangs must not hold up the program's end
            )
            self._thread.start()

    def release(self, track: FeedTrack) -> None:
        """Idempotent."""
        if track not in self._tracks:
            return
        self._tracks.discard(track)
        self._codecs = frozenset(track.codec for track in self._tracks)
        if not self._tracks:
            self._playhead.end()
            self._stop.set()

    def want_key_frame(self, codec: str) -> None:
        """Now, for a reader that begins or has lost what it had; sound has none."""
        self._keys.add(codec)

    def lost(self, codec: str) -> None:
        """A reader says that it cannot go on (RFC 4585 §6.3.1): soon."""
        self._lost.add(codec)

    async def aclose(self) -> None:
        """Idempotent; at most 2 s, after which a device that hangs is left to its thread."""
        self._closed = True
        for track in tuple(self._tracks):
            track.stop()
        if self._thread is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._ended.wait()

    # -- on the thread ---------------------------------------------------------------------------

    @abstractmethod
    def _produce(self, stop: threading.Event, post: Callable[[Items], None]) -> None:
        """Until stop is set. Raises MediaUnusable."""

    def _run(
        self,
        stop: threading.Event,
        before: threading.Thread | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        def call(function: Callable[..., None], *arguments: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(function, *arguments)

        if before is not None:
            before.join(_CLOSE_S)  # a device opens once at a time
        problem: MediaUnusable | None = None
        try:
            self._produce(stop, lambda items: call(self._deliver, stop, items))
        except MediaUnusable as error:
            problem = error
        except Exception:  # noqa: BLE001  the thread's last border: no bug ends in silence
            _log.exception("%s failed", threading.current_thread().name)
            problem = MediaUnusable(self._name, "it failed by a fault of Peerdeck's own")
        call(self._over, threading.current_thread(), problem)

    def _pause(self, stop: threading.Event, due_s: float) -> None:
        ahead_s = due_s - self._playhead.position_s
        if ahead_s > 0:
            stop.wait(ahead_s)

    # -- on the loop again -----------------------------------------------------------------------

    def _deliver(self, stop: threading.Event, items: Items) -> None:
        if stop is not self._stop or stop.is_set():
            return
        for track in tuple(self._tracks):
            for item in items.get(track.codec, ()):
                track.offer(item)

    def _over(self, thread: threading.Thread, problem: MediaUnusable | None) -> None:
        thread.join()  # it has nothing left to do
        if thread is not self._thread:
            return
        self._thread = None
        for track in tuple(self._tracks):
            track.stop()
        self._ended.set()
        if problem is not None:
            self._on_problem(problem)


class VideoFeed(Feed):
    """open_reader: called on the thread with the position to begin at; raises MediaUnusable."""

    kind = "video"

    def __init__(
        self,
        name: str,
        open_reader: Callable[[float], VideoReader],
        playhead: Playhead,
        on_problem: Callable[[MediaUnusable], None],
    ) -> None:
        super().__init__(name, playhead, on_problem)
        self._open = open_reader

    def _produce(self, stop: threading.Event, post: Callable[[Items], None]) -> None:
        reader = self._open(self._playhead.position_s)
        encoders: dict[str, SharedEncoder] = {}
        keyed_at: dict[str, float] = {}
        try:
            while not stop.is_set():
                due_s, raw = reader.read(self._playhead.position_s)
                self._pause(stop, due_s)
                frame = encodable(raw)
                made: dict[str, Sequence[Item]] = {}
                for codec in self._codecs:
                    if codec == RAW:
                        made[RAW] = (frame,)
                        continue
                    encoder = encoders.setdefault(codec, SharedEncoder(codec, reader.fps))
                    packets, key = encoder.encode(
                        frame,
                        int(due_s * CLOCK_RATE),
                        key_frame=self._key_due(codec, due_s - keyed_at.get(codec, -1.0)),
                    )
                    if key:
                        keyed_at[codec] = due_s
                        self._lost.discard(codec)
                    made[codec] = packets
                post(made)
        finally:
            reader.close()

    def _key_due(self, codec: str, since_s: float) -> bool:
        if codec in self._keys:
            self._keys.discard(codec)
            # One that has just been made is on its way; who missed it asks again, frame by frame.
            return since_s >= _KEY_INTERVAL_S
        return codec in self._lost and since_s >= _LOSS_INTERVAL_S


class AudioFeed(Feed):
    """Raw sound: encoding it is cheap, and every peer's codec may differ."""

    kind = "audio"

    def __init__(
        self,
        name: str,
        open_reader: Callable[[float], AudioReader],
        playhead: Playhead,
        on_problem: Callable[[MediaUnusable], None],
    ) -> None:
        super().__init__(name, playhead, on_problem)
        self._open = open_reader

    def track(self, codec: Callable[[], str]) -> FeedTrack:
        return AudioTrack(self, codec)

    def _produce(self, stop: threading.Event, post: Callable[[Items], None]) -> None:
        reader = self._open(self._playhead.position_s)
        try:
            while not stop.is_set():
                due_s, chunk = reader.read(self._playhead.position_s)
                self._pause(stop, due_s)
                post(dict.fromkeys(self._codecs, (chunk,)))
        finally:
            reader.close()
