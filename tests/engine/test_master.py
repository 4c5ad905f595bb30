"""Our master with many viewers at once, over the local cloud."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import replace

import aiohttp
import numpy as np
import psutil
import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack
from tests.engine.mastering import OPTIONS, Guest, Mastering
from tests.localcloud.signaling_client import Door

from peerdeck.core.channel import Role
from peerdeck.core.join import CandidateFilter, JoinOptions, PathPolicy
from peerdeck.core.peer_log import Direction
from peerdeck.engine.errors import (
    AnswerNotDelivered,
    AnswerUnusable,
    ChannelNotOpen,
    PeerFailed,
    ThrownOut,
    TooManyViewers,
)
from peerdeck.engine.signaling import SignalingRefused
from peerdeck.engine.signaling_link import SocketEnd
from peerdeck.protocol.signaling import (
    Kind,
    StatusResponse,
    TrickledCandidate,
    candidate_message,
)

DATA = JoinOptions(role=Role.MASTER)
ADDED = "addIceCandidate"


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def door(local_cloud, http):
    return Door(local_cloud, local_cloud.live_channels[0][1], http)


@pytest.fixture
async def master(local_cloud, door):
    """Makes a master that is online."""
    made = []

    async def make(options=OPTIONS, **more):
        made.append(Mastering(local_cloud, door, options, **more))
        return await made[-1].online()

    yield make
    for one in made:
        await one.leave()


@pytest.fixture
async def guest(door, http):
    """Makes viewers."""
    made = []

    def make(**how):
        made.append(Guest(door, http, **how))
        return made[-1]

    yield make
    await asyncio.gather(*(one.leave() for one in made))


async def test_a_viewer_gets_picture_sound_and_texts(master, guest):
    mastering, viewer = await master(), guest()
    await viewer.join()
    frames = await viewer.frames("video", 10)
    assert (frames[-1].width, frames[-1].height) == (320, 180)
    sounds = await viewer.frames("audio", 60)
    assert max(np.abs(sound.to_ndarray()).max() for sound in sounds) > 3000

    peer = mastering.session.peers[viewer.client_id]
    await mastering.until(lambda _: any(c.readyState == "open" for c in peer.channels))
    mastering.session.send("hello viewer")
    assert await viewer.text() == "hello viewer"
    viewer.channel.send(b"\x01\x02")
    await mastering.until(lambda _: peer.messages)
    kept = mastering.log.peers[viewer.client_id].messages
    assert [(m.direction, m.data) for m in kept] == [
        (Direction.SENT, b"hello viewer"),
        (Direction.RECEIVED, b"\x01\x02"),
    ]
    assert mastering.visits_of(viewer.client_id) == ["came", "connected"]
    assert {step.name for step in mastering.session.steps} >= {"Signaling open"}
    assert mastering.session.signaling == "open"


async def test_ten_viewers_at_once_each_with_a_log_and_figures_of_its_own(master, guest):
    mastering = await master()
    viewers = [guest() for _ in range(10)]
    await asyncio.gather(*(viewer.join() for viewer in viewers))
    await asyncio.gather(*(viewer.frames("video", 5) for viewer in viewers))
    mastering.session.sample()
    await asyncio.gather(*(viewer.frames("video", 10) for viewer in viewers))
    figures = mastering.session.sample()
    names = {viewer.client_id for viewer in viewers}
    assert set(mastering.session.peers) == set(figures) == set(mastering.log.peers) == names
    assert all(stats.bitrate_out_bps > 10_000 for stats in figures.values())
    assert all(stats.pair is not None for stats in figures.values())
    # Each counts the one encoder as its own.
    assert {(stats.out_width, stats.out_height) for stats in figures.values()} == {(320, 180)}
    assert all(0 < stats.out_encode_ms < 50 for stats in figures.values())
    (sent,) = (
        mastering.log.peers[viewers[0].client_id].table.report().of("outbound-rtp", kind="video")
    )
    assert sent[1]["encoderImplementation"] == "libvpx"
    assert sent[1]["targetBitrate"] == 250_000
    assert all(len(log.table) == 2 for log in mastering.log.peers.values())
    assert all(log.descriptions for log in mastering.log.peers.values())
    assert mastering.sources.feeds["video"].readers == 10
    # All of them within what a socket may send: nothing was refused.
    assert not [e for e in mastering.log.signaling if e.what == "STATUS_RESPONSE"]


async def test_an_eleventh_viewer_is_told_of_to_the_owner_and_served_when_one_has_left(
    master, guest
):
    mastering = await master(DATA, max_viewers=2)
    first, second, third = guest(), guest(), guest()
    await first.join()
    await second.join()
    await third.open()
    await third.offer()
    await mastering.until(lambda s: s.refused)
    (told,) = [why for who, what, why in mastering.visits if what == "refused"]
    assert isinstance(told, TooManyViewers)
    assert "2 viewers" in str(told)
    assert third.client_id not in mastering.session.peers
    await first.leave()
    await mastering.until(lambda s: len(s.peers) == 1)
    await third.send_offer(third.connection.localDescription.sdp)
    async with asyncio.timeout(10):
        await third.connected.wait()


async def test_a_new_offer_of_the_same_client_replaces_its_peer_and_keeps_its_log(master, guest):
    mastering = await master(DATA)
    first = guest(client_id="same")
    await first.join()
    former = mastering.session.peers["same"]
    mastering.session.sample()
    await first.send_offer(first.connection.localDescription.sdp)  # sent twice: nothing happens
    second = guest(client_id="same")
    await second.join()
    assert mastering.session.peers["same"] is not former
    assert len(mastering.session.peers) == 1
    await mastering.until(lambda _: "replaced" in mastering.visits_of("same"))
    assert mastering.visits_of("same").count("came") == 2
    mastering.session.sample()
    log = mastering.log.peers["same"]
    assert [d.type for d in log.descriptions if d.side == "remote"] == ["offer", "offer"]
    ids = {name for name, _ in log.table.members()}
    assert any(name.endswith("~2") for name in ids)  # figures of the second stay apart


async def test_candidates_that_come_before_their_offer_are_used(master, guest):
    mastering = await master(DATA)
    viewer = guest()
    await viewer.join(early=True)
    assert viewer.client_id in mastering.session.peers
    added = [detail for name, detail in mastering.events_of(viewer.client_id) if name == ADDED]
    assert len(added) >= 1
    late = "7 1 udp 99 192.0.2.9 9 typ host"
    await viewer.send(candidate_message(TrickledCandidate(late, "0", 0)))
    viewer.channel.on("open", mastering.changed.set)
    await mastering.until(lambda _: viewer.channel.readyState == "open")
    viewer.channel.send("tick")  # so that something changes when it is there
    await mastering.until(lambda _: (ADDED, late) in mastering.events_of(viewer.client_id))


async def test_every_message_waits_for_its_turn(master, guest, monkeypatch):
    turns = []

    async def turn(self, kind):
        turns.append(kind)

    monkeypatch.setattr("peerdeck.engine.send_rate.SendRate.turn", turn)
    mastering, viewer = await master(DATA), guest()
    await viewer.join()
    sent = [e.what for e in mastering.log.signaling if e.direction is Direction.SENT]
    assert sent.count("SDP_ANSWER") == 1
    assert Counter(Kind(what) for what in sent if what != "open") <= Counter(turns)


async def test_a_connection_that_fails_ends_its_viewer_with_the_evidence(master, guest):
    mastering, viewer = await master(DATA), guest()
    await viewer.join()
    mastering.session._visitors._there[viewer.client_id]._connection_changed("failed")
    await mastering.until(lambda s: not s.peers)
    assert isinstance(mastering.visits[-1][2], PeerFailed)


async def test_a_viewer_that_leaves_is_gone_at_once_and_its_log_stays(master, guest):
    mastering = await master()
    viewer, other = guest(), guest()
    await viewer.join()
    await other.join()
    await viewer.frames("video", 3)
    await viewer.leave()
    await mastering.until(lambda s: viewer.client_id not in s.peers)
    assert mastering.visits_of(viewer.client_id)[-1] == "left"
    log = mastering.log.peers[viewer.client_id]
    assert len(log.table) >= 1  # the last figures
    assert log.events[-1].name == "viewer left"
    assert await other.frames("video", 3)  # others do not notice


async def test_a_viewer_that_vanishes_is_noticed_within_3_seconds(master, guest):
    mastering = await master()
    viewer = guest()
    await viewer.join()
    await viewer.frames("video", 3)
    viewer.vanish()
    began = time.monotonic()
    await mastering.until(lambda s: not s.peers)
    assert time.monotonic() - began < 3.5
    who, what, why = mastering.visits[-1]
    assert (who, what) == (viewer.client_id, "lost")
    assert isinstance(why, PeerFailed)


async def test_one_viewers_broken_offer_ends_that_viewer_only(master, guest):
    mastering = await master()
    good, bad, odd = guest(), guest(), guest()
    await good.join()
    await bad.open()
    await bad.send_offer("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\n")
    await odd.open()
    await odd.send_offer("nonsense")
    await mastering.until(
        lambda _: all(mastering.visits_of(v.client_id)[-1:] == ["lost"] for v in (bad, odd))
    )
    problems = [why for who, what, why in mastering.visits if what == "lost"]
    assert all(isinstance(why, AnswerUnusable) for why in problems)
    assert list(mastering.session.peers) == [good.client_id]
    assert await good.frames("video", 3)


async def test_an_unreadable_message_is_in_the_log_and_harms_nobody(master, guest):
    mastering, viewer = await master(), guest()
    await viewer.join()
    await viewer._socket.send_json(
        {"action": "ICE_CANDIDATE", "messagePayload": "eyJjYW5kaWRhdGUiOiAieCJ9"}
    )
    await viewer.watches(
        lambda: "message ignored" in dict(mastering.events_of(viewer.client_id)),
    )
    assert viewer.client_id in mastering.session.peers


async def test_what_a_viewer_sends_is_seen_and_heard(master, guest):
    mastering = await master()
    viewer = guest(sends=(VideoStreamTrack(), AudioStreamTrack()))
    await viewer.join()
    peer = mastering.session.peers[viewer.client_id]
    heard, frames = [], []
    mastering.session.watch_sound(heard.append, viewer.client_id)
    mastering.session.watch_frames(lambda: frames.append(1) or mastering.changed.set())
    mastering.session.watch_frames(lambda: frames.append(2), viewer.client_id)
    await mastering.until(lambda s: s.picture(320, 320, viewer.client_id))
    picture = mastering.session.picture(320, 320)
    assert (picture.width, picture.height) == (320, 240)
    await mastering.until(lambda _: heard)
    assert len(heard[0]) % 4 == 0
    assert {1, 2} <= set(frames)
    mastering.session.watch_sound(None, viewer.client_id)
    assert peer.on_sound is None
    assert mastering.session.picture(10, 10, "nobody") is None


async def test_texts_go_to_one_viewer_or_to_all(master, guest):
    mastering = await master(DATA)
    with pytest.raises(ChannelNotOpen, match="no viewer"):
        mastering.session.send("anybody there?")
    viewers = [guest() for _ in range(3)]
    for viewer in viewers:
        await viewer.join()
    peers = mastering.session.peers.values()
    await mastering.until(
        lambda _: all(p.channels and p.channels[0].readyState == "open" for p in peers)
    )
    mastering.session.send("all")
    mastering.session.send("one", viewers[1].client_id)
    assert [await viewer.text() for viewer in viewers] == ["all"] * 3
    assert await viewers[1].text() == "one"
    assert viewers[0].texts.empty()
    with pytest.raises(ChannelNotOpen, match="gone"):
        mastering.session.send("x", "nobody")


async def test_another_master_throws_it_out_and_it_does_not_fight(master, guest, door):
    mastering, viewer = await master(), guest()
    await viewer.join()
    other = await door.master()
    error = await mastering.failure()
    assert isinstance(error, ThrownOut)
    assert "Replaced" in error.reason
    async with asyncio.timeout(5):
        await viewer.closed.wait()
    assert not other.socket.closed
    assert not mastering.sources.feeds["video"].running


@pytest.mark.parametrize(
    ("ends", "thrown_out"),
    [
        ([(1008, 3000)], True),  # a close frame without trouble: somebody took the place
        ([(1000, 3000)], True),
        ([(1006, 1), (1006, 1)], False),  # a bad network
        ([(1006, 1), (1006, 1), (1006, 1)], True),  # nobody is cut off so often by a network
        ([(1006, 100), (1006, 100), (1006, 100)], False),
        ([(1001, 1)], False),  # a service that restarts
        ([(1001, 1), (1012, 1)], True),
        ([(1001, 3000), (1001, 3000), (1001, 3000)], False),
    ],
)
async def test_how_the_ends_of_its_sockets_are_read(master, ends, thrown_out):
    mastering = await master(DATA)
    told = []
    for code, age_s in ends:
        try:
            mastering.session._dropped(SocketEnd(code, "", age_s))
        except ThrownOut:
            told.append(code)
    assert bool(told) is thrown_out
    assert len(told) <= 1


@pytest.mark.parametrize("kind", ["GO_AWAY", "drop"])
async def test_signaling_is_renewed_and_viewers_do_not_notice(
    master, guest, local_cloud, door, kind
):
    mastering, viewer = await master(), guest()
    await viewer.join()
    peer = mastering.session.peers[viewer.client_id]
    if kind == "GO_AWAY":
        local_cloud.signaling.announce(door.arn, "GO_AWAY")
    else:
        (socket,) = [s for s in local_cloud.signaling._sockets if s.role is Role.MASTER]
        socket.response._req.transport.abort()
    await viewer.watches(lambda: mastering.session._link.reconnects)
    assert mastering.session.signaling == "open"
    assert mastering.session.peers[viewer.client_id] is peer
    assert await viewer.frames("video", 3)
    late = guest()
    await late.join()
    assert not mastering.task.done()


async def test_ice_servers_are_renewed_before_they_end_and_when_the_service_says_so(
    master, guest, local_cloud, door
):
    mastering = await master(DATA)
    assert mastering.fetched == 1
    local_cloud.signaling.announce(door.arn, "RECONNECT_ICE_SERVER")
    await mastering.until(lambda _: mastering.fetched == 2)
    mastering.ttl_s = 1  # hence due again after half a second
    local_cloud.signaling.announce(door.arn, "RECONNECT_ICE_SERVER")
    await mastering.until(lambda s: s._ice.renewals >= 4)


async def test_a_refused_answer_ends_that_viewer_with_the_services_words(master, guest):
    mastering, viewer = await master(DATA), guest()
    visitors = mastering.session._visitors
    await viewer.open()
    await viewer.offer()
    await mastering.until(lambda s: viewer.client_id in s.peers)
    visitor = visitors._there[viewer.client_id]
    status = StatusResponse(visitor.answer_id, "InvalidArgumentException", "400", "no such viewer")
    assert visitors.status(status)
    assert not visitors.status(StatusResponse("other"))
    await mastering.until(lambda s: not s.peers)
    why = mastering.visits[-1][2]
    assert isinstance(why, AnswerNotDelivered)
    assert "no such viewer" in str(why)


@pytest.mark.parametrize("trickle", [True, False])
async def test_candidates_that_do_not_fit_into_the_answer_follow_it(
    master, guest, monkeypatch, trickle
):
    mastering, viewer = await master(replace(OPTIONS, trickle=trickle)), guest()
    await viewer.join()
    (answer,) = [e for e in mastering.log.signaling if e.what == "SDP_ANSWER"]
    assert "a=candidate" in answer.text
    limit = answer.size - 40  # as if there were a few addresses more
    second = guest()
    await second.open()
    await second.offer()
    monkeypatch.setattr("peerdeck.engine.visitor.MAX_PAYLOAD_CHARACTERS", limit)
    monkeypatch.setattr("peerdeck.protocol.signaling.MAX_PAYLOAD_CHARACTERS", limit)
    if trickle:
        async with asyncio.timeout(10):
            await second.connected.wait()
        assert "a=candidate" not in second.answer
        assert second.candidates
    else:
        await mastering.until(lambda _: mastering.visits_of(second.client_id)[-1:] == ["lost"])
        assert isinstance(mastering.visits[-1][2], AnswerNotDelivered)


async def test_codecs_policy_filters_and_trickle_hold_for_a_master(master, guest):
    options = replace(
        OPTIONS,
        video_codec="H264",
        audio_codec="PCMU",
        policy=PathPolicy.RELAY,
        trickle=False,
        send=CandidateFilter(kinds=frozenset({"relay"})),
    )
    mastering, viewer = await master(options), guest()
    await viewer.join()
    await viewer.frames("video", 3)
    answer = viewer.answer
    first = [line for line in answer.splitlines() if line.startswith("a=rtpmap:")]
    assert "H264/90000" in first[0]
    assert any("PCMU/8000" in line for line in first)
    candidates = [line for line in answer.splitlines() if line.startswith("a=candidate:")]
    assert candidates
    assert all(" typ relay " in line for line in candidates)
    assert viewer.candidates == 0
    mastering.session.sample()
    stats = mastering.session.sample()[viewer.client_id]
    assert stats.pair.local_kind == "relay"


async def test_a_viewer_that_only_listens_or_only_talks_is_served(master, guest):
    mastering = await master()
    listener, talker, watcher = guest(sections=("audio",)), guest(sections=()), guest(data=False)
    await listener.join()
    await talker.join()
    await watcher.join()
    assert await listener.frames("audio", 3)
    assert await watcher.frames("video", 3)
    assert len(mastering.session.peers) == 3


async def test_leaving_is_quick_and_viewers_are_told(master, guest):
    mastering = await master()
    viewers = [guest() for _ in range(3)]
    for viewer in viewers:
        await viewer.join()
    began = time.monotonic()
    await mastering.leave()
    await mastering.session.leave()
    assert time.monotonic() - began < 2
    for viewer in viewers:
        async with asyncio.timeout(3):
            await viewer.closed.wait()
    assert not mastering.session.peers
    assert mastering.session.signaling == "closed"
    assert not [t for t in threading.enumerate() if t.name.startswith("media/")]


async def test_viewers_that_come_and_go_leave_nothing_behind(master, guest):
    mastering = await master()
    process, counts = psutil.Process(), []
    for _ in range(4):
        viewer = guest()
        await viewer.join()
        await viewer.frames("video", 2)
        await viewer.leave()
        await mastering.until(lambda s: not s.peers)
        await mastering.at_rest()
        counts.append((len(asyncio.all_tasks()), process.num_fds()))
    assert counts[-1] == counts[0]


async def test_a_refusal_of_the_first_socket_is_raised(local_cloud, door):
    async def spoiled():
        return door.url(Role.MASTER, secret_key="wrong")

    mastering = Mastering(local_cloud, door, DATA, open_signaling=spoiled)
    assert isinstance(await mastering.failure(), SignalingRefused)
    await mastering.leave()


async def test_left_before_it_ran_it_does_not_begin(local_cloud, door):
    mastering = Mastering(local_cloud, door, DATA)
    await mastering.session.leave()
    await mastering.task
    assert not mastering.session.connected


async def test_logs_of_the_gone_are_bounded(master, guest, monkeypatch):
    monkeypatch.setattr("peerdeck.engine.visitors._MAX_LOGS", 3)
    mastering = await master(DATA)
    stays = guest(client_id="stays")
    await stays.join()
    for number in range(5):
        viewer = guest(client_id=f"v{number}")
        await viewer.join()
        await viewer.leave()
        await mastering.until(lambda s: len(s.peers) == 1)
    assert list(mastering.log.peers) == ["stays", "v3", "v4"]


async def test_a_client_that_comes_again_and_again_does_not_fill_the_memory(
    master, guest, monkeypatch
):
    monkeypatch.setattr("peerdeck.engine.visitors._MAX_GENERATIONS", 2)
    mastering = await master(DATA)
    for _ in range(3):
        viewer = guest(client_id="again")
        await viewer.join()
        mastering.session.sample()
        await viewer.leave()
        await mastering.until(lambda s: not s.peers)
    log = mastering.log.peers["again"]
    assert {name.partition("~")[2] for name, _ in log.table.members()} == {"", "2"}
    assert len(log.table) >= 3
    assert [e.name for e in log.events].count("viewer came") == 3
