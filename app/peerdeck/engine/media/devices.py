"""Cameras and microphones of this machine, as FFmpeg knows them."""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from peerdeck.engine.errors import MediaUnusable
from peerdeck.engine.media.files import Pcm
from peerdeck.engine.media.tone import CHUNK_S

# Input formats by platform, best first; a build of FFmpeg need not have all of them.
_VIDEO = {"linux": ("v4l2",), "darwin": ("avfoundation",), "win32": ("dshow",)}
_AUDIO = {"linux": ("pulse", "alsa"), "darwin": ("avfoundation",), "win32": ("dshow",)}
# What needs no plug-in of the system's libasound comes first; PyAV brings a libasound of its own.
_ALSA_ORDER = ("sysdefault:", "plughw:", "hw:")
_ALSA_CONFIGURATION = "/usr/share/alsa/alsa.conf"
_WORDS = {"video": "camera", "audio": "microphone"}
_WISHES: tuple[dict[str, str], ...] = (
    {"video_size": "1280x720", "framerate": "30"},
    {},
)  # a camera need not grant them
_POLL_S = 0.005
_SILENT_S = 5.0


@dataclass(frozen=True, slots=True)
class Device:
    """name: what JoinOptions takes; words: what people call it. format: FFmpeg's."""

    name: str
    words: str
    format: str
    is_default: bool = False


def devices(kind: str, platform: str = sys.platform) -> tuple[Device, ...]:
    """kind: "video" or "audio". The one for "" comes first. Blocks for a moment."""
    for format_ in (_VIDEO if kind == "video" else _AUDIO).get(platform, ()):
        _prepare(format_)
        try:
            listed = av.enumerate_input_devices(format_)
        except (ValueError, av.FFmpegError):
            continue  # not in this build, or it cannot list
        found = [
            Device(device.name, device.description or device.name, format_, device.is_default)
            for device in listed
            if device.name != "null" and (not device.media_types or kind in device.media_types)
        ]
        if found:
            return tuple(sorted(found, key=_rank))
    return ()


def _rank(device: Device) -> tuple[bool, int]:
    begins = [device.name.startswith(name) for name in _ALSA_ORDER]
    return not device.is_default, begins.index(True) if True in begins else len(begins)


def _prepare(format_: str) -> None:
    """WORKAROUND: the libasound in PyAV's wheels looks for its configuration where it was built.

    Goes when https://github.com/PyAV-Org/pyav-ffmpeg builds it with the system's path.
    """
    if format_ == "alsa" and Path(_ALSA_CONFIGURATION).exists():
        os.environ.setdefault("ALSA_CONFIG_PATH", _ALSA_CONFIGURATION)


def device_named(name: str, kind: str, platform: str = sys.platform) -> Device:
    """The first one for "". Raises MediaUnusable. Blocks for a moment."""
    listed = devices(kind, platform)
    for device in listed:
        if name in {"", device.name, device.words}:
            return device
    words = _WORDS[kind]
    if not listed:
        raise MediaUnusable(name or words, f"this machine has no {words} that can be used")
    known = ", ".join(device.words for device in listed)
    raise MediaUnusable(name, f"there is no such {words}; there is {known}")


class Camera:
    """Frames as they come. Raises MediaUnusable."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._container = _opened(device, "video")
        self._frames = _decoded(device, self._container, "video")
        rate = self._container.streams.video[0].average_rate
        self.fps = min(60.0, max(5.0, float(rate or 30)))

    def read(self, position_s: float) -> tuple[float, av.VideoFrame]:
        frame = next(self._frames)
        if not isinstance(frame, av.VideoFrame):
            raise TypeError("a camera gives video frames")
        return position_s, frame

    def close(self) -> None:
        self._container.close()


class Microphone:
    """Sound as it comes. Raises MediaUnusable."""

    def __init__(self, device: Device) -> None:
        self._container = _opened(device, "audio")
        self._frames = _decoded(device, self._container, "audio")
        self._chunks: deque[bytes] = deque()
        self._pcm = Pcm()

    def read(self, position_s: float) -> tuple[float, bytes]:
        while not self._chunks:
            frame = next(self._frames)
            if isinstance(frame, av.AudioFrame):
                self._chunks += self._pcm.chunks(frame)
        return position_s - CHUNK_S, self._chunks.popleft()

    def close(self) -> None:
        self._container.close()


def _opened(device: Device, kind: str) -> "av.container.InputContainer":
    name, format_ = device.name, device.format
    if format_ == "dshow":
        name = f"{kind}={name}"
    elif format_ == "avfoundation":
        name = name if kind == "video" else f":{name}"
    why = ""
    for options in _WISHES if kind == "video" and format_ != "lavfi" else ({},):
        try:
            container = av.open(name, format=format_, options=options, timeout=_SILENT_S)
        except (av.FFmpegError, OSError, ValueError) as error:
            why = getattr(error, "strerror", "") or str(error)
            continue
        if container.streams.video if kind == "video" else container.streams.audio:
            return container
        container.close()
        why = f"it gives no {kind}"
    raise MediaUnusable(device.words, why.lower())


def _decoded(
    device: Device, container: "av.container.InputContainer", kind: str
) -> "Iterator[av.VideoFrame | av.AudioFrame]":
    heard_at = time.monotonic()
    while True:
        try:
            for frame in container.decode(**{kind: 0}):
                heard_at = time.monotonic()
                yield frame  # type: ignore[misc]
            raise MediaUnusable(device.words, "it gives nothing any more")
        except BlockingIOError:
            if time.monotonic() - heard_at > _SILENT_S:
                raise MediaUnusable(device.words, "it gives nothing") from None
            time.sleep(_POLL_S)  # FFmpeg's devices have nothing to wait on
        except (av.FFmpegError, OSError) as error:
            raise MediaUnusable(device.words, str(error.strerror or error).lower()) from error
