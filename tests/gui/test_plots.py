"""Plots: what is read of a table, which stretch of it is seen, and what the hand does with it."""

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
from tests.gui.session_logs import START, chromium_log, made_log, report

from peerdeck.core.glance import glance
from peerdeck.core.peer_log import Event, SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats_table import StatsTable
from peerdeck.gui.models.series import STANDARD_OBJECT
from peerdeck.gui.widgets.plots import units
from peerdeck.gui.widgets.plots.canvas import Canvas
from peerdeck.gui.widgets.plots.chooser import STANDARD_WORDS, Arrangement
from peerdeck.gui.widgets.plots.collect import Collector
from peerdeck.gui.widgets.plots.painting import Plot, TimeAxis, Trace
from peerdeck.gui.widgets.plots.rows import Rows, polygon, stretches, thinned
from peerdeck.gui.widgets.plots.standard import STANDARD
from peerdeck.gui.widgets.plots.stretch import ALL, Stretch
from peerdeck.gui.widgets.plots.view import PlotsView


def table_of(*values: float | None, member: str = "bytesReceived", step: float = 1) -> StatsTable:
    table = StatsTable()
    for number, value in enumerate(values):
        members = {"type": "transport"} | ({} if value is None else {member: value})
        table.append(StatsReport(START + number * step, {"T": members}))
    return table


# --- what is read ------------------------------------------------------------------------------


def test_a_rate_is_growth_per_second_whatever_the_distance_of_samples() -> None:
    rows = Rows(table_of(0, 100, 400, step=2), 0, 2)
    assert np.isnan(rows.rate(("T", "bytesReceived"))[0])
    assert rows.rate(("T", "bytesReceived"))[1:].tolist() == [50, 150]


def test_a_window_of_rows_knows_the_rate_at_its_first() -> None:
    rows = Rows(table_of(0, 100, 400, 900), 2, 3)
    assert rows.times.tolist() == [START + 2, START + 3]
    assert rows.rate(("T", "bytesReceived")).tolist() == [300, 500]


def test_a_counter_that_begins_anew_has_no_rate_there() -> None:
    rates = Rows(table_of(900, 1000, 50, 80), 0, 3).rate(("T", "bytesReceived"))
    assert np.isnan(rates[2])
    assert rates[3] == 30


def test_what_is_not_known_is_a_gap_and_never_zero() -> None:
    rows = Rows(table_of(1, None, 3), 0, 2)
    parts = stretches(*rows.line(rows.value(("T", "bytesReceived"))))
    assert [part[1].tolist() for part in parts] == [[1], [3]]
    assert np.isnan(rows.total([rows.nothing(), rows.nothing()])).all()


def test_a_silence_breaks_the_line() -> None:
    table = table_of(1, 2, 3)
    table.append(StatsReport(START + 60, {"T": {"type": "transport", "bytesReceived": 4}}))
    rows = Rows(table, 0, 3)
    parts = stretches(*rows.line(rows.value(("T", "bytesReceived"))))
    assert [len(part[0]) for part in parts] == [3, 1]


def test_thinning_keeps_a_peak_of_one_sample_in_a_day() -> None:
    x = np.linspace(0, 199.9, 86_400)
    y = np.ones(86_400)
    y[50_000], y[60_000] = 99, -7
    thin_x, thin_y = thinned(x, y, 200)
    assert len(thin_x) == 400
    assert (thin_y.max(), thin_y.min()) == (99, -7)
    assert (np.diff(thin_x) >= 0).all()


def test_thinning_leaves_few_points_alone_and_gaps_open() -> None:
    x = np.linspace(0, 99.9, 1000)
    y = np.ones(1000)
    assert thinned(x[:200], y[:200], 100)[0] is not x
    assert len(thinned(x[:200], y[:200], 100)[0]) == 200
    y[300:400] = np.nan
    assert len(stretches(*thinned(x, y, 100))) == 2


