"""What one says over the data channel of the chosen session."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from peerdeck.core.errors import UserError
from peerdeck.core.quantities import bytes_text
from peerdeck.gui.models.data_messages import FILE_BYTES, pieces
from peerdeck.gui.tasks import TaskOwner
from peerdeck.gui.widgets.data_line import DataLine
from peerdeck.gui.widgets.notes import InlineNote

if TYPE_CHECKING:
    from peerdeck.services.sessions import SessionsService


def read_file(path: Path) -> bytes:
    """Blocks. Raises UserError for a file that cannot be read, is empty, or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"{path.name} cannot be read.", "Choose another file.", detail=str(error)
        ) from error
    if len(data) > FILE_BYTES:
        raise UserError(
            f"{path.name} is larger than 1 MB.", "Data channels are slow; use a tunnel for it."
        )
    if not data:
        raise UserError(f"{path.name} is empty.", "Choose another file.")
    return data


class DataSending(QObject):
    """Carries out what the line asks for; a refusal leaves in the line what was typed."""

    def __init__(
        self,
        sessions: "SessionsService",
        tasks: TaskOwner,
        note: InlineNote,
        line: DataLine,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sessions = sessions
        self._tasks = tasks
        self._note = note
        self._line = line
        self._session_id, self._peer_id = "", ""
        line.sent.connect(self._send)
        line.file_chosen.connect(self._send_file)

    def show_place(self, session_id: str, peer_id: str) -> None:
        """Whose channel it is; another session's file stops where it is."""
        if session_id != self._session_id:
            self._tasks.cancel("file")
        self._session_id, self._peer_id = session_id, peer_id

    def _to(self) -> str:
        return "" if self._line.to_all else self._peer_id

    def _send(self, data: str | bytes) -> None:
        try:
            self._sessions.send(self._session_id, data, self._to())
        except UserError as error:
            self._note.say_problem(error)
        else:
            self._line.text_sent()

    def _send_file(self, path: str) -> None:
        self._tasks.run("file", self._file(Path(path)))

    async def _file(self, path: Path) -> None:
        """In pieces: one message of a megabyte is more than most ends take."""
        session_id, peer_id, line = self._session_id, self._to(), self._line
        data = await asyncio.to_thread(read_file, path)
        parts, sent = pieces(data), 0
        line.show_busy(True)
        try:
            for part in parts:
                self._sessions.send(session_id, part, peer_id)
                sent += len(part)
                line.say(f"Sending {path.name}: {bytes_text(sent)} of {bytes_text(len(data))}")
                await asyncio.sleep(0)  # the window breathes between two pieces
        finally:
            line.show_busy(False)
        many = f"{len(parts)} binary messages of at most {bytes_text(len(parts[0]))}"
        how = "one binary message" if len(parts) == 1 else many
        line.say(f"Sent {path.name}, {bytes_text(len(data))}, as {how}.")
