"""What one does with a picture: hear it, keep it, see it large."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from peerdeck.gui.theme import GAP_XS
from peerdeck.gui.widgets.buttons import IconButton


class VideoControls(QWidget):
    """sound_requested(bool): unmute, or mute. snapshot_requested(), full_requested()."""

    sound_requested = Signal(bool)
    snapshot_requested = Signal()
    full_requested = Signal()

    def __init__(self, name: str, *, full: bool = False) -> None:
        """full: these are on the full screen, and lead back."""
        super().__init__()
        self._sounding = False
        self.sound = IconButton("muted", "Unmute", "M")
        self.snapshot = IconButton("camera", "Save the picture", "Ctrl+S")
        self.full = IconButton("fullscreen", "Full screen", "F11")
        if full:
            self.full.show_icon("close")
            self.full.set_tip("Leave full screen", "Esc")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_XS)
        for what, button in (
            ("sound", self.sound),
            ("snapshot", self.snapshot),
            ("full", self.full),
        ):
            button.setObjectName(f"{name}.{what}")
            button.be_compact()
            row.addWidget(button)
        self.sound.clicked.connect(lambda: self.sound_requested.emit(not self._sounding))
        self.snapshot.clicked.connect(self.snapshot_requested)
        self.full.clicked.connect(self.full_requested)

    def show_sound(self, sounding: bool) -> None:
        self._sounding = sounding
        self.sound.show_icon("sound" if sounding else "muted", "accent" if sounding else "muted")
        self.sound.set_tip("Mute" if sounding else "Unmute", "M")

    def offer(self, *, picture: bool, sound: bool) -> None:
        """What there is something of."""
        self.sound.setEnabled(sound)
        self.snapshot.setEnabled(picture)
        self.full.setEnabled(picture)
