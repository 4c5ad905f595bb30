"""Everything that can be chosen for a join, beside the channel; checked while one chooses."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QVBoxLayout,
    QWidget,
)

from peerdeck.core.channel import Role
from peerdeck.core.join import JoinOptions
from peerdeck.gui.models.join_options import defaults_for, join_problems
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XL, GAP_XS, ROW
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.cards import scrolled
from peerdeck.gui.widgets.join_fields import JoinFields
from peerdeck.gui.widgets.labels import hairline, label

_NAMES_WIDTH: Final = 104
_VERBS: Final = {Role.VIEWER: "Join as viewer", Role.MASTER: "Join as master"}


class _Section(QWidget):
    """A heading and lines: name at the left, what is chosen, and beneath it what is wrong."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP_M)
        self._grid.setVerticalSpacing(GAP_XS)
        self._grid.setColumnMinimumWidth(0, _NAMES_WIDTH)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(label(title, "strong", "muted"), 0, 0, 1, 2)

    def add(self, name: str, *widgets: QWidget) -> None:
        top = Qt.AlignmentFlag.AlignTop
        for widget in widgets:
            row = self._grid.rowCount()
            if widget is widgets[0]:
                said = label(name, tone="muted")
                said.setMinimumHeight(ROW)
                said.setBuddy(widget)
                self._grid.addWidget(said, row, 0, top)
            self._grid.addWidget(widget, row, 1)


class JoinOptionsPanel(QFrame):
    """submitted(JoinOptions): fine, and the user wants to join so. closed(): back.

    What is chosen stays until another channel is shown.
    """

    submitted = Signal(object)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("join")
        self.setProperty("role", "panel")
        self.fields = JoinFields()
        self._problems = {name: _complaint() for name in self.fields.places}
        self._asked = False
        self.submit = Button(_VERBS[Role.VIEWER], "primary", "play")
        self.submit.setObjectName("join.submit")
        self.reset = Button("Reset", "quiet", "rotate")
        self.reset.setObjectName("join.reset")
        self.reset.setToolTip("Everything as one click chooses it")
        self.summary = label("", "small", "muted", wrap=True)
        self._lay_out()
        self.fields.changed.connect(self._check)
        self.fields.role.chosen.connect(self._role_chosen)
        self.submit.clicked.connect(self._submit)
        self.reset.clicked.connect(lambda: self.show_options(defaults_for(self.options().role)))
        self._check()

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(GAP_L, GAP_S, GAP_L, GAP_L)
        column.setSpacing(GAP_XL - GAP_S)
        for title, lines in self.fields.sections:
            column.addWidget(self._section(title, lines))
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 1, 1, 1)
        outer.setSpacing(0)
        outer.addLayout(self._head())
        outer.addWidget(scrolled(inner), 1)
        outer.addWidget(hairline())
        foot = QHBoxLayout()
        foot.setContentsMargins(GAP_L, GAP_S, GAP_L, GAP_S)
        foot.setSpacing(GAP_S)
        foot.addWidget(self.submit)
        foot.addWidget(self.reset)
        foot.addWidget(self.summary, 1)
        outer.addLayout(foot)

    def _head(self) -> QLayout:
        close = IconButton("close", "Close", "Esc")
        close.setObjectName("join.close")
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setContentsMargins(GAP_L, GAP_S, GAP_S, GAP_XS)
        head.addWidget(label("Join options", "strong"), 1)
        head.addWidget(close)
        return head

    def _section(self, title: str, lines: Sequence[tuple[str, tuple[QWidget, ...]]]) -> QWidget:
        section = _Section(title)
        for name, widgets in lines:
            here = [p for f, p in self._problems.items() if self.fields.places[f] in widgets]
            section.add(name, *widgets, *here)
        return section

    # --- what is chosen --------------------------------------------------------------------

    def options(self) -> JoinOptions:
        """As chosen, whether they are fine or not."""
        return self.fields.options()

    def show_options(self, options: JoinOptions) -> None:
        self._asked = False
        self.fields.show_options(options)
        self._check()

    def show_uris(self, uris: Sequence[str]) -> None:
        """TURN URIs that were fetched for the channel, to choose from."""
        self.fields.show_uris(uris)

    def start(self) -> None:
        """It has just been opened."""
        self.fields.client_id.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def problems(self) -> dict[str, str]:
        """What is said under the fields now."""
        return {f: p.text() for f, p in self._problems.items() if p.text()}

    def _role_chosen(self, role: str) -> None:
        """What one sends follows the role, as long as nothing else was chosen."""
        now = self.options()
        before = Role.MASTER if role == Role.VIEWER else Role.VIEWER
        usual, wanted = defaults_for(before), defaults_for(Role(role))
        if (now.video, now.audio) == (usual.video, usual.audio):
            self.fields.show_sources(wanted.video, wanted.audio)
        self._check()

    def _check(self) -> None:
        problems = join_problems(self.options())
        for field, said in self._problems.items():
            text = problems.get(field, "")
            if text and text == "is required." and not self._asked:
                text = ""  # an empty field is not wrong before one wants to go on
            said.setText(text and f"{field} {text}")
            said.setVisible(bool(text))
            self.fields.mark(field, bool(text))
        self.submit.setText(_VERBS[self.options().role])

    def _submit(self) -> None:
        self._asked = True
        self._check()
        broken = next((f for f in self._problems if f in self.problems), "")
        if broken:
            self.fields.places[broken].setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.submitted.emit(self.options())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._submit()
        else:
            super().keyPressEvent(event)


def _complaint() -> QLabel:
    said = label("", "small", "bad", wrap=True)
    said.hide()
    return said
