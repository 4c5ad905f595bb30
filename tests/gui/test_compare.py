"""Two logs side by side, and what of one is exported."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.session_logs import START, chromium_log, made_log, report

from peerdeck.core.peer_log import SessionLog
from peerdeck.gui.models.comparison import FigureRow, Summary
from peerdeck.gui.widgets.compare import CompareView
from peerdeck.gui.widgets.export import ExportDialog
from peerdeck.gui.widgets.plots import pairing
from peerdeck.gui.widgets.plots.chooser import STANDARD_WORDS
from peerdeck.gui.widgets.plots.collect import Collector
from peerdeck.gui.widgets.plots.pairing import Side, counterpart


def row(a: float | None, b: float | None) -> FigureRow:
    sums = [None if mean is None else Summary(mean, 0, 9, 8) for mean in (a, b)]
    return FigureRow("k", "Round trip", lambda v: f"{v:.0f} ms", *sums)


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        (40, 52, "+12 ms (+30 %)"),
        (40, 30, "−10 ms (−25 %)"),
        (40, 40.3, "same"),
        (0, 5, "+5 ms"),
        (None, 5, "–"),
    ],
)
def test_a_difference_has_its_sign_its_unit_and_its_share(
    a: float | None, b: float | None, text: str
) -> None:
    assert row(a, b).difference_text == text


def side(log: SessionLog, title: str = "A", offset_s: float = 0.0) -> Side:
    return Side(title, log, log.peers["master"], offset_s)


def test_logs_of_different_days_begin_at_the_same_place() -> None:
    a, b = side(made_log(100)), side(made_log(50, start=START + 86_400), "B", 20.0)
    assert a.extent() == (0, 99)
    assert b.extent() == (20, 69)
    plots, figures = pairing.paired(a, b, 0, 99, [("standard", "Bitrate in")], raw=False)
    times = [trace.times for trace in plots[0].traces]
    assert (times[0][0], times[1][0]) == (0, 20)
    assert figures[0].a == figures[0].b


def test_figures_are_of_what_is_seen() -> None:
    a, b = side(made_log(100)), side(made_log(100), "B")
    member = ("T1", "bytesReceived")
    _, figures = pairing.paired(a, b, 10, 19, [member], raw=True)
    found = figures[0].a
    assert found is not None
    assert (found.low, found.high) == (1_560_000, 2_964_000)
    assert found.mean == pytest.approx(2_262_000)
    assert found.p95 == pytest.approx(2_893_800)


def test_the_same_part_is_found_under_another_id() -> None:
    one, other = made_log(3), SessionLog()
    objects = {f"x{name}": members for name, members in report(START, 3).objects.items()}
    from peerdeck.core.rtc_stats import StatsReport

    other.peer("master").table.append(StatsReport(START, objects))
    mine, theirs = (Collector(log.peers["master"].table) for log in (one, other))
    assert counterpart(("IT1V", "jitter"), mine, theirs) == ("xIT1V", "jitter")
    assert counterpart(("IT1A", "jitter"), mine, theirs) == ("xIT1A", "jitter")
    assert counterpart(("gone", "jitter"), mine, theirs) is None
    assert counterpart(("standard", "Loss"), mine, theirs) == ("standard", "Loss")


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[CompareView]:
    made = CompareView()
    made.resize(940, 520)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.end()
    made.close()
    made.deleteLater()


def choices() -> list[tuple[str, SessionLog]]:
    return [("front-door", made_log(100)), ("garage", made_log(60)), ("dump", chromium_log())]


def test_one_log_alone_says_what_is_missing(view: CompareView) -> None:
    view.show_choices(choices()[:1])
    assert view.pane.state == "empty"
    assert "Two logs are needed" in view.pane.message.text


def test_the_first_two_are_compared_in_the_standard_figures(view: CompareView) -> None:
    view.show_choices(choices())
    assert (view.first.currentText(), view.second.currentText()) == ("front-door", "garage")
    assert [plot.title for plot in view.canvas.plots] == list(STANDARD_WORDS)
    assert [trace.name for trace in view.canvas.plots[0].traces] == ["A front-door", "B garage"]
    assert [found.name for found in view.figures.shown] == list(STANDARD_WORDS)


def test_a_viewer_is_compared_with_what_a_browser_sent(view: CompareView) -> None:
    view.show_choices(choices())
    view.second.setCurrentIndex(2)
    found = {figure.name: figure for figure in view.figures.shown}
    assert found["Frame rate"].a is not None
    assert found["Frame rate"].b is not None
    assert found["Frame rate"].b.mean == pytest.approx(20, abs=1)


def test_b_is_moved_along_the_time(view: CompareView) -> None:
    view.show_choices(choices())
    view.offset.setValue(30)
    assert view.canvas.plots[0].traces[1].times[0] == 30
    assert view.canvas.plots[0].traces[0].times[0] == 0


def test_peers_of_one_log_are_choices_of_their_own(view: CompareView) -> None:
    log = made_log(20)
    log.peers["viewer-2"] = made_log(20).peers["master"]
    view.show_choices([("mine", log)])
    assert [view.first.itemText(i) for i in range(2)] == ["mine · master", "mine · viewer-2"]
    assert view.pane.state == "ready"


def test_what_was_chosen_stays_when_another_log_opens(view: CompareView) -> None:
    offered = choices()
    view.show_choices(offered)
    view.second.setCurrentIndex(2)
    view.show_choices([("new", made_log(5)), *offered])
    assert (view.first.currentText(), view.second.currentText()) == ("front-door", "dump")


def test_a_log_that_grows_is_seen_growing(view: CompareView) -> None:
    offered = choices()
    view.show_choices(offered)
    offered[0][1].peers["master"].table.append(report(START + 100, 100))
    view.refresh()
    assert view.canvas.axis.end == 100


def test_what_has_not_changed_is_not_read_again(view: CompareView) -> None:
    offered = choices()
    view.show_choices(offered)
    view.first.setCurrentIndex(1)
    view.second.setCurrentIndex(0)  # the longer one
    before = [plot.traces for plot in view.canvas.plots]
    lines = [cell.lines for cell in view.canvas.cells]
    table = offered[1][1].peers["master"].table
    table.append(report(table.times[-1] + 1, 60))
    view.refresh()
    after = [plot.traces for plot in view.canvas.plots]
    assert all(a[0] is not b[0] for a, b in zip(before, after, strict=True))
    assert all(a[1] is b[1] for a, b in zip(before, after, strict=True))
    assert view.canvas.cells[3].lines[1] is lines[3][1]
    assert len(view.canvas.plots[0].traces[0].times) == 61


def test_sessions_of_one_channel_are_told_apart_by_their_start(view: CompareView) -> None:
    view.show_choices([("gate", made_log(5)), ("gate", made_log(5, start=START + 3600))])
    shown = {view.first.itemText(place) for place in range(2)}
    assert len(shown) == 2
    assert all(text.startswith("gate · ") for text in shown)


def test_model_keeps_its_promises(view: CompareView, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(view.figures, force_py=True)
    view.show_choices(choices())
    view.first.setCurrentIndex(2)


def test_the_table_is_copied_with_its_header(view: CompareView) -> None:
    view.show_choices(choices())
    view.copy.copy()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["Figure", "A mean"]
    assert len(lines) == 9
    view.copy._back.stop()


# --- export ------------------------------------------------------------------------------------


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[ExportDialog]:
    parent = QWidget()
    made = ExportDialog(made_log(30).peers["master"], parent)
    made.open()
    yield made
    made.close()
    parent.deleteLater()


def test_everything_is_exported_unless_unchecked(dialog: ExportDialog, qtbot: QtBot) -> None:
    whole = len(dialog.members)
    assert dialog.count.text() == f"{whole} of {whole} columns, 30 lines"
    dialog.search.setText("candidate")
    QTest.mouseClick(dialog.uncheck, Qt.MouseButton.LeftButton)
    dialog.search.clear()
    with qtbot.waitSignal(dialog.chosen) as heard:
        dialog.go.click()
    members = heard.args[0]
    assert 0 < len(members) < whole
    assert not any(name.startswith(("CP", "L", "R")) for name, _ in members)


def test_nothing_cannot_be_exported(dialog: ExportDialog) -> None:
    QTest.mouseClick(dialog.uncheck, Qt.MouseButton.LeftButton)
    assert not dialog.go.isEnabled()
    QTest.mouseClick(dialog.check, Qt.MouseButton.LeftButton)
    assert dialog.go.isEnabled()
