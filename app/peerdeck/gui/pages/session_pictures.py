"""Pictures and sound of the chosen session: watched, kept, seen large, heard."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QStandardPaths, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage
from PySide6.QtWidgets import QWidget

from peerdeck.core.errors import UserError
from peerdeck.core.session import OWN_PICTURE, Session
from peerdeck.gui.tasks import TaskOwner
from peerdeck.gui.widgets.notes import InlineNote
from peerdeck.gui.widgets.sound import Sound
from peerdeck.gui.widgets.video import PictureSource, VideoView, image_of
from peerdeck.gui.widgets.video_controls import VideoControls
from peerdeck.gui.widgets.video_full import FullScreen

if TYPE_CHECKING:
    from peerdeck.services.sessions import SessionsService

Place = tuple[str, str]  # session id, peer id: "" for the only one, or for what we send
USUAL_SIZE: Final = (1280, 720)  # of a picture that was not measured yet


def pictures_folder() -> Path:
    place = QStandardPaths.StandardLocation.PicturesLocation
    return Path(QStandardPaths.writableLocation(place)) / "Peerdeck"


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """A file that is not there yet: "front-door 2026-03-01 10.22.04.png"."""
    moment = time.strftime("%Y-%m-%d %H.%M.%S")
    for number in range(1, 1000):
        again = f" {number}" if number > 1 else ""
        path = folder / f"{name} {moment}{again}{suffix}"
        if not path.exists():
            return path
    raise UserError(f"{folder} is full of pictures of this second.", "Try again.")


def _size_of(session: Session, peer_id: str) -> tuple[int, int]:
    """Of the picture that comes from a peer, or of what we send."""
    for peer in session.peers:
        stats = peer.stats
        if stats is None:
            continue
        if peer_id == OWN_PICTURE and stats.out_width:
            return stats.out_width, stats.out_height
        if peer_id in {"", peer.id} and stats.width:
            return stats.width, stats.height
    stats = session.stats
    return (stats.width, stats.height) if stats is not None and stats.width else USUAL_SIZE


class WatchedFrames:
    """Tells the service whose frames are announced to whom; what is not seen, is not."""

    def __init__(self, sessions: "SessionsService") -> None:
        self._sessions = sessions
        self._watched: dict[Place, Callable[[], None]] = {}

    def show(self, wanted: Mapping[Place, Callable[[], None]]) -> None:
        for place in [p for p, call in self._watched.items() if wanted.get(p) != call]:
            del self._watched[place]
            self._sessions.watch_frames(place[0], None, place[1])
        for place, call in wanted.items():
            if place not in self._watched:
                self._watched[place] = call
                self._sessions.watch_frames(place[0], call, place[1])


class SessionPictures(QObject):
    """changed(): the full screen came or went, so frames are wanted elsewhere.

    `show_place` says whose picture it is; snapshots, full screen and sound are of that one.
    """

    changed = Signal()

    def __init__(
        self,
        sessions: "SessionsService",
        tasks: TaskOwner,
        note: InlineNote,
        controls: VideoControls,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sessions = sessions
        self._tasks = tasks
        self._note = note
        self._controls = controls
        self._place: Place = ("", "")
        self._title = ""
        self._size = USUAL_SIZE
        self._heard: Place | None = None
        self._opened: Callable[[], object] = lambda: None
        self.sound = Sound(self)
        self.full: FullScreen | None = None
        note.action_requested.connect(self._open_kept)
        self._connect(controls)
        controls.full_requested.connect(self.toggle_full)

    def _connect(self, controls: VideoControls) -> None:
        controls.sound_requested.connect(self.hear)
        controls.snapshot_requested.connect(self.snapshot)

    def source_of(self, place: Place) -> PictureSource:
        session_id, peer_id = place
        return lambda width, height: self._sessions.picture(session_id, width, height, peer_id)

    def show_place(self, place: Place, title: str) -> None:
        """Another picture is looked at: the sound of the one before ends."""
        if place == self._place:
            return
        self._place, self._title = place, title
        self.mute()
        self.close_full()

    def show_session(self, session: Session, words: str) -> None:
        """words: its path, for the strip on the full screen."""
        self._size = _size_of(session, self._place[1])
        if self.full is not None:
            self.full.show_words(f"{self._title}  ·  {words}" if words else self._title)

    # --- keeping a picture -----------------------------------------------------------------

    def snapshot(self) -> None:
        picture = self._sessions.picture(self._place[0], *self._size, self._place[1])
        if picture is None:
            self._note.say("warn", "There is no picture to save yet.")
            return
        image = image_of(picture).copy()
        QGuiApplication.clipboard().setImage(image)
        self._tasks.run("snapshot", self._save(image))

    async def _save(self, image: QImage) -> None:
        folder = pictures_folder()
        path = free_path(folder, self._title.replace(" · ", " "), ".png")

        def write() -> bool:
            folder.mkdir(parents=True, exist_ok=True)
            return image.save(str(path))

        try:
            written = await asyncio.to_thread(write)
        except OSError as error:
            raise UserError(
                f"The picture could not be saved in {folder}.",
                "It is on the clipboard.",
                detail=str(error),
            ) from error
        if not written:
            raise UserError(
                f"{path.name} could not be written.", "The picture is on the clipboard."
            )
        self.tell_kept(f"Saved {path.name}, and on the clipboard.", path)

    def tell_kept(
        self, words: str, path: Path, opened: Callable[[Path], object] | None = None
    ) -> None:
        """A quiet note with a way to open the file, by the system or by `opened`."""
        run = opened or (lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))))
        self._opened = lambda: run(path)
        self._note.say("ok", words, action="Open")

    def _open_kept(self) -> None:
        self._opened()

    # --- on the whole screen ---------------------------------------------------------------

    def toggle_full(self) -> None:
        if self.full is not None:
            self.close_full()
        elif self._controls.full.isEnabled() and self._place[0]:
            self._open_full()

    def _open_full(self) -> None:
        full = self.full = FullScreen(self._title)
        full.video.set_source(self.source_of(self._place))
        full.closed.connect(self._full_closed)
        full.controls.show_sound(self.sound.is_playing)
        full.controls.offer(picture=True, sound=self._controls.sound.isEnabled())
        self._connect(full.controls)
        if isinstance(page := self.parent(), QWidget):
            full.setGeometry(page.screen().geometry())  # the screen on which the page is
        full.showFullScreen()
        self.changed.emit()

    def close_full(self) -> None:
        if self.full is not None:
            self.full.close()

    def _full_closed(self) -> None:
        self.full = None
        self.changed.emit()

    @property
    def full_view(self) -> VideoView | None:
        return self.full.video if self.full is not None else None

    @property
    def place(self) -> Place:
        return self._place

    # --- sound -----------------------------------------------------------------------------

    def hear(self, wanted: bool) -> None:
        if wanted and self._controls.sound.isEnabled():
            self._tasks.run("sound", self._unmute(self._place))
        else:
            self.mute()

    async def _unmute(self, place: Place) -> None:
        await self.sound.start()
        if place != self._place:  # another was chosen meanwhile
            self.sound.stop()
            return
        self._heard = place
        self._sessions.watch_sound(place[0], self.sound.play, place[1])
        self._show_sound(True)

    def mute(self) -> None:
        """Idempotent."""
        self._tasks.cancel("sound")
        if self._heard is not None:
            self._sessions.watch_sound(self._heard[0], None, self._heard[1])
            self._heard = None
        self.sound.stop()
        self._show_sound(False)

    def _show_sound(self, sounding: bool) -> None:
        self._controls.show_sound(sounding)
        if self.full is not None:
            self.full.controls.show_sound(sounding)

    def end(self) -> None:
        """Idempotent."""
        self.mute()
        self.close_full()
