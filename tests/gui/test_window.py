"""The shell: places, keys, account, memory, and a clean end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.errors import UserError
from peerdeck.gui.endpoints import EndpointsDialog
from peerdeck.gui.pages.base import Page
from peerdeck.gui.status import Lateness
from peerdeck.gui.theme import theme
from peerdeck.gui.topbar import account_text, offset_text
from peerdeck.gui.window import PLACES, MainWindow, Place
from peerdeck.services.status import Status

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]


class Plain(Page):
    """A page that remembers what the window did with it."""

    def __init__(self, name: str, console: Any) -> None:
        self.name = name
        super().__init__(console)
        self.seen: list[str] = []

    def refresh(self) -> None:
        self.seen.append("refresh")

    def back(self) -> bool:
        self.seen.append("back")
        return True

    def open_item(self, argument: str) -> None:
        self.seen.append(argument)


@pytest.fixture
def window(console: SimpleNamespace, qtbot: QtBot) -> Iterator[MainWindow]:
    places = tuple(
        Place(place.name, place.title, lambda console, name=place.name: Plain(name, console))
        for place in PLACES
    )
    made = MainWindow(console, places)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made
    made.following.end()
    made.status.end()
    made.close()
    made.deleteLater()


def publish(service: Any, **fields: Any) -> None:
    service.state.publish(replace(service.state.value, **fields))


def test_pages_are_made_when_first_visited(window: MainWindow, qtbot: QtBot) -> None:
    assert list(window.pages) == ["channels"]
    rail = window.findChild(QToolButton, "rail.journal")
    assert rail is not None
    qtbot.mouseClick(rail, Qt.MouseButton.LeftButton)
    assert list(window.pages) == ["channels", "journal"]
    assert window.page is window.pages["journal"]
    assert rail.isChecked()


def test_control_and_number_go_to_a_page(window: MainWindow, qtbot: QtBot) -> None:
    for key, name in ((Qt.Key.Key_3, "tunnels"), (Qt.Key.Key_2, "sessions")):
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.page is window.pages[name]


def test_f5_and_escape_reach_the_page(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClick(window, Qt.Key.Key_F5)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert window.page.seen == ["refresh", "back"]  # type: ignore[union-attr]


def test_pages_send_one_another_visitors(window: MainWindow) -> None:
    window.page.navigate.emit("sessions", "s1")  # type: ignore[union-attr]
    assert window.page is window.pages["sessions"]
    assert window.page.seen == ["s1"]  # type: ignore[union-attr]
    window.page.navigate.emit("region", "")
    assert window.focusWidget() is window.top.region.lineEdit() or window.top.region.hasFocus()


def test_question_mark_lists_the_shortcuts_once(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClick(window, "?")
    qtbot.keyClick(window, "?")
    dialogs = window.findChildren(QDialog)
    assert [dialog.objectName() for dialog in dialogs] == ["shortcuts"]
    qtbot.keyClick(dialogs[0], Qt.Key.Key_Escape)


def test_choosing_a_profile_signs_in_with_it(
    window: MainWindow, console: SimpleNamespace, on_loop: OnLoop
) -> None:
    picker = window.findChild(QComboBox, "account.profile")
    assert picker is not None
    assert [picker.itemText(i) for i in range(picker.count())] == [
        "Default credentials",
        "default",
        "support-readonly",
        "Demo (local cloud)",
    ]

    async def body() -> None:
        for place in (2, 3):
            picker.activated.emit(place)
            await window.tasks._tasks["sign in"]
        await window.tasks.aclose()

    on_loop(body)
    assert console.account.calls == [("select_profile", "support-readonly"), ("use_demo", None)]


def test_a_region_may_be_typed_that_no_list_has(
    window: MainWindow, console: SimpleNamespace, qtbot: QtBot
) -> None:
    line = window.top.region.lineEdit()
    line.selectAll()
    qtbot.keyClicks(window.top.region, "xx-new-9")
    qtbot.keyClick(window.top.region, Qt.Key.Key_Return)
    assert console.account.calls == [("select_region", "xx-new-9")]


def test_a_text_that_is_no_region_is_told_and_taken_back(window: MainWindow, qtbot: QtBot) -> None:
    line = window.top.region.lineEdit()
    line.selectAll()
    qtbot.keyClicks(window.top.region, "mars")
    qtbot.keyClick(window.top.region, Qt.Key.Key_Return)
    assert window.note.text.startswith("“mars” is no region.")
    assert line.text() == "eu-west-1 · Europe (Ireland)"


def test_a_failed_sign_in_task_is_told(
    window: MainWindow, console: SimpleNamespace, on_loop: OnLoop
) -> None:
    console.account.error = UserError("The demo did not start.", "Look at the log.")

    async def body() -> None:
        window.top.demo_requested.emit()
        await asyncio.wait(window.tasks._tasks.values())
        await asyncio.sleep(0)
        await window.tasks.aclose()

    on_loop(body)
    assert "The demo did not start." in window.note.text


def test_demo_is_marked(window: MainWindow, console: SimpleNamespace) -> None:
    assert not window.top.demo.isVisible()
    publish(console.account, demo=True)
    assert window.top.demo.isVisible()
    assert window.top.profile.currentText() == "Demo (local cloud)"


def test_health_tells_the_worst(window: MainWindow, console: SimpleNamespace) -> None:
    assert window.status.health.word == "all well"
    publish(console.channels, problem=UserError("Old.", "Retry."))
    assert window.status.health.tone == "warn"
    publish(console.account, status=Status.FAILED, problem=UserError("No.", "Sign in."))
    assert (window.status.health.word, window.status.health.tone) == ("no account", "bad")


def test_appearance_is_remembered(window: MainWindow, console: SimpleNamespace) -> None:
    window.top.theme_requested.emit("light")
    assert theme().choice == "light"
    assert console.settings.state.value.theme == "light"


def test_place_and_size_come_back(window: MainWindow, console: SimpleNamespace) -> None:
    window.resize(1111, 707)
    window.close()
    assert console.settings.state.value.geometry
    window.resize(1300, 640)
    window.restore()
    assert window.height() == 707  # the offscreen screen is 800 px wide: Qt fits the width to it


@pytest.mark.parametrize("saved", ["", "%%%", "AAAA"])
def test_broken_geometry_is_ignored(
    window: MainWindow, console: SimpleNamespace, saved: str
) -> None:
    publish(console.settings, geometry=saved)
    window.restore()
    assert window.width() == 1280


def test_closing_ends_pages_tasks_and_subscriptions(
    window: MainWindow, console: SimpleNamespace, on_loop: OnLoop
) -> None:
    async def body() -> None:
        async def endless() -> None:
            await asyncio.Event().wait()

        window.page.tasks.run("watch", endless())  # type: ignore[union-attr]
        window.tasks.run("watch", endless())
        await asyncio.sleep(0)
        await window.aclose()
        await window.aclose()

    on_loop(body)
    for service in (console.account, console.channels, console.sessions, console.tunnels):
        assert service.state.subscribers == 0


def test_smallest_window_has_room_for_every_part(
    console: SimpleNamespace, qtbot: QtBot, qapp: QApplication
) -> None:
    """At 1024×640 no page asks for more than there is."""
    window = MainWindow(console)
    window.resize(1024, 640)
    window.show()
    qtbot.waitExposed(window)
    for place in PLACES:
        window.go(place.name)
        qapp.processEvents()
        assert (window.width(), window.height()) == (1024, 640), place.name
        outside = [
            w.objectName() or type(w).__name__
            for w in window.page.findChildren(QWidget)  # type: ignore[union-attr]
            if w.isVisible()
            and not w.visibleRegion().isEmpty()
            and w.mapTo(window, w.rect().topRight()).x() > window.width()
        ]
        assert not outside, (place.name, outside)
    for page in window.pages.values():
        page.following.end()
    window.following.end()
    window.status.end()
    window.close()


def test_lateness_is_that_of_the_loop(qtbot: QtBot) -> None:
    lateness = Lateness()
    with qtbot.waitSignal(lateness.measured, timeout=3000) as heard:
        lateness.start()
    lateness.stop()
    assert 0 <= heard.args[0] < 1000


def test_account_and_clock_are_short() -> None:
    assert account_text("123456789012") == "1234…9012"
    assert offset_text(0.24) == "clock +0.2 s"
    assert offset_text(-0.04) == "clock +0.0 s"
    assert offset_text(-400.0) == "clock −7 min"


def test_endpoints_are_checked_while_typing_and_signed_in_to(
    window: MainWindow, console: SimpleNamespace, qtbot: QtBot, on_loop: OnLoop
) -> None:
    click(window, "window.endpoints", qtbot)
    dialog = window.findChild(EndpointsDialog)
    assert dialog is not None
    field = dialog.fields["tunnel_data"]
    qtbot.keyClicks(field.edit, "http://127.0.0.1:1")
    assert field.message == "The endpoint must look like wss://host:443."
    click(dialog, "endpoints.save", qtbot)
    assert dialog.isVisible()
    field.set_text("ws://127.0.0.1:1")

    async def body() -> None:
        click(dialog, "endpoints.save", qtbot)
        await window.tasks._tasks["sign in"]
        await window.tasks.aclose()

    on_loop(body)
    assert console.account.calls == [("set_endpoints", Endpoints(tunnel_data="ws://127.0.0.1:1"))]


def click(parent: QWidget, name: str, qtbot: QtBot) -> None:
    widget = parent.findChild(QWidget, name)
    assert widget is not None
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
