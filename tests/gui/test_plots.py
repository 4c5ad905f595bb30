"""Plots: what is read of a table, which stretch of it is seen, and what the hand does with it."""

import numpy as np
import pytest
from tests.gui.session_logs import START, chromium_log, made_log, report

from peerdeck.core.glance import glance
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats_table import StatsTable
from peerdeck.gui.models.series import STANDARD_OBJECT
from peerdeck.gui.widgets.plots import units
from peerdeck.gui.widgets.plots.chooser import STANDARD_WORDS, Arrangement
from peerdeck.gui.widgets.plots.collect import Collector
from peerdeck.gui.widgets.plots.rows import Rows, polygon, stretches, thinned
from peerdeck.gui.widgets.plots.standard import STANDARD
from peerdeck.gui.widgets.plots.stretch import ALL, Stretch
from peerdeck.gui.widgets.plots.traces import TimeAxis, Trace


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
