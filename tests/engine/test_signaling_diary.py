"""What went over signaling, as people read it."""

import itertools

import pytest

from peerdeck.core.peer_log import Direction, SessionLog
from peerdeck.engine.signaling import SignalingRefused, SignalingUnreachable
from peerdeck.engine.signaling_diary import SignalingDiary
from peerdeck.protocol.signaling import (
    Kind,
    SessionDescription,
    SignalingMessage,
    StatusResponse,
    TrickledCandidate,
    candidate_message,
    description_message,
)


@pytest.fixture
def log():
    return SessionLog().signaling


@pytest.fixture
def diary(log):
    ticks = itertools.count(1.0)
    return SignalingDiary(log, lambda: next(ticks))


def offer(correlation_id="c1"):
    return description_message(
        SessionDescription("offer", "v=0\r\ns=-\r\n"),
        recipient="viewer-1",
        correlation_id=correlation_id,
    )


def refusal(correlation_id):
    status = StatusResponse(correlation_id, "InvalidArgumentException", "400", "too large")
    return SignalingMessage(Kind.STATUS_RESPONSE, status=status)


def test_descriptions_and_candidates_are_decoded(diary, log):
    diary.sent(offer())
    candidate = TrickledCandidate("1 1 udp 1 192.0.2.1 5000 typ host", "0", 0)
    diary.received(candidate_message(candidate))
    described, found = log
    assert (described.what, described.text) == ("SDP_OFFER", "v=0\ns=-\n")
    assert (described.direction, described.peer, described.correlation_id) == (
        Direction.SENT,
        "viewer-1",
        "c1",
    )
    assert described.size == 52
    assert (found.direction, found.text) == (
        Direction.RECEIVED,
        "candidate:1 1 udp 1 192.0.2.1 5000 typ host",
    )
    assert (described.at_s, found.at_s) == (1.0, 2.0)


def test_what_the_service_says_stands_at_the_message_and_in_its_own_line(diary, log):
    diary.sent(offer("c1"))
    diary.sent(offer("c2"))
    diary.received(refusal("c2"))
    first, second, status = log
    assert first.outcome == ""
    assert second.outcome == status.outcome == "400 InvalidArgumentException"
    assert (status.what, status.text, status.correlation_id) == (
        "STATUS_RESPONSE",
        "too large",
        "c2",
    )


def test_an_outcome_of_an_unknown_message_is_told_alone(diary, log):
    diary.received(refusal("nobody's"))
    assert len(log) == 1


def test_sockets_open_close_and_are_refused(diary, log):
    diary.opened("viewer-1")
    diary.closed("by the service, close code 1001")
    diary.failed(SignalingRefused(403, {}, '{"message": "expired"}'))
    diary.failed(SignalingUnreachable("no route"))
    assert [(e.what, e.text, e.outcome) for e in log] == [
        ("open", "as viewer-1", ""),
        ("closed", "by the service, close code 1001", ""),
        ("refused", '{"message": "expired"}', "HTTP 403"),
        ("refused", "no route", "unreachable"),
    ]


def test_what_cannot_be_read_is_shown_as_it_is(diary, log):
    diary.received(SignalingMessage(Kind.ICE_CANDIDATE, '{"candidate": 7}'))
    diary.received(SignalingMessage(Kind.GO_AWAY))
    assert [(e.what, e.text) for e in log] == [
        ("ICE_CANDIDATE", '{"candidate": 7}'),
        ("GO_AWAY", ""),
    ]


def test_unanswered_messages_are_bounded(diary):
    for number in range(1000):
        diary.sent(offer(f"c{number}"))
    assert len(diary._sent) <= 256
