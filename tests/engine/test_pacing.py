"""When connectivity checks start."""

import asyncio

import pytest
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection

from peerdeck.engine.aiortc_adapter.pacing import Pacing
from peerdeck.engine.tasks import TaskSet

WAITING, FROZEN = CandidatePair.State.WAITING, CandidatePair.State.FROZEN


def candidate(kind="host", host="192.0.2.1", port=5000):
    return Candidate(
        foundation=kind, component=1, transport="udp", priority=1, host=host, port=port, type=kind
    )


class Protocol:
    def __init__(self, kind):
        self.local_candidate = candidate(kind)


def pair(local="host", remote="host", state=FROZEN):
    found = CandidatePair(Protocol(local), candidate(remote))
    found.state = state
    return found


class Paced:
    """A connection whose checks are noted instead of made."""

    def __init__(self):
        self.now = 0.0
        self.ice = Connection(ice_controlling=True)
        self.ice.remote_username = self.ice.remote_password = "x" * 22
        self.ice._local_candidates_end = True
        self.started = []
        self.started_one = asyncio.Event()
        self.tasks = TaskSet("test")
        self.pacing = Pacing(self.ice, self.tasks, lambda: self.now)
        self.pacing.install()
        self.ice.check_start_task = self._start

    def _start(self, found):
        found.state = CandidatePair.State.IN_PROGRESS
        self.started.append(found)
        self.started_one.set()


@pytest.fixture
async def paced():
    found = Paced()
    yield found
    await found.ice.close()
    await found.tasks.aclose()


async def test_waiting_pairs_come_before_frozen_ones(paced):
    frozen, waiting = pair(), pair(state=WAITING)
    paced.ice._check_list += [frozen, waiting]
    assert paced.pacing._next() is waiting
    waiting.state = CandidatePair.State.SUCCEEDED
    assert paced.pacing._next() is frozen
    frozen.task = object()  # on its way already
    assert paced.pacing._next() is None
    frozen.task = None
    paced.ice._check_list.clear()


@pytest.mark.parametrize(("local", "remote"), [("relay", "host"), ("host", "relay")])
async def test_a_relayed_pair_lets_others_go_first_for_a_moment(paced, local, remote):
    relayed, direct = pair(local, remote, WAITING), pair()
    paced.ice._check_list += [relayed, direct]
    paced.pacing._relay_at = 0.05
    assert paced.pacing._next() is direct
    direct.state = CandidatePair.State.IN_PROGRESS
    assert paced.pacing._next() is None
    paced.now = 0.06
    assert paced.pacing._next() is relayed
    paced.ice._check_list.clear()


async def test_nothing_is_begun_before_there_is_a_pair_and_then_at_once(paced):
    connecting = asyncio.get_running_loop().create_task(paced.ice.connect())
    for number in range(5):  # other families: no pair comes of them, and nobody spins
        await paced.ice.add_remote_candidate(candidate(host="2001:db8::7", port=6000 + number))
        await asyncio.sleep(0)
    assert not paced.ice._early_checks_done
    paced.ice._protocols.append(Protocol("host"))
    await paced.ice.add_remote_candidate(candidate(host="192.0.2.9"))
    async with asyncio.timeout(5):
        await paced.started_one.wait()
    assert [found.remote_candidate.host for found in paced.started] == ["192.0.2.9"]
    paced.ice._protocols.clear()
    connecting.cancel()
    await asyncio.wait([connecting])
    paced.ice._check_list.clear()


async def test_without_any_candidate_it_fails_when_theirs_are_over(paced):
    connecting = asyncio.get_running_loop().create_task(paced.ice.connect())
    await paced.ice.add_remote_candidate(None)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionError, match="failed"):
            await connecting


async def test_closing_ends_the_waiting(paced):
    connecting = asyncio.get_running_loop().create_task(paced.ice.connect())
    await asyncio.sleep(0)
    await paced.ice.close()
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionError):
            await connecting
