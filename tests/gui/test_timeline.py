"""What happened, and where the join lost time."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.session_logs import START, made_log, made_steps

from peerdeck.core.peer_log import EVENTS_KEPT, Event, SessionLog
from peerdeck.gui.models.events import KINDS, event_rows, moment_text, since_text
from peerdeck.gui.widgets.gantt import Gantt
from peerdeck.gui.widgets.timeline import TimelineView


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1234, "0.123 s"),
        (-0.5, "−0.500 s"),
        (75.5, "1:15.5"),
        (3725, "1:02:05"),
        (59.9999, "1:00.0"),
        (3599.99, "1:00:00"),
    ],
)
def test_times_are_told_since_the_start(seconds: float, text: str) -> None:
    assert since_text(seconds) == text


def test_every_kind_of_event_has_a_word_and_an_icon() -> None:
    from peerdeck.gui import assets

    assert {icon for _, icon in KINDS.values()} <= set(assets.icon_names())
    assert {event.kind for event in made_log(300).peers["master"].events} <= set(KINDS)


def test_numbers_of_events_stay_when_the_oldest_are_forgotten() -> None:
    events = SessionLog().peer("p").events
    for number in range(EVENTS_KEPT + 3):
        events.append(Event(START + number, "peer", f"e{number}"))
    rows = event_rows(events, START, None)
    assert (rows[0].number, rows[0].event.name) == (3, "e3")
    assert rows[-1].number == EVENTS_KEPT + 2


def test_events_after_the_time_that_is_looked_at_are_not_shown() -> None:
    events = made_log(300).peers["master"].events
    assert len(event_rows(events, START, START + 0.2)) == 6
    assert {row.event.kind for row in event_rows(events, START, None, "session")} == {"session"}


# --- the join ----------------------------------------------------------------------------------


def test_the_longest_step_is_named_with_its_share(themed: None) -> None:
    gantt = Gantt()
    gantt.show_steps(made_steps(5200))
    assert gantt.longest is not None
    assert gantt.longest.name == "Answer received"
    assert gantt.summary == (
        "5.4 s from click to first frame. Longest: Answer received, 5.2 s (95 %)."
    )
    assert gantt.summary in gantt.accessibleName()


def test_a_join_that_hangs_shows_what_it_waits_for_and_how_long(themed: None) -> None:
    gantt = Gantt()
    gantt.show_steps(made_steps()[:4], until_ms=10_125)
    last = gantt.rows[-1]
    assert (last.name, last.reached, last.waiting) == ("Answer received", False, True)
    assert gantt.longest is last
    assert gantt.summary == "Answer received: not yet, after 10.0 s of waiting."
    assert [row.end for row in gantt.rows[-2:]] == [pytest.approx(125 / 10_125), 1.0]
    gantt.resize(500, 120)
    gantt.grab()
    gantt.show_steps(made_steps(), until_ms=99_999)
    assert all(row.reached for row in gantt.rows), "what began waits for nothing"
    gantt.show_steps(made_steps()[:4], until_ms=20)
    assert len(gantt.rows) == 4


def test_no_step_is_no_fault(themed: None) -> None:
    gantt = Gantt()
    assert gantt.longest is None
    assert gantt.sizeHint().height() == 0
    gantt.resize(400, 100)
    gantt.grab()


def test_a_step_is_found_by_its_line(themed: None) -> None:
    gantt = Gantt()
    gantt.show_steps(made_steps())
    row = gantt.row_at(17 + 1)
    assert row is not None
    assert row.name == "Channel endpoint"
    assert gantt.row_at(2) is None
    assert gantt.row_at(9999) is None


# --- the view ----------------------------------------------------------------------------------


@pytest.fixture
def log() -> SessionLog:
    return made_log(300, slow_step=True)


@pytest.fixture
def view(log: SessionLog, qtbot: QtBot) -> Iterator[TimelineView]:
    made = TimelineView()
    made.resize(940, 230)
    made.show()
    qtbot.waitExposed(made)
    made.show_log(log, "master", None)
    qtbot.wait(0)
    yield made
    made.close()
    made.deleteLater()


def names(view: TimelineView) -> list[str]:
    return [row.event.name for row in view.events.shown]


def test_model_keeps_its_promises(view: TimelineView, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(view.events, force_py=True)
    view.search.setText("connected")
    view.search.clear()
    view.show_log(None, "", None)


def test_rebuilds_and_losses_are_marked_by_icon_and_word(view: TimelineView) -> None:
    row = names(view).index("path lost")
    cell = view.events.index(row, 2)
    assert cell.data(Qt.ItemDataRole.ForegroundRole) is not None
    assert not view.events.index(row, 1).data(Qt.ItemDataRole.DecorationRole).isNull()


def test_absolute_time_is_in_the_tooltip(view: TimelineView) -> None:
    shown = view.events.index(0, 0)
    assert shown.data() == "0.030 s"
    assert shown.data(Qt.ItemDataRole.ToolTipRole) == moment_text(START + 0.03)


def test_the_filter_looks_at_kind_name_and_detail(view: TimelineView) -> None:
    view.search.setText("rebuild")
    assert names(view) == ["rebuild"]
    view.search.setText("nothing has this")
    assert view.pane.state == "empty"
    view.pane.chosen.emit("clear")
    assert len(names(view)) == 14
    view.kind.setCurrentIndex(view.kind.findData("data"))
    assert names(view) == ["open"]


def test_the_newest_is_followed_until_one_scrolls_away(
    view: TimelineView, log: SessionLog, qtbot: QtBot
) -> None:
    bar = view.table.verticalScrollBar()
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
    log.peers["master"].events.append(Event(START + 200, "peer", "one more"))
    view.refresh()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    bar.setValue(0)
    log.peers["master"].events.append(Event(START + 201, "peer", "another"))
    view.refresh()
    view.table.doItemsLayout()
    assert bar.value() == 0
    QTest.mouseClick(view.to_newest, Qt.MouseButton.LeftButton)
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    view.show_log(made_log(200), "master", None)
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())


def test_a_full_history_forgets_its_oldest_row_by_row(view: TimelineView, log: SessionLog) -> None:
    events = log.peers["master"].events
    for number in range(EVENTS_KEPT):
        events.append(Event(START + number, "peer", f"e{number}"))
    view.refresh()
    resets: list[int] = []
    view.events.modelReset.connect(lambda: resets.append(1))
    events.append(Event(START, "data", "newest"))
    view.refresh()
    assert (names(view)[0], names(view)[-1], len(names(view))) == ("e1", "newest", EVENTS_KEPT)
    view.kind.setCurrentIndex(view.kind.findData("data"))
    events.append(Event(START, "data", "newer"))
    events.append(Event(START, "peer", "other"))
    resets.clear()
    view.refresh()
    assert names(view) == ["newest", "newer"]
    assert not resets


def test_nothing_new_is_not_looked_at_again(view: TimelineView) -> None:
    before = view.events.shown
    view.refresh()
    assert all(a is b for a, b in zip(view.events.shown, before, strict=True))


def test_the_join_stands_beside_or_above_and_can_be_hidden(view: TimelineView) -> None:
    assert view._split.orientation() == Qt.Orientation.Horizontal
    view.resize(940, 600)
    assert view._split.orientation() == Qt.Orientation.Vertical
    QTest.mouseClick(view.fold, Qt.MouseButton.LeftButton)
    assert not view.gantt.isVisible()
    view.refresh()
    assert not view.gantt.isVisible()


def test_bars_are_painted_where_time_went(view: TimelineView) -> None:
    from peerdeck.gui.theme import theme

    image = view.gantt.grab().toImage()
    track = view.gantt._track()
    middle = QPoint(int(track.center().x()), 17 * 5 + 8)  # the fifth step
    assert image.pixelColor(middle) == theme().color("warn")


def test_what_is_shown_can_be_copied(view: TimelineView) -> None:
    view.search.setText("rebuild")
    view.copy.copy()
    copied = QGuiApplication.clipboard().text()
    assert copied.endswith("session\trebuild\tfirst since the join")
    view.copy._back.stop()


def test_a_log_without_events_says_what_will_be_here(view: TimelineView) -> None:
    view.show_log(SessionLog(), "nobody", None)
    assert view.pane.state == "empty"
    assert "Nothing has happened yet" in view.pane.message.text
    assert not view.fold.isVisible()
