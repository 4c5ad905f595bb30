"""The access tokens of a tunnel: where they are, never what they are."""

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from peerdeck.core.tunnel import Mode, TokenState
from peerdeck.gui.theme import GAP_L, GAP_S, GAP_XS
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.cards import Card
from peerdeck.gui.widgets.fields import MASK
from peerdeck.gui.widgets.labels import IconLabel, label

_STATES: Final = {
    TokenState.UNUSED: "unused",
    TokenState.USED: "used",
    TokenState.ROTATED: "rotated, unused",
}
_NAMES: Final = {Mode.SOURCE: "Source", Mode.DESTINATION: "Destination"}


class TokenPanel(Card):
    """rotate_requested(tuple[Mode, ...]): the user wants new tokens for these."""

    rotate_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__("Access tokens")
        self.setObjectName("tunnels.tokens")
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP_L)
        grid.setVerticalSpacing(GAP_XS)
        grid.setColumnStretch(2, 1)
        self._masks = {mode: label("", "mono") for mode in Mode}
        self._places = {mode: label("", "small", "muted") for mode in Mode}
        for row, mode in enumerate(Mode):
            grid.addWidget(label(_NAMES[mode], tone="muted"), row, 0)
            grid.addWidget(self._masks[mode], row, 1)
            grid.addWidget(self._places[mode], row, 2)
        self.body.addLayout(grid)
        self._warning = self._make_warning()
        self.add(self._warning)
        self.buttons: dict[tuple[Mode, ...], Button] = {
            (Mode.SOURCE,): Button("Rotate source", icon="rotate"),
            (Mode.DESTINATION,): Button("Destination"),
            (Mode.SOURCE, Mode.DESTINATION): Button("Both"),
        }
        row_of_buttons = QHBoxLayout()
        row_of_buttons.setSpacing(GAP_S)
        for modes, button in self.buttons.items():
            names = [_NAMES[mode].lower() for mode in modes]
            button.setAccessibleName(f"Rotate {' and '.join(names)} token")
            button.setObjectName(f"tunnels.rotate.{names[0] if len(names) == 1 else 'both'}")
            button.clicked.connect(lambda _=False, modes=modes: self.rotate_requested.emit(modes))
            row_of_buttons.addWidget(button)
        row_of_buttons.addStretch(1)
        self.body.addLayout(row_of_buttons)

    def _make_warning(self) -> QWidget:
        line = QWidget()
        self._warning_text = label("", "small", "warn", wrap=True)
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_S)
        row.addWidget(IconLabel("warning", "warn"), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._warning_text, 1)
        return line

    def show_tokens(
        self, known: Mapping[Mode, TokenState | None], *, where: str, warning: str, usable: bool
    ) -> None:
        """known: None for one that is not here, absent while asking. where: "keyring" or "memory".

        usable: whether the tunnel is open and its tokens can be rotated.
        """
        place = "kept in the keyring" if where == "keyring" else "in memory only"
        for mode in Mode:
            has = known.get(mode)
            self._masks[mode].setText(MASK if has else "–")
            words = "not on this machine" if mode in known else ""
            self._places[mode].setText(f"{_STATES[has]}, {place}" if has else words)
        shown = bool(warning) and any(known.values())
        self._warning.setVisible(shown)
        self._warning_text.setText(warning)
        for button in self.buttons.values():
            button.setEnabled(usable)

    def place_of(self, mode: Mode) -> str:
        return self._places[mode].text()

    @property
    def warning(self) -> str:
        return "" if self._warning.isHidden() else self._warning_text.text()
