"""RowsModel announces exactly what changed, and does no needless work with ten thousand rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from peerdeck.gui.models.rows import Column, RowsModel

TEN_THOUSAND = 10_000
FEW = 300  # what a page of rows may ask for, some times over


@dataclass(frozen=True)
class Thing:
    id: str
    name: str
    size: int = 0


COLUMNS: tuple[Column[Thing], ...] = (
    Column("Name", lambda t: t.name, width=0),
    Column("Size", lambda t: f"{t.size} B", key=lambda t: t.size, searched=False),
)


def things(ids: Sequence[str]) -> tuple[Thing, ...]:
    return tuple(Thing(key, f"thing {key}") for key in ids)


class Heard:
    """What the model announced, in order."""

    def __init__(self, model: RowsModel[Thing]) -> None:
        self.events: list[tuple[Any, ...]] = []
        model.rowsInserted.connect(lambda _, a, b: self.events.append(("in", a, b)))
        model.rowsRemoved.connect(lambda _, a, b: self.events.append(("out", a, b)))
        model.dataChanged.connect(lambda a, b: self.events.append(("new", a.row(), b.row())))
        model.layoutChanged.connect(lambda: self.events.append(("order",)))
        model.modelReset.connect(lambda: self.events.append(("reset",)))


@pytest.fixture
def model(qtmodeltester: ModelTester) -> RowsModel[Thing]:
    made = RowsModel(COLUMNS, lambda thing: thing.id)
    made.set_rows(things("abcdef"))
    qtmodeltester.check(made)
    return made


def names(model: RowsModel[Thing]) -> str:
    return "".join(model.id_at(row) for row in range(model.rowCount()))


def test_one_changed_row_announces_one_row(model: RowsModel[Thing]) -> None:
    heard = Heard(model)
    rows = list(things("abcdef"))
    rows[2] = Thing("c", "another name")
    model.set_rows(rows)
    assert heard.events == [("new", 2, 2)]


def test_equal_rows_announce_nothing(model: RowsModel[Thing]) -> None:
    heard = Heard(model)
    model.set_rows(things("abcdef"))
    assert heard.events == []


def test_removed_and_inserted_rows_are_announced_as_runs(model: RowsModel[Thing]) -> None:
    heard = Heard(model)
    model.set_rows(things("aefxyb"[:5]))
    assert heard.events == [("out", 1, 3), ("in", 3, 4)]
    assert names(model) == "aefxy"


def test_selection_follows_a_row_that_moves(model: RowsModel[Thing]) -> None:
    held = QPersistentModelIndex(model.index(1, 0))
    model.set_rows(things("fedcba"))
    assert held.row() == 4
    assert model.id_at(held.row()) == "b"


def test_filter_wants_every_word_case_aside(model: RowsModel[Thing]) -> None:
    model.set_rows((Thing("1", "Front Door"), Thing("2", "back door"), Thing("3", "front yard")))
    model.set_filter("DOOR front")
    assert names(model) == "1"
    model.set_filter("")
    assert names(model) == "123"


def test_filter_ignores_columns_that_are_not_searched(model: RowsModel[Thing]) -> None:
    model.set_filter("B")
    assert names(model) == "b"


def test_filter_sees_the_new_text_of_a_changed_row(model: RowsModel[Thing]) -> None:
    model.set_filter("zebra")
    assert names(model) == ""
    model.set_rows((Thing("a", "zebra"), *things("bcdef")))
    assert names(model) == "a"


def test_sorting_is_by_key_and_numbers_sort_as_numbers(model: RowsModel[Thing]) -> None:
    model.set_rows((Thing("a", "a", 100), Thing("b", "b", 9), Thing("c", "c", 20)))
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert names(model) == "acb"
    model.sort(-1)
    assert names(model) == "abc"


def test_changed_sort_key_moves_the_row_without_reset(model: RowsModel[Thing]) -> None:
    model.sort(1)
    heard = Heard(model)
    rows = list(things("abcdef"))
    rows[0] = Thing("a", "thing a", 5)
    model.set_rows(rows)
    assert names(model) == "bcdefa"
    assert ("reset",) not in heard.events


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), unique=True), max_size=6))
def test_any_sequence_of_snapshots_ends_in_the_last_one(snapshots: list[list[str]]) -> None:
    model = RowsModel(COLUMNS, lambda thing: thing.id)
    mirror: list[str] = []
    model.rowsInserted.connect(
        lambda _, a, b: mirror.__setitem__(
            slice(a, a), [model.id_at(row) for row in range(a, b + 1)]
        )
    )
    model.rowsRemoved.connect(lambda _, a, b: mirror.__delitem__(slice(a, b + 1)))
    model.layoutChanged.connect(lambda: mirror.__setitem__(slice(None), [*names(model)]))
    for snapshot in snapshots:
        model.set_rows(things(snapshot))
        assert [*names(model)] == snapshot == mirror


def test_ten_thousand_rows_are_put_into_words_once_for_the_filter_and_then_only_where_seen(
    qtbot: QtBot, qtmodeltester: ModelTester
) -> None:
    from peerdeck.gui.widgets.table import DataTable

    worded: list[str] = []

    def name_of(thing: Thing) -> str:
        worded.append(thing.id)
        return thing.name

    columns = (Column("Name", name_of, key=lambda t: t.name, width=0), COLUMNS[1])
    model = RowsModel(columns, lambda thing: thing.id)
    model.set_rows([Thing(str(n), f"cam-{n:05} {'odd' * (n % 2)}") for n in range(TEN_THOUSAND)])
    table = DataTable(model, sort_by=0)
    qtbot.addWidget(table)
    table.resize(600, 700)
    table.show()
    worded.clear()
    model.set_filter("no such thing")
    assert len(worded) == TEN_THOUSAND
    for text in ("o", "od", "odd", "odd 7", "odd 77", "odd 7", "", "cam-09", "cam-099", ""):
        worded.clear()
        model.set_filter(text)
        table.viewport().repaint()
        assert len(worded) < FEW
    model.set_filter("odd 777")
    qtmodeltester.check(model)


def test_root_has_rows_and_cells_have_none(model: RowsModel[Thing]) -> None:
    assert model.rowCount(QModelIndex()) == 6
    assert model.rowCount(model.index(0, 0)) == 0
    assert model.data(QModelIndex()) is None


@pytest.mark.parametrize("words", ["", "thing", "b", "zz"])
@pytest.mark.parametrize("sort_by", [-1, 0])
def test_growing_is_the_same_as_a_whole_snapshot(words: str, sort_by: int) -> None:
    grown, whole = (RowsModel(COLUMNS, lambda thing: thing.id) for _ in range(2))
    for model in (grown, whole):
        model.set_filter(words)
        model.sort(sort_by)
        model.set_rows(things("bacd"))
    grown.grow(2, things("zbyx"))
    whole.set_rows(things("cdzbyx"))
    assert names(grown) == names(whole)
    assert grown.rows == whole.rows
    assert [grown.place_of(key) for key in "abz"] == [whole.place_of(key) for key in "abz"]


def test_growing_announces_what_went_and_what_came(model: RowsModel[Thing]) -> None:
    heard = Heard(model)
    model.grow(2, things("xy"))
    assert heard.events == [("out", 0, 1), ("in", 4, 5)]
    model.grow(0, ())
    assert len(heard.events) == 2


def test_a_tooltip_shows_what_it_was_given_and_no_page_of_it() -> None:
    columns: tuple[Column[Thing], ...] = (
        Column("Name", lambda t: t.name, tooltip=lambda t: t.name),
    )
    model = RowsModel(columns, lambda thing: thing.id)
    said = "<img src='file:///etc/passwd'> & co"
    model.set_rows([Thing("a", said), Thing("b", "plain & short"), Thing("c", "x" * 9999)])
    tips = [model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole) for row in range(3)]
    assert "<img" not in tips[0]
    assert "&lt;img" in tips[0]
    assert tips[1] == "plain & short"
    assert len(tips[2]) < 3000
