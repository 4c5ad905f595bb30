"""Signs of life."""

import asyncio
import time

import pytest

from peerdeck.engine import pulse
from peerdeck.engine.errors import PeerFailed, PeerFailure
from peerdeck.engine.pulse import Pulse


class Peer:
    """Answers, or sends, as the test says; counts how often it was asked."""

    def __init__(self) -> None:
        self.datagrams = 0
        self.sends = False
        self.answers = False
        self.asked = asyncio.Condition()
        self.times = 0

    @property
    def datagrams_received(self) -> int:
        self.datagrams += self.sends
        return self.datagrams

    async def measure_rtt(self) -> float | None:
        async with self.asked:
            self.times += 1
            self.asked.notify_all()
        return 0.02 if self.answers else None

    async def asked_again(self, times: int) -> None:
        async with asyncio.timeout(10), self.asked:
            goal = self.times + times
            await self.asked.wait_for(lambda: self.times >= goal)


@pytest.fixture
async def running(monkeypatch):
    monkeypatch.setattr(pulse, "INTERVAL_S", 0.02)
    peer = Peer()
    beat = Pulse(peer, lost_after_s=0.2, clock=time.monotonic)
    peer.answers = True
    watching = asyncio.get_running_loop().create_task(beat.watch())
    yield peer, beat, watching
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def lost(watching):
    async with asyncio.timeout(5):
        with pytest.raises(PeerFailed) as caught:
            await watching
    assert caught.value.reason is PeerFailure.LOST


async def test_an_idle_peer_that_answers_is_there(running):
    peer, beat, watching = running
    await peer.asked_again(20)  # 0.4 s at least
    assert not watching.done()
    assert beat.rtt_s == 0.02
    peer.answers = False
    await lost(watching)


async def test_a_peer_that_sends_is_there_although_it_does_not_answer(running):
    peer, _, watching = running
    peer.answers, peer.sends = False, True
    await peer.asked_again(20)
    assert not watching.done()
    peer.sends = False
    await lost(watching)


async def test_a_loop_that_stood_still_is_no_loss():
    """Nobody listened meanwhile; what came is read right after."""
    stood_still_s = [0.0]
    peer = Peer()
    beat = Pulse(peer, lost_after_s=1.0, clock=lambda: time.monotonic() + stood_still_s[0])
    watching = asyncio.get_running_loop().create_task(beat.watch())
    await peer.asked_again(1)
    stood_still_s[0] += 60.0
    await peer.asked_again(2)
    peer.answers = True
    await peer.asked_again(1)
    assert not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_in_doubt_it_asks_at_every_tick(monkeypatch):
    monkeypatch.setattr(pulse, "INTERVAL_S", 60.0)
    peer = Peer()
    beat = Pulse(peer, lost_after_s=0.4, clock=time.monotonic)
    watching = asyncio.get_running_loop().create_task(beat.watch())
    await lost(watching)
    assert peer.times >= 3
