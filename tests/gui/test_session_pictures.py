"""Pictures of a session kept, seen on the whole screen, and its sound."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from tests.gui.page_fakes import FakeRecordings, FakeSessions, sample, session

from peerdeck.core.channel import Role
from peerdeck.core.errors import UserError
from peerdeck.core.join import JoinOptions, Source
from peerdeck.core.session import OWN_PICTURE, Peer
from peerdeck.gui.pages import session_pictures
from peerdeck.gui.pages.session_pictures import free_path
from peerdeck.gui.pages.sessions import SessionsPage
from peerdeck.gui.widgets.sound import NO_DEVICE, Sound

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
PageTest = Callable[[Callable[[SessionsPage], Awaitable[None]]], None]


@pytest.fixture
def sessions(console: SimpleNamespace) -> FakeSessions:
    console.sessions = FakeSessions(session("front-door"))
    console.recordings = FakeRecordings()
    return console.sessions


@pytest.fixture
def with_page(console: SimpleNamespace, sessions: FakeSessions, on_loop: OnLoop) -> PageTest:
    def go(check: Callable[[SessionsPage], Awaitable[None]]) -> None:
        async def body() -> None:
            page = SessionsPage(console)
            page.resize(940, 560)
            page.show()
            try:
                await check(page)
            finally:
                await page.aclose()
                page.close()

        on_loop(body)

    return go


def press(page: SessionsPage, name: str) -> None:
    button = page.findChild(QAbstractButton, name)
    assert button is not None
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def settled(page: SessionsPage) -> None:
    for task in tuple(page.tasks._tasks.values()):
        with contextlib.suppress(UserError, asyncio.CancelledError):
            await task
    await asyncio.sleep(0)


def test_a_snapshot_is_whole_in_its_folder_and_on_the_clipboard(
    with_page: PageTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_pictures, "pictures_folder", lambda: tmp_path / "Peerdeck")

    async def check(page: SessionsPage) -> None:
        press(page, "sessions.video.snapshot")
        await settled(page)
        (file,) = (tmp_path / "Peerdeck").iterdir()
        assert file.name.startswith("front-door 20")
        assert (QImage(str(file)).width(), QImage(str(file)).height()) == (1280, 720)
        assert QGuiApplication.clipboard().image().width() == 1280
        assert page.note.text == f"Saved {file.name}, and on the clipboard."
        opened: list[str] = []
        monkeypatch.setattr(
            session_pictures.QDesktopServices, "openUrl", lambda url: opened.append(url.fileName())
        )
        page.note.action_requested.emit()
        assert opened == [file.name]

    with_page(check)


def test_a_picture_that_cannot_be_saved_is_still_on_the_clipboard(
    with_page: PageTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(session_pictures, "pictures_folder", lambda: tmp_path / "file" / "x")

    async def check(page: SessionsPage) -> None:
        page.pictures.snapshot()
        await settled(page)
        assert "could not be saved" in page.note.text
        assert "on the clipboard" in page.note.text

    with_page(check)


def test_a_picture_is_kept_at_the_size_at_which_it_came(sessions: FakeSessions) -> None:
    size_of = session_pictures._size_of
    viewer = session("a", stats=sample(1, width=640, height=360))
    assert size_of(viewer, "") == (640, 360)
    both = sample(1, width=320, height=240, out_width=1920, out_height=1080)
    options = JoinOptions(role=Role.MASTER, video=Source.GENERATED)
    master = session("b", stats=None, options=options, peers=(Peer("ada", stats=both),))
    assert size_of(master, OWN_PICTURE) == (1920, 1080)
    assert size_of(master, "ada") == (320, 240)
    assert size_of(session("c", stats=None), "") == session_pictures.USUAL_SIZE


def test_two_pictures_of_a_second_have_two_names(tmp_path: Path) -> None:
    first = free_path(tmp_path, "gate", ".png")
    first.touch()
    second = free_path(tmp_path, "gate", ".png")
    assert second != first
    assert not second.exists()


def test_full_screen_takes_the_frames_and_gives_them_back(
    with_page: PageTest, sessions: FakeSessions
) -> None:
    async def check(page: SessionsPage) -> None:
        small = page.stage.video.frame_arrived
        assert sessions.watched == {"id-front-door": small}
        page.stage.video.opened.emit()
        full = page.pictures.full
        assert full is not None
        assert full.isFullScreen()
        assert sessions.watched == {"id-front-door": full.video.frame_arrived}
        assert "front-door" in full.words.text()
        QTest.keyClick(full, Qt.Key.Key_Escape)
        assert page.pictures.full is None
        assert sessions.watched == {"id-front-door": small}

    with_page(check)


def test_the_strip_of_the_full_screen_comes_with_the_mouse(with_page: PageTest) -> None:
    async def check(page: SessionsPage) -> None:
        page.pictures.toggle_full()
        full = page.pictures.full
        assert full is not None
        assert not full.strip_shown
        where, none = QPointF(5, 5), Qt.MouseButton.NoButton
        keys = Qt.KeyboardModifier.NoModifier
        kind = QMouseEvent.Type.MouseMove
        full.mouseMoveEvent(QMouseEvent(kind, where, where, none, none, keys))
        assert full.strip_shown
        full._hide_strip()
        assert not full.strip_shown
        page.pictures.toggle_full()
        assert page.pictures.full is None

    with_page(check)


def test_leaving_the_session_ends_its_full_screen(
    with_page: PageTest, sessions: FakeSessions
) -> None:
    async def check(page: SessionsPage) -> None:
        page.pictures.toggle_full()
        sessions.set()
        assert page.pictures.full is None
        assert sessions.watched == {}

    with_page(check)


class FakeSound(Sound):
    """Plays into a list."""

    def __init__(self) -> None:
        super().__init__()
        self.played: list[bytes] = []
        self.started = False

    async def start(self) -> None:
        await asyncio.sleep(0)
        self.started = True

    def play(self, pcm: bytes) -> None:
        self.played.append(pcm)

    def stop(self) -> None:
        self.started = False

    @property
    def is_playing(self) -> bool:
        return self.started


def test_sound_is_muted_until_asked_for_and_ends_with_its_session(
    with_page: PageTest, sessions: FakeSessions
) -> None:
    async def check(page: SessionsPage) -> None:
        sound = page.pictures.sound = FakeSound()
        assert sessions.heard == {}
        press(page, "sessions.video.sound")
        await settled(page)
        sessions.heard["id-front-door"](b"\x01\x02")
        assert sound.played == [b"\x01\x02"]
        assert page.stage.strip.controls.sound.accessibleName() == "Mute"
        sessions.set(session("front-door"), session("gate"))
        assert sessions.heard == {}, "another session is looked at"
        assert not sound.started
        assert page.stage.strip.controls.sound.accessibleName() == "Unmute"

    with_page(check)


def test_sound_that_comes_too_late_is_not_of_the_session_after(
    with_page: PageTest, sessions: FakeSessions
) -> None:
    class Slow(FakeSound):
        async def start(self) -> None:
            with contextlib.suppress(asyncio.CancelledError):  # as an import on a thread does
                await asyncio.Event().wait()
            self.started = True

    async def check(page: SessionsPage) -> None:
        sound = page.pictures.sound = Slow()
        press(page, "sessions.video.sound")
        await asyncio.sleep(0)
        sessions.set(session("front-door"), session("gate"))
        await settled(page)
        assert not sound.started
        assert sessions.heard == {}

    with_page(check)


def test_a_machine_without_sound_says_so_quietly(
    with_page: PageTest, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: Sound) -> None:
        raise NO_DEVICE

    monkeypatch.setattr(Sound, "start", silent)

    async def check(page: SessionsPage) -> None:
        press(page, "sessions.video.sound")
        await settled(page)
        assert NO_DEVICE.title in page.note.text
        assert sessions.heard == {}
        assert page.stage.strip.controls.sound.accessibleName() == "Unmute"

    with_page(check)


class FakeSink:
    """Room for 100 bytes."""

    def __init__(self) -> None:
        self.written = bytearray()

    def bytesFree(self) -> int:
        return 100 - len(self.written)

    def write(self, data: bytes) -> None:
        self.written += data

    def stop(self) -> None:
        self.written.clear()

    def deleteLater(self) -> None:
        pass


def test_sound_never_falls_behind() -> None:
    sound, sink = Sound(), FakeSink()
    sound._sink, sound._device = sink, sink  # type: ignore[assignment]
    sound.play(b"x" * 80)
    sound.play(b"y" * 40)
    assert (len(sink.written), sound.dropped) == (80, 40)
    sound.stop()
    sound.play(b"z")
    assert not sound.is_playing
    assert sink.written == b""