def test_a_polygon_holds_its_points() -> None:
    made = polygon(np.array([1.0, 2.5]), np.array([3.0, -4.5]))
    assert [(made.at(i).x(), made.at(i).y()) for i in range(made.count())] == [(1, 3), (2.5, -4.5)]


def test_a_growing_table_is_never_held_by_numpy() -> None:
    """An array.array that exports its buffer raises BufferError when it grows."""
    log = made_log(5)
    collector = Collector(log.peers["master"].table)
    rows = collector.rows(START, START + 5)
    held = collector.plots(rows, tuple(_standard()), Arrangement.EACH, raw=False)
    log.peers["master"].table.append(report(START + 5, 5))
    assert len(held) == 8


# --- the standard eight ------------------------------------------------------------------------


def _standard() -> list[tuple[str, str]]:
    return [(STANDARD_OBJECT, name) for name in STANDARD_WORDS]


def _newest(log: SessionLog, peer: str) -> dict[str, str]:
    table = log.peers[peer].table
    collector = Collector(table)
    rows = collector.rows(table.times[0], table.times[-1])
    plots = collector.plots(rows, _standard(), Arrangement.EACH, raw=False)
    return {plot.title: plot.traces[0].text_at(None) for plot in plots}


def test_every_standard_plot_has_words() -> None:
    assert [one.name for one in STANDARD] == list(STANDARD_WORDS)


def test_standard_plots_of_a_viewer_tell_what_cards_tell() -> None:
    assert _newest(made_log(20), "master") == {
        "Bitrate in": "1.2 Mbps",
        "Packets": "190 /s",
        "Frame rate": "30 fps",
        "Resolution": "720 px",
        "Bitrate out": "24.0 kbps",
        "Loss": "0.0 %",
        "Jitter": "4.8 ms",
        "Round trip": "38 ms",
    }


@pytest.mark.parametrize("of_browser", [False, True])
def test_standard_plots_agree_with_the_cards_in_every_row(of_browser: bool) -> None:
    log = chromium_log() if of_browser else made_log(120)
    table = next(iter(log.peers.values())).table
    collector = Collector(table)
    rows = collector.rows(table.times[0], table.times[-1])
    plots = {
        plot.title: plot.traces[0].values
        for plot in collector.plots(rows, _standard(), Arrangement.EACH, raw=False)
    }
    for row in range(2, len(table)):  # what began in the first interval is not known to plots
        cards = glance(table.report(row - 1), table.report(row))
        sends = cards.packets_per_s is None
        expected = {
            "Bitrate in": (cards.bitrate_in_bps, 1),
            "Bitrate out": (cards.bitrate_out_bps, 1),
            "Frame rate": (cards.out_fps if sends else cards.fps, 1),
            "Round trip": (cards.rtt_ms, 1e-3),
            "Jitter": (cards.out_jitter_ms if sends else cards.jitter_ms, 1e-3),
        }
        for name, (value, factor) in expected.items():
            if value is not None:
                assert plots[name][row] == pytest.approx(value * factor), (name, row)
        if cards.loss_percent is not None:
            assert plots["Loss"][row] == pytest.approx(cards.loss_percent)


def test_standard_plots_of_a_sender_tell_what_it_sends() -> None:
    log = chromium_log()
    shown = _newest(log, next(iter(log.peers)))
    assert shown["Frame rate"] == "20 fps"
    assert shown["Resolution"] != "–"
    assert shown["Round trip"].endswith("ms")


def test_the_round_trip_is_that_of_the_pair_in_use_at_the_time() -> None:
    table = StatsTable()
    for second, pair in enumerate(("A", "A", "B")):
        table.append(
            StatsReport(
                START + second,
                {
                    "T": {"type": "transport", "selectedCandidatePairId": pair},
                    "A": {"type": "candidate-pair", "currentRoundTripTime": 0.010},
                    "B": {"type": "candidate-pair", "currentRoundTripTime": 0.200},
                },
            )
        )
    collector = Collector(table)
    plots = collector.plots(
        collector.rows(START, START + 2),
        [(STANDARD_OBJECT, "Round trip")],
        Arrangement.EACH,
        raw=False,
    )
    assert plots[0].traces[0].values.tolist() == [0.010, 0.010, 0.200]


