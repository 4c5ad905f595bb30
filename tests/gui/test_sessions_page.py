"""Sessions: watched, studied, left and joined again by real clicks."""

import importlib
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pyqtgraph  # noqa: F401 - before a page asks for it: most tests have no loop to load it
import pytest
from PySide6.QtCore import QCoreApplication, QObject, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot
from tests.gui.page_fakes import FakeSessions, sample, session, steps

from peerdeck.core.errors import UserError
from peerdeck.core.session import Phase
from peerdeck.core.stats import CandidatePair
from peerdeck.gui.pages.sessions import SessionsPage

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
SILENT = UserError("gate did not answer within 10 s.", "Check its master.", detail="no SDP_ANSWER")


@pytest.fixture
def sessions(console: SimpleNamespace) -> FakeSessions:
    console.sessions = FakeSessions()
    return console.sessions


@pytest.fixture
def page(console: SimpleNamespace, sessions: FakeSessions, qtbot: QtBot) -> Iterator[SessionsPage]:
    made = SessionsPage(console)
    made.resize(940, 560)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.following.end()
    made.close()
    made.deleteLater()


def find(page: QWidget, name: str, kind: type[QObject] = QWidget) -> Any:
    found = page.findChild(kind, name)
    assert found is not None, name
    return found


def click(page: QWidget, name: str) -> None:
    found = page.findChildren(QAbstractButton, name)
    for one in found:  # what has just been put into a layout is shown by a posted event
        QCoreApplication.sendPostedEvents(one, 0)
    button = next((one for one in found if one.isVisible()), None)
    assert button is not None, name
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_without_a_session_the_page_offers_the_way_to_the_channels(
    page: SessionsPage, qtbot: QtBot
) -> None:
    assert page.pane.state == "empty"
    assert not page.leave.isVisible()
    with qtbot.waitSignal(page.navigate) as went:
        click(page, "sessions.pane.message.channels")
    assert went.args == ["channels", ""]


def test_joining_shows_the_steps_as_they_are_reached(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("gate", Phase.JOINING))
    assert page.stage.steps.isVisible()
    assert not page.stage.video.isVisible()
    waiting = [row.name for row in page.stage.steps.steps.shown if row.waiting]
    assert waiting == ["Channel endpoint"]
    sessions.change("id-gate", steps=steps(4))
    rows = page.stage.steps.steps.shown
    assert [row.name for row in rows if row.waiting] == ["Answer received"]
    assert sum(row.reached for row in rows) == 4


def test_a_new_session_is_looked_at_at_once(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("front-door"))
    assert page.switcher.chosen_id == "id-front-door"
    sessions.set(session("front-door"), session("gate", Phase.JOINING))
    assert page.switcher.chosen_id == "id-gate"


