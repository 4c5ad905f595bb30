"""ICE configuration: fetched, tried, refreshed, refused."""

import dataclasses
import json

import pytest
from tests.waiting import until

from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceRequest, ProbeVerdict, rtc_ice_servers_json
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import demo_seed
from peerdeck.services.status import Status


@pytest.fixture
async def arn(console) -> str:
    await until(console.channels.state, lambda s: s.status is Status.READY)
    (channel,) = [c for c in console.channels.state.value.channels if c.name == "front-door"]
    return channel.arn


async def test_fetch_shows_stun_and_turn_and_every_uri_works(console, arn):
    await console.ice.fetch(IceRequest(arn, client_id="console-1", username="me"))
    state = console.ice.state.value
    assert state.status is Status.READY
    schemes = [uri.scheme for server in state.servers for uri in server.uris]
    assert schemes[0] == "stun"
    assert "turn" in schemes[1:]
    assert state.expires_at > state.fetched_at
    await console.ice.test()
    probes = console.ice.state.value.probes
    assert {p.verdict for p in probes.values()} == {ProbeVerdict.OK}
    assert len(probes) == len(schemes)
    assert all(p.mapped.startswith("127.0.0.1:") for p in probes.values())
    assert len(probes) == 5  # STUN, and each TURN server over UDP and TCP
    assert all(p.relayed for p in probes.values() if p.uri.startswith("turn"))
    assert all(p.rtt_ms > 0 for p in probes.values())


async def test_silent_server_gets_its_verdict_and_goes_last(console, arn, cloud, monkeypatch):
    monkeypatch.setattr("peerdeck.services.ice.PROBE_TIMEOUT_S", 0.3)
    await console.ice.fetch(IceRequest(arn))
    cloud.turn.silent = True
    await console.ice.test()
    verdicts = {p.uri: p.verdict for p in console.ice.state.value.probes.values()}
    assert set(verdicts.values()) == {ProbeVerdict.SILENT}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"channel_arn": "wrong"}, "Channel ARN"),
        ({"client_id": "a b"}, "Client ID"),
        ({"service": "STUN"}, "Service"),
        ({"username": "ü"}, "User name"),
    ],
)
async def test_bad_field_is_named_and_nothing_changes(console, arn, request_, field):
    await console.ice.fetch(IceRequest(arn))
    before = console.ice.state.value
    with pytest.raises(FieldError) as caught:
        await console.ice.fetch(dataclasses.replace(IceRequest(arn), **request_))
    assert caught.value.field == field
    assert console.ice.state.value == before


async def test_deleted_channel_is_explained(console, arn):
    gone = arn.replace("front-door", "gone")
    await console.ice.fetch(IceRequest(gone))
    problem = console.ice.state.value.problem
    assert "does not know it" in problem.title
    assert "ResourceNotFoundException" in problem.detail


async def test_testing_before_fetching_says_so(console, arn):
    console.ice.select(arn)
    with pytest.raises(FieldError, match="fetch them first"):
        await console.ice.test()


async def test_other_channel_forgets_the_credentials(console, arn):
    await console.ice.fetch(IceRequest(arn))
    console.ice.select("another")
    assert console.ice.state.value.servers == ()


async def test_json_for_the_clipboard_is_complete(console, arn):
    await console.ice.fetch(IceRequest(arn))
    rows = json.loads(rtc_ice_servers_json(console.ice.state.value.servers))
    assert all(row["credential"] for row in rows if row["urls"][0].startswith("turn"))


class TestRefresh:
    @pytest.fixture
    async def cloud(self):
        """Credentials live for 30 s, the least that AWS allows."""
        async with LocalCloud(dataclasses.replace(demo_seed(), ice_ttl_s=30)) as cloud:
            yield cloud

    async def test_credentials_are_renewed_before_they_end(self, console, arn, monkeypatch):
        real = console.ice._clock
        skew = 0.0
        console.ice._clock = lambda: real() + skew
        skew = 14.5  # refreshing is due 15 s before the end: half a second from here
        await console.ice.fetch(IceRequest(arn))
        first = {s.username for s in console.ice.state.value.servers if s.username}
        state = await until(console.ice.state, lambda s: s.refreshes == 1)
        assert {s.username for s in state.servers if s.username}.isdisjoint(first)
        assert state.status is Status.READY
