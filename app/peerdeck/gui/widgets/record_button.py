"""Records a session, and says since when and how much."""

import time

from PySide6.QtCore import Signal

from peerdeck.core.quantities import bytes_text, countdown_text
from peerdeck.core.session import Recording
from peerdeck.gui.theme import set_tone
from peerdeck.gui.widgets.buttons import Button


class RecordButton(Button):
    """record_requested(bool): the user wants it recorded, or no longer."""

    record_requested = Signal(bool)

    def __init__(self) -> None:
        super().__init__("Record", icon="record")
        self.setObjectName("sessions.record")
        self._recording: Recording | None = None
        self.clicked.connect(lambda: self.record_requested.emit(self._recording is None))
        self._tell()

    def show_recording(self, recording: Recording | None) -> None:
        self._recording = recording
        self._tell()

    def _tell(self) -> None:
        recording = self._recording
        set_tone(self, "recording", "true" if recording is not None else "")
        if recording is None:
            text, tip = "Record", "Everything this page shows, into one file"
        else:
            since = countdown_text(time.time() - recording.started_at)
            text = f"{since} · {bytes_text(recording.size)}"
            tip = f"Stop recording to {recording.path}"
        if text != self.text():
            self.setText(text)
        if tip != self.toolTip():
            self.setToolTip(tip)
            self.set_icon(*(("record", "text") if recording is None else ("dot", "bad")))
        self.setAccessibleName("Record" if recording is None else f"Recording, {text}; stop")