def test_picture_is_asked_for_in_physical_pixels_only_on_new_frames(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(session("front-door"))
    video = page.stage.video
    qtbot.waitUntil(lambda: video.has_picture)
    ratio = video.devicePixelRatioF()
    assert sessions.camera.asked[-1] == (
        round(video.width() * ratio),
        round(video.height() * ratio),
    )
    before = video.painted
    for _ in range(5):
        sessions.frame()
    qtbot.waitUntil(lambda: video.painted > before)
    assert video.painted == before + 1, "frames before the next paint are merged"


def test_picture_keeps_its_aspect_and_stands_in_the_middle(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(session("front-door"))
    video = page.stage.video
    qtbot.waitUntil(lambda: video.has_picture)
    shown = video.picture_rect()
    assert abs(shown.width() / shown.height() - 16 / 9) < 0.02
    assert QRect(video.rect()).contains(shown)
    assert abs(shown.center().x() - video.rect().center().x()) <= 1


def test_a_hidden_picture_asks_for_no_frames(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("front-door"))
    assert list(sessions.watched) == ["id-front-door"]
    page.hide()
    assert sessions.watched == {}
    page.show()
    assert list(sessions.watched) == ["id-front-door"]


def test_another_tab_watches_the_other_session_alone(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(session("front-door"), session("gate"))
    tabs = page.switcher
    QTest.mouseClick(
        tabs, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, tabs.tabRect(0).center()
    )
    assert list(sessions.watched) == ["id-front-door"]


def test_strip_tells_state_and_path(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("front-door", stats=sample(9, rtt_ms=48.2)))
    strip = page.stage.strip
    assert strip.state.word == "Connected"
    assert strip.path.text() == "relay/udp · 48 ms · VP8 1280×720"
    assert strip.signaling.text() == ""
    sessions.change("id-front-door", signaling="reconnecting")
    assert strip.signaling.text() == "signaling reconnecting"


def test_figures_are_plain_until_they_hurt_and_then_have_a_word(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door", stats=sample(0)))
    lines = page.figures.lines
    assert lines["Round trip"].text == "48 ms"
    assert lines["Bitrate in"].text == "1.9 Mbps"
    sessions.change("id-front-door", stats=sample(0, rtt_ms=912.0, loss_percent=9.4, fps=0.5))
    assert lines["Round trip"].text == "912 ms slow"
    assert lines["Loss"].text == "9.4 % lossy"
    assert page.figures.resolution.text == "1280×720 VP8"


def test_a_figure_that_is_not_known_is_a_dash(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("front-door", stats=sample(0, rtt_ms=None)))
    assert page.figures.lines["Round trip"].text == "–"


def test_leave_leaves_and_offers_to_join_again(
    console: SimpleNamespace, sessions: FakeSessions, on_loop: OnLoop
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        sessions.set(session("front-door"))
        click(page, "sessions.leave")
        assert page.tasks.is_running("leave id-front-door")
        await page.tasks._tasks["leave id-front-door"]
        assert sessions.calls == [("leave", "id-front-door")]
        assert not page.leave.isVisible()
        click(page, "sessions.message.rejoin")
        assert sessions.calls[-2][0] == "rejoin"
        assert page.switcher.chosen_id == "new-front-door"
        assert page.stage.strip.state.word == "Joining…"
        await page.aclose()
        page.close()

    on_loop(body)


def test_a_failed_join_says_why_and_what_to_do(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("gate", Phase.FAILED, problem=SILENT, steps=steps(4)))
    assert page.stage.message.isVisible()
    assert SILENT.title in page.stage.message.text
    assert SILENT.remedy in page.stage.message.text
    row = page.timeline.steps.row_at(4)
    assert (row.name, row.reached, row.slow) == ("Answer received", False, True)
    click(page, "sessions.message.dismiss")
    assert sessions.state.value == ()
    assert page.pane.state == "empty"


def test_the_reason_keeps_its_buttons_while_nothing_new_is_said(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("gate", Phase.FAILED, problem=SILENT))
    before = find(page, "sessions.message.rejoin", QAbstractButton)
    sessions.change("id-gate", messages=1)
    assert page.findChildren(QAbstractButton, "sessions.message.rejoin") == [before]


def test_telemetry_is_rows_and_other_text_is_text(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door"))
    page.views.setCurrentIndex(3)
    shown = {row.name: row.value for row in page.data.readings.shown}
    assert shown["battery.volts"] == "12.61"
    assert shown["battery.charging"] == "yes"
    assert shown["position[1]"] == "13.4"
    sessions.change("id-front-door", telemetry="plain words", messages=1205)
    assert page.data._raw.isVisible()
    assert page.data._raw.toPlainText() == "plain words"


def test_text_is_sent_once_and_stays_in_the_field_when_refused(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door"))
    page.views.setCurrentIndex(3)
    assert not page.data.send.isEnabled(), "there is nothing to send yet"
    QTest.keyClicks(page.data.field, "hello")
    sessions.error = UserError("The session is over.", "Join again to send.")
    click(page, "sessions.data.send")
    assert page.data.field.text() == "hello"
    assert page.note.isVisible()
    sessions.error = None
    QTest.keyClick(page.data.field, Qt.Key.Key_Return)
    assert page.data.field.text() == ""
    assert sessions.calls == [("send_text", "hello")] * 2


def test_nothing_can_be_sent_before_the_channel_is_open(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door", steps=steps(8)))
    page.views.setCurrentIndex(3)
    QTest.keyClicks(page.data.field, "hello")
    assert not page.data.send.isEnabled()
    QTest.keyClick(page.data.field, Qt.Key.Key_Return)
    assert sessions.calls == []


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (CandidatePair("relay", "a:1", "host", "b:2"), "TURN relay (UDP), asked for by our side"),
        (CandidatePair("host", "a:1", "relay", "b:2", "tcp"), "asked for by the camera"),
        (CandidatePair("relay", "a:1", "relay", "b:2"), "asked for by both sides"),
        (CandidatePair("host", "a:1", "host", "b:2"), "within one network"),
        (CandidatePair("srflx", "a:1", "prflx", "b:2"), "through NAT"),
    ],
)
def test_the_selected_pair_is_told_as_a_sentence(
    page: SessionsPage, sessions: FakeSessions, pair: CandidatePair, words: str
) -> None:
    sessions.set(session("front-door", stats=sample(1, pair=pair)))
    assert words in page.candidates.sentence


def test_plots_are_made_at_the_first_look_and_rest_while_hidden(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    page.views.setCurrentIndex(2)
    sessions.set(session("front-door"))
    assert page.plots._plots == []
    page.views.setCurrentIndex(0)
    assert len(page.plots._plots) == 8
    assert page.plots._timer.isActive()
    assert page.plots._timer.interval() >= 1000
    assert len(page.plots._plots[0].times) == 300
    page.views.setCurrentIndex(1)
    assert not page.plots._timer.isActive()


def test_drawing_of_plots_is_loaded_beside_the_loop(
    console: SimpleNamespace,
    sessions: FakeSessions,
    on_loop: OnLoop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded_by: list[str] = []

    def load(name: str) -> None:
        loaded_by.append(threading.current_thread().name)

    async def body() -> None:
        page = SessionsPage(console)
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, "pyqtgraph")
            patch.setattr(importlib, "import_module", load)
            sessions.set(session("front-door"))
            page.show()
            assert page.plots._plots == []
            patch.undo()
            patch.setattr(importlib, "import_module", load)
            await page.tasks._tasks["plots"]
        assert len(page.plots._plots) == 8
        assert loaded_by
        assert loaded_by[0] != threading.main_thread().name
        await page.aclose()
        page.close()

    on_loop(body)


def test_a_young_session_fills_its_plots(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.samples.clear()
    sessions.samples.extend(sample(second) for second in range(20))
    sessions.set(session("front-door"))
    low, high = page.plots._plots[0].box.viewRange()[0]
    assert (round(low), round(high)) == (-60, 0)


def test_page_ends_with_nothing_watched_and_nothing_followed(
    console: SimpleNamespace, sessions: FakeSessions, on_loop: OnLoop
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        sessions.set(session("front-door"))
        await page.aclose()
        assert sessions.watched == {}
        assert sessions.state.subscribers == 0
        await page.aclose()
        page.close()

    on_loop(body)


def test_a_hidden_page_catches_up_when_it_is_shown(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    page.hide()
    sessions.set(session("front-door", stats=sample(0)))
    assert page.figures.lines["Frames"].text == "–"
    page.show()
    assert page.figures.lines["Frames"].text == "30 fps"
