"""Every pair of candidates, as a matrix and as a list."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.session_logs import START, candidate_objects, chromium_log, made_log, report

from peerdeck.core.peer_log import SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.gui.models.pair_matrix import PairMatrixModel, member_rows, pair_rows
from peerdeck.gui.models.pairs import STATES, End, pair_grid
from peerdeck.gui.widgets.candidates import CandidatesView, path_sentence


def test_a_pair_tells_state_round_trip_checks_and_bytes() -> None:
    grid = pair_grid(report(START, 60))
    pair = grid.selected
    assert pair is not None
    assert (pair.id, pair.state) == ("CP0-0", "selected")
    assert (pair.checks_text, pair.carried_text) == ("15/15", "↓ 9.4 MB")
    assert pair.rtt_text.endswith("ms")
    others = {p.state for p in grid.pairs.values()} - {"selected"}
    assert {"succeeded", "failed", "in-progress"} <= others <= set(STATES)


def test_the_selected_pair_is_found_however_a_browser_marks_it() -> None:
    pair = {"type": "candidate-pair", "localCandidateId": "L", "remoteCandidateId": "R"}
    for marked in ({"selected": True}, {"nominated": True, "state": "succeeded"}):
        grid = pair_grid(StatsReport(START, {"P": {**pair, **marked}}))
        assert grid.selected is not None
    assert pair_grid(StatsReport(START, {"P": {**pair, "state": "waiting"}})).selected is None


def test_ends_stand_by_priority_and_unknown_ones_are_kept() -> None:
    objects = {
        "A": {"type": "local-candidate", "priority": 1, "address": "192.0.2.1", "port": 1},
        "B": {"type": "local-candidate", "priority": 9, "address": "fd00::1", "port": 2},
        "P": {"type": "candidate-pair", "localCandidateId": "A", "remoteCandidateId": "gone"},
    }
    grid = pair_grid(StatsReport(START, objects))
    assert [end.id for end in grid.locals] == ["B", "A"]
    assert grid.locals[0].address == "[fd00::1]:2"
    assert [end.id for end in grid.remotes] == ["gone"]


def test_an_empty_place_says_why() -> None:
    grid = pair_grid(report(START, 1))
    v4, v6 = End("a", "host", "", "udp", 0, {"address": "192.0.2.1"}), End("b", "host")
    v6 = End("b", "host", "", "udp", 0, {"address": "fd00::1"})
    tcp = End("c", "host", "", "tcp", 0, {"address": "192.0.2.9"})
    assert grid.why_unpaired(v4, v6) == "never paired: IPv4 with IPv6"
    assert grid.why_unpaired(v4, tcp) == "never paired: udp with tcp"
    assert "filtered" in grid.why_unpaired(v4, v4)


def test_the_list_has_the_selected_pair_first_and_failed_ones_last() -> None:
    states = [row.pair.state for row in pair_rows(pair_grid(report(START, 9, (6, 6))))]
    assert states[0] == "selected"
    assert states[-1] == "failed"
    assert states == sorted(states, key=list(STATES).index)


def test_members_of_the_pair_and_of_both_ends_are_all_there() -> None:
    shown = report(START, 9)
    grid = pair_grid(shown)
    pair = grid.selected
    assert pair is not None
    rows = member_rows(pair, grid.local("L0"), grid.remote("R0"))
    whole = sum(len(shown.objects[name]) - 1 for name in ("CP0-0", "L0", "R0"))
    assert len(rows) == whole
    assert {row.whose for row in rows} == {"pair", "local", "remote"}
    told = {(row.whose, row.name): row.value for row in rows}
    assert told["pair", "nominated"] == "yes"
    assert told["pair", "bytesReceived"] == "1,404,000"
    assert told["local", "port"] == "50000"


def test_matrix_model_keeps_its_promises(qtmodeltester: ModelTester) -> None:
    model = PairMatrixModel()
    qtmodeltester.check(model, force_py=True)
    for size in ((3, 3), (3, 3), (12, 12), (1, 2)):
        model.set_grid(pair_grid(report(START, 9, size)))


def test_new_figures_change_cells_and_reset_nothing() -> None:
    model = PairMatrixModel()
    model.set_grid(pair_grid(report(START, 9)))
    changed: list[tuple[int, int]] = []
    resets: list[int] = []
    model.dataChanged.connect(lambda a, _: changed.append((a.row(), a.column())))
    model.modelReset.connect(lambda: resets.append(1))
    model.set_grid(pair_grid(report(START, 9)))
    assert changed == []
    model.set_grid(pair_grid(report(START, 14)))
    assert (0, 0) in changed
    assert (2, 0) not in changed, "a place without a pair has nothing to change"
    assert not resets


@pytest.mark.parametrize(
    ("local", "remote", "protocol", "words"),
    [
        ("host", "host", "udp", "directly over UDP, within one network"),
        ("srflx", "host", "udp", "directly over UDP, through NAT"),
        ("relay", "srflx", "tls", "detour over a TURN relay (TLS), asked for by our side"),
        ("host", "relay", "udp", "asked for by the other side"),
        ("relay", "relay", "tcp", "asked for by both sides"),
    ],
)
def test_the_path_is_told_in_a_sentence(local: str, remote: str, protocol: str, words: str) -> None:
    objects = {
        "L": {"type": "local-candidate", "candidateType": local, "relayProtocol": protocol},
        "R": {"type": "remote-candidate", "candidateType": remote},
        "P": {
            "type": "candidate-pair",
            "selected": True,
            "localCandidateId": "L",
            "remoteCandidateId": "R",
        },
    }
    path = pair_grid(StatsReport(START, objects)).path()
    assert path is not None
    assert words in path_sentence(path)


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[CandidatesView]:
    made = CandidatesView()
    made.resize(940, 300)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def test_the_selected_pair_is_told_and_pointed_at(view: CandidatesView) -> None:
    view.show_log(made_log(20), "master", None)
    assert view.sentence == "Media goes directly over UDP, within one network."
    assert view.matrix.currentIndex() == view.model.index_of("CP0-0")
    assert view.members.rows.rowCount() > 15


def test_a_cell_by_keyboard_shows_its_members_and_their_meaning(view: CandidatesView) -> None:
    view.show_log(made_log(20), "master", None)
    QTest.keyClick(view.matrix, Qt.Key.Key_Right)
    pair = view.model.pair(view.matrix.currentIndex())
    assert pair is not None
    assert pair.id == "CP0-1"
    rows = view.members.rows
    assert rows.row_at(rows.place_of("pair/remoteCandidateId")).value == "R1"
    view.members.table.select_id("pair/requestsSent")
    assert "requestsSent" in view.members.meaning.text()


def test_what_is_pointed_at_stays_while_figures_change(view: CandidatesView) -> None:
    log = made_log(20)
    view.show_log(log, "master", None)
    view.matrix.setCurrentIndex(view.model.index_of("CP1-2"))
    log.peers["master"].table.append(report(START + 20, 20))
    view.refresh()
    assert view.matrix.currentIndex() == view.model.index_of("CP1-2")


def test_what_was_pointed_at_is_found_again_in_a_grid_that_grew(view: CandidatesView) -> None:
    log = made_log(20)
    view.show_log(log, "master", None)
    view.matrix.setCurrentIndex(view.model.index_of("CP1-2"))
    table = log.peers["master"].table
    table.append(report(START + 20, 20, (5, 5)))
    view.refresh()
    assert view.model.rowCount() == 5
    assert view.matrix.currentIndex() == view.model.index_of("CP1-2")
    table.append(report(START + 21, 21, (2, 2)))
    view.refresh()
    assert view.matrix.currentIndex() == view.model.index_of("CP0-0"), "the selected one instead"


def test_another_log_is_pointed_at_its_own_selected_pair(view: CandidatesView) -> None:
    view.show_log(made_log(20), "master", None)
    view.matrix.setCurrentIndex(view.model.index_of("CP1-2"))
    view.show_log(made_log(30), "master", None)
    assert view.matrix.currentIndex() == view.model.index_of("CP0-0")
    rows = view.members.rows
    assert rows.row_at(rows.place_of("pair/remoteCandidateId")).value == "R0"


def test_the_list_and_the_matrix_point_at_the_same_pair(view: CandidatesView) -> None:
    view.show_log(made_log(20), "master", None)
    QTest.mouseClick(view._modes["List"], Qt.MouseButton.LeftButton)
    assert view.list.isVisible()
    view.list.select_id("CP1-1")
    assert view.matrix.currentIndex() == view.model.index_of("CP1-1")


def test_places_without_a_pair_explain_themselves(view: CandidatesView) -> None:
    view.show_log(made_log(20), "master", None)
    last = view.model.index(2, 0)
    assert view.model.pair(last) is None
    assert last.data() == "not paired"
    assert "never paired" in last.data(Qt.ItemDataRole.ToolTipRole)
    view.matrix.setCurrentIndex(last)
    assert {row.whose for row in view.members.rows.shown} == {"local", "remote"}


def test_twelve_by_twelve_scrolls_under_headers_that_stay(view: CandidatesView) -> None:
    view.show_log(made_log(5, pairs=(12, 12)), "master", None)
    assert view.matrix.horizontalScrollBar().maximum() > 0
    assert view.matrix.verticalScrollBar().maximum() > 0
    assert view.minimumSizeHint().width() < 940


def test_a_time_of_the_past_shows_what_was_then(view: CandidatesView) -> None:
    log = SessionLog()
    table = log.peer("master").table
    objects = candidate_objects(1, 2, 2)
    table.append(StatsReport(START, {"L0": objects["L0"]}))
    table.append(StatsReport(START + 1, objects))
    view.show_log(log, "master", START + 0.5)
    assert view.model.columnCount() == 0
    assert view.pane.state == "ready"
    view.show_log(log, "master", None)
    assert view.model.columnCount() == 2
    view.show_log(log, "master", START - 1)
    assert view.pane.state == "empty"


def test_a_browsers_pairs_are_read(view: CandidatesView) -> None:
    log = chromium_log()
    view.show_log(log, next(iter(log.peers)), None)
    assert (view.model.rowCount(), view.model.columnCount()) == (2, 2)
    words = {view.model.index(row, column).data() for row in (0, 1) for column in (0, 1)}
    assert words == {"selected", "succeeded", "not paired"}
