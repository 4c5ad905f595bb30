"""Journal: newest first, in full beneath, and numbers that stay."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from peerdeck.core.journal import Entry
from peerdeck.gui.pages.journal import JournalPage, Numbering, full_text


@pytest.fixture
def page(console: SimpleNamespace, qtbot: QtBot) -> Iterator[JournalPage]:
    made = JournalPage(console)
    made.resize(900, 600)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.following.end()
    made.close()
    made.deleteLater()


def test_nothing_yet_says_what_will_be_here(page: JournalPage) -> None:
    assert page.pane.state == "empty"
    assert "written down here" in page.pane.message.text


def test_newest_entry_stands_first(
    page: JournalPage, console: SimpleNamespace, qtmodeltester: ModelTester
) -> None:
    for number in range(3):
        console.journal.record("ice", f"Fetch {number}", took_ms=88.0)
    assert [line.entry.what for line in page.model.shown] == ["Fetch 2", "Fetch 1", "Fetch 0"]
    qtmodeltester.check(page.model)


def test_chosen_entry_stays_chosen_and_is_shown_in_full(
    page: JournalPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    console.journal.record(
        "session", "Join front-door", ok=False, took_ms=15_000, result="Silent.", detail="no answer"
    )
    qtbot.mouseClick(
        page.table.viewport(),
        Qt.MouseButton.LeftButton,
        pos=page.table.visualRect(page.model.index(0, 1)).center(),
    )
    text = page.detail.toPlainText()
    assert "session · 15.0 s" in text
    assert "✗ Silent." in text
    assert text.endswith("no answer")
    console.journal.record("ice", "Fetch")
    assert page.table.selected_row().entry.what == "Join front-door"
    assert page.detail.toPlainText() == text


def test_copy_gives_the_whole_entry(
    page: JournalPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    console.journal.record("ice", "Fetch", detail="line one\nline two")
    page.table.select_first()
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == full_text(console.journal.entries.value[0])


def test_numbers_stay_when_old_entries_fall_out() -> None:
    numbering = Numbering()
    first, second, third = (Entry(at, "ice", "x") for at in (1.0, 1.0, 1.0))
    assert [line.number for line in numbering.lines((first, second))] == [1, 2]
    assert [line.number for line in numbering.lines((second, third))] == [2, 3]


def test_filter_without_a_match_can_be_cleared(
    page: JournalPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    console.journal.record("ice", "Fetch")
    page.filter.setText("zebra")
    assert page.pane.message.keys == ("clear",)
    page.pane.chosen.emit("clear")
    assert page.pane.state == "ready"
