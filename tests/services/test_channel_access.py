"""What joins remember of channels."""

import asyncio
from dataclasses import replace

import pytest

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.channel import ChannelEndpoints, Role
from peerdeck.core.ice import IceProbe, IceServer, IceUri, ProbeVerdict
from peerdeck.core.secret import Secret
from peerdeck.services import channel_access
from peerdeck.services.channel_access import ChannelAccess

ARN = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1700000000000"
STUN = IceUri.parse("stun:stun.example.com:443")
UDP = IceUri.parse("turn:one.example.com:443?transport=udp")
TLS = IceUri.parse("turns:one.example.com:443?transport=tcp")
OTHER = IceUri.parse("turn:two.example.com:443?transport=udp")


class Client:
    """Counts what it is asked; `gate` holds the answers back, `failure` is raised instead."""

    def __init__(self, now) -> None:
        self.now = now
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def endpoints(self, arn, role):
        await self._answer("endpoints")
        return ChannelEndpoints(wss="wss://a", https="https://a")

    async def ice_servers(self, request, *, role):
        await self._answer("ice")
        turn = IceServer((UDP, TLS), "user", Secret("p"), self.now[0] + 300, 300)
        return turn, replace(turn, uris=(OTHER,))

    def stun_server(self):
        return IceServer((STUN,))

    async def _answer(self, what):
        self.asked.append(what)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
async def access(now):
    found = ChannelAccess(clock=lambda: now[0])
    yield found
    await found.aclose()


@pytest.fixture
def client(now):
    return Client(now)


async def test_endpoints_are_asked_again_after_five_minutes(access, client, now):
    for _ in range(2):
        assert (await access.endpoints(client, ARN, Role.VIEWER)).wss == "wss://a"
    assert client.asked == ["endpoints"]
    now[0] += 301
    await access.endpoints(client, ARN, Role.VIEWER)
    assert client.asked == ["endpoints"] * 2


async def test_roles_and_clients_have_endpoints_of_their_own(access, client, now):
    await access.endpoints(client, ARN, Role.VIEWER)
    await access.endpoints(client, ARN, Role.MASTER)
    other = Client(now)
    await access.endpoints(other, ARN, Role.VIEWER)
    assert (client.asked, other.asked) == (["endpoints"] * 2, ["endpoints"])


async def test_ice_servers_serve_until_thirty_seconds_before_their_end(access, client, now):
    first = await access.ice_servers(client, ARN, Role.VIEWER)
    assert [u.text for s in first for u in s.uris] == [u.text for u in (STUN, UDP, TLS, OTHER)]
    now[0] += 269
    assert await access.ice_servers(client, ARN, Role.VIEWER) is first
    now[0] += 2
    assert await access.ice_servers(client, ARN, Role.VIEWER) is not first


async def test_a_question_that_is_being_asked_is_not_asked_twice(access, client):
    client.gate.clear()
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(access.ice_servers(client, ARN, Role.VIEWER)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    client.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1] == results[2]
    assert client.asked == ["endpoints", "ice"]


async def test_a_failure_is_told_to_everybody_and_not_remembered(access, client):
    client.failure = CloudError("no", kind=Kind.DENIED)
    for _ in range(2):
        with pytest.raises(CloudError):
            await access.endpoints(client, ARN, Role.VIEWER)
    client.failure = None
    await access.endpoints(client, ARN, Role.VIEWER)
    assert len(client.asked) == 3


async def test_what_is_forgotten_is_asked_anew(access, client):
    await access.ice_servers(client, ARN, Role.VIEWER)
    access.forget(client, ARN)
    await access.ice_servers(client, ARN, Role.VIEWER)
    access.forget(client, ARN, endpoints=True)
    await access.ice_servers(client, ARN, Role.VIEWER)
    assert client.asked == ["endpoints", "ice", "ice", "endpoints", "ice"]


async def test_uris_that_work_come_first_and_silent_ones_last(access, client, now):
    servers = await access.ice_servers(client, ARN, Role.VIEWER)
    access.note(IceProbe(UDP.text, ProbeVerdict.SILENT))
    access.note(IceProbe(OTHER.text, ProbeVerdict.OK, rtt_ms=40.0))
    access.note(IceProbe(TLS.text, ProbeVerdict.OK, rtt_ms=20.0))
    ordered = access.best_first(servers)
    assert [u.text for s in ordered for u in s.uris] == [u.text for u in (TLS, UDP, OTHER, STUN)]
    now[0] += 301  # too old to be believed
    assert access.best_first(servers) == servers


async def test_only_what_was_not_tried_lately_is_tried(access, client, monkeypatch):
    tried = []

    async def probe_all(servers, **_):
        for server in servers:
            for uri in server.uris:
                tried.append(uri.text)
                yield IceProbe(uri.text, ProbeVerdict.OK, rtt_ms=1.0)

    monkeypatch.setattr("peerdeck.engine.ice_probe.probe_all", probe_all)
    access.note(IceProbe(UDP.text, ProbeVerdict.SILENT))
    await access.prepare(client, ARN, Role.VIEWER)
    assert tried == [STUN.text, TLS.text, OTHER.text]
    assert access.probed(STUN).verdict is ProbeVerdict.OK
    await access.prepare(client, ARN, Role.VIEWER)
    assert len(tried) == 3


async def test_preparing_fails_in_silence(access, client):
    client.failure = CloudError("no", kind=Kind.UNREACHABLE)
    await access.prepare(client, ARN, Role.VIEWER)


async def test_memory_is_bounded(access, client, monkeypatch):
    monkeypatch.setattr(channel_access, "_REMEMBERED", 4)
    for number in range(9):
        access.note(IceProbe(f"stun:s{number}.example.com:443", ProbeVerdict.OK))
        await access.endpoints(client, f"{ARN}{number}", Role.VIEWER)
    assert (len(access._probes), len(access._endpoints)) == (4, 4)
