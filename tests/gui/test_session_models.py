"""Steps and telemetry as rows."""

import pytest
from pytestqt.modeltest import ModelTester
from tests.gui.page_fakes import session, steps

from peerdeck.core.session import STEPS, Phase, Step
from peerdeck.gui.models.session_figures import RECEIVED
from peerdeck.gui.models.steps import step_rows
from peerdeck.gui.widgets.steps import StepsView


def test_steps_stand_in_the_order_in_which_they_happened() -> None:
    swapped = (Step("First remote candidate", 20.0), Step("Answer received", 50.0))
    rows = step_rows(swapped, joining=True)
    assert [row.name for row in rows[:2]] == ["First remote candidate", "Answer received"]
    assert [row.took_ms for row in rows[:2]] == [20.0, 30.0]
    assert (rows[1].start, rows[1].end) == (0.4, 1.0)
    assert sorted(row.name for row in rows) == sorted(STEPS)


def test_only_a_join_waits_and_only_a_failure_accuses() -> None:
    reached = steps(3)
    for joining, failed in ((True, False), (False, True), (False, False)):
        after = step_rows(reached, joining=joining, failed=failed)[3:]
        assert [row.waiting for row in after] == [joining] + [False] * 6
        assert [row.slow for row in after] == [failed] + [False] * 6


def test_the_slowest_step_is_marked_once_it_takes_a_second() -> None:
    quick = step_rows((Step("Offer sent", 10), Step("Answer received", 900)), joining=False)
    assert not any(row.slow for row in quick)
    slow = step_rows((Step("Offer sent", 10), Step("Answer received", 5210)), joining=False)
    assert [row.name for row in slow if row.slow] == ["Answer received"]


@pytest.mark.parametrize("compact", [True, False])
def test_steps_model_keeps_its_promises(
    themed: None, qtmodeltester: ModelTester, compact: bool
) -> None:
    view = StepsView(compact=compact)
    qtmodeltester.check(view.steps, force_py=True)
    for count in (0, 4, 10, 2):
        view.show_session(session("gate", Phase.JOINING, steps=steps(count)))
    view.deleteLater()


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("Round trip", ((299, ""), (300, "warn"), (800, "bad"))),
        ("Loss", ((1.9, ""), (2, "warn"), (8, "bad"))),
        ("Frames", ((11, ""), (10, "warn"), (1, "bad"))),
        ("Bitrate in", ((1, ""), (0, "bad"))),
    ],
)
def test_colour_comes_at_the_threshold(title: str, values: tuple[tuple[float, str], ...]) -> None:
    limit = next(line.limit for line in RECEIVED if line.title == title)
    assert limit is not None
    for value, tone in values:
        assert limit.tone(value) == tone
