"""Recordings and dumps: made, opened, kept in another format, put away."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QPoint, QStandardPaths, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.quantities import bytes_text
from peerdeck.core.rtc_stats import Member
from peerdeck.core.session import Recording, Session
from peerdeck.gui import assets
from peerdeck.gui.pages.session_pictures import SessionPictures
from peerdeck.gui.tasks import TaskOwner
from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.export import ExportDialog
from peerdeck.gui.widgets.notes import InlineNote
from peerdeck.gui.widgets.record_button import RecordButton

if TYPE_CHECKING:
    from peerdeck.wiring import Console

RECENT: Final = 8
SUFFIX: Final = ".prec"
OPEN_FILTER: Final = (
    f"Recordings and dumps (*{SUFFIX} *.json *.txt *.gz *.jsonl);;"
    f"Peerdeck recordings (*{SUFFIX});;webrtc-internals dumps (*.json *.txt *.gz);;All files (*)"
)
_DUMP: Final = "As webrtc-internals dump…"
_CSV: Final = "As CSV table…"


def recordings_folder() -> Path:
    place = QStandardPaths.StandardLocation.DocumentsLocation
    return Path(QStandardPaths.writableLocation(place)) / "Peerdeck"


class SessionFiles(QObject):
    """opened(str): id of a recording that the user has just opened."""

    opened = Signal(str)

    def __init__(
        self,
        console: "Console",
        tasks: TaskOwner,
        note: InlineNote,
        pictures: SessionPictures,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._console = console
        self._tasks = tasks
        self._note = note
        self._pictures = pictures
        self._page = parent
        self._session: Session | None = None
        self._log: tuple[str, SessionLog, str] | None = None
        self.record = RecordButton()
        self.open = IconButton("folder", "Open a recording or a webrtc-internals dump", "Ctrl+O")
        self.open.setObjectName("sessions.open")
        self.export = IconButton("download", "Export")
        self.export.setObjectName("sessions.export")
        self.record.record_requested.connect(self._record)
        self.open.clicked.connect(self._offer_open)
        self.export.clicked.connect(self._offer_export)

    # --- what is on the desk ---------------------------------------------------------------

    def show_session(self, session: Session | None) -> None:
        """The session that Record is of; None for a recording, or for nothing."""
        before, self._session = self._session, session
        recording = session.recording if session is not None else None
        if before is not None and session is not None and before.id == session.id:
            self._tell_end(before.recording, recording)
        self.record.setVisible(session is not None and session.is_live)
        going = recording is not None and recording.problem is None
        self.record.show_recording(recording if going else None)

    def show_log(self, title: str, log: SessionLog | None, peer_id: str) -> None:
        """What Export is of."""
        self._log = (title, log, peer_id) if log is not None else None
        self.export.setEnabled(self._log is not None)

    # --- recording -------------------------------------------------------------------------

    def _record(self, wanted: bool) -> None:
        session = self._session
        if session is None:
            return
        if wanted:
            self._tasks.run(f"record {session.id}", self._start(session.id))
        else:
            self._tasks.run(f"record {session.id}", self._stop(session.id))

    async def _start(self, session_id: str) -> None:
        await self._console.recordings.start(session_id)

    async def _stop(self, session_id: str) -> None:
        await self._console.recordings.stop(session_id)

    def _tell_end(self, before: Recording | None, now: Recording | None) -> None:
        """However it ended: by the button, with the session, or because it cannot be written."""
        if now is not None and now.problem is not None:
            if before is None or before.problem is None:
                self._note.say_problem(now.problem)
        elif before is not None and before.problem is None and now is None:
            path = Path(before.path)
            words = f"Recorded {path.name}, {bytes_text(before.size)}."
            self._pictures.tell_kept(words, path, self._open_path)

    # --- opening ---------------------------------------------------------------------------

    def _offer_open(self) -> None:
        recent = [Path(p) for p in self._console.settings.state.value.recordings]
        there = [path for path in recent if path.exists()]
        if not there:
            self.ask_what_to_open()
            return
        menu = QMenu(self._page)
        menu.setObjectName("sessions.open.menu")
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(assets.icon("folder"), "Open…", self.ask_what_to_open)
        menu.addSeparator()
        for path in there:
            action = menu.addAction(path.name)
            action.setToolTip(str(path))
            action.triggered.connect(lambda _=False, path=path: self.open_files([path]))
        _pop_up(menu, self.open)

    def ask_what_to_open(self) -> None:
        folder = recordings_folder()
        start = str(folder) if folder.exists() else ""
        dialog = QFileDialog(self._page, "Open recordings", start, OPEN_FILTER)
        dialog.setObjectName("sessions.open.dialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.open_files([Path(n) for n in names]))
        dialog.open()

    def open_files(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self._tasks.run(f"open {path}", self._open(path))

    def _open_path(self, path: Path) -> None:
        self.open_files([path])

    async def _open(self, path: Path) -> None:
        opening = f"Opening {path.name}…"
        self._note.say("info", opening, stay=True)
        ids = await self._console.recordings.open(path)
        if self._note.text == opening:
            self._note.clear()
        settings = self._console.settings
        recent = [str(path), *(p for p in settings.state.value.recordings if p != str(path))]
        settings.change(recordings=tuple(recent[:RECENT]))
        if ids:
            self.opened.emit(ids[0])

    def close(self, recording_id: str) -> None:
        self._console.recordings.close(recording_id)

    # --- other formats ---------------------------------------------------------------------

    def _offer_export(self) -> None:
        menu = QMenu(self._page)
        menu.setObjectName("sessions.export.menu")
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(_DUMP, self._ask_for_dump)
        menu.addAction(_CSV, self._ask_for_csv)
        _pop_up(menu, self.export)

    def _ask_for_dump(self) -> None:
        self._ask("Export a webrtc-internals dump", ".json", self.export_dump)

    def _ask_for_csv(self) -> None:
        if self._log is None:
            return
        _, log, peer_id = self._log
        dialog = ExportDialog(log.peers.get(peer_id) or PeerLog(peer_id), self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(
            lambda members: self._ask(
                "Export a table", ".csv", lambda path: self.export_csv(path, members)
            )
        )
        dialog.open()

    def _ask(self, title: str, suffix: str, export: Callable[[Path], None]) -> None:
        if self._log is None:
            return
        name = str(recordings_folder().parent / f"{self._log[0].replace(' · ', ' ')}{suffix}")
        dialog = QFileDialog(self._page, title, name)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix.lstrip("."))
        dialog.fileSelected.connect(lambda chosen: export(Path(chosen)))
        dialog.open()

    def export_dump(self, path: Path) -> None:
        if self._log is not None:
            self._tasks.run("export", self._export_dump(self._log[1], path))

    def export_csv(self, path: Path, members: Sequence[Member] | None = None) -> None:
        """members: None for all."""
        if self._log is not None:
            _, log, peer_id = self._log
            self._tasks.run("export", self._export_csv(log, path, peer_id, members))

    async def _export_dump(self, log: SessionLog, path: Path) -> None:
        await self._console.recordings.export_internals(log, path)
        self._pictures.tell_kept(f"Exported {path.name}.", path)

    async def _export_csv(
        self, log: SessionLog, path: Path, peer_id: str, members: Sequence[Member] | None
    ) -> None:
        peer = log.peers.get(peer_id)
        if members is None:
            members = peer.table.members() if peer is not None else ()
        await self._console.recordings.export_csv(log, path, members, peer_id)
        self._pictures.tell_kept(f"Exported {path.name}.", path)


def _pop_up(menu: QMenu, button: QWidget) -> None:
    corner = button.mapToGlobal(button.rect().bottomRight())
    menu.popup(QPoint(corner.x() - menu.sizeHint().width(), corner.y() + 1))
