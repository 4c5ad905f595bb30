"""How much may wait for the link: what it carries in 20 ms, by its own measure."""

from peerdeck.engine.tunnel.pace import LEAST_BYTES, Pace

MOST = 64 * 1024


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a_link(rate: float, pace: Pace, clock: Clock, size: int = 16 * 1024, times: int = 8) -> None:
    """Blocks and drains `times` times at `rate` bytes per second."""
    for turn in range(times):
        pace.blocked(turn * size)
        clock.now += size / rate
        pace.freed((turn + 1) * size)


def test_nobody_waited_yet_so_the_most_is_allowed():
    assert Pace(MOST, Clock()).budget == MOST


def test_a_slow_link_gets_what_it_carries_in_20_ms():
    clock = Clock()
    pace = Pace(MOST, clock)
    a_link(1_000_000, pace, clock)
    assert pace.budget == 16 * 1024  # the power of two below 20 000


def test_a_very_slow_link_still_gets_the_least():
    clock = Clock()
    pace = Pace(MOST, clock)
    a_link(10_000, pace, clock)
    assert pace.budget == LEAST_BYTES


def test_a_link_that_becomes_fast_gets_more_again():
    clock = Clock()
    pace = Pace(MOST, clock)
    a_link(10_000, pace, clock)
    a_link(300_000_000, pace, clock, MOST, 100)
    assert pace.budget == MOST


def test_a_link_that_nobody_waits_for_relaxes_step_by_step():
    clock = Clock()
    pace = Pace(MOST, clock)
    a_link(10_000, pace, clock)
    assert not pace.relax()
    for budget in (2 * LEAST_BYTES, 4 * LEAST_BYTES):
        clock.now += 0.6
        assert pace.relax()
        assert pace.budget == budget
    clock.now += 60
    for _ in range(9):
        clock.now += 0.6
        pace.relax()
    assert pace.budget == MOST


def test_one_quick_drain_says_nothing_of_the_rate():
    clock = Clock()
    pace = Pace(MOST, clock)
    a_link(10_000_000_000, pace, clock, 1024, 1)
    pace.blocked(0)
    clock.now += 0.001
    assert not pace.freed(10)
    assert pace.budget == MOST
