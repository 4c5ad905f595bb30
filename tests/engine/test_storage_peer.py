"""The storage peer is asked to join until it stays."""

import asyncio

import pytest

from peerdeck.engine.storage_peer import StoragePeer


class Joining:
    def __init__(self):
        self.asked = asyncio.Semaphore(0)
        self.failures = asyncio.Queue()
        self.error = None
        self.peer = StoragePeer(self.join, self.failures.put_nowait)

    async def join(self):
        self.asked.release()
        if self.error is not None:
            raise self.error

    async def again(self):
        async with asyncio.timeout(5):
            await self.asked.acquire()


@pytest.fixture
async def joining(monkeypatch):
    monkeypatch.setattr("peerdeck.engine.storage_peer._FIRST_DELAY_S", 0.02)
    monkeypatch.setattr("peerdeck.engine.storage_peer.OFFER_WITHIN_S", 0.5)
    made = Joining()
    task = asyncio.get_running_loop().create_task(made.peer.keep_joined())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_asked_again_when_it_has_gone(joining):
    await joining.again()
    joining.peer.visited("came")
    joining.peer.visited("connected")
    assert joining.asked.locked()
    joining.peer.visited("lost")
    await joining.again()
    assert joining.failures.empty()


async def test_it_is_asked_again_when_it_never_offered(joining):
    await joining.again()
    await joining.again()
    assert "no offer" in joining.failures.get_nowait()


async def test_a_later_refusal_is_told_and_means_another_try(joining):
    await joining.again()
    joining.peer.visited("came")
    joining.error = ConnectionError("no network")
    joining.peer.visited("left")
    await joining.again()
    async with asyncio.timeout(5):
        assert await joining.failures.get() == "ConnectionError"
    await joining.again()


async def test_the_first_refusal_is_the_callers():
    joining = Joining()
    joining.error = PermissionError("denied")
    with pytest.raises(PermissionError):
        await joining.peer.keep_joined()
