"""Histories are bounded and know what they forgot; a log can be copied while it grows."""

from hypothesis import given
from hypothesis import strategies as st

from peerdeck.core.peer_log import (
    DataMessage,
    Direction,
    Event,
    History,
    SessionLog,
    SignalingEntry,
    appended,
    since,
)
from peerdeck.core.rtc_stats import StatsReport


@given(st.integers(1, 8), st.lists(st.integers(0, 5), max_size=8))
def test_reader_that_comes_often_enough_misses_nothing(limit, bursts):
    history, seen, read, number = History(limit), 0, [], 0
    expected = []
    for burst in bursts:
        history.extend(range(number, number + burst))
        expected += range(max(number, number + burst - limit), number + burst)
        number += burst
        read += since(history, seen)
        seen = appended(history)
    assert read == expected
    assert len(history) <= limit


def test_plain_list_counts_as_what_it_holds():
    assert appended([1, 2, 3]) == 3
    assert since([1, 2, 3], 1) == [2, 3]
    assert since([1, 2, 3], 3) == []


def test_everything_of_a_live_log_is_bounded():
    log = SessionLog()
    peer = log.peer("master")
    for number in range(6_000):
        log.signaling.append(SignalingEntry(float(number), Direction.SENT, "SDP_OFFER"))
        peer.events.append(Event(float(number), "peer", "x"))
        peer.messages.append(DataMessage(float(number), Direction.SENT, "kvs", b"", 0))
    assert (len(log.signaling), len(peer.events), len(peer.messages)) == (5_000, 5_000, 2_000)
    assert appended(peer.messages) == 6_000


def test_copy_of_a_peer_stays_when_its_log_goes_on():
    log = SessionLog("front-door", 1.0, {"Role": "Viewer"})
    log.peer("master").events.append(Event(2.0, "peer", "x"))
    log.peer("master").table.append(StatsReport(3.0, {"a": {"n": 1}}))
    copy = log.peer("master").copy()
    span = log.span()
    log.peer("master").events.append(Event(4.0, "peer", "y"))
    log.peer("master").table.append(StatsReport(5.0, {"a": {"n": 2}}))
    assert len(copy.events) == 1
    assert len(copy.table) == 1
    assert (span, log.span()) == ((1.0, 3.0), (1.0, 5.0))


def test_span_of_an_empty_log_is_nothing():
    assert SessionLog().span() == (0.0, 0.0)
