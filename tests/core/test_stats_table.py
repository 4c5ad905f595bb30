"""Reports go in one by one and come out of the columns as they were."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats_table import StatsTable

NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
)
VALUES = st.one_of(NUMBERS, st.text(max_size=3))
# Few names, so that objects and members come, go and come again, as texts and as numbers.
OBJECTS = st.dictionaries(
    st.sampled_from(["IT01", "OT02", "CP3"]),
    st.dictionaries(st.sampled_from(["type", "bytes", "state", "mid"]), VALUES, min_size=1),
    max_size=3,
)
REPORTS = st.lists(OBJECTS, max_size=12)


def filled(rows, limit=0):
    table = StatsTable(limit)
    for second, objects in enumerate(rows):
        table.append(StatsReport(100.0 + second, objects))
    return table


@given(REPORTS)
@settings(max_examples=300)
def test_every_report_comes_out_as_it_went_in(rows):
    table = filled(rows)
    for number, objects in enumerate(rows):
        assert table.report(number) == StatsReport(100.0 + number, objects)
        assert table.row_at(100.0 + number) == number


@given(REPORTS)
def test_columns_are_as_long_as_the_times(rows):
    table = filled(rows)
    assert {len(table.column(member)) for member in table.members()} <= {len(table)}


@given(REPORTS, st.integers(1, 12))
def test_limited_table_holds_the_newest_reports_unchanged(rows, limit):
    table = filled(rows, limit)
    assert len(table) <= limit
    assert table.appended == len(rows)
    for back in range(1, len(table) + 1):
        assert table.report(-back).objects == rows[-back]


@given(REPORTS)
def test_copy_stays_when_the_table_goes_on(rows):
    table = filled(rows, limit=5)
    copy = table.copy()
    before = [copy.report(row) for row in range(len(copy))]
    for _ in range(6):
        table.append(StatsReport(1e6, {"IT01": {"type": "other", "bytes": 1}}))
    assert [copy.report(row) for row in range(len(copy))] == before
    assert copy.appended == len(rows)


def test_late_column_is_not_known_before_it_came():
    table = filled([{"a": {"x": 1}}, {"a": {"x": 2, "late": 3}}, {}])
    assert table.members() == (("a", "x"), ("a", "late"))
    late = table.column(("a", "late"))
    assert math.isnan(late[0])
    assert late[1] == 3
    assert math.isnan(late[2])


def test_id_that_changes_leaves_no_column_for_ever():
    table = StatsTable(limit=20)
    for second in range(100):
        table.append(StatsReport(float(second), {f"CP{second}": {"type": "pair", "n": second}}))
    assert len(table.members()) <= 20
    assert len(table.texts()) <= 21


def test_texts_are_kept_as_changes_with_none_while_absent():
    table = filled([{"a": {"s": "new"}}, {"a": {"s": "new"}}, {}, {"a": {"s": "up"}}])
    assert table.texts()["a", "s"] == [(100.0, "new"), (102.0, None), (103.0, "up")]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([True, 5], int), ([5, True], int), ([True, 0.5], float), ([1, 2.5], float)],
)
def test_column_takes_the_widest_type_that_it_held(values, kind):
    table = filled([{"a": {"x": value}} for value in values])
    assert table.value_type(("a", "x")) is kind
    assert table.report().objects["a"]["x"] == values[-1]


def test_clock_set_back_does_not_disorder_the_rows():
    table = StatsTable()
    for at_s in (1_800_000_000.0, 1_799_999_000.0, 1_799_999_000.0, 1_800_000_001.0):
        table.append(StatsReport(at_s, {"a": {"x": len(table), "s": str(len(table))}}))
    assert list(table.times) == sorted(set(table.times))
    assert [table.report(row).objects["a"]["s"] for row in range(4)] == ["0", "1", "2", "3"]
    assert table.times[-1] == 1_800_000_001.0


def test_row_that_is_not_there_is_an_empty_report():
    table = filled([{"a": {"x": 1}}])
    assert table.report(1) == table.report(-2) == StatsReport(0.0)
    assert table.row_at(99.0) == -1
    assert list(table.column(("no", "such"))) == []
