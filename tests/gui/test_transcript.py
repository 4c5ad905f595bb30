"""What went over the signaling socket."""

import json
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.session_logs import START, made_log

from peerdeck.core.peer_log import EVENTS_KEPT, Direction, SessionLog, SignalingEntry
from peerdeck.gui.models.rows import BAR_ROLE
from peerdeck.gui.models.signaling import full_text, payload_text, signaling_rows
from peerdeck.gui.widgets.reading import ReadingPane
from peerdeck.gui.widgets.transcript import TranscriptView


def entry(text: str = "", size: int = 0, peer: str = "") -> SignalingEntry:
    return SignalingEntry(START, Direction.SENT, "SDP_OFFER", peer, "c-1", text, size)


def test_a_payload_is_indented_and_its_sdp_has_lines() -> None:
    text = payload_text(entry(json.dumps({"type": "offer", "sdp": "v=0\r\ns=-\r\n"})))
    assert text == '{\n  "type": "offer"\n}\n\nv=0\ns=-'


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"sdp": 7}', "null"])
def test_any_payload_can_be_read(text: str) -> None:
    assert isinstance(payload_text(entry(text)), str)


def test_a_message_in_full_has_all_that_is_known() -> None:
    row = signaling_rows([entry('{"a": 1}', 260, "viewer-7")], START)[0]
    text = full_text(row)
    for part in ("sent", "SDP_OFFER", "peer viewer-7", "c-1", "260 of 10,000", '"a": 1'):
        assert part in text


def test_another_viewers_messages_are_left_out() -> None:
    entries = [entry(peer="a"), entry(peer="b"), entry()]
    assert [row.entry.peer for row in signaling_rows(entries, START, peer="a")] == ["a", ""]
    assert len(signaling_rows(entries, START)) == 3


@pytest.fixture
def log() -> SessionLog:
    return made_log(300)


@pytest.fixture
def view(log: SessionLog, qtbot: QtBot) -> Iterator[TranscriptView]:
    made = TranscriptView()
    made.resize(940, 300)
    made.show()
    qtbot.waitExposed(made)
    made.show_log(log, "master", None)
    yield made
    made.close()
    made.deleteLater()


def test_model_keeps_its_promises(view: TranscriptView, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(view.model, force_py=True)
    view.search.setText("offer")
    view.show_log(None, "", None)


@pytest.mark.parametrize(("size", "tone"), [(8_000, ""), (8_001, "warn"), (10_001, "bad")])
def test_the_size_is_coloured_from_four_fifths_of_the_limit(
    view: TranscriptView, log: SessionLog, size: int, tone: str
) -> None:
    log.signaling.append(entry("x", size))
    view.refresh()
    cell = view.model.index(view.model.rowCount() - 1, 4)
    column = view.model.columns[4]
    row = view.model.row_at(cell.row())
    assert column.tone is not None
    assert column.tone(row) == tone
    assert cell.data(BAR_ROLE) == pytest.approx(min(1.0, size / 10_000))
    assert f"{size:,} of 10,000" in cell.data(Qt.ItemDataRole.ToolTipRole)


def test_the_column_of_peers_is_there_where_there_are_some(
    view: TranscriptView, log: SessionLog
) -> None:
    assert view.table.isColumnHidden(3)
    log.signaling.append(entry(peer="master"))
    view.refresh()
    assert not view.table.isColumnHidden(3)


def test_the_chosen_message_is_shown_decoded(view: TranscriptView) -> None:
    view.table.select_id("1")
    assert "v=0\no=- 1 1" in view.payload.toPlainText()
    assert view.payload.isReadOnly()


def test_words_are_found_in_payloads_and_marked(view: TranscriptView) -> None:
    view.search.setText("typ host")
    assert [row.entry.what for row in view.model.shown] == ["ICE_CANDIDATE"] * 2
    view.table.select_id("3")
    assert view.payload.marks == 2
    view.search.setText("nobody said this")
    assert view.pane.state == "empty"
    view.pane.chosen.emit("clear")
    assert view.model.rowCount() == 7


def test_a_message_is_copied_whole(view: TranscriptView) -> None:
    view.table.select_id("5")
    view.copy.copy()
    assert "INVALID_ARGUMENT" in QGuiApplication.clipboard().text()
    view.copy._back.stop()


def test_the_past_has_fewer_messages(view: TranscriptView, log: SessionLog) -> None:
    view.show_log(log, "master", START + 0.15)
    assert view.model.rowCount() == 3


def test_new_messages_are_appended_to_what_is_shown(view: TranscriptView, log: SessionLog) -> None:
    resets: list[int] = []
    view.model.modelReset.connect(lambda: resets.append(1))
    view.search.setText("SDP_OFFER")
    resets.clear()
    for number in range(EVENTS_KEPT):
        log.signaling.append(entry(f"m{number}", 1))
    view.refresh()
    assert view.model.rowCount() == EVENTS_KEPT
    log.signaling.append(SignalingEntry(START, Direction.SENT, "GO_AWAY"))
    view.refresh()
    assert view.model.rowCount() == EVENTS_KEPT - 1
    assert view.model.row_at(0).entry.text == "m1"
    assert view.remark.text() == f"{EVENTS_KEPT - 1} sent, 0 received"
    assert not resets


def test_no_signaling_says_what_will_be_here(view: TranscriptView) -> None:
    view.show_log(SessionLog(), "master", None)
    assert "No signaling yet" in view.pane.message.text


def test_marks_are_bounded(themed: None) -> None:
    pane = ReadingPane("text")
    pane.show_text("a " * 5000)
    pane.mark("a")
    assert pane.marks == 500
    pane.mark("")
    assert pane.marks == 0
    pane.deleteLater()
