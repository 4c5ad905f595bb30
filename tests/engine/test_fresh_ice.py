"""ICE servers are renewed before they end, on demand, and again after a failure."""

import asyncio
import time

import pytest

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.secret import Secret
from peerdeck.engine.fresh_ice import FreshIce

TURN = IceUri.parse("turn:127.0.0.1:1?transport=udp")


class Service:
    """Answers with servers that live `ttl_s`, or fails."""

    def __init__(self, ttl_s=300):
        self.ttl_s = ttl_s
        self.failing = False
        self.asked = asyncio.Semaphore(0)

    async def fetch(self):
        self.asked.release()
        if self.failing:
            raise ConnectionError("no network")
        ends = time.time() + self.ttl_s
        return (IceServer((TURN,), "user", Secret("password"), ends, self.ttl_s),)

    async def asked_again(self, times=1):
        async with asyncio.timeout(5):
            for _ in range(times):
                await self.asked.acquire()


@pytest.fixture
async def running():
    tasks = []

    async def run(service):
        fresh = FreshIce(service.fetch, time.time)
        await fresh.first()
        await service.asked_again()
        tasks.append(asyncio.get_running_loop().create_task(fresh.keep_fresh()))
        return fresh

    yield run
    for task in tasks:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_servers_are_renewed_before_they_end(running):
    service = Service(ttl_s=1)  # due half a second before
    fresh = await running(service)
    first = fresh.now[0].expires_at
    await service.asked_again(2)
    assert fresh.now[0].expires_at > first
    assert fresh.now[0].seconds_left(time.time()) > 0


async def test_the_service_may_ask_for_it(running):
    service = Service()
    fresh = await running(service)
    fresh.renew()
    await service.asked_again()
    assert service.asked.locked()  # once


async def test_a_failure_leaves_the_present_ones_and_means_another_try(running, monkeypatch):
    monkeypatch.setattr("peerdeck.engine.fresh_ice._RETRY_S", 0.05)
    service = Service(ttl_s=1)
    fresh = await running(service)
    service.failing = True
    await service.asked_again(2)
    assert fresh.now
    assert fresh.renewals == 0
    service.failing = False
    await service.asked_again(2)
    assert fresh.renewals >= 1


async def test_the_first_failure_is_the_callers():
    service = Service()
    service.failing = True
    with pytest.raises(ConnectionError):
        await FreshIce(service.fetch, time.time).first()


async def test_without_servers_nothing_is_asked_until_somebody_wants_it(running):
    asked = asyncio.Semaphore(0)

    async def nothing():
        asked.release()
        return ()

    service = Service()
    service.fetch, service.asked = nothing, asked
    fresh = await running(service)
    assert fresh.now == ()
    assert asked.locked()


async def test_a_laptop_that_slept_renews_when_it_wakes(monkeypatch):
    monkeypatch.setattr("peerdeck.engine.fresh_ice._LOOK_S", 0.02)
    service, slept_s = Service(ttl_s=300), 0.0
    fresh = FreshIce(service.fetch, lambda: time.time() + slept_s)
    await fresh.first()
    await service.asked_again()
    task = asyncio.get_running_loop().create_task(fresh.keep_fresh())
    slept_s = 3600.0
    await service.asked_again()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