# --- what is chosen ----------------------------------------------------------------------------


def test_counters_are_rates_until_totals_are_asked_for() -> None:
    log = made_log(10)
    collector = Collector(log.peers["master"].table)
    rows = collector.rows(START, START + 9)
    chosen = [("IT1V", "framesDecoded"), ("IT1V", "frameHeight")]
    rates = collector.plots(rows, chosen, Arrangement.EACH, raw=False)
    assert [plot.traces[0].values[-1] for plot in rates] == [30, 720]
    assert rates[0].title.startswith("framesDecoded per second · Inbound video · VP8 · ssrc 12345")
    raw = collector.plots(rows, chosen, Arrangement.EACH, raw=True)
    assert raw[0].traces[0].values[-1] == 270


def test_bytes_per_second_are_told_as_bits() -> None:
    collector = Collector(made_log(10).peers["master"].table)
    rows = collector.rows(START, START + 9)
    chosen = [("T1", "bytesReceived")]
    plot = collector.plots(rows, chosen, Arrangement.EACH, raw=False)[0]
    assert plot.traces[0].text_at(None) == "1.2 Mbps"
    plot = collector.plots(rows, chosen, Arrangement.EACH, raw=True)[0]
    assert plot.traces[0].text_at(None) == "1.4 MB"


def test_the_same_member_of_several_objects_can_share_a_plot() -> None:
    collector = Collector(made_log(10).peers["master"].table)
    rows = collector.rows(START, START + 9)
    chosen = [("IT1V", "jitter"), ("IT1A", "jitter"), ("IT1V", "packetsReceived")]
    together = collector.plots(rows, chosen, Arrangement.MEMBER, raw=False)
    assert [len(plot.traces) for plot in together] == [2, 1]
    assert [trace.name for trace in together[0].traces] == [
        "Inbound video · VP8 · ssrc 1234567",
        "Inbound audio · opus · ssrc 7654321",
    ]
    assert len(collector.plots(rows, chosen, Arrangement.EACH, raw=False)) == 3


def test_what_is_chosen_but_not_there_yet_is_left_out() -> None:
    collector = Collector(made_log(3).peers["master"].table)
    rows = collector.rows(START, START + 2)
    assert collector.plots(rows, [("later", "jitter")], Arrangement.EACH, raw=False) == []


# --- which stretch is seen ---------------------------------------------------------------------


def test_the_newest_is_followed_until_one_looks_elsewhere() -> None:
    seen = Stretch()
    seen.set_extent(0, 1000)
    assert (seen.begin, seen.end, seen.follows) == (700, 1000, True)
    seen.pan(-100)
    assert (seen.begin, seen.end, seen.follows) == (600, 900, False)
    seen.set_extent(0, 1060)
    assert (seen.begin, seen.end) == (600, 900)
    assert seen.behind_s == 160
    seen.resume()
    assert (seen.begin, seen.end) == (760, 1060)


def test_a_young_session_is_no_sliver() -> None:
    seen = Stretch()
    seen.set_extent(0, 20)
    assert (seen.begin, seen.end) == (-40, 20)


def test_zoom_keeps_the_time_under_the_pointer_where_it_is() -> None:
    seen = Stretch()
    seen.set_extent(0, 1000)
    seen.zoom(0.5, 775)
    assert (775 - seen.begin) / (seen.end - seen.begin) == pytest.approx(0.25)
    assert seen.end - seen.begin == pytest.approx(150)


