"""Session descriptions: sections, tokens, and what was changed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.session_logs import OFFER, START, chromium_log, made_log

from peerdeck.core.peer_log import SessionLog
from peerdeck.gui.models.sdp import (
    Line,
    Look,
    SdpModel,
    description_rows,
    difference,
    looked_at,
    plain,
    sections,
    sections_text,
)
from peerdeck.gui.widgets.descriptions import DescriptionsView

LINES = st.lists(st.sampled_from(["v=0", "m=audio 9", "m=video 9", "a=mid:0", "a=x", "b"]))


def test_sections_are_the_session_and_each_m_line() -> None:
    titles = [section.title for section in sections(plain(OFFER))]
    assert titles == [
        "Session",
        "audio · mid 0 · recvonly · opus",
        "video · mid 1 · recvonly · H264, VP8",
        "application · mid 2",
    ]


def test_a_browsers_description_has_a_section_for_each_medium() -> None:
    log = chromium_log()
    first = next(iter(log.peers.values())).descriptions[0]
    found = looked_at(first, Look.AFTER)
    assert [section.title.partition(" ")[0] for section in found] == [
        "Session",
        "audio",
        "video",
        "application",
    ]
    assert "rtx" not in found[2].title
    assert sections_text(found) == first.sdp


def test_a_line_has_its_type_its_name_and_its_value_told_apart() -> None:
    assert Line("a=rtpmap:96 VP8/90000").tokens == (
        ("a=", "muted"),
        ("rtpmap", "info"),
        (":96 VP8/90000", "text"),
    )
    assert Line("m=audio 9 UDP").tokens[1] == ("audio", "accent")
    assert Line("a=recvonly").tokens == (("a=", "muted"), ("recvonly", "info"))


@given(st.text(max_size=40))
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(part for part, _ in Line(text).tokens) == text


@given(LINES, LINES)
def test_a_difference_has_both_sides_in_it(old: list[str], new: list[str]) -> None:
    found = difference("\r\n".join(old), "\r\n".join(new))
    assert [line.text for line in found if line.mark != "+"] == old
    assert [line.text for line in found if line.mark != "−"] == new


@given(LINES)
def test_sections_lose_no_line(lines: list[str]) -> None:
    found = sections([Line(text) for text in lines])
    assert [line.text for section in found for line in section.lines] == lines


def test_a_replaced_m_line_stays_one_section() -> None:
    first = made_log(1).peers["master"].descriptions[0]
    found = looked_at(first, Look.DIFFERENCE)
    assert len(found) == 4
    assert (found[2].added, found[2].removed) == (1, 1)
    assert found[2].text.endswith("(7 lines)   +1 −1")


def test_what_was_changed_is_copied_as_a_patch() -> None:
    first = made_log(1).peers["master"].descriptions[0]
    text = sections_text(looked_at(first, Look.DIFFERENCE))
    assert "-m=video 9 UDP/TLS/RTP/SAVPF 97 96\n+m=video 9 UDP/TLS/RTP/SAVPF 96 97\n" in text


def test_an_offer_begins_a_negotiation() -> None:
    rows = description_rows(made_log(1).peers["master"].descriptions, START, None)
    assert [row.negotiation for row in rows] == [1, 1, 2]
    assert [row.changes for row in rows] == [(1, 1), (0, 0), (0, 0)]


def test_tree_keeps_its_promises(qtmodeltester: ModelTester) -> None:
    model = SdpModel()
    qtmodeltester.check(model, force_py=True)
    model.set_sections(sections(plain(OFFER)))
    line = model.index(1, 0, model.index(2, 0))
    assert line.data() == "c=IN IP4 0.0.0.0"
    assert model.parent(line) == model.index(2, 0)
    assert model.rowCount(line) == 0
    model.set_sections([])
    assert not model.index(0, 0, QModelIndex()).isValid()


@pytest.fixture
def log() -> SessionLog:
    return made_log(300)


@pytest.fixture
def view(log: SessionLog, qtbot: QtBot) -> Iterator[DescriptionsView]:
    made = DescriptionsView()
    made.resize(940, 300)
    made.show()
    qtbot.waitExposed(made)
    made.show_log(log, "master", None)
    yield made
    made.close()
    made.deleteLater()


def test_the_first_description_is_shown_as_it_was_sent(view: DescriptionsView) -> None:
    assert view.table.selected_id == "0"
    assert view.look is Look.AFTER
    assert view.remark.text() == "20 lines"
    assert view.model.index(0, 0, view.model.index(2, 0)).data().endswith("96 97")
    QTest.mouseClick(view.looks[Look.BEFORE], Qt.MouseButton.LeftButton)
    assert view.model.index(0, 0, view.model.index(2, 0)).data().endswith("97 96")


def test_changed_lines_have_a_sign_and_words(view: DescriptionsView) -> None:
    QTest.mouseClick(view.looks[Look.DIFFERENCE], Qt.MouseButton.LeftButton)
    assert view.remark.text() == "+1 −1 lines"
    video = view.model.index(2, 0)
    assert view.tree.isExpanded(video)
    shown = [view.model.index(row, 0, video).data()[0] for row in (0, 1, 2)]
    assert shown == ["−", "+", "c"]
    tip = view.model.index(1, 0, video).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("Added: m=video")
    view.table.select_id("1")
    assert view.remark.text() == "Nothing was changed."


def test_a_long_description_is_folded_and_opens_at_once(
    view: DescriptionsView,
) -> None:
    log = chromium_log()
    view.show_log(log, next(iter(log.peers)), None)
    assert not view.tree.isExpanded(view.model.index(1, 0))
    QTest.mouseClick(view.fold, Qt.MouseButton.LeftButton)
    assert all(view.tree.isExpanded(view.model.index(row, 0)) for row in range(4))
    assert view.fold.text() == "Fold all"
    view.tree.setCurrentIndex(view.model.index(1, 0))
    QTest.keyClick(view.tree, Qt.Key.Key_Return)
    assert not view.tree.isExpanded(view.model.index(1, 0))


def test_of_a_long_difference_only_what_changed_is_open(view: DescriptionsView) -> None:
    log = chromium_log()
    peer = next(iter(log.peers.values()))
    one = peer.descriptions[0]
    peer.descriptions[0] = replace(one, before=f"{one.sdp}a=taken-out\r\n")
    view.show_log(log, peer.id, None)
    view.choose_look(Look.DIFFERENCE)
    opened = [view.tree.isExpanded(view.model.index(row, 0)) for row in range(4)]
    assert opened == [False, False, False, True]


def test_a_short_description_is_open(view: DescriptionsView) -> None:
    assert all(view.tree.isExpanded(view.model.index(row, 0)) for row in range(4))


def test_selected_lines_and_whole_descriptions_are_copied(view: DescriptionsView) -> None:
    view.tree.setFocus()
    view.tree.setCurrentIndex(view.model.index(0, 0, view.model.index(1, 0)))
    QTest.keyClick(view.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith("m=audio 9")
    view.copy.copy()
    assert QGuiApplication.clipboard().text().count("m=") == 3
    view.copy._back.stop()


def test_the_past_knows_only_what_was_then(view: DescriptionsView, log: SessionLog) -> None:
    view.show_log(log, "master", START + 0.13)
    assert view.rows.rowCount() == 1
    view.show_log(log, "master", START)
    assert view.pane.state == "empty"


def test_list_model_keeps_its_promises(view: DescriptionsView, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(view.rows, force_py=True)
    view.show_log(SessionLog(), "nobody", None)
    assert "No session description yet" in view.pane.message.text
