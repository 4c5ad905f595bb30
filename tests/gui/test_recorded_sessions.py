"""Recordings on the session page: made, opened, moved through, compared, kept in other formats."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget
from pytestqt.qtbot import QtBot
from tests.gui.page_fakes import NOW, FakeRecordings, FakeSessions, recording, session
from tests.gui.session_logs import START
from tests.gui.test_sessions_page import click, show_view

import peerdeck.gui.widgets.plots.collect  # noqa: F401 - most tests have no loop to load it on
from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import Event
from peerdeck.core.session import Phase, Recording
from peerdeck.gui.pages.sessions import SessionsPage
from peerdeck.gui.widgets.export import ExportDialog
from peerdeck.gui.widgets.time_slider import TimeSlider, TimeTrack

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]


@pytest.fixture
def recordings(console: SimpleNamespace) -> FakeRecordings:
    console.sessions = FakeSessions()
    console.recordings = FakeRecordings(console.sessions)
    return console.recordings


@pytest.fixture
def page(
    console: SimpleNamespace, recordings: FakeRecordings, qtbot: QtBot
) -> Iterator[SessionsPage]:
    made = SessionsPage(console)
    made.resize(940, 560)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.recorded.forget()
    made.following.end()
    made.views.end()
    made.close()
    made.deleteLater()


# --- opened ----------------------------------------------------------------------------------


def test_a_recording_is_shown_at_its_end_without_a_picture(
    page: SessionsPage, recordings: FakeRecordings
) -> None:
    recordings.state.publish((recording(),))
    assert page.switcher.chosen_id == "recording-front-door"
    assert page.desk.slider.isVisible()
    assert page.stage.message.isVisible()
    assert "No picture is recorded" in page.stage.message.text
    assert "Role viewer" in page.stage.message.text
    assert not page.stage.strip.controls.snapshot.isEnabled()
    assert page.recorded.at_s == START + 299
    assert page.views.plots.at_s == START + 299
    assert page.figures.lines["Frames"].text == "30 fps"
    assert not page.leave.isVisible()
    assert not page.files.record.isVisible()


def test_what_a_file_lacks_is_said_once(page: SessionsPage, recordings: FakeRecordings) -> None:
    recordings.state.publish((recording("a", note="It was cut off."), recording("b")))
    page.switcher.choose("recording-a")
    assert "It was cut off." in page.note.text
    page.note.clear()
    page.switcher.choose("recording-b")
    page.switcher.choose("recording-a")
    assert not page.note.isVisible()


def test_the_slider_drives_every_view_and_the_figures(
    page: SessionsPage, recordings: FakeRecordings
) -> None:
    recordings.state.publish((recording(),))
    track = page.desk.slider.track
    track.setFocus()
    QTest.keyClick(track, Qt.Key.Key_Home)
    assert page.figures.lines["Frames"].text == "–", "one report has no rate"
    for _ in range(31):
        QTest.keyClick(track, Qt.Key.Key_Right)
    assert page.recorded.at_s == START + 31
    assert {view.at_s for view in page.views.log_views} == {START + 31}
    assert page.figures.lines["Jitter"].text == "22 ms"


def test_the_slider_stays_where_it_was_left_for_each_recording(
    page: SessionsPage, recordings: FakeRecordings
) -> None:
    recordings.state.publish((recording("a"), recording("b")))
    page.switcher.choose("recording-a")
    page.desk.slider.track.step(-10)
    page.switcher.choose("recording-b")
    assert page.recorded.at_s == START + 299
    page.switcher.choose("recording-a")
    assert page.recorded.at_s == START + 289


def test_sparklines_of_a_jump_are_filled_in_turns(
    page: SessionsPage, recordings: FakeRecordings, qtbot: QtBot
) -> None:
    recordings.state.publish((recording(),))
    line = page.figures.lines["Round trip"]
    assert len(line._samples or ()) == 12
    qtbot.waitUntil(lambda: len(line._samples or ()) == 60)


def test_a_session_beside_a_recording_lives_on(
    page: SessionsPage, recordings: FakeRecordings, console: SimpleNamespace
) -> None:
    console.sessions.set(session("gate"))
    recordings.state.publish((recording(),))
    assert page.switcher.chosen_id == "recording-front-door"
    assert console.sessions.watched == {}
    page.switcher.choose("id-gate")
    assert list(console.sessions.watched) == ["id-gate"]
    assert not page.desk.slider.isVisible()
    assert page.views.plots.at_s is None
    assert page.stage.strip.state.word == "Connected"
    assert page.views.data.line.isVisibleTo(page.views.data)


def test_a_closed_recording_is_gone(page: SessionsPage, recordings: FakeRecordings) -> None:
    recordings.state.publish((recording(),))
    click(page, "sessions.close")
    assert recordings.calls == [("close", "recording-front-door")]
    assert page.pane.state == "empty"
    assert all(view.log is None for view in page.views.log_views)


def test_messages_of_a_recording_come_as_its_time_does(
    page: SessionsPage, recordings: FakeRecordings
) -> None:
    recordings.state.publish((recording(),))
    show_view(page, "Data")
    assert page.views.data.messages.rowCount() == 1
    assert not page.views.data.line.isVisible()
    page.desk.slider.track._go(START + 1)
    assert page.views.data.messages.rowCount() == 0


def test_files_are_opened_one_after_the_other_and_remembered(
    console: SimpleNamespace, recordings: FakeRecordings, on_loop: OnLoop
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        page.open_files([Path("/films/a.prec"), Path("/films/b.prec")])
        await settled(page)
        assert [r.title for r in recordings.state.value] == ["a", "b"]
        assert console.settings.state.value.recordings == ("/films/b.prec", "/films/a.prec")
        recordings.error = UserError("x.prec is no recording.", "Choose another file.")
        page.open_files([Path("/films/x.prec")])
        await settled(page)
        assert "x.prec is no recording." in page.note.text
        await page.aclose()
        page.close()

    on_loop(body)


@pytest.mark.qt_log_ignore("does not support", extend=True)
def test_recent_files_that_are_still_there_are_offered(
    console: SimpleNamespace, recordings: FakeRecordings, on_loop: OnLoop, tmp_path: Path
) -> None:
    (tmp_path / "here.prec").touch()
    there = (str(tmp_path / "here.prec"), str(tmp_path / "gone.prec"))
    console.settings.change(recordings=there)

    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        click(page, "sessions.open")
        menu = page.findChild(QMenu, "sessions.open.menu")
        assert isinstance(menu, QMenu)
        assert [a.text() for a in menu.actions() if a.text()] == ["Open…", "here.prec"]
        menu.actions()[-1].trigger()
        await settled(page)
        assert recordings.calls == [("open", tmp_path / "here.prec")]
        menu.hide()
        await page.aclose()
        page.close()

    on_loop(body)


async def settled(page: SessionsPage) -> None:
    """What was started has ended, and was told."""
    import asyncio
    import contextlib

    for task in tuple(page.tasks._tasks.values()):
        with contextlib.suppress(UserError):
            await task
    await asyncio.sleep(0)


def test_what_is_dropped_on_the_window_is_opened(
    console: SimpleNamespace, recordings: FakeRecordings, on_loop: OnLoop
) -> None:
    from peerdeck.gui.window import MainWindow

    async def body() -> None:
        window = MainWindow(console)
        window.show()
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile("/films/a.prec"), QUrl("https://example.com/x")])
        copy = Qt.DropAction.CopyAction
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        window.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, none))
        page: Any = window.page
        await settled(page)
        assert recordings.calls == [("open", Path("/films/a.prec"))]
        await window.aclose()
        window.close()

    on_loop(body)


# --- made ------------------------------------------------------------------------------------


def test_record_says_since_when_and_how_much_and_where_it_is(
    console: SimpleNamespace, recordings: FakeRecordings, on_loop: OnLoop
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        console.sessions.set(session("gate"))
        click(page, "sessions.record")
        await settled(page)
        assert page.files.record.text().endswith("1.2 MB")
        assert "new.prec" in page.files.record.toolTip()
        click(page, "sessions.record")
        await settled(page)
        assert recordings.calls == [("start", "id-gate"), ("stop", "id-gate")]
        assert page.files.record.text() == "Record"
        assert "Recorded new.prec, 1.2 MB." in page.note.text
        page.note.action_requested.emit()
        await settled(page)
        assert recordings.calls[-1] == ("open", Path("/films/new.prec"))
        await page.aclose()
        page.close()

    on_loop(body)


def test_a_recording_that_cannot_go_on_says_so_once(
    page: SessionsPage, console: SimpleNamespace
) -> None:
    console.sessions.set(session("gate", recording=Recording("/films/new.prec", NOW, 5)))
    full = UserError("The disk is full, so new.prec ends here.", "Free some space.")
    console.sessions.change("id-gate", recording=Recording("/films/new.prec", NOW, 5, full))
    assert full.title in page.note.text
    assert page.files.record.text() == "Record"
    page.note.clear()
    console.sessions.change("id-gate", messages=7)
    assert not page.note.isVisible()


def test_a_session_that_ends_tells_where_its_recording_is(
    page: SessionsPage, console: SimpleNamespace
) -> None:
    console.sessions.set(session("gate", recording=Recording("/films/new.prec", NOW, 5)))
    console.sessions.change("id-gate", phase=Phase.LEFT, recording=None)
    assert "Recorded new.prec" in page.note.text
    assert not page.files.record.isVisible()


def test_what_is_chosen_is_exported(
    console: SimpleNamespace, recordings: FakeRecordings, on_loop: OnLoop
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        recordings.state.publish((recording(),))
        log = recordings.state.value[0].log
        page.files.export_dump(Path("/films/a.json"))
        await settled(page)
        page.files.export_csv(Path("/films/a.csv"))
        await settled(page)
        (_, dumped), (_, table) = recordings.calls
        assert dumped[0] is log
        assert table[0] is log
        assert table[1:] == (
            Path("/films/a.csv"),
            len(log.peers["master"].table.members()),
            "master",
        )
        await page.aclose()
        page.close()

    on_loop(body)


def test_columns_of_a_table_are_picked_before_its_file(
    page: SessionsPage, recordings: FakeRecordings
) -> None:
    recordings.state.publish((recording(),))
    page.files._ask_for_csv()
    dialog = page.findChild(ExportDialog)
    dialog.search.setText("transport bytes")
    dialog.model.choose(dialog.model.members)
    dialog.go.click()
    files = page.findChild(QFileDialog)
    assert files.defaultSuffix() == "csv"
    assert files.isVisible()
    files.close()


# --- compared --------------------------------------------------------------------------------


def test_two_of_anything_can_be_compared(
    console: SimpleNamespace, recordings: FakeRecordings, on_loop: OnLoop
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        console.sessions.set(session("gate"))
        assert not page.header.compare.isVisible()
        recordings.state.publish((recording(),))
        click(page, "sessions.compare")
        await settled(page)
        assert page.mode == "compare"
        assert page.compare.isVisible()
        assert not page.files.record.isVisible()
        recordings.close("recording-front-door")
        assert page.mode == "desk"
        await page.aclose()
        page.close()

    on_loop(body)


# --- the slider ------------------------------------------------------------------------------


@pytest.fixture
def slider(qtbot: QtBot) -> TimeSlider:
    made = TimeSlider()
    qtbot.addWidget(made)
    made.resize(700, 40)
    made.show()
    events = (Event(110.0, "session", "path lost", tone="bad"), Event(130.0, "peer", "connected"))
    made.show_span(100.0, 200.0, [100.0 + n for n in range(101)], events, 100.0)
    return made


def test_keys_step_leap_and_find_events(slider: TimeSlider) -> None:
    track = slider.track
    for key, modifier, at_s in (
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 101),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, 111),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, 130),
        (Qt.Key.Key_PageUp, Qt.KeyboardModifier.NoModifier, 110),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 109),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 200),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 200),
    ):
        QTest.keyClick(track, key, modifier)
        assert slider.at_s == at_s
    assert slider.words == "1:40 / 1:40"


def test_a_click_goes_there(slider: TimeSlider, qtbot: QtBot) -> None:
    track = slider.track
    with qtbot.waitSignal(slider.moved):
        QTest.mouseClick(track, Qt.MouseButton.LeftButton, pos=track.rect().center())
    assert abs(slider.at_s - 150) < 1


def test_it_plays_at_its_speed_and_stops_at_the_end(slider: TimeSlider, qtbot: QtBot) -> None:
    slider.speed.setCurrentIndex(slider.speed.count() - 1)
    slider.track.show_at(195.0)
    slider.toggle()
    assert slider.is_playing
    qtbot.waitUntil(lambda: not slider.is_playing)
    assert slider.at_s == 200
    slider.toggle()
    assert slider.is_playing
    assert slider.at_s < 200, "at the end it begins anew"
    slider.hide()
    assert not slider.is_playing


def test_the_space_bar_plays_and_pauses(slider: TimeSlider) -> None:
    QTest.keyClick(slider, Qt.Key.Key_Space)
    assert slider.is_playing
    QTest.keyClick(slider, Qt.Key.Key_Space)
    assert not slider.is_playing


def test_a_track_of_nothing_does_nothing(qtbot: QtBot) -> None:
    track = TimeTrack()
    qtbot.addWidget(track)
    track.show()
    track.show_span(5.0, 5.0, (), ())
    for key in (Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_End):
        QTest.keyClick(track, key)
    assert track.at_s == 5


def test_every_part_of_the_slider_has_a_name(slider: TimeSlider) -> None:
    for widget in (slider.track, slider.play, slider.back, slider.forth, slider.speed):
        assert isinstance(widget, QWidget)
        assert widget.accessibleName()
