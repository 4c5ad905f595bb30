"""A path that is lost is sought again; what the user has stays."""

import asyncio
import time

import pytest

from peerdeck.core.join import PathPolicy
from peerdeck.core.session import STEPS
from peerdeck.engine import viewer
from peerdeck.engine.aiortc_adapter.peer_internals import _abort
from peerdeck.engine.errors import AnswerUnusable, NoAnswer, PeerFailed, PeerFailure
from peerdeck.engine.signaling import SignalingRefused, SignalingUnreachable


def framed(session):
    return session.frames > 0


def cut(camera, session):
    """As if the master's power went: nobody is told."""
    connection = camera.watchers[session.client_id]._connection
    ice = connection.getTransceivers()[0].sender.transport.transport.iceGatherer._connection
    for protocol in ice._protocols:
        _abort(protocol)


class Service:
    """Signaling that can be reached, or not."""

    def __init__(self, channel) -> None:
        self.channel = channel
        self.failure: Exception | None = None
        self.asked: list[str] = []
        self.asked_again = asyncio.Condition()

    async def open(self, client_id: str) -> str:
        async with self.asked_again:
            self.asked.append(client_id)
            self.asked_again.notify_all()
        if self.failure is not None:
            raise self.failure
        return self.channel.url(client_id)

    async def times(self, count: int) -> None:
        async with asyncio.timeout(10), self.asked_again:
            await self.asked_again.wait_for(lambda: len(self.asked) >= count)


@pytest.fixture
def service(channel, monkeypatch):
    monkeypatch.setattr(viewer, "_FIRST_DELAY_S", 0.05)
    return Service(channel)


async def test_a_lost_path_is_noticed_within_three_seconds_and_rebuilt(channel, camera):
    joined = channel.join()
    await joined.until(framed)
    joined.session.sample()
    joined.session.sample()
    first = joined.session.client_id
    cut(camera, joined.session)
    started = time.monotonic()
    await joined.until(lambda s: s.rebuilding)
    assert time.monotonic() - started < 3.2
    assert not joined.session.connected
    await joined.until(lambda s: s.connected and framed(s))

    assert joined.session.rebuilds == 1
    assert joined.session.client_id != first
    names = [step.name for step in joined.session.steps]
    assert len(set(names)) == len(names)  # none again
    assert set(names) < set(STEPS)
    told = [e.name for e in joined.log.events if e.kind == "session"]
    assert told == ["path lost", "path rebuilt"]
    assert [d.type for d in joined.log.descriptions] == ["offer", "answer"] * 2


async def test_figures_go_on_under_new_ids_and_texts_stay(channel, camera):
    joined = channel.join(lost_after_s=0.5)
    await joined.until(lambda s: framed(s) and s.messages)
    joined.session.sample()
    texts, telemetry = joined.session.messages, joined.session.telemetry
    before = set(joined.log.table.report().objects)
    cut(camera, joined.session)
    await joined.until(lambda s: s.rebuilding)
    assert (joined.session.messages, joined.session.telemetry) == (texts, telemetry)
    await joined.until(lambda s: s.rebuilds == 1 and framed(s) and s.messages > texts)
    joined.session.sample()
    report = joined.log.table.report()
    assert before.isdisjoint(report.objects)
    (_, transport), *_ = report.of("transport")
    assert transport["selectedCandidatePairId"] in report.objects
    assert len(joined.log.messages) == joined.session.messages


async def test_a_way_back_is_sought_until_there_is_one(channel, camera, service):
    joined = channel.join(open_signaling=service.open, lost_after_s=0.5)
    await joined.until(framed)
    service.failure = SignalingUnreachable("no route")
    cut(camera, joined.session)
    await service.times(4)
    assert joined.session.rebuilding
    service.failure = None
    await joined.until(lambda s: s.rebuilds == 1 and framed(s))
    assert len(set(service.asked)) == len(service.asked)  # the newest of an id throws out the last


async def test_a_laptop_that_slept_comes_back(channel, camera, service):
    """Signaling and path are gone at once."""
    joined = channel.join(open_signaling=service.open, lost_after_s=0.5)
    await joined.until(framed)
    await joined.session._attempt.link._socket._socket.close()
    cut(camera, joined.session)
    service.failure = SignalingUnreachable("no network")
    await joined.until(lambda s: s.rebuilding and s.signaling != "open")
    service.failure = None
    await joined.until(lambda s: s.rebuilds == 1 and framed(s) and s.signaling == "open")


async def test_a_wished_client_id_is_kept(channel, camera, service):
    joined = channel.join(
        open_signaling=service.open, lost_after_s=0.5, new_client_id=lambda: "wished"
    )
    await joined.until(framed)
    cut(camera, joined.session)
    await joined.until(lambda s: s.rebuilds == 1 and framed(s))
    assert set(service.asked) == {"wished"}


@pytest.mark.parametrize("when", ["connecting", "waiting"])
async def test_leaving_while_the_way_back_is_sought_is_quick(
    channel, camera, service, monkeypatch, when
):
    joined = channel.join(open_signaling=service.open, lost_after_s=0.5)
    await joined.until(framed)
    if when == "waiting":
        monkeypatch.setattr(viewer, "_FIRST_DELAY_S", 60.0)
        service.failure = SignalingUnreachable("no route")
    cut(camera, joined.session)
    await joined.until(lambda s: s.rebuilding)
    await service.times(2)
    started = time.monotonic()
    await joined.leave()
    assert time.monotonic() - started < 1
    assert not joined.session.rebuilding
    assert joined.session.signaling == "closed"


