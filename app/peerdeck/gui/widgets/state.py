"""The four states of every list: something to see, nothing yet, coming, failed; and stale."""

from typing import Final, Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from peerdeck.core.errors import UserError
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S, GAP_XS, READING, ROW, set_tone, theme
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.labels import IconLabel, Prose, label

State = Literal["loading", "empty", "error", "ready"]
# Where the columns begin and how far the bars in them reach, as shares of the width.
_STARTS: Final = (0.0, 0.52, 0.70, 0.84)
_BARS: Final = ((0.34, 0.10, 0.06, 0.10), (0.24, 0.12, 0.06, 0.12), (0.29, 0.10, 0.06, 0.08))
_LARGE: Final = 20


class Skeleton(QWidget):
    """Rows where rows will be; does not move. words: lines of text instead of a table."""

    def __init__(self, *, words: bool = False) -> None:
        super().__init__()
        self._columns = 1 if words else len(_STARTS)
        self.setAccessibleName("Loading")
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(320, 12 * ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("skeleton"))
        width = self.width() - 2 * GAP_M
        for row in range(1, self.height() // ROW):
            shares = _BARS[row % len(_BARS)]
            for start, share in tuple(zip(_STARTS, shares, strict=True))[: self._columns]:
                bar = QRectF(GAP_M + width * start, ROW * row + 9, width * share, ROW - 18)
                painter.drawRoundedRect(bar, GAP_XS, GAP_XS)
        painter.end()


class Message(QWidget):
    """An icon, a sentence, what to do, and buttons; in the middle of where the content would be.

    chosen(str): key of the button that was pressed.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._icon = IconLabel("info", "muted", _LARGE)
        self._title = label("", "heading", wrap=True)
        self._text = Prose("muted")
        self._detail = label("", "mono", "muted", wrap=True)
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(GAP_S)
        column = QVBoxLayout()
        column.setSpacing(GAP_S)
        column.addWidget(self._icon)
        for part in (self._title, self._text, self._detail):
            column.addWidget(part)
        column.addSpacing(GAP_S)
        column.addLayout(self._buttons)
        box = QWidget()
        box.setMaximumWidth(READING)
        box.setLayout(column)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(box, 8)
        across.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP_L, GAP_L, GAP_L, GAP_L)
        outer.addStretch(2)
        outer.addLayout(across)
        outer.addStretch(3)
        self.keys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(t for t in (self._title.text(), self._text.plain) if t)

    def tell(
        self,
        icon: str,
        title: str,
        text: str,
        *,
        tone: str = "muted",
        detail: str = "",
        actions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """actions: (key, words); the first is the main one."""
        self._icon.show_icon(icon, tone)
        for part, words in ((self._title, title), (self._text, text), (self._detail, detail)):
            part.setText(words)
            part.setVisible(bool(words))
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for number, (key, words) in enumerate(actions):
            button = Button(words, "primary" if number == 0 else "secondary")
            button.setObjectName(f"{self.objectName() or 'message'}.{key}")
            button.clicked.connect(lambda _=False, key=key: self.chosen.emit(key))
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        self.keys = tuple(key for key, _ in actions)


class StaleStrip(QFrame):
    """Over old data: how old, and why it is not newer. chosen(str): "retry"."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        set_tone(self, "note", "warn")
        self._text = label("", wrap=True)
        self._retry = IconButton("refresh", "Retry")
        self._retry.clicked.connect(lambda: self.chosen.emit("retry"))
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP_M, GAP_XS, GAP_XS, GAP_XS)
        row.setSpacing(GAP_S)
        row.addWidget(IconLabel("clock", "warn"))
        row.addWidget(self._text, 1)
        row.addWidget(self._retry)

    def say(self, text: str) -> None:
        self._text.setText(text)

    @property
    def text(self) -> str:
        return self._text.text()


class StatePane(QWidget):
    """Shows `content`, or why there is none yet.

    chosen(str): key of the button pressed in an empty or error state ("retry" by default), or in
    the strip over stale data.
    """

    chosen = Signal(str)

    def __init__(self, content: QWidget, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.state: State = "loading"
        self.is_stale = False
        self._content = content
        self.message = Message()
        self.message.setObjectName(f"{name}.message")
        self.message.chosen.connect(self.chosen)
        self.stale = StaleStrip()
        self.stale.setObjectName(f"{name}.stale")
        self.stale.chosen.connect(self.chosen)
        self._skeleton = panel(Skeleton())
        self._panel = panel(self.message)
        self._stack = QStackedLayout()
        for page in (self._skeleton, self._panel, content):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_S)
        column.addWidget(self.stale)
        column.addLayout(self._stack, 1)
        self.show_loading()

    def show_loading(self) -> None:
        self._turn_to("loading", self._skeleton)

    def show_ready(self) -> None:
        self._turn_to("ready", self._content)

    def show_stale(self, text: str) -> None:
        """Keeps the content, dimmed, under a line that says how old it is and why."""
        self.stale.say(text)
        self._turn_to("ready", self._content, stale=True)

    def show_empty(
        self, icon: str, title: str, text: str, actions: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.message.tell(icon, title, text, actions=actions)
        self._turn_to("empty", self._panel)

    def show_problem(
        self,
        problem: UserError,
        actions: tuple[tuple[str, str], ...] = (("retry", "Retry"),),
    ) -> None:
        self.message.tell(
            "error",
            problem.title,
            problem.remedy,
            tone="bad",
            detail=problem.detail,
            actions=actions,
        )
        self._turn_to("error", self._panel)

    def _turn_to(self, state: State, page: QWidget, *, stale: bool = False) -> None:
        self.state = state
        self.is_stale = stale
        self.stale.setVisible(stale)
        set_tone(self._content, "stale", "true" if stale else "")
        self._stack.setCurrentWidget(page)


def panel(content: QWidget) -> QFrame:
    """`content` on a surface of its own."""
    frame = QFrame()
    frame.setProperty("role", "panel")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(content)
    return frame
