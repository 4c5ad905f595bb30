"""The data channel's console: what went both ways, whole; what one types, and files."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.page_fakes import FakeRecordings, FakeSessions, session

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.peer_log import DataMessage, Direction, SessionLog
from peerdeck.gui.models.data_messages import (
    FILE_BYTES,
    PIECE_BYTES,
    hex_bytes,
    hex_dump,
    moment_text,
    pieces,
    pretty_json,
    preview,
    readable,
)
from peerdeck.gui.pages.sessions import SessionsPage
from peerdeck.gui.widgets.data_channel import DataView
from peerdeck.gui.widgets.data_line import HEX

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
NOW = 1_700_000_000.25


def message(data: bytes, *, text: bool = True, sent: bool = False, size: int = 0) -> DataMessage:
    direction = Direction.SENT if sent else Direction.RECEIVED
    return DataMessage(NOW, direction, "kvs", data, size or len(data), text)


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("de ad be ef", b"\xde\xad\xbe\xef"),
        ("DEADBEEF", b"\xde\xad\xbe\xef"),
        ("0xde, 0xAD", b"\xde\xad"),
        ("de:ad-be_ef;00", b"\xde\xad\xbe\xef\x00"),
        (r"\x00\xff", b"\x00\xff"),
        ("00 0x10", b"\x00\x10"),
        ("a0", b"\xa0"),
    ],
)
def test_hex_is_read_however_people_write_it(text: str, data: bytes) -> None:
    assert hex_bytes(text) == data


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("de ag", "has “g” at place 5."),
        ("xyz", "has “x” at place 1."),
        ("dea", "lacks the second digit of byte 2."),
        ("a0x1", "has “x” at place 3."),
    ],
)
def test_wrong_hex_is_told_by_its_place(text: str, rule: str) -> None:
    with pytest.raises(FieldError) as broken:
        hex_bytes(text)
    assert broken.value.rule == rule


def test_bytes_are_dumped_with_offsets_and_characters() -> None:
    lines = hex_dump(b"hello \x00\xff" + bytes(range(10))).splitlines()
    assert lines[0].startswith("000000  68 65 6c 6c 6f 20 00 ff 00 01")
    assert lines[0].endswith("hello ··········")
    assert lines[1] == f"000010  {'08 09':<47}  ··"


def test_json_is_indented_and_other_text_is_as_it_is() -> None:
    assert readable(message(b'{"a": [1]}')) == '{\n  "a": [\n    1\n  ]\n}'
    for text in ("hello", "3", '"text"', "{", "", "[" * 5000):
        assert pretty_json(text) == ""
        assert readable(message(text.encode())) == text


def test_what_was_not_kept_is_told() -> None:
    assert "84.0 kB more that were not kept" in readable(message(b"x" * 16_000, size=100_000))


def test_a_preview_is_one_short_line() -> None:
    assert preview(message(b"a\n\n b" * 100)) == " ".join(("a\n\n b" * 100)[:200].split())
    assert preview(message(b"\x00\xff", text=False)) == "00 ff"
    assert preview(message(b"\xff\xfe")) == "\ufffd\ufffd", "broken UTF-8 is no reason to fail"


def test_moments_have_milliseconds() -> None:
    assert moment_text(NOW).endswith(".250")


def test_a_file_goes_in_pieces_that_every_end_takes() -> None:
    data = bytes(range(256)) * 200
    parts = pieces(data)
    assert b"".join(parts) == data
    assert max(map(len, parts)) == PIECE_BYTES <= 16_384
    assert pieces(b"abc") == [b"abc"]


# --- the list --------------------------------------------------------------------------------


@pytest.fixture
def log() -> SessionLog:
    made = SessionLog("gate")
    made.peer("master")
    return made


@pytest.fixture
def view(qtbot: QtBot, log: SessionLog) -> DataView:
    made = DataView()
    qtbot.addWidget(made)
    made.resize(900, 300)
    made.show()
    made.show_log(log, "master")
    return made


def say(view: DataView, *messages: DataMessage) -> None:
    peer = view.peer
    assert peer is not None
    peer.messages.extend(messages)
    view.refresh()


def test_newest_is_on_top_and_whole_beside_the_list(view: DataView) -> None:
    say(view, message(b"one"), message(b'{"two": 2}', sent=True))
    assert [row.message.data for row in view.messages.shown] == [b'{"two": 2}', b"one"]
    assert view.detail.toPlainText() == '{\n  "two": 2\n}'


def test_a_chosen_message_stays_chosen_while_others_come(view: DataView) -> None:
    say(view, message(b"one"), message(b"two"))
    view.table.select_id("0")
    say(view, message(b"three"))
    assert view.detail.toPlainText() == "one"
    QTest.mouseClick(view.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "one"


def test_a_paused_list_stands_still_and_loses_nothing(view: DataView) -> None:
    say(view, message(b"one"))
    QTest.mouseClick(view.pause, Qt.MouseButton.LeftButton)
    say(view, message(b"two"), message(b"three"))
    assert view.messages.rowCount() == 1
    assert view.count.text() == "1 message · paused, 2 new"
    QTest.mouseClick(view.pause, Qt.MouseButton.LeftButton)
    assert view.messages.rowCount() == 3


def test_filter_and_clear(view: DataView) -> None:
    say(view, message(b"motion on"), message(b"battery low"))
    view.filter.setText("motion")
    assert view.count.text() == "1 of 2 messages"
    view.filter.setText("nothing")
    assert view.pane.state == "empty"
    view.filter.clear()
    QTest.mouseClick(view.clear, Qt.MouseButton.LeftButton)
    assert view.messages.rowCount() == 0
    say(view, message(b"new"))
    assert view.messages.rowCount() == 1, "what was cleared does not come back"


def test_a_hidden_console_catches_up(view: DataView) -> None:
    view.hide()
    say(view, message(b"one"))
    assert view.messages.rowCount() == 0
    view.show()
    assert view.messages.rowCount() == 1


def test_another_log_shows_nothing_of_the_first(view: DataView) -> None:
    say(view, message(b"one"))
    other = SessionLog("yard")
    other.peer("master")
    view.show_log(other, "master")
    assert view.messages.rowCount() == 0
    assert view.detail.toPlainText() == ""


def test_a_talkative_device_cannot_fill_the_memory(view: DataView) -> None:
    say(view, *(message(str(n).encode()) for n in range(2500)))
    assert view.messages.total == 2000
    assert view.messages.shown[0].message.data == b"2499"


def test_messages_model_keeps_its_promises(view: DataView, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(view.messages, force_py=True)
    say(view, *(message(str(n).encode()) for n in range(30)))
    view.filter.setText("1")
    say(view, message(b"1"))
    view._clear()


# --- the line --------------------------------------------------------------------------------


def test_hex_is_checked_while_one_types_and_goes_as_bytes(view: DataView, qtbot: QtBot) -> None:
    line = view.line
    line.show_open(True)
    line.mode.choose(HEX)
    line.field.setText("de ag")
    assert not line.send.isEnabled()
    assert line.said.text() == "Hex has “g” at place 5."
    line.field.setText("de ad")
    assert line.said.text() == ""
    with qtbot.waitSignal(line.sent) as sent:
        QTest.keyClick(line.field, Qt.Key.Key_Return)
    assert sent.args == [b"\xde\xad"]


@pytest.fixture
def console_with_session(console: SimpleNamespace) -> FakeSessions:
    console.sessions = FakeSessions(session("gate"))
    console.recordings = FakeRecordings()
    return console.sessions


def sending(
    console: SimpleNamespace, on_loop: OnLoop, path: Path, check: Callable[[SessionsPage], None]
) -> None:
    async def body() -> None:
        page = SessionsPage(console)
        page.show()
        page.views.setCurrentWidget(page.views.data.parentWidget())
        page.views.data.line.file_chosen.emit(str(path))
        for task in tuple(page.tasks._tasks.values()):
            with contextlib.suppress(UserError):
                await task
        await asyncio.sleep(0)
        check(page)
        await page.aclose()
        page.close()

    on_loop(body)


def test_a_file_is_sent_whole_in_order_and_told(
    console: SimpleNamespace, console_with_session: FakeSessions, on_loop: OnLoop, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 100
    (tmp_path / "pump.bin").write_bytes(data)

    def check(page: SessionsPage) -> None:
        sent = [call[1][0] for call in console_with_session.calls]
        assert b"".join(sent) == data
        words = "Sent pump.bin, 25.6 kB, as 2 binary messages of at most 16.4 kB."
        assert page.views.data.line.said.text() == words
        assert page.views.data.line.file.isEnabled()

    sending(console, on_loop, tmp_path / "pump.bin", check)


@pytest.mark.parametrize(
    ("size", "words"), [(FILE_BYTES + 1, "larger than 1 MB"), (0, "is empty"), (-1, "be read")]
)
def test_what_cannot_be_sent_is_told_and_nothing_goes(
    console: SimpleNamespace,
    console_with_session: FakeSessions,
    on_loop: OnLoop,
    tmp_path: Path,
    size: int,
    words: str,
) -> None:
    if size >= 0:
        (tmp_path / "pump.bin").write_bytes(bytes(size))

    def check(page: SessionsPage) -> None:
        assert words in page.note.text
        assert console_with_session.calls == []

    sending(console, on_loop, tmp_path / "pump.bin", check)


def test_a_channel_that_closes_amid_a_file_says_so(
    console: SimpleNamespace, console_with_session: FakeSessions, on_loop: OnLoop, tmp_path: Path
) -> None:
    (tmp_path / "pump.bin").write_bytes(bytes(100_000))
    console_with_session.error = UserError("The session is over.", "Join again to send.")

    def check(page: SessionsPage) -> None:
        assert "The session is over." in page.note.text
        assert page.views.data.line.file.isEnabled()

    sending(console, on_loop, tmp_path / "pump.bin", check)
