"""What a session sends: a picture and a sound, each from one place, to however many peers."""

import asyncio
import time
from collections.abc import Callable, Mapping

from aiortc import RTCRtpTransceiver

from peerdeck.core.join import JoinOptions, Source
from peerdeck.core.stats import Picture
from peerdeck.engine.aiortc_adapter.sending import send_codec, watch_losses
from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.media.devices import Camera, Microphone, device_named
from peerdeck.engine.media.feed import AudioFeed, Feed, Playhead, Preview, VideoFeed
from peerdeck.engine.media.files import AudioFile, VideoFile, check_file
from peerdeck.engine.media.picture import FPS, HEIGHT, WIDTH, GeneratedPicture
from peerdeck.engine.media.readers import PictureReader, ToneReader
from peerdeck.engine.video_sink import VideoSink


class MediaSources:
    """Made once for a session; `check()`, then `attach()` for each peer, `aclose()` at the end.

    Nothing is opened before the first peer reads, and everything is closed after the last.
    video, audio: as in JoinOptions; video_source, audio_source: paths or device names. name: burnt
    into the generated picture. on_problem: a source has ended by itself, on the loop.
    problems: why, by "video" and "audio".
    """

    def __init__(
        self,
        *,
        video: Source = Source.NONE,
        audio: Source = Source.NONE,
        video_source: str = "",
        audio_source: str = "",
        name: str = "",
        size: tuple[int, int] = (WIDTH, HEIGHT),
        fps: int = FPS,
        on_problem: Callable[[str, MediaUnusable], None] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.problems: dict[str, MediaUnusable] = {}
        self._on_problem = on_problem
        self._chosen = {"video": (video, video_source), "audio": (audio, audio_source)}
        self._name, self._size, self._fps = name, size, fps
        self._wall_clock = wall_clock
        self._playhead = Playhead()
        self._feeds: dict[str, Feed] = {}
        self._preview: Preview | None = None
        self._sink = VideoSink(lambda: None)
        if video is not Source.NONE:
            self._feeds["video"] = VideoFeed(
                "video", self._open_video, self._playhead, lambda e: self._ended("video", e)
            )
        if audio is not Source.NONE:
            self._feeds["audio"] = AudioFeed(
                "audio", self._open_audio, self._playhead, lambda e: self._ended("audio", e)
            )

    @classmethod
    def of(
        cls,
        options: JoinOptions,
        name: str,
        on_problem: Callable[[str, MediaUnusable], None] | None = None,
    ) -> "MediaSources":
        """What a join was told to send."""
        return cls(
            video=options.video,
            audio=options.audio,
            video_source=options.video_source,
            audio_source=options.audio_source,
            name=name,
            on_problem=on_problem,
        )

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """By "video" and "audio"; only what is sent."""
        return self._feeds

    def sends(self, kind: str) -> bool:
        """kind: "video" or "audio"."""
        return kind in self._feeds

    def watch_picture(self, on_frame: Callable[[], None] | None) -> None:
        """Calls `on_frame` after each frame that is sent, or would be; None ends it.

        While it is watched the picture runs, also when no peer reads it.
        """
        if self._preview is not None:
            self._preview.stop()
            self._preview = None
        feed = self._feeds.get("video")
        if on_frame is None or feed is None:
            self._sink.clear()
            return
        self._sink = VideoSink(on_frame)
        self._preview = Preview(feed, self._sink.show)
        self._preview.begin()

    def picture(self, width: int, height: int) -> Picture | None:
        """The newest frame while it is watched, scaled to fit."""
        return self._sink.picture(width, height)

    async def check(self) -> None:
        """Before joining: can the files be read, are the devices there? Raises MediaUnusable."""
        await asyncio.to_thread(self._check)

    def attach(self, transceiver: RTCRtpTransceiver) -> bool:
        """Sends over `transceiver` what there is of its kind; False where there is nothing.

        After it was made, or its offer applied, and before the local description is. Its direction
        is the caller's. The track ends with the connection.
        """
        feed = self._feeds.get(transceiver.kind)
        if feed is None:
            return False
        transceiver.sender.replaceTrack(feed.track(lambda: send_codec(transceiver)))
        if feed.kind == "video":
            watch_losses(transceiver.sender, lambda: feed.lost(send_codec(transceiver)))
        return True

    async def aclose(self) -> None:
        """Idempotent; at most 2 s."""
        self.watch_picture(None)
        await asyncio.gather(*(feed.aclose() for feed in self._feeds.values()))

    def _check(self) -> None:
        for kind, (source, where) in self._chosen.items():
            if source is Source.FILE:
                check_file(where, kind)
            elif source is Source.DEVICE:
                device_named(where, kind)

    def _open_video(self, begin_s: float) -> PictureReader | VideoFile | Camera:
        source, where = self._chosen["video"]
        if source is Source.FILE:
            return VideoFile(where, begin_s)
        if source is Source.DEVICE:
            return Camera(device_named(where, "video"))
        picture = GeneratedPicture(self._name, *self._size)
        return PictureReader(picture, self._fps, self._wall_clock)

    def _open_audio(self, begin_s: float) -> ToneReader | AudioFile | Microphone:
        source, where = self._chosen["audio"]
        if source is Source.FILE:
            return AudioFile(where, begin_s)
        if source is Source.DEVICE:
            return Microphone(device_named(where, "audio"))
        return ToneReader(self._wall_clock)

    def _ended(self, kind: str, problem: MediaUnusable) -> None:
        self.problems[kind] = problem
        if self._on_problem is not None:
            self._on_problem(kind, problem)