@pytest.mark.parametrize(("status", "times"), [(403, 3), (404, 1)])
async def test_what_will_not_pass_ends_the_session(channel, camera, service, status, times):
    joined = channel.join(open_signaling=service.open, lost_after_s=0.5)
    await joined.until(framed)
    service.failure = SignalingRefused(status, {}, "no")
    cut(camera, joined.session)
    error = await joined.failure()
    assert isinstance(error, SignalingRefused)
    assert len(service.asked) == 1 + times


async def test_what_the_owner_calls_passing_is_waited_for(channel, camera, service):
    joined = channel.join(
        open_signaling=service.open,
        lost_after_s=0.5,
        is_transient=lambda error: isinstance(error, LookupError),
    )
    await joined.until(framed)
    service.failure = LookupError("no cloud")
    cut(camera, joined.session)
    await service.times(3)
    service.failure = ArithmeticError("a bug")
    assert isinstance(await joined.failure(), ArithmeticError)


async def test_a_second_loss_is_rebuilt_too(channel, camera, service):
    joined = channel.join(open_signaling=service.open, lost_after_s=0.5)
    for count in (1, 2):
        await joined.until(framed)
        await joined.until(lambda s: s.client_id in camera.watchers)
        cut(camera, joined.session)
        await joined.until(lambda s, count=count: s.rebuilds == count)


async def test_an_idle_data_only_session_stays(channel, camera):
    joined = channel.join(receive_video=False, receive_audio=False, lost_after_s=0.5)
    await joined.until(lambda s: s.connected)
    watcher = camera.watchers[joined.session.client_id]
    watcher._channels.clear()  # no telemetry: nothing flows but STUN
    pulse_of = joined.session._attempt
    await joined.until(lambda _: pulse_of.pulse is not None)
    for _ in range(3):  # seconds, each a multiple of what counts as lost
        answers = pulse_of.pulse._answers
        await joined.until(lambda _, answers=answers: pulse_of.pulse._answers > answers)
    assert joined.session.connected
    assert joined.session.rebuilds == 0


def test_tries_come_less_often_and_never_all_at_once(channel_free_session):
    delays = [channel_free_session._delay_s(tries) for tries in range(1, 9)]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert delays[-1] == 15.0
    channel_free_session._chance = lambda: 0.0
    assert channel_free_session._delay_s(1) == 0.25
    channel_free_session._chance = lambda: 1.0
    assert channel_free_session._delay_s(100) == 22.5


@pytest.fixture
def channel_free_session():
    from peerdeck.core.join import JoinOptions
    from peerdeck.core.peer_log import SessionLog

    return viewer.ViewerSession(
        options=JoinOptions(),
        log=SessionLog(),
        new_client_id=str,
        open_signaling=None,
        ice_servers=None,
        on_change=lambda: None,
        chance=lambda: 0.5,
    )


@pytest.mark.parametrize(
    ("problem", "passes"),
    [
        (NoAnswer(3.0), True),
        (SignalingUnreachable("x"), True),
        (PeerFailed(PeerFailure.NO_PATH), True),
        (AnswerUnusable("x"), False),
        (RuntimeError("a bug"), False),
    ],
)
def test_which_failures_are_waited_out(channel_free_session, problem, passes):
    assert channel_free_session._may_pass(problem, 0) is passes


async def test_leaving_while_a_lost_peer_is_closed_leaves_no_socket(channel, camera, monkeypatch):
    joined = channel.join(lost_after_s=0.5)
    await joined.until(framed)
    closing, may_close = asyncio.Event(), asyncio.Event()
    attempt = joined.session._attempt
    close = attempt.peer.close

    async def slow(timeout_s):
        closing.set()
        await may_close.wait()
        await close(timeout_s)

    monkeypatch.setattr(attempt.peer, "close", slow)
    cut(camera, joined.session)
    async with asyncio.timeout(5):
        await closing.wait()
    leaving = asyncio.get_running_loop().create_task(joined.leave())
    await asyncio.sleep(0)
    may_close.set()
    await leaving
    assert attempt.link.state == "closed"
    assert attempt.peer.state == "closed"


@pytest.mark.parametrize(("policy", "tries"), [(PathPolicy.ALL, 2), (PathPolicy.RELAY, 4)])
async def test_a_way_back_needs_ice_servers_only_where_there_is_no_other(
    channel, camera, service, policy, tries
):
    """The control plane answers later than signaling."""
    servers, asked = channel.ice_servers(), []

    async def fetch(client_id):
        asked.append(client_id)
        if 1 < len(asked) < 4:
            raise LookupError("no cloud yet")
        return servers

    joined = channel.join(
        open_signaling=service.open,
        ice_servers_of=fetch,
        policy=policy,
        lost_after_s=0.5,
        is_transient=lambda error: isinstance(error, LookupError),
    )
    await joined.until(framed)
    cut(camera, joined.session)
    await joined.until(lambda s: s.rebuilds == 1 and framed(s))
    assert len(asked) == tries
