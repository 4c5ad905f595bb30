"""Where people type: validated while they do."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from peerdeck.core.secret import Secret
from peerdeck.gui import assets
from peerdeck.gui.theme import GAP_XS, set_tone, theme
from peerdeck.gui.widgets.buttons import CopyButton, IconButton
from peerdeck.gui.widgets.labels import ElidedLabel, label

_LEAVING = {Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape}
MASK = "••••••••"
REVEALED_MS = 20_000


class FormField(QWidget):
    """A labelled line with its rule's message beneath.

    changed(str): after every edit, by hand or not. submitted(): Enter while it is fine.
    An untouched empty field shows its hint, not a complaint, until `show_problem` asks for it.
    """

    changed = Signal(str)
    submitted = Signal()

    def __init__(
        self,
        name: str,
        problem: Callable[[str], str] = lambda _: "",
        *,
        hint: str = "",
        placeholder: str = "",
        text: str = "",
        mono: bool = False,
    ) -> None:
        super().__init__()
        self._rule = problem
        self._hint = hint
        self._touched = bool(text)
        self.edit = QLineEdit(text)
        self.edit.setPlaceholderText(placeholder)
        self.edit.setAccessibleName(name)
        if mono:
            self.edit.setFont(theme().font("mono"))
        self._name = label(name, "small", "muted")
        self._name.setBuddy(self.edit)
        self._message = label(hint, "small", "muted", wrap=True)
        # Room for one line is kept, so that nothing jumps while one types.
        self._message.setMinimumHeight(self._message.fontMetrics().height())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_XS)
        for part in (self._name, self.edit, self._message):
            column.addWidget(part)
        column.addStretch(1)
        self.edit.textChanged.connect(self._edited)
        self.edit.returnPressed.connect(self._submit)
        self._show()

    def text(self) -> str:
        return self.edit.text()

    def set_text(self, text: str) -> None:
        self.edit.setText(text)

    @property
    def problem(self) -> str:
        """The broken rule in words, or ""."""
        return self._rule(self.edit.text())

    @property
    def message(self) -> str:
        """What stands under the field now."""
        return self._message.text()

    def show_problem(self) -> bool:
        """Shows the complaint even if untouched, focuses the field; whether there was one."""
        self._touched = True
        self._show()
        if self.problem:
            self.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        return bool(self.problem)

    def _edited(self, text: str) -> None:
        self._touched = True
        self._show()
        self.changed.emit(text)

    def _submit(self) -> None:
        if not self.show_problem():
            self.submitted.emit()

    def _show(self) -> None:
        problem = self.problem if self._touched else ""
        self._message.setText(problem or self._hint)
        set_tone(self._message, "tone", "bad" if problem else "muted")
        set_tone(self.edit, "problem", "true" if problem else "")
        self.edit.setAccessibleDescription(problem or self._hint)


class SearchField(QLineEdit):
    """Filters while one types. "/" comes here from anywhere on the page, Esc clears, then leaves.

    left_downwards(): Down or Enter: focus belongs to the list now.
    """

    left_downwards = Signal()

    def __init__(self, placeholder: str = "Filter", page: QWidget | None = None) -> None:
        super().__init__()
        self.setPlaceholderText(f"{placeholder}  ( / )")
        self.setAccessibleName(placeholder)
        self.setClearButtonEnabled(True)
        self._glass = self.addAction(
            assets.icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition
        )
        theme().changed.connect(self._tint)
        shortcut = QShortcut(QKeySequence("/"), page or self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.take_focus)

    def take_focus(self) -> None:
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() in _LEAVING:
            self.left_downwards.emit()
        else:
            super().keyPressEvent(event)

    def _tint(self) -> None:
        self._glass.setIcon(assets.icon("search", "muted"))


class SecretField(QWidget):
    """A secret as dots; the eye shows it for a while, copying never does."""

    def __init__(self, what: str, secret: Secret = Secret("")) -> None:
        super().__init__()
        self._secret = secret
        self._text = ElidedLabel("", "mono")
        self._text.setMinimumWidth(self._text.fontMetrics().horizontalAdvance(MASK) + 2)
        self._text.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._eye = IconButton("eye", f"Show {what}")
        self._eye.setCheckable(True)
        self._eye.toggled.connect(self._show)
        self._copy = CopyButton(self._reveal, what)
        self._what = what
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REVEALED_MS)
        self._timer.timeout.connect(lambda: self._eye.setChecked(False))
        self._eye.be_compact()
        self._copy.be_compact()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_XS)
        row.addWidget(self._text, 1)
        row.addWidget(self._eye)
        row.addWidget(self._copy)
        self._show()

    def set_secret(self, secret: Secret) -> None:
        self._secret = secret
        self._eye.setChecked(False)
        self._show()

    def _reveal(self) -> str:
        return self._secret.reveal()

    @property
    def shown(self) -> str:
        return self._text.text()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._eye.setChecked(False)

    def _show(self) -> None:
        seen = self._eye.isChecked()
        self._timer.start() if seen else self._timer.stop()
        empty = "–"
        self._text.setText((self._secret.reveal() if seen else MASK) if self._secret else empty)
        self._eye.show_icon("eye-off" if seen else "eye")
        self._eye.set_tip(f"{'Hide' if seen else 'Show'} {self._what}")
        for button in (self._eye, self._copy):
            button.setEnabled(bool(self._secret))


def first_problem(fields: Sequence[FormField]) -> bool:
    """Shows every field's complaint and focuses the first; whether there was any."""
    broken = [field for field in fields if field.show_problem()]
    if broken:
        broken[0].edit.setFocus(Qt.FocusReason.OtherFocusReason)
    return bool(broken)
