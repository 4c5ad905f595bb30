"""Quiet results, failures that stay, and decisions that destroy."""

from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from peerdeck.core.errors import UserError
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, ROW, set_tone
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.labels import IconLabel, Prose, label

Tone = Literal["info", "ok", "warn", "bad"]
_ICONS = {"info": "info", "ok": "ok", "warn": "warning", "bad": "error"}
QUIET_MS = 5000


class InlineNote(QFrame):
    """A result where it was asked for. "info" and "ok" leave by themselves, others stay until read.

    action_requested(): the button inside was pressed. closed(): it is gone. laid_out(): what it
    says has its place now, and could be scrolled to.
    """

    action_requested = Signal()
    closed = Signal()
    laid_out = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._icon = IconLabel("info", "info")
        # As high as the button at the other end: icon, first line and button stand level.
        self._icon.setFixedHeight(ROW)
        self._title = label("", "strong", wrap=True)
        self._text = Prose()
        self._detail = label("", "mono", "muted", wrap=True)
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._action = Button("")
        self._action.setObjectName("note.action")
        self._action.clicked.connect(self.action_requested)
        self._close = IconButton("close", "Dismiss")
        self._close.clicked.connect(self.clear)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self.clear)
        words = QVBoxLayout()
        words.setSpacing(GAP_XS)
        above = max(0, (ROW - self._text.fontMetrics().height()) // 2)
        words.setContentsMargins(0, above, 0, above)
        for part in (self._title, self._text, self._detail):
            words.addWidget(part)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, GAP_S, GAP_S, GAP_S)
        row.setSpacing(GAP_S)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(self._action, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.tone: Tone = "info"
        self.hide()

    @property
    def text(self) -> str:
        return " ".join(part for part in (self._title.text(), self._text.plain) if part)

    def say(
        self,
        tone: Tone,
        text: str,
        *,
        title: str = "",
        detail: str = "",
        action: str = "",
        stay: bool = False,
    ) -> None:
        """stay: also "info" and "ok" wait to be dismissed."""
        self.tone = tone
        set_tone(self, "note", tone)
        self._icon.show_icon(_ICONS[tone], tone)
        for part, words in ((self._title, title), (self._text, text), (self._detail, detail)):
            part.setText(words)
            part.setVisible(bool(words))
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self._timer.stop()
        if tone in {"info", "ok"} and not stay:
            self._timer.start()
        self.show()

    def say_problem(self, problem: UserError, action: str = "") -> None:
        self.say("bad", problem.remedy, title=problem.title, detail=problem.detail, action=action)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self.laid_out.emit)

    def clear(self) -> None:
        self._timer.stop()
        if not self.isHidden():
            self.hide()
            self.closed.emit()


class ConfirmStrip(QFrame):
    """Asks before something is destroyed: names the thing and the verb, blocks nothing.

    confirmed(str): the key that `ask` was given. Esc and the other button keep the thing.
    """

    confirmed = Signal(str)
    kept = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_tone(self, "note", "warn")
        self._key = ""
        self._back: QWidget | None = None
        self._question = label("", "strong", wrap=True)
        self._consequence = label("", wrap=True)
        self.keep = Button("Keep")
        self.go = Button("", "destructive")
        self.keep.clicked.connect(self._keep)
        self.go.clicked.connect(self._confirm)
        words = QVBoxLayout()
        words.setSpacing(GAP_XS)
        words.addWidget(self._question)
        words.addWidget(self._consequence)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, GAP_S, GAP_S, GAP_S)
        row.setSpacing(GAP_S)
        row.addWidget(IconLabel("warning", "warn"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(self.keep)
        row.addWidget(self.go)
        self.hide()

    @property
    def question(self) -> str:
        return self._question.text()

    def ask(
        self, key: str, question: str, verb: str, *, consequence: str = "", keep: str = "Keep"
    ) -> None:
        """ "Close tunnel pump-07?", "Close tunnel"; focus goes to the harmless button."""
        self._key = key
        self._question.setText(question)
        self._consequence.setText(consequence)
        self._consequence.setVisible(bool(consequence))
        self.keep.setText(keep)
        self.go.setText(verb)
        self._back = self.window().focusWidget()
        self.show()
        self.keep.setFocus(Qt.FocusReason.OtherFocusReason)

    def dismiss(self) -> None:
        if not self.isHidden():
            self._keep()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._keep()
            return
        super().keyPressEvent(event)

    def _keep(self) -> None:
        self._leave()
        self.kept.emit()

    def _confirm(self) -> None:
        key = self._key
        self._leave()
        self.confirmed.emit(key)

    def _leave(self) -> None:
        back = self._back
        self.hide()
        if back is not None and back.isVisible():
            back.setFocus(Qt.FocusReason.OtherFocusReason)
