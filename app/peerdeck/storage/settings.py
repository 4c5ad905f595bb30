"""The settings file."""

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from peerdeck.core.endpoints import Endpoints, check_endpoint
from peerdeck.core.errors import FieldError
from peerdeck.core.settings import Settings

_log = logging.getLogger(__name__)
MAX_BYTES = 1 << 20
_Name = Annotated[str, msgspec.Meta(max_length=256)]
_Long = Annotated[str, msgspec.Meta(max_length=1024)]
_Path = Annotated[str, msgspec.Meta(max_length=4096)]
_Url = Annotated[str, msgspec.Meta(max_length=2048)]
_Blob = Annotated[str, msgspec.Meta(max_length=16_384)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _StoredEndpoints(msgspec.Struct):
    kinesis_video: _Url = ""
    kinesis_video_signaling: _Url = ""
    iot_secure_tunneling: _Url = ""
    sts: _Url = ""
    tunnel_data: _Url = ""
    stun: _Url = ""


class _Stored(msgspec.Struct):
    """core.settings.Settings with bounds. Fields that a newer Peerdeck wrote are passed over."""

    profile: _Name = ""
    region: _Name = ""
    theme: Literal["system", "dark", "light"] = "system"
    endpoints: _StoredEndpoints = msgspec.field(default_factory=_StoredEndpoints)
    ports: Annotated[dict[_Name, _Port], msgspec.Meta(max_length=10_000)] = msgspec.field(
        default_factory=dict
    )
    hold_connections: bool = True
    geometry: _Blob = ""
    columns: Annotated[dict[_Name, _Blob], msgspec.Meta(max_length=100)] = msgspec.field(
        default_factory=dict
    )
    join_options: Annotated[dict[_Long, _Blob], msgspec.Meta(max_length=200)] = msgspec.field(
        default_factory=dict
    )
    recordings: Annotated[tuple[_Path, ...], msgspec.Meta(max_length=20)] = ()


class SettingsFile:
    """Both calls block and belong on a thread. path: instead of the user's configuration folder."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            import platformdirs

            path = platformdirs.user_config_path("peerdeck", appauthor=False) / "settings.json"
        self.path = path
        self.problem = ""

    def load(self) -> Settings:
        """Never fails. What cannot be used is put aside as `settings.json.broken`, defaults hold,
        and `problem` says so in a sentence or two for people."""
        self.problem = ""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            self._report(f"The settings could not be read: {error.strerror}.")
            return Settings()
        try:
            return _decoded(data)
        except (ValueError, FieldError) as error:  # msgspec's errors and bad UTF-8 are ValueErrors
            self._put_aside(error)
            return Settings()

    def save(self, settings: Settings) -> None:
        """Replaces the file in one step; whoever reads sees the old one or the new one, whole.

        Only the user may read it. Raises OSError, and FieldError or ValueError for settings that
        could not be loaded again.
        """
        data = msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n"
        _decoded(data)
        target = self.path.resolve()  # a link to a file elsewhere stays a link
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        _sync_folder(target.parent)

    def _put_aside(self, error: Exception) -> None:
        aside = self.path.with_name(f"{self.path.name}.broken")
        try:
            self.path.replace(aside)
        except OSError as failure:
            self._report(f"The settings file is broken ({error}) and stays: {failure.strerror}.")
            return
        self._report(f"The settings file was broken ({error}). It was put aside as {aside}.")

    def _report(self, problem: str) -> None:
        self.problem = f"{problem} Default settings are used."
        _log.warning("%s", self.problem)


def _decoded(data: bytes) -> Settings:
    """Raises ValueError (msgspec's among them) or FieldError, which is one too."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    stored = msgspec.json.decode(data, type=_Stored, strict=True)
    endpoints = msgspec.structs.asdict(stored.endpoints)
    return Settings(
        profile=stored.profile,
        region=stored.region,
        theme=stored.theme,
        endpoints=Endpoints(**{name: check_endpoint(name, url) for name, url in endpoints.items()}),
        ports=stored.ports,
        hold_connections=stored.hold_connections,
        geometry=stored.geometry,
        columns=stored.columns,
        join_options=stored.join_options,
        recordings=stored.recordings,
    )


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself last through a power cut, where the system can do that."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
