"""The building blocks behave as LOOK says."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from peerdeck.core.channel import CLIENT_ID
from peerdeck.core.errors import UserError
from peerdeck.core.secret import Secret
from peerdeck.gui.models.rows import Column, RowsModel
from peerdeck.gui.widgets.buttons import Button, CopyButton
from peerdeck.gui.widgets.countdown import CountdownLabel
from peerdeck.gui.widgets.fields import MASK, FormField, SearchField, SecretField
from peerdeck.gui.widgets.labels import DOTS, ElidedLabel, Prose, StatusLabel
from peerdeck.gui.widgets.notes import ConfirmStrip, InlineNote
from peerdeck.gui.widgets.session_figures import SPARK_SAMPLES, FigureLine
from peerdeck.gui.widgets.state import StatePane
from peerdeck.gui.widgets.table import DataTable

LONG = "arn:aws:kinesisvideo:eu-west-1:123456789012:channel/front-door/1700000000000"
Shown = Callable[[QWidget], QWidget]


@pytest.fixture
def shown(qtbot: QtBot) -> Shown:
    def show(widget: QWidget) -> QWidget:
        qtbot.addWidget(widget)
        widget.show()
        widget.activateWindow()
        with qtbot.waitActive(widget):
            pass
        return widget

    return show


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_elided_label_shows_a_part_and_copies_the_whole(shown: Shown) -> None:
    text = ElidedLabel(LONG, "mono")
    shown(text)
    text.resize(120, text.height())
    assert text.is_elided
    assert text.toolTip() == LONG
    text.copy()
    assert clipboard() == LONG


def test_copy_button_confirms_and_comes_to_rest(shown: Shown, qtbot: QtBot) -> None:
    copy = CopyButton(lambda: "abc", "ARN")
    shown(copy)
    with qtbot.waitSignal(copy.copied):
        qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert clipboard() == "abc"
    assert copy.toolTip() == "Copied"
    qtbot.waitUntil(lambda: copy.toolTip() == "Copy ARN", timeout=3000)


def test_secret_is_masked_until_asked_and_again_when_hidden(shown: Shown, qtbot: QtBot) -> None:
    field = SecretField("password", Secret("swordfish"))
    shown(field)
    assert field.shown == MASK
    assert "swordfish" not in field.findChild(ElidedLabel).toolTip()
    qtbot.mouseClick(field._eye, Qt.MouseButton.LeftButton)
    assert field.shown == "swordfish"
    field.hide()
    assert field.shown == MASK


def test_mask_does_not_tell_the_length(shown: Shown) -> None:
    field = SecretField("password", Secret("x"))
    shown(field)
    assert field.shown == MASK
    field.set_secret(Secret(""))
    assert field.shown == "–"


def test_field_complains_while_typing_and_stops_when_fine(shown: Shown, qtbot: QtBot) -> None:
    field = FormField("Client ID", CLIENT_ID.problem, hint="optional")
    shown(field)
    assert field.message == "optional"
    qtbot.keyClicks(field.edit, "AWS_x")
    assert "must not start with AWS_" in field.message
    assert field.edit.property("problem") == "true"
    field.edit.clear()
    assert field.message == "optional"
    assert not field.edit.property("problem")


def test_enter_submits_a_field_only_when_it_is_fine(shown: Shown, qtbot: QtBot) -> None:
    field = FormField("Client ID", CLIENT_ID.problem)
    shown(field)
    qtbot.keyClicks(field.edit, "a b")
    with qtbot.assertNotEmitted(field.submitted):
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    field.set_text("ab")
    with qtbot.waitSignal(field.submitted):
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)


def test_slash_filters_and_escape_first_clears_then_leaves(shown: Shown, qtbot: QtBot) -> None:
    page = QWidget()
    search = SearchField("Filter", page)
    QVBoxLayout(page).addWidget(search)
    other = Button("Other")
    page.layout().addWidget(other)  # type: ignore[union-attr]
    shown(page)
    other.setFocus()
    qtbot.keyClick(other, "/")
    assert search.hasFocus()
    qtbot.keyClicks(search, "a/b")
    assert search.text() == "a/b"
    with qtbot.assertNotEmitted(search.left_downwards):
        qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert search.text() == ""
    with qtbot.waitSignal(search.left_downwards):
        qtbot.keyClick(search, Qt.Key.Key_Escape)


def test_countdown_warns_at_the_end_and_says_once_that_it_is_over(
    shown: Shown, qtbot: QtBot
) -> None:
    now = [1000.0]
    left = CountdownLabel("expires in {}", "expired", clock=lambda: now[0])
    shown(left)
    ended: list[bool] = []
    left.ended.connect(lambda: ended.append(True))
    left.set_end(1271.0)
    assert left.text() == "expires in 4:31"
    assert left.property("tone") == "muted"
    now[0] = 1260.0
    left.tick()
    assert left.property("tone") == "warn"
    now[0] = 1272.0
    left.tick()
    left.tick()
    assert left.text() == "expired"
    assert ended == [True]
    assert not left._timer.isActive()


def test_a_hidden_countdown_does_not_tick(shown: Shown) -> None:
    left = CountdownLabel()
    shown(left)
    left.set_end(4e9)
    assert left._timer.isActive()
    left.hide()
    assert not left._timer.isActive()


def test_sparkline_is_bounded_and_broken_where_nothing_is_known(shown: Shown) -> None:
    line = FigureLine("RTT")
    shown(line)
    area = QRectF(10, 4, 80, 22)
    line.set_samples([9.0, 9.0] + [1.0] * (SPARK_SAMPLES - 3) + [None, 4.0, 5.0])
    stretches = line.points(area)
    assert [len(stretch) for stretch in stretches] == [SPARK_SAMPLES - 3, 2]
    assert stretches[-1][-1].x() == pytest.approx(area.right())
    assert stretches[-1][-1].y() < stretches[0][0].y()


def test_figure_splits_value_and_unit(shown: Shown) -> None:
    line = FigureLine("RTT")
    shown(line)
    assert line.text == "–"
    line.show_text("48 ms", "warn", "slow")
    assert (line._value, line._unit, line._tone) == ("48", "ms", "warn")
    assert line.accessibleName() == "RTT 48 ms slow"


def test_every_state_has_its_own_shape() -> None:
    assert len({DOTS[tone] for tone in ("ok", "warn", "bad", "muted")}) == 4


def test_status_label_says_its_word(shown: Shown) -> None:
    status = StatusLabel()
    shown(status)
    status.show_state("refused", "bad", "why")
    assert (status.word, status.tone, status.accessibleName()) == ("refused", "bad", "refused")


def test_good_news_leaves_by_itself_and_failures_stay(shown: Shown) -> None:
    parent = QWidget()
    note = InlineNote()
    QVBoxLayout(parent).addWidget(note)
    shown(parent)
    note.say("ok", "Copied.")
    assert note._timer.isActive()
    note.say_problem(UserError("It failed.", "Run `aws sso login`.", detail="403"), "Retry")
    assert not note._timer.isActive()
    assert note.text == "It failed. Run `aws sso login`."
    note.clear()
    assert note.isHidden()


def test_prose_escapes_markup_and_keeps_the_plain_text() -> None:
    prose = Prose()
    prose.setText("<b> & `x`")
    assert prose.plain == "<b> & `x`"
    assert "&lt;b&gt; &amp; <span" in QLabel.text(prose)


def test_confirm_strip_focuses_the_harmless_button_and_escape_keeps(
    shown: Shown, qtbot: QtBot
) -> None:
    parent = QWidget()
    strip = ConfirmStrip()
    QVBoxLayout(parent).addWidget(strip)
    shown(parent)
    parent.activateWindow()
    strip.ask("t-1", "Close tunnel pump-07?", "Close tunnel")
    qtbot.waitUntil(strip.keep.hasFocus)
    with qtbot.waitSignal(strip.kept), qtbot.assertNotEmitted(strip.confirmed):
        qtbot.keyClick(strip.keep, Qt.Key.Key_Escape)
    assert strip.isHidden()
    strip.ask("t-1", "Close tunnel pump-07?", "Close tunnel")
    with qtbot.waitSignal(strip.confirmed) as heard:
        qtbot.mouseClick(strip.go, Qt.MouseButton.LeftButton)
    assert heard.args == ["t-1"]


def test_state_pane_tells_its_states_apart(shown: Shown, qtbot: QtBot) -> None:
    content = QLabel("rows")
    pane = StatePane(content, "x.pane")
    shown(pane)
    assert pane.state == "loading"
    pane.show_problem(UserError("No network.", "Check it."))
    assert pane.message.text == "No network. Check it."
    with qtbot.waitSignal(pane.chosen) as heard:
        qtbot.mouseClick(pane.findChild(Button, "x.pane.message.retry"), Qt.MouseButton.LeftButton)
    assert heard.args == ["retry"]
    pane.show_stale("As of 3 min ago.")
    assert content.isVisible()
    assert content.property("stale") == "true"
    assert pane.stale.isVisible()
    pane.show_ready()
    assert not content.property("stale")
    assert not pane.stale.isVisible()


COLUMNS: tuple[Column[str], ...] = (
    Column("Name", lambda row: row, width=0),
    Column("Length", lambda row: str(len(row)), key=len, width=80),
)


@pytest.fixture
def table(shown: Shown) -> DataTable:
    model = RowsModel(COLUMNS, lambda row: row)
    made = DataTable(model, sort_by=0)
    model.setParent(made)
    model.set_rows(["b", "aaa", "cc"])
    shown(made)
    made.resize(400, 300)
    return made


def test_selection_survives_filter_and_reset(table: DataTable) -> None:
    heard: list[str] = []
    table.selected.connect(heard.append)
    table.select_id("cc")
    table.rows.set_filter("aaa")
    assert table.selected_id == "cc"
    table.rows.set_filter("")
    assert table.selectionModel().selectedRows()[0].data() == "cc"
    assert heard == ["cc"]


def test_enter_and_double_click_open_a_row(table: DataTable, qtbot: QtBot) -> None:
    table.select_id("b")
    with qtbot.waitSignal(table.opened) as heard:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert heard.args == ["b"]


def test_control_c_copies_what_the_action_gives(table: DataTable, qtbot: QtBot) -> None:
    table.add_copy_action("name", lambda row: f"<{row}>", "Ctrl+C")
    table.select_id("b")
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == "<b>"


def test_columns_come_back_with_width_and_sorting(table: DataTable) -> None:
    table.horizontalHeader().resizeSection(1, 133)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    saved = table.save_columns()
    model = RowsModel(COLUMNS, lambda row: row, table)
    model.set_rows(["b", "aaa", "cc"])
    other = DataTable(model)
    assert other.restore_columns(saved)
    assert other.horizontalHeader().sectionSize(1) == 133
    assert model.shown == ("aaa", "cc", "b")
    other.deleteLater()


@pytest.mark.parametrize("saved", ["", "not base64!", "AAAA"])
def test_columns_that_do_not_fit_are_ignored(table: DataTable, saved: str) -> None:
    assert not table.restore_columns(saved)
    assert table.rows.shown == ("aaa", "b", "cc")
