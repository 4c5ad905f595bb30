"""What a signaling socket may send in a second is kept to, in order."""

import asyncio

from peerdeck.engine.send_rate import SendRate
from peerdeck.protocol.signaling import Kind


class Loop:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr("peerdeck.engine.send_rate.asyncio.sleep", self.sleep)

    async def sleep(self, seconds):
        self.now += seconds

    def __call__(self):
        return self.now


async def test_never_more_than_the_quota_in_any_second(monkeypatch):
    loop = Loop(monkeypatch)
    rate = SendRate(loop)
    for kind, quota in ((Kind.ICE_CANDIDATE, 20), (Kind.SDP_ANSWER, 5)):
        times = []
        for _ in range(100):
            await rate.turn(kind)
            times.append(loop.now)
        busiest = max(sum(1 for t in times if start <= t < start + 1) for start in times)
        assert quota - 2 <= busiest < quota
        assert times == sorted(times)


async def test_kinds_do_not_wait_for_each_other_and_others_never(monkeypatch):
    loop = Loop(monkeypatch)
    rate = SendRate(loop)
    for _ in range(4):
        await rate.turn(Kind.SDP_ANSWER)
    began = loop.now
    await rate.turn(Kind.ICE_CANDIDATE)
    for _ in range(100):
        await rate.turn(Kind.GO_AWAY)
    assert loop.now == began


async def test_who_asked_first_is_served_first():
    rate = SendRate(lambda: 0.0)
    served = []

    async def ask(number):
        await rate.turn(Kind.ICE_CANDIDATE)
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(15):
            group.create_task(ask(number))
    assert served == list(range(15))
