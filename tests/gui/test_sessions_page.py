"""Sessions: watched, studied, left and joined again by real clicks."""

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QObject, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot
from tests.gui.page_fakes import FakeRecordings, FakeSessions, sample, session, steps

import peerdeck.gui.widgets.plots.collect  # noqa: F401 - most tests have no loop to load it on
from peerdeck.core.channel import Role
from peerdeck.core.errors import UserError
from peerdeck.core.join import JoinOptions, Source
from peerdeck.core.peer_log import Event, PeerLog
from peerdeck.core.session import OWN_PICTURE, Peer, Phase, Session
from peerdeck.gui.pages.sessions import SessionsPage

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
SILENT = UserError("gate did not answer within 10 s.", "Check its master.", detail="no SDP_ANSWER")


@pytest.fixture
def sessions(console: SimpleNamespace) -> FakeSessions:
    console.sessions = FakeSessions()
    console.recordings = FakeRecordings(console.sessions)
    return console.sessions


@pytest.fixture
def page(console: SimpleNamespace, sessions: FakeSessions, qtbot: QtBot) -> Iterator[SessionsPage]:
    made = SessionsPage(console)
    made.resize(940, 560)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.following.end()
    made.views.end()
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


def show_view(page: SessionsPage, title: str) -> None:
    bar = page.views.tabBar()
    place = next(at for at in range(bar.count()) if bar.tabText(at) == title)
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(place).center())


# --- which session ---------------------------------------------------------------------------


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


