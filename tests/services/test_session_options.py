"""Sessions as they were asked for, what is written of them, and how they help themselves."""

from dataclasses import replace

import pytest
from tests.services.test_sessions import arn_of
from tests.waiting import until

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.join import CandidateFilter, JoinOptions, PathPolicy
from peerdeck.core.peer_log import Direction
from peerdeck.core.session import Phase
from peerdeck.services import sessions as sessions_module

DATA_ONLY = JoinOptions(receive_video=False, receive_audio=False)


@pytest.fixture
async def arn(devices, console) -> str:
    return await arn_of(console, "front-door")


async def connected(console):
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.CONNECTED)
    return session


async def test_the_log_holds_facts_signaling_events_and_statistics(console, arn):
    session_id = console.sessions.join(arn, JoinOptions(policy=PathPolicy.RELAY))
    log = console.sessions.log(session_id)
    await until(console.sessions.state, lambda s: s[0].stats and s[0].stats.bitrate_in_bps)
    session = console.sessions.state.value[0]

    assert console.sessions.log(session_id) is log
    assert log.title == "front-door"
    assert log.facts["Path"] == "relay only"
    assert log.facts["Client ID"] == session.client_id
    assert log.steps == session.steps
    sent = [e.what for e in log.signaling if e.direction is Direction.SENT]
    received = [e.what for e in log.signaling if e.direction is Direction.RECEIVED]
    assert sent[:2] == ["open", "SDP_OFFER"]
    assert "SDP_ANSWER" in received
    assert all(e.correlation_id for e in log.signaling if e.what == "SDP_OFFER")
    peer = log.peers["master"]
    assert len(peer.table) >= 2
    assert {e.kind for e in peer.events} >= {"peer", "sdp", "candidate", "media", "data"}
    assert [d.type for d in peer.descriptions] == ["offer", "answer"]
    assert peer.messages
    await console.sessions.leave(session_id)
    assert log.signaling[-1].what == "closed"


async def test_an_unknown_session_has_an_empty_log(console):
    assert console.sessions.log("nobody") == sessions_module.SessionLog()


async def test_the_peer_stands_in_the_snapshot(console, arn):
    session_id = console.sessions.join(arn)
    (session,) = await until(
        console.sessions.state, lambda s: s[0].peers and s[0].peers[0].has_picture
    )
    (peer,) = session.peers
    assert (peer.id, peer.state) == ("master", "connected")
    assert peer.since >= session.started_at
    await console.sessions.leave(session_id)


async def test_options_that_cannot_be_change_nothing(console, arn):
    with pytest.raises(FieldError, match="TURN URI"):
        console.sessions.join(arn, JoinOptions(ice_uri="stun:a:1"))
    assert console.sessions.state.value == ()


async def test_rejoining_keeps_the_options(console, arn):
    options = replace(DATA_ONLY, sample_s=0.2)
    first = console.sessions.join(arn, options)
    await connected(console)
    await console.sessions.leave(first)
    second = console.sessions.rejoin(first)
    session = await connected(console)
    assert session.options == options
    assert console.journal.entries.value[-1].result == "connected"
    await console.sessions.leave(second)


async def test_samples_come_as_often_as_asked(console, arn):
    session_id = console.sessions.join(arn, replace(DATA_ONLY, sample_s=0.1))
    table = console.sessions.log(session_id).peer("master").table
    await until(console.sessions.state, lambda _: len(table) >= 8)
    gaps = [b - a for a, b in zip(table.times, table.times[1:], strict=False)]
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(0.1, abs=0.05)
    await console.sessions.leave(session_id)


