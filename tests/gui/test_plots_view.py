"""The view of plots: what the hand, the keys and the time do with it."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from tests.gui.session_logs import START, made_log, report

from peerdeck.core.peer_log import Event, SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats_table import StatsTable
from peerdeck.gui.models.series import STANDARD_OBJECT
from peerdeck.gui.widgets.plots import units
from peerdeck.gui.widgets.plots.canvas import Canvas
from peerdeck.gui.widgets.plots.chooser import STANDARD_WORDS
from peerdeck.gui.widgets.plots.collect import Collector
from peerdeck.gui.widgets.plots.stretch import ALL
from peerdeck.gui.widgets.plots.traces import Plot, TimeAxis, Trace
from peerdeck.gui.widgets.plots.view import PlotsView

# --- the view ----------------------------------------------------------------------------------


@pytest.fixture
def log() -> SessionLog:
    return made_log(400, start=time.time() - 399)


@pytest.fixture
def view(log: SessionLog, qtbot: QtBot) -> Iterator[PlotsView]:
    made = PlotsView()
    made.resize(900, 260)
    made.show()
    qtbot.waitExposed(made)
    made.show_log(log, "master", None)
    yield made
    made.end()
    made.close()
    made.deleteLater()


def seconds(expected: float, within: float = 0.01) -> Any:
    """Of POSIX seconds a millionth is half an hour."""
    return pytest.approx(expected, rel=0, abs=within)


def grow(log: SessionLog, seconds: int = 1) -> None:
    table = log.peers["master"].table
    for _ in range(seconds):
        table.append(report(table.times[-1] + 1, len(table)))


def shown_now(view: PlotsView) -> None:
    """As after a second: what is drawn is drawn again."""
    view._drawn_at.invalidate()
    view.refresh()


def test_the_standard_eight_are_shown_by_default(view: PlotsView) -> None:
    assert [cell.plot.title for cell in view.canvas.cells] == list(STANDARD_WORDS)
    assert view.canvas.axis.relative
    assert view.canvas.axis.span == 300


def test_without_a_sample_it_says_what_will_be_here(view: PlotsView) -> None:
    view.show_log(SessionLog(), "master", None)
    assert view.pane.state == "empty"
    assert "No statistics yet" in view.pane.message.text


def test_samples_ten_times_a_second_are_drawn_once(view: PlotsView, log: SessionLog) -> None:
    before = view.canvas.axis
    for _ in range(10):
        grow(log)
        view.refresh()
    assert view.canvas.axis == before
    assert view._later.isActive()
    view.hide()
    assert not view._later.isActive()


def test_a_hidden_view_reads_nothing_and_catches_up(view: PlotsView, log: SessionLog) -> None:
    view.hide()
    before = view.canvas.axis
    grow(log, 5)
    shown_now(view)
    assert view.canvas.axis == before
    view.show()
    assert view.canvas.axis.end == before.end + 5


@pytest.mark.parametrize(
    ("count", "size", "columns"),
    [
        (8, (900, 260), 4),
        (8, (1170, 330), 4),
        (8, (1170, 400), 4),
        (8, (500, 600), 2),
        (4, (936, 380), 2),
        (5, (936, 380), 2),
        (1, (900, 260), 1),
        (3, (200, 900), 1),
    ],
)
def test_plots_are_no_slivers_and_leave_no_hole(
    qtbot: QtBot, count: int, size: tuple[int, int], columns: int
) -> None:
    canvas = Canvas()
    canvas.resize(*size)
    trace = Trace("x", np.array([0.0]), np.array([0.0]), units.PLAIN)
    plots = [Plot(str(number), "x", (trace,), units.PLAIN) for number in range(count)]
    canvas.show_plots(plots, TimeAxis())
    assert canvas.columns == columns
    canvas.deleteLater()


def test_pause_by_key_says_how_far_behind(view: PlotsView, log: SessionLog) -> None:
    QTest.keyClick(view.canvas, Qt.Key.Key_Space)
    end = view.canvas.axis.end
    grow(log, 12)
    shown_now(view)
    assert view.canvas.axis.end == end
    assert view.bar.state.text() == "Paused, 0:12 behind"
    QTest.mouseClick(view.bar.live, Qt.MouseButton.LeftButton)
    assert view.canvas.axis.end == end + 12
    assert view.bar.state.text() == ""


def wheel(view: PlotsView, place: int, notches: int) -> None:
    where = view.canvas.cells[place].area.center()
    event = QWheelEvent(
        where,
        QPointF(view.canvas.mapToGlobal(where.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    view.canvas.wheelEvent(event)


def test_wheel_zooms_drag_pans_double_click_returns(view: PlotsView) -> None:
    wheel(view, 1, 2)
    assert view.canvas.axis.span == pytest.approx(300 * 0.64)
    assert view.bar.live.isVisible()
    end = view.canvas.axis.end
    middle = view.canvas.cells[0].area.center().toPoint()
    QTest.mousePress(view.canvas, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(view.canvas, middle + QPoint(40, 0))
    QTest.mouseRelease(view.canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(40, 0))
    assert view.canvas.axis.end < end
    QTest.mouseDClick(view.canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert (view.canvas.axis.span, view.stretch.follows) == (300, True)


def test_one_cursor_goes_through_all_plots_with_their_values(view: PlotsView) -> None:
    cell = view.canvas.cells[0]
    QTest.mouseMove(view.canvas, cell.area.center().toPoint())
    at = view.canvas.cursor_at
    assert at == seconds(view.canvas.axis.end - 150, within=3)
    text = view.canvas.values_text()
    assert "2:30 ago" in text or "2:29 ago" in text
    for name in STANDARD_WORDS:
        assert name in text
    view.canvas.leaveEvent(QEvent(QEvent.Type.Leave))
    assert view.canvas.cursor_at is None


def test_a_resting_pointer_stays_where_it_is_while_time_goes_on(
    view: PlotsView, log: SessionLog
) -> None:
    QTest.mouseMove(view.canvas, view.canvas.cells[0].area.center().toPoint())
    before = view.canvas.cursor_at
    assert before is not None
    grow(log, 7)
    shown_now(view)
    assert view.canvas.cursor_at == seconds(before + 7)
    QTest.keyClick(view.canvas, Qt.Key.Key_Left)
    held = view.canvas.cursor_at
    grow(log, 3)
    shown_now(view)
    assert view.canvas.cursor_at == held


def test_plots_that_are_scrolled_away_are_not_drawn(view: PlotsView, qtbot: QtBot) -> None:
    members = [member for member in view.chooser.model.members if member[0] == STANDARD_OBJECT]
    view.chooser.set_objects(list(Collector(view.peer.table).named.values()))
    others = [member for member in view.chooser.model.members if member[0] != STANDARD_OBJECT]
    view.chooser.choose([*members, *others[:50]])
    qtbot.waitUntil(lambda: view.canvas.height() > 700)
    view.draw_now()
    view.repaint()
    drawn = [cell._lines is not None for cell in view.canvas.cells]
    assert drawn[0]
    assert not drawn[-1]


def test_keys_step_the_cursor_pan_zoom_and_return(view: PlotsView, log: SessionLog) -> None:
    times = log.peers["master"].table.times
    QTest.keyClick(view.canvas, Qt.Key.Key_Left)
    assert view.canvas.cursor_at == times[-1]
    QTest.keyClick(view.canvas, Qt.Key.Key_Left)
    assert view.canvas.cursor_at == times[-2]
    assert "Bitrate in 1.2 Mbps" in view.canvas.accessibleDescription()
    QTest.keyClick(view.canvas, Qt.Key.Key_Escape)
    assert view.canvas.cursor_at is None
    view.canvas.keyPressEvent(
        QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Plus, Qt.KeyboardModifier.NoModifier)
    )
    assert view.canvas.axis.span == pytest.approx(240)
    QTest.keyClick(view.canvas, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert view.canvas.axis.end == seconds(times[-1] - 24)
    QTest.keyClick(view.canvas, Qt.Key.Key_End)
    assert view.canvas.axis.span == 300


@pytest.mark.parametrize(("words", "span"), [("1 min", 60), ("5 min", 300), ("All", 399)])
def test_the_span_is_chosen(view: PlotsView, words: str, span: float) -> None:
    button = next(b for b in view.bar._spans.buttons() if b.text() == words)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.canvas.axis.span == pytest.approx(span)


def test_a_time_of_the_past_is_seen_with_what_came_before_and_after(
    view: PlotsView, log: SessionLog
) -> None:
    at = log.started_at + 250
    view.show_log(log, "master", at)
    axis = view.canvas.axis
    assert axis.marker == at
    assert not axis.relative
    assert (at - axis.begin, axis.end - at) == pytest.approx((225, 75))
    view.show_log(log, "master", log.started_at + 5)
    assert view.canvas.axis.begin == log.started_at
    view.show_log(log, "master", log.started_at + 399)
    assert view.canvas.axis.end == log.started_at + 399


def test_a_short_recording_fills_its_plots(view: PlotsView) -> None:
    view.show_log(made_log(9), "master", START + 4)
    assert (view.canvas.axis.begin, view.canvas.axis.end) == (START, START + 8)
    assert not view.bar.pause.isVisible()
    QTest.keyClick(view.canvas, Qt.Key.Key_Space)
    assert not view.stretch.is_paused
    wheel(view, 0, 3)
    assert (view.bar.state.text(), view.bar.live.text()) == ("Zoomed", "Reset zoom")


def test_a_moved_slider_reads_nothing_anew(view: PlotsView, log: SessionLog) -> None:
    view._choose_span(ALL)
    view.show_log(log, "master", log.started_at + 100)
    before = view.canvas.plots
    view.show_log(log, "master", log.started_at + 200)
    assert view.canvas.plots == before
    assert all(a is b for a, b in zip(view.canvas.plots, before, strict=True))


def test_members_are_chosen_by_check_marks(view: PlotsView) -> None:
    QTest.mouseClick(view.bar.choose, Qt.MouseButton.LeftButton)
    view.chooser.search.setText("vp8 framesdecoded")
    model = view.chooser.model
    assert model.members == [("IT1V", "framesDecoded")]
    index = model.index_of(("IT1V", "framesDecoded"))
    view.chooser.tree.setCurrentIndex(index)
    QTest.keyClick(view.chooser.tree, Qt.Key.Key_Return)
    assert len(view.canvas.plots) == 9
    view.chooser.reset.click()
    assert len(view.canvas.plots) == 8
    assert view.chooser.is_standard


def test_another_log_keeps_the_choice_and_forgets_the_place(
    view: PlotsView, log: SessionLog
) -> None:
    view.chooser.choose([(STANDARD_OBJECT, "Loss")])
    view.canvas.panned.emit(-50)
    view.show_log(made_log(100), "master", None)
    assert [plot.title for plot in view.canvas.plots] == ["Loss"]
    assert view.stretch.follows


def test_a_curve_is_really_drawn(view: PlotsView) -> None:
    from peerdeck.gui.theme import theme

    image = view.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    accent = theme().color("accent")

    def near(x: int, y: int) -> bool:
        found = image.pixelColor(x, y)
        pairs = ((found.red(), accent.red()), (found.green(), accent.green()))
        return sum(abs(a - b) for a, b in pairs) < 120

    area = view.canvas.cells[7].area.toRect()
    found = sum(
        near(x, y)
        for x in range(area.left(), area.right())
        for y in range(area.top(), area.bottom())
    )
    assert found > 20


def test_a_day_of_samples_is_drawn_with_few_points(qtbot: QtBot) -> None:
    log = SessionLog("day", START)
    table = log.peer("master").table = StatsTable()
    for second in range(86_400):
        members = {"type": "transport", "bytesReceived": 1000 * second}
        table.append(StatsReport(START + second, {"T": members}))
    view = PlotsView()
    view.resize(900, 260)
    view.show()
    view.stretch.choose_span(ALL)
    view.show_log(log, "master", None)
    lines = view.canvas.cells[0].lines[0]
    assert sum(line.count() for line in lines) <= 2 * view.canvas.width()
    view.end()
    view.close()
    view.deleteLater()


def test_lines_move_with_the_place_of_their_plot(view: PlotsView) -> None:
    def ends() -> list[tuple[float, float]]:
        found = []
        for cell in view.canvas.cells:
            line = cell.lines[0][-1]
            found.append((line.at(line.count() - 1).x(), cell.area.right()))
        return found

    for size in ((900, 260), (1200, 400), (500, 500)):
        view.resize(*size)
        assert all(x == pytest.approx(right) for x, right in ends())
    view.canvas.zoomed.emit(0.5, view.canvas.axis.end)
    assert all(x == pytest.approx(right) for x, right in ends())


def test_end_twice_is_once(view: PlotsView) -> None:
    view.end()
    view.end()
    assert view.log is None


# --- what happened meanwhile -------------------------------------------------------------------


def test_losses_and_rebuilds_are_marked_in_every_plot(qtbot: QtBot) -> None:
    log = made_log(200)
    view = PlotsView()
    view.resize(900, 260)
    view.show()
    view.show_log(log, "master", None)
    assert [(mark.name, mark.tone) for mark in view.canvas.axis.marks] == [
        ("path lost", "bad"),
        ("rebuild", "warn"),
    ]
    assert view.canvas.axis.moment_text(START + 100).endswith("path lost · rebuild")
    assert view.canvas.axis.moment_text(START + 20).count("·") == 1
    log.peers["master"].events.append(Event(START + 150, "session", "path lost", "", "bad"))
    log.peers["master"].events.append(Event(START + 160, "peer", "closed", "", "bad"))
    log.peers["master"].table.append(report(START + 200, 200))
    shown_now(view)
    assert len(view.canvas.axis.marks) == 3
    view.end()
    view.close()
    view.deleteLater()


# --- whatever a file holds ---------------------------------------------------------------------

VALUES = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0.0, 1e308, -1e308, 5e-324, 1e29]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.001, 1e6), VALUES), max_size=40),
    st.booleans(),
    st.sampled_from([60.0, 300.0, ALL]),
)
def test_any_table_is_drawn_in_any_window(
    samples: list[tuple[float, float | None]], raw: bool, span_s: float
) -> None:
    log = SessionLog()
    table, at_s = log.peer("p").table, START
    for step, value in samples:
        at_s += step
        members = {} if value is None else {"bytesReceived": float(value)}
        table.append(StatsReport(at_s, {"T": {"type": "transport", **members}}))
    view = PlotsView()
    view.resize(500, 200)
    view.show()
    view.chooser.raw.setChecked(raw)
    view.chooser.choose([(STANDARD_OBJECT, "Bitrate in"), ("T", "bytesReceived")])
    view.stretch.choose_span(span_s)
    view.show_log(log, "p", None)
    view.canvas.zoomed.emit(0.01, at_s)
    view.canvas.panned.emit(-1e9)
    view.canvas.point_at(view.canvas.axis.begin)
    view.canvas.grab()
    for cell in view.canvas.cells:
        assert cell.low < cell.high
    view.end()
    view.close()
    view.deleteLater()