def test_sessions_of_one_channel_have_names_of_their_own_that_stay(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    first, second = session("gate"), session("gate", id="other")
    sessions.set(first, second)
    names = [page.switcher.tabText(at) for at in range(page.switcher.count())]
    assert names == ["gate", "gate 2"]
    sessions.set(second)
    assert page.switcher.tabText(0) == "gate 2"
    third = session("gate", id="third", options=JoinOptions(role=Role.MASTER))
    sessions.set(second, session("gate", id="fourth"), third)
    names = [page.switcher.tabText(at) for at in range(page.switcher.count())]
    assert names == ["gate 2", "gate", "gate · master"]


def test_a_failed_join_says_why_and_what_to_do(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("gate", Phase.FAILED, problem=SILENT, steps=steps(4)))
    assert page.stage.message.isVisible()
    assert SILENT.title in page.stage.message.text
    assert SILENT.remedy in page.stage.message.text
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
    sessions.set(session("front-door"))
    assert page.figures.lines["Frames"].text == "–"
    page.show()
    assert page.figures.lines["Frames"].text == "30 fps"


# --- its picture -----------------------------------------------------------------------------


def test_picture_is_asked_for_in_physical_pixels_only_on_new_frames(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(session("front-door"))
    video = page.stage.video
    qtbot.waitUntil(lambda: video.has_picture)
    QCoreApplication.processEvents()
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


def test_only_the_picture_is_painted_when_a_frame_comes(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.set(session("front-door"))
    video = page.stage.video
    qtbot.waitUntil(lambda: video.has_picture)
    QCoreApplication.processEvents()
    bars: list[QRect] = []
    monkeypatch.setattr(video, "_paint_bars", lambda _, target: bars.append(target))
    for _ in range(2):  # with the first, all that had to be painted anew is
        before = video.painted
        bars.clear()
        sessions.frame()
        qtbot.waitUntil(lambda before=before: video.painted > before)  # type: ignore[misc]
        QCoreApplication.processEvents()
    assert bars == []
    page.resize(940, 700)
    qtbot.waitUntil(lambda: bool(bars))
    assert bars[-1] == video.picture_rect()


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


def test_a_lost_path_dims_the_last_picture_and_counts(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(session("front-door"))
    qtbot.waitUntil(lambda: page.stage.video.has_picture)
    events = sessions.log("id-front-door").peers["master"].events
    for ago_s, name in (
        (90, "path lost"),
        (80, "try failed"),
        (12, "path lost"),
        (4, "try failed"),
    ):
        events.append(Event(time.time() - ago_s, "session", name))
    sessions.change("id-front-door", phase=Phase.REBUILDING, rebuilds=2)
    assert page.stage.video.isVisible()
    assert page.stage.video.veil == "Path lost 12 s ago, joining again (attempt 2)"
    assert page.stage.strip.rebuilds.text() == "rebuilt 2×"
    assert page.stage.strip.path.text() == "", "there is none"
    assert page.leave.isEnabled()
    sessions.change("id-front-door", phase=Phase.CONNECTED)
    assert page.stage.video.veil == ""
    assert page.stage.strip.rebuilds.text() == "rebuilt 2×"


# --- its figures -----------------------------------------------------------------------------


def test_strip_tells_state_and_path(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("front-door"))
    strip = page.stage.strip
    assert strip.state.word == "Connected"
    assert strip.path.text() == "host/udp · 40 ms · VP8 1280×720"
    assert strip.signaling.text() == ""
    sessions.change("id-front-door", signaling="reconnecting")
    assert strip.signaling.text() == "signaling reconnecting"


def test_figures_are_plain_until_they_hurt_and_then_have_a_word(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door"))
    lines = page.figures.lines
    assert lines["Frames"].text == "30 fps"
    assert lines["Bitrate in"].text == "1.2 Mbps"
    decoded = sessions.log("id-front-door").peers["master"].table.report(-1).objects["IT1V"]
    sessions.grow("id-front-door", jitter=0.4, framesDecoded=int(decoded["framesDecoded"]) + 5)
    assert lines["Jitter"].text == "400 ms uneven"
    assert lines["Frames"].text == "5 fps choppy"
    assert page.figures.resolution.text == "1280×720 VP8"


def test_a_figure_that_is_not_known_is_a_dash_and_each_says_what_it_is(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door"))
    assert page.figures.lines["Decoding"].text == "–"
    for title, line in page.figures.lines.items():
        assert "W3C" in line.toolTip(), title


def test_figures_of_what_is_over_are_dashes(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("front-door"))
    sessions.change("id-front-door", phase=Phase.LEFT)
    assert page.figures.lines["Frames"].text == "–"


# --- side by side ----------------------------------------------------------------------------


def test_grid_watches_what_is_in_sight_and_a_click_opens(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(*(session(f"camera-{n}") for n in range(4)))
    click(page, "sessions.grid")
    qtbot.waitUntil(lambda: len(sessions.watched) == 4)
    assert not page.leave.isVisible()
    tile = page.grid.tiles["id-camera-1"]
    assert tile.figures.text() == "relay/udp · 31 fps · 2.1 Mbps"
    QTest.mouseClick(tile.video, Qt.MouseButton.LeftButton)
    assert page.mode == "desk"
    assert page.switcher.chosen_id == "id-camera-1"
    assert list(sessions.watched) == ["id-camera-1"]


def test_nine_sessions_are_seen_without_scrolling(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(*(session(f"camera-{n}") for n in range(8)), session("gate", Phase.JOINING))
    page.show_grid(True)
    qtbot.waitUntil(lambda: len(sessions.watched) == 8)
    assert page.grid._area.verticalScrollBar().maximum() == 0


def test_tiles_that_are_scrolled_away_cost_no_frames(
    page: SessionsPage, sessions: FakeSessions, qtbot: QtBot
) -> None:
    sessions.set(*(session(f"camera-{n}") for n in range(20)))
    page.show_grid(True)
    qtbot.waitUntil(lambda: 0 < len(sessions.watched) < 20)
    assert "id-camera-0" in sessions.watched
    bar = page.grid._area.verticalScrollBar()
    bar.setValue(bar.maximum())
    qtbot.waitUntil(lambda: "id-camera-19" in sessions.watched)
    assert "id-camera-0" not in sessions.watched


def test_grid_ends_with_its_last_but_one_session(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("a"), session("b"))
    page.show_grid(True)
    assert page.mode == "grid"
    sessions.set(session("b"))
    assert page.mode == "desk"
    assert not page.header.grid.isVisible()


def test_escape_leaves_the_grid(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(session("a"), session("b"))
    page.show_grid(True)
    assert page.back()
    assert page.mode == "desk"


# --- master ----------------------------------------------------------------------------------


def master(*ids: str, picture: bool = False) -> Session:
    options = JoinOptions(role=Role.MASTER, video=Source.GENERATED)
    stats = sample(300, out_fps=30.0, out_loss_percent=3.0, out_nacks_per_s=2.0)
    peers = tuple(Peer(one, "connected", 1.0, stats, has_picture=picture) for one in ids)
    return session("gate", options=options, peers=peers, client_id="")


def test_a_master_waits_for_viewers_and_offers_to_be_one(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(master())
    assert page.views.viewers.isVisible()
    assert page.views.viewers.pane.state == "empty"
    assert page.stage.video.isVisible(), "its own picture can be seen already"
    click(page, "sessions.viewers.pane.message.join")
    assert sessions.calls == [("join", session("gate").channel_arn)]


def test_a_master_shows_a_row_per_viewer_and_the_chosen_one_everywhere(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    log = sessions.log("id-gate")
    for one in ("ada", "bob"):
        log.peers[one] = PeerLog(one, log.peers["master"].table)
    sessions.set(master("ada", "bob"))
    table = page.views.viewers.table
    texts = [page.views.viewers.rows.index(0, at).data() for at in range(9)]
    assert texts[:2] == ["ada", "connected"]
    assert texts[3:] == ["relay/udp", "54 ms", "44.8 kbps", "30", "3.0 %", "2 / 0"]
    assert page.views.plots.peer_id == "ada"
    table.select_id("bob")
    assert page.views.plots.peer_id == "bob"
    assert page.views.data.peer_id == "bob"
    assert "Frames sent" in page.figures.lines
    peers = page.stage.strip.peers
    assert peers.isVisible()
    assert peers.currentText() == "bob"
    peers.activated.emit(0)
    assert table.selected_id == "ada"


def test_picture_of_a_viewer_that_sends_one_can_be_chosen(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(master("ada", picture=True))
    assert sessions.watched_peers["id-gate"] == OWN_PICTURE
    click(page, "sessions.side.theirs")
    assert sessions.watched_peers["id-gate"] == "ada"
    sessions.set(master("ada"))
    assert sessions.watched_peers["id-gate"] == OWN_PICTURE, "it stopped sending"
    assert not page.stage.strip.side.isVisible()


def test_a_viewer_has_no_table_of_viewers(page: SessionsPage, sessions: FakeSessions) -> None:
    sessions.set(master("ada"), session("front-door"))
    assert not page.views.isTabVisible(0)
    page.switcher.choose("id-gate")
    assert page.views.isTabVisible(0)


# --- data ------------------------------------------------------------------------------------


def test_text_is_sent_once_and_stays_in_the_field_when_refused(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door"))
    show_view(page, "Data")
    line = page.views.data.line
    assert not line.send.isEnabled(), "there is nothing to send yet"
    QTest.keyClicks(line.field, "hello")
    sessions.error = UserError("The session is over.", "Join again to send.")
    click(page, "sessions.data.send")
    assert line.field.text() == "hello"
    assert page.note.isVisible()
    sessions.error = None
    QTest.keyClick(line.field, Qt.Key.Key_Return)
    assert line.field.text() == ""
    assert sessions.calls == [("send", ("hello", ""))] * 2


def test_nothing_can_be_sent_before_the_channel_is_open(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door", steps=steps(8)))
    show_view(page, "Data")
    line = page.views.data.line
    QTest.keyClicks(line.field, "hello")
    assert not line.send.isEnabled()
    QTest.keyClick(line.field, Qt.Key.Key_Return)
    assert sessions.calls == []


def test_a_master_speaks_to_all_or_to_the_chosen_viewer(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(master("ada", "bob"))
    page.views.viewers.table.select_id("bob")
    show_view(page, "Data")
    line = page.views.data.line
    line.field.setText("all")
    click(page, "sessions.data.send")
    click(page, "sessions.data.to.one")
    line.field.setText("you")
    click(page, "sessions.data.send")
    assert sessions.calls == [("send", ("all", "")), ("send", ("you", "bob"))]


def test_what_comes_over_the_channel_is_shown_as_it_comes(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(replace(session("front-door"), messages=0))
    show_view(page, "Data")
    sessions.say("id-front-door", b'{"motion": true}')
    assert '"motion": true' in page.views.data.detail.toPlainText()


# --- plots -----------------------------------------------------------------------------------


def test_views_read_the_log_of_the_chosen_session(
    page: SessionsPage, sessions: FakeSessions
) -> None:
    sessions.set(session("front-door"), session("gate"))
    page.switcher.choose("id-front-door")
    for view in page.views.log_views:
        assert view.log is sessions.log("id-front-door")
        assert view.peer_id == "master"
        assert view.at_s is None
    sessions.set()
    assert all(view.log is None for view in page.views.log_views)
