"""Bookkeeping of a signaling channel, and the send quotas, without sockets."""

import pytest

from peerdeck.core.channel import Channel, Role
from peerdeck.localcloud.messages import SendAllowance
from peerdeck.localcloud.rooms import MAX_ABSENT, MAX_WAITING, Room

CHANNEL = Channel("door", "arn", "ACTIVE", ttl_s=30)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Listener:
    """A peer that remembers."""

    def __init__(self, client_id: str) -> None:
        self.role = Role.VIEWER if client_id else Role.MASTER
        self.client_id = client_id
        self.heard: list[str] = []
        self.ended = ""

    def deliver(self, text: str) -> None:
        self.heard.append(text)

    def end(self, reason: str) -> None:
        self.ended = reason


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(clock: Clock) -> Room:
    return Room(CHANNEL, clock)


def test_absent_viewers_are_bounded_and_the_longest_waiting_is_forgotten(room: Room) -> None:
    for number in range(MAX_ABSENT + 1):
        room.send(f"viewer-{number}", "hello")
    first, last = Listener("viewer-0"), Listener(f"viewer-{MAX_ABSENT}")
    room.join(first)
    room.join(last)
    assert (first.heard, last.heard) == ([], ["hello"])


def test_each_absent_peer_has_a_bounded_queue(room: Room) -> None:
    for number in range(MAX_WAITING + 5):
        room.send("", str(number))
    master = Listener("")
    room.join(master)
    assert master.heard == [str(n) for n in range(5, MAX_WAITING + 5)]


def test_expired_messages_are_forgotten_when_others_arrive(room: Room, clock: Clock) -> None:
    room.send("ada", "old")
    clock.now += CHANNEL.ttl_s
    room.send("bob", "new")
    assert list(room.waiting) == ["bob"]


def test_a_message_lives_shorter_than_its_ttl(room: Room, clock: Clock) -> None:
    room.send("ada", "one")
    clock.now += CHANNEL.ttl_s
    late = Listener("ada")
    room.join(late)
    assert late.heard == []


def test_a_replaced_peer_does_not_take_the_newer_one_along(room: Room) -> None:
    older, newer = Listener("ada"), Listener("ada")
    room.join(older)
    room.join(newer)
    assert older.ended
    room.leave(older)
    room.send("ada", "hello")
    assert newer.heard == ["hello"]


@pytest.mark.parametrize(
    ("action", "burst", "per_second"),
    [("SDP_OFFER", 50, 5), ("SDP_ANSWER", 50, 5), ("ICE_CANDIDATE", 200, 20)],
)
def test_the_allowance_has_a_burst_and_refills(
    clock: Clock, action: str, burst: int, per_second: int
) -> None:
    allowance = SendAllowance(clock)
    clock.now += 1000  # a quiet time does not add up
    assert sum(allowance.take(action) for _ in range(burst + 10)) == burst
    clock.now += 1
    assert sum(allowance.take(action) for _ in range(burst)) == per_second


def test_one_action_does_not_use_up_anothers_allowance(clock: Clock) -> None:
    allowance = SendAllowance(clock)
    while allowance.take("ICE_CANDIDATE"):
        pass
    assert allowance.take("SDP_OFFER")