def test_zoom_at_the_right_edge_goes_on_following() -> None:
    seen = Stretch()
    seen.set_extent(0, 1000)
    seen.zoom(0.5, 1000)
    assert seen.follows
    seen.set_extent(0, 1001)
    assert (seen.begin, seen.end) == (851, 1001)


def test_nothing_beyond_the_data_can_be_gone_to() -> None:
    seen = Stretch(span_s=ALL)
    seen.set_extent(100, 1000)
    seen.zoom(0.5, 400)
    seen.pan(-10_000)
    assert seen.begin == 100
    seen.pan(99_999)
    assert seen.end == 1000
    seen.zoom(1000, 500)
    assert (seen.begin, seen.end) == (100, 1000)


def test_a_place_in_the_past_stays_until_the_focus_leaves_it() -> None:
    seen = Stretch()
    seen.set_extent(0, 1000)
    seen.look_at(500.0)
    seen.zoom(0.1, 500)
    place = (seen.begin, seen.end)
    seen.look_at(505.0)
    assert (seen.begin, seen.end) == place
    seen.look_at(800.0)
    assert seen.begin < 800 < seen.end
    assert seen.end - seen.begin == pytest.approx(30)
    seen.zoom(1.0, 1000)
    assert not seen.follows, "the newest is not what a recording is looked at for"
    seen.resume()
    assert (seen.begin, seen.end) == (575, 875)


def test_pause_freezes_what_is_seen_and_says_how_far_behind() -> None:
    seen = Stretch()
    seen.set_extent(0, 1000)
    seen.pause()
    seen.set_extent(0, 1012)
    assert (seen.begin, seen.end, seen.behind_s) == (700, 1000, 12)
    seen.pan(50)
    assert seen.is_paused
    seen.resume()
    assert seen.end == 1012


# --- axes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("least", "step"), [(0.3, 0.5), (1, 1), (1.1, 2), (2.1, 5), (700, 1000), (0, 1)]
)
def test_steps_are_one_two_or_five(least: float, step: float) -> None:
    assert units.round_step(least) == pytest.approx(step)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.0, "1,234,567"),
        (9151314442816847872, "9,151,314,442,816,847,872"),
        (0.5, "0.5"),
        (12.3456, "12.35"),
        (-3, "-3"),
    ],
)
def test_counts_have_no_digits_that_mean_nothing(value: float, text: str) -> None:
    assert units.count_text(value) == text


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 7), (-3, 9), (1e6, 1.2e6), (0, 1e-5)])
def test_an_axis_holds_its_values_and_has_two_labels(low: float, high: float) -> None:
    for tight in (False, True):
        bottom, top = units.axis_range(low, high, 0.0, tight=tight)
        assert bottom <= low <= high <= top
        assert bottom < top
        assert len(units.ticks(bottom, top, 60)) >= 2


def test_labels_before_now_stay_while_time_goes_on() -> None:
    early, late = TimeAxis(700, 1000, 1000), TimeAxis(701, 1001, 1001)
    assert early.labels(400) == late.labels(400)
    assert early.labels_key == late.labels_key
    assert early.labels(400)[-1] == (1.0, "now")


def test_other_times_are_told_since_the_start() -> None:
    axis = TimeAxis(START + 60, START + 360, START + 400, zero=START, relative=False)
    assert [text for _, text in axis.labels(300)][:2] == ["2:00", "3:00"]
    assert axis.moment_text(START + 65.3).startswith("1:05.3 · ")


def test_the_cursor_reads_the_nearest_sample() -> None:
    trace = Trace("x", np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0, np.nan]), units.PLAIN)
    found = [trace.at(when) for when in (-9.0, 0.4, 0.6, 1.4)]
    assert found == [(0.0, 5.0), (0.0, 5.0), (1.0, 6.0), (1.0, 6.0)]
    assert trace.text_at(9.0) == trace.text_at(None) == "–"
    assert Trace("y", np.array([]), np.array([]), units.PLAIN).at(1.0) is None


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
