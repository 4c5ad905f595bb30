"""Several sessions side by side: their pictures, and three figures each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from peerdeck.core.channel import Role
from peerdeck.core.quantities import bitrate_text
from peerdeck.core.session import Phase, Session
from peerdeck.gui.models.phases import PHASES, has_picture
from peerdeck.gui.theme import GAP_M, GAP_S, GAP_XS, ROW, set_tone
from peerdeck.gui.widgets.cards import scrolled
from peerdeck.gui.widgets.labels import NOTHING, ElidedLabel, StatusLabel, label
from peerdeck.gui.widgets.video import PictureSource, VideoView

_LEAST_HEIGHT: Final = 150  # of a tile; more of them than fit are scrolled
_MOST_COLUMNS: Final = 4
_SMALL: Final = QSize(160, 90)


def columns_for(count: int) -> int:
    """1 → 1, 2 → 2, 4 → 2, 9 → 3, 12 → 4: as square as the pictures are wide."""
    return min(_MOST_COLUMNS, next(n for n in range(1, count + 2) if n * n >= count))


def figures_text(session: Session) -> str:
    """ "relay/udp · 30 fps · 1.9 Mbps", as far as it is known."""
    if session.options.role is Role.MASTER:
        return _sent_text(session)
    stats = session.stats
    if stats is None:
        return ""
    fps, rate = stats.fps, stats.bitrate_in_bps
    parts = (
        stats.pair.path if stats.pair else "",
        "" if fps is None else f"{fps:.0f} fps",
        "" if rate is None else bitrate_text(rate),
    )
    return " · ".join(part for part in parts if part)


def _sent_text(session: Session) -> str:
    """ "2 viewers · 30 fps · 1.9 Mbps" of a master, to all of them together."""
    known = [peer.stats for peer in session.peers if peer.stats is not None]
    fps = [stats.out_fps for stats in known if stats.out_fps is not None]
    rates = [stats.bitrate_out_bps for stats in known if stats.bitrate_out_bps is not None]
    count = len(session.peers)
    parts = (
        f"{count} viewer{'' if count == 1 else 's'}" if count else "waiting for viewers",
        f"{max(fps):.0f} fps" if fps else "",
        bitrate_text(sum(rates)) if rates else "",
    )
    return " · ".join(part for part in parts if part)


class _SmallVideo(VideoView):
    """Takes what it is given: as many pictures as fit are seen without scrolling."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(0, 0)

    def sizeHint(self) -> QSize:
        return _SMALL


class SessionTile(QFrame):
    """One session. opened(str): its id; a click or Return."""

    opened = Signal(str)

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id
        self.setObjectName(f"sessions.tile.{session_id}")
        self.setProperty("role", "tile")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.name = ElidedLabel("", "strong")
        self.state = StatusLabel()
        self.figures = ElidedLabel("", "figures", "muted", Qt.TextElideMode.ElideRight)
        self.video = _SmallVideo()
        self._words = label("", "body", "muted", wrap=True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.video)
        self._stack.addWidget(self._words)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        for left, right in ((self.name, self.state), (self.figures, None)):
            row = QHBoxLayout()
            row.setContentsMargins(GAP_M, GAP_XS, GAP_M, GAP_XS)
            row.setSpacing(GAP_S)
            row.addWidget(left, 1)
            if right is not None:
                row.addWidget(right)
                column.addLayout(row)
                column.addLayout(self._stack, 1)
            else:
                column.addLayout(row)
        self.figures.setMinimumHeight(ROW - GAP_S)

    def show_session(self, session: Session, title: str) -> None:
        word, tone = PHASES[session.phase]
        self.name.setText(title)
        if (self.state.word, self.state.tone) != (word, tone):
            self.state.show_state(word, tone)
        live = session.phase in {Phase.CONNECTED, Phase.REBUILDING}
        self.figures.setText((figures_text(session) if live else "") or NOTHING)
        seen = has_picture(session) and live
        self.video.show_veil("Path lost, joining again" * (session.phase is Phase.REBUILDING))
        self._words.setText(session.problem.title if session.problem else f"{word}")
        self._stack.setCurrentWidget(self.video if seen else self._words)
        self.setAccessibleName(f"{title}: {word} {self.figures.text()}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.opened.emit(self.session_id)
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.opened.emit(self.session_id)


class SessionGrid(QWidget):
    """opened(str): the user wants to see this session alone. in_sight_changed(): other tiles can
    be seen than before; `in_sight` has their pictures."""

    opened = Signal(str)
    in_sight_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles: dict[str, SessionTile] = {}
        self._columns = 0
        inner = QWidget()
        self._grid = QGridLayout(inner)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_S)
        self._area = scrolled(inner)
        self._area.verticalScrollBar().valueChanged.connect(self._look)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._area)
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(0)
        self._looking.timeout.connect(self.in_sight_changed)
        self.setAccessibleName("All sessions")

    def show_sessions(
        self,
        sessions: Sequence[Session],
        titles: Mapping[str, str],
        source: Callable[[Session], PictureSource],
        chosen: str,
    ) -> None:
        """source: where the pictures of a session are from."""
        if [session.id for session in sessions] != list(self.tiles):
            self._arrange(sessions, source)
        for session in sessions:
            tile = self.tiles[session.id]
            tile.show_session(session, titles[session.id])
            set_tone(tile, "chosen", "true" if session.id == chosen else "")

    def _arrange(
        self, sessions: Sequence[Session], source: Callable[[Session], PictureSource]
    ) -> None:
        wanted = [session.id for session in sessions]
        for gone in [key for key in self.tiles if key not in wanted]:
            tile = self.tiles.pop(gone)
            tile.hide()
            tile.deleteLater()
        kept, self.tiles = self.tiles, {}
        columns = columns_for(len(sessions)) if sessions else 1
        for place, session in enumerate(sessions):
            tile = kept.get(session.id) or self._make_tile(session, source)
            self.tiles[session.id] = tile
            self._grid.addWidget(tile, place // columns, place % columns)
        for number in range(max(columns, self._columns)):
            self._grid.setColumnStretch(number, int(number < columns))
        rows = -(-len(sessions) // columns)
        for number in range(max(rows, self._grid.rowCount())):
            self._grid.setRowStretch(number, int(number < rows))
        self._columns = columns
        self._look()

    def _make_tile(
        self, session: Session, source: Callable[[Session], PictureSource]
    ) -> SessionTile:
        tile = SessionTile(session.id)
        tile.opened.connect(self.opened)
        tile.video.set_source(source(session))
        tile.video.watched.connect(self._look)
        tile.installEventFilter(self)
        return tile

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in {QEvent.Type.Move, QEvent.Type.Resize}:
            self._look()
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._look()

    def _look(self) -> None:
        """Once all has its place."""
        self._looking.start()

    def in_sight(self) -> dict[str, VideoView]:
        """Pictures that can really be seen, by session id."""
        return {
            key: tile.video
            for key, tile in self.tiles.items()
            if tile.video.isVisible() and not tile.video.visibleRegion().isEmpty()
        }