async def test_bytes_are_sent_and_written_down(console, arn):
    session_id = console.sessions.join(arn, DATA_ONLY)
    peer = console.sessions.log(session_id).peer("master")
    await until(
        console.sessions.state,
        lambda s: "Data channel open" in {step.name for step in s[0].steps},
    )
    console.sessions.send(session_id, b"\x00\xff")
    await until(
        console.sessions.state,
        lambda _: any(m.data == b"\x00\xff" for m in peer.messages if m.direction == "received"),
    )
    await console.sessions.leave(session_id)
    with pytest.raises(UserError, match="over"):
        console.sessions.send(session_id, b"")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            JoinOptions(
                send=CandidateFilter(kinds=frozenset({"host"}), protocols=frozenset({"tcp"}))
            ),
            "send filter",
        ),
        (JoinOptions(ice_uri="turns:127.0.0.1:443?transport=udp"), "DTLS"),
    ],
)
async def test_a_choice_that_cannot_work_is_said_with_what_to_do(console, arn, options, words):
    console.sessions.join(arn, options)
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.FAILED)
    assert words in session.problem.title
    assert session.problem.remedy


async def test_a_lost_path_is_rebuilt_and_counted(console, arn):
    session_id = console.sessions.join(arn, DATA_ONLY)
    before = await connected(console)
    engine = console.sessions._live[session_id].engine
    await until(console.sessions.state, lambda _: engine._attempt.pulse is not None)
    engine._attempt.pulse._internals = Deaf()
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.REBUILDING)
    assert session.is_live
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.CONNECTED)
    assert session.rebuilds == 1
    assert session.client_id != before.client_id
    assert session.problem is None
    await console.sessions.leave(session_id)


class Deaf:
    """An end that hears nothing any more."""

    datagrams_received = 0

    async def measure_rtt(self):
        return None


async def test_ice_servers_are_renewed_when_the_service_says_so(console, arn, cloud):
    session_id = console.sessions.join(arn, DATA_ONLY)
    await connected(console)
    await until(console.sessions.state, lambda _: console.ice.access._servers)
    ((key, known),) = console.ice.access._servers.items()
    cloud.signaling.announce(arn, "RECONNECT_ICE_SERVER")
    await until(
        console.sessions.state,
        lambda _: console.ice.access._servers.get(key) not in (known, None),
    )
    await console.sessions.leave(session_id)


async def test_a_prepared_join_asks_the_cloud_nothing_but_the_socket(console, arn, monkeypatch):
    monkeypatch.setattr(sessions_module, "PREPARE_AFTER_S", 0.0)
    console.sessions.prepare(arn)
    await console.sessions._preparing
    client = console.account.kinesis_video_in("eu-west-1")
    access = console.ice.access
    assert all(
        access.probed(u) for servers in access._servers.values() for s in servers for u in s.uris
    )

    async def never(*_, **__):
        raise AssertionError("asked again")

    monkeypatch.setattr(client, "endpoints", never)
    monkeypatch.setattr(client, "ice_servers", never)
    session_id = console.sessions.join(arn)
    await connected(console)
    await console.sessions.leave(session_id)


async def test_only_the_last_channel_that_was_chosen_is_prepared(console, arn, monkeypatch):
    asked = []

    async def prepare(client, channel_arn, *_):
        asked.append(channel_arn)

    monkeypatch.setattr(sessions_module, "PREPARE_AFTER_S", 0.05)
    monkeypatch.setattr(console.ice.access, "prepare", prepare)
    for number in range(5):
        console.sessions.prepare(f"{arn}{number}")
    await console.sessions._preparing
    assert asked == [f"{arn}4"]


async def test_the_steps_of_a_join_are_shown_together(console, arn):
    """Who shows them would delay it; another phase is shown at once."""
    published = []
    unsubscribe = console.sessions.state.subscribe(lambda s: published.append(s[0]))
    session_id = console.sessions.join(arn)
    (session,) = await until(
        console.sessions.state, lambda s: any(x.name == "First frame" for x in s[0].steps)
    )
    unsubscribe()
    assert len(published) < len(session.steps) + 3
    assert [s.phase for s in published if s.phase is Phase.CONNECTED]
    await console.sessions.leave(session_id)
