"""Every choice of a join, at the camera of the local cloud."""

import pytest
from aiortc import RTCRtpSender

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import CandidateFilter, JoinOptions, PathPolicy, Source
from peerdeck.core.secret import Secret
from peerdeck.engine.aiortc_adapter import gathering
from peerdeck.engine.errors import NoCandidates, OfferTooLarge, TurnUriUnusable
from peerdeck.engine.media import MediaSources
from peerdeck.protocol.sdp import sections, take_candidates
from peerdeck.protocol.signaling import decode, read_candidate, read_description


def framed(session):
    return session.frames > 0


def kinds(log, name):
    """Types of the candidates of the events with that name."""
    found = (e.detail.split() for e in log.events if e.name == name and " typ " in e.detail)
    return {words[words.index("typ") + 1] for words in found}


def pair(joined):
    return joined.session.sample()["master"].pair


def offer(joined):
    return next(d for d in joined.log.descriptions if d.type == "offer")


async def complete(joined):
    """Until every own candidate is in."""
    await joined.until(
        lambda _: any(
            e.name == "icegatheringstatechange" and e.detail == "complete"
            for e in joined.log.events
        )
    )


@pytest.fixture
def loopback_too(monkeypatch):
    """An address that the STUN server sees as another one is not to be had on one machine."""

    async def reflexive(protocol, server):
        host = protocol.local_candidate
        found = gathering.Candidate(
            foundation="9",
            component=1,
            transport="udp",
            priority=1694498815,
            host="198.51.100.7",
            port=host.port,
            type="srflx",
            related_address=host.host,
            related_port=host.port,
        )
        return found, None

    monkeypatch.setattr(gathering, "server_reflexive_candidate", reflexive)


@pytest.mark.parametrize(
    ("policy", "own", "path"),
    [
        (PathPolicy.ALL, {"host", "srflx", "relay"}, "host/udp"),
        (PathPolicy.STUN, {"host", "srflx"}, "host/udp"),
        (PathPolicy.HOST, {"host"}, "host/udp"),
        (PathPolicy.RELAY, {"relay"}, "relay/udp"),
    ],
)
async def test_a_policy_gathers_its_kinds_and_no_others(
    channel, camera, loopback_too, policy, own, path
):
    joined = channel.join(policy=policy)
    await joined.until(framed)
    await complete(joined)
    assert kinds(joined.log, "icecandidate") == own
    assert pair(joined).path == path


async def test_the_host_policy_asks_the_cloud_for_no_servers(channel, camera):
    async def never(_):
        raise AssertionError("asked")

    joined = channel.join(policy=PathPolicy.HOST, ice_servers_of=never)
    await joined.until(framed)


@pytest.mark.parametrize(
    ("send", "sent", "held_back"),
    [
        ({"host"}, {"host"}, set()),
        ({"srflx"}, {"srflx"}, {"host"}),
        ({"relay"}, {"relay"}, set()),
        ({"host", "relay"}, {"host", "relay"}, set()),
    ],
)
async def test_a_send_filter_lets_its_kinds_out_and_no_others(
    channel, signaling_server, loopback_too, send, sent, held_back
):
    joined = channel.join(
        open_signaling=_constant(signaling_server.url),
        send=CandidateFilter(kinds=frozenset(send)),
    )
    await joined.until(lambda s: s.peer is not None)
    await complete(joined)
    out = [decode(await signaling_server.received.get())]
    while not signaling_server.received.empty():
        out.append(decode(signaling_server.received.get_nowait()))
    described = take_candidates(read_description(out[0]).sdp)[1]
    trickled = [read_candidate(message).candidate for message in out[1:]]
    assert {text.split()[7] for text in (*described, *trickled)} <= sent
    assert kinds(joined.log, "icecandidate") == sent
    assert kinds(joined.log, "candidate filtered") == held_back


async def test_what_a_send_filter_holds_back_stands_nowhere_in_the_offer(
    channel, signaling_server, loopback_too
):
    joined = channel.join(
        open_signaling=_constant(signaling_server.url),
        send=CandidateFilter(kinds=frozenset({"srflx"})),
    )
    sdp = read_description(decode(await signaling_server.received.get())).sdp
    (held_back, *_) = [e for e in joined.log.events if e.name == "candidate filtered"]
    address = held_back.detail.split()[6]
    assert address not in [
        w for line in sdp.splitlines() if "raddr" not in line for w in line.split()
    ]


async def test_families_are_filtered_both_ways(channel, camera):
    joined = channel.join(send=CandidateFilter(families=frozenset({"IPv4"})))
    await joined.until(framed)
    own = [e.detail.split()[4] for e in joined.log.events if e.name == "icecandidate"]
    assert own
    assert not [address for address in own if ":" in address]


async def test_an_accept_filter_uses_its_kinds_alone(channel, camera):
    joined = channel.join(accept=CandidateFilter(kinds=frozenset({"relay"})))
    await joined.until(framed)
    assert pair(joined).remote_kind == "relay"
    assert kinds(joined.log, "addIceCandidate") == {"relay"}
    assert "host" in kinds(joined.log, "candidate filtered")


async def test_an_accept_filter_that_leaves_nothing_is_named(channel, camera):
    joined = channel.join(
        accept=CandidateFilter(kinds=frozenset({"relay"}), families=frozenset({"IPv6"})),
        connect_s=1.0,
    )
    error = await joined.failure()
    assert isinstance(error, NoCandidates)
    assert error.rule == "the accept filter"
    assert "host" in error.detail


@pytest.mark.parametrize(
    ("options", "servers", "rule"),
    [
        ({"policy": PathPolicy.RELAY}, (), "“relay only”"),
        ({"send": CandidateFilter(kinds=frozenset({"relay"}))}, (), "the send filter"),
        ({"send": CandidateFilter(kinds=frozenset({"srflx"}))}, (), "the send filter"),
        ({"send": CandidateFilter(protocols=frozenset({"tcp"}))}, (), "the send filter"),
    ],
)
async def test_a_rule_that_leaves_no_candidate_is_named(channel, camera, options, servers, rule):
    error = await channel.join(ice_servers=servers, **options).failure()
    assert isinstance(error, NoCandidates)
    assert error.rule == rule


async def test_a_relay_that_refuses_is_named_with_its_words(channel, camera):
    uri = IceUri.parse(f"turn:127.0.0.1:{channel.cloud.turn.port}?transport=udp")
    servers = [IceServer((uri,), "nobody", Secret("wrong"))]
    error = await channel.join(policy=PathPolicy.RELAY, ice_servers=servers).failure()
    assert isinstance(error, NoCandidates)
    assert uri.text in error.detail
    assert "refused: 40" in error.detail
    assert "wrong" not in error.detail


async def test_the_next_turn_uri_serves_where_the_first_is_silent(channel, camera, silent_port):
    stun, turn = channel.ice_servers()
    silent = IceUri.parse(f"turn:127.0.0.1:{silent_port}?transport=udp")
    both = IceServer((silent, *turn.uris), turn.username, turn.password)
    joined = channel.join(policy=PathPolicy.RELAY, ice_servers=(stun, both))
    await joined.until(framed)
    step = next(s for s in joined.session.steps if s.name == "First frame")
    assert step.at_ms < 2500
    assert pair(joined).local_kind == "relay"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_forced_turn_uri_is_the_one_that_is_used(channel, camera, transport):
    uri = f"turn:127.0.0.1:{channel.cloud.turn.port}?transport={transport}"
    joined = channel.join(policy=PathPolicy.RELAY, ice_uri=uri)
    await joined.until(framed)
    assert pair(joined).path == f"relay/{transport}"
    asked = {e.name for e in joined.log.events if e.kind == "ice-server"}
    assert asked == {uri}


async def test_a_forced_turn_uri_over_dtls_fails_at_once(channel, camera):
    joined = channel.join(ice_uri="turns:127.0.0.1:443?transport=udp")
    error = await joined.failure()
    assert isinstance(error, TurnUriUnusable)
    assert "DTLS" in error.why


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_the_wished_video_codec_is_offered_first_and_comes(channel, camera, codec):
    joined = channel.join(video_codec=codec)
    await joined.until(framed)
    _, media = sections(offer(joined).sdp)
    video = next(s for s in media if s.kind == "video")
    first = next(x for x in video.lines if x.startswith("a=rtpmap:"))
    assert codec in first
    others = {c.mimeType.split("/")[1] for c in RTCRtpSender.getCapabilities("video").codecs}
    for other in others:
        assert f" {other}/" in offer(joined).sdp  # still offered


async def test_without_trickle_every_candidate_is_in_the_offer(
    channel, signaling_server, loopback_too
):
    joined = channel.join(open_signaling=_constant(signaling_server.url), trickle=False)
    sdp = read_description(decode(await signaling_server.received.get())).sdp
    assert {text.split()[7] for text in take_candidates(sdp)[1]} == {"host", "srflx", "relay"}
    await complete(joined)
    assert signaling_server.received.empty()


@pytest.fixture
def many_addresses(monkeypatch):
    """A hundred network interfaces."""
    monkeypatch.setattr(gathering, "get_host_addresses", lambda **_: ["127.0.0.1"] * 100)


async def test_candidates_that_do_not_fit_into_the_offer_follow_it(channel, camera, many_addresses):
    joined = channel.join(policy=PathPolicy.HOST)
    await joined.until(framed)
    sent = [e for e in joined.session._log.signaling if e.direction == "sent"]
    assert sent[1].what == "SDP_OFFER"
    assert sent[1].size < 10_000
    assert "a=candidate" not in sent[1].text
    assert sum(e.what == "ICE_CANDIDATE" for e in sent) >= 1


async def test_without_trickle_too_many_candidates_are_told(channel, camera, many_addresses):
    error = await channel.join(policy=PathPolicy.HOST, trickle=False).failure()
    assert isinstance(error, OfferTooLarge)


async def test_without_trickle_it_connects(channel, camera):
    joined = channel.join(trickle=False, policy=PathPolicy.RELAY)
    await joined.until(framed)


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ({"receive_audio": False}, ["video", "application"]),
        ({"receive_video": False, "receive_audio": False}, ["application"]),
        ({"data_channel": False}, ["video", "audio"]),
        ({"receive_video": False, "data_channel": False}, ["audio"]),
    ],
)
async def test_only_what_is_wished_is_offered(channel, camera, options, offered):
    joined = channel.join(**options)
    await joined.until(lambda s: s.connected)
    assert [s.kind for s in sections(offer(joined).sdp)[1]] == offered
    if "application" in offered:
        await joined.until(lambda s: s.messages)
    if "video" in offered:
        await joined.until(framed)


async def test_a_generated_picture_is_sent(channel, camera):
    options = JoinOptions(video=Source.GENERATED, audio=Source.GENERATED)
    sources = MediaSources.of(options, "test")
    joined = channel.join(video=Source.GENERATED, audio=Source.GENERATED, sources=sources)
    await joined.until(framed)
    directions = [
        line
        for section in sections(offer(joined).sdp)[1]
        for line in section.lines
        if line in {"a=sendrecv", "a=recvonly", "a=sendonly"}
    ]
    assert directions == ["a=sendrecv", "a=sendrecv"]
    await joined.leave()
    await sources.aclose()


def _constant(url):
    async def opened(_: str) -> str:
        return url

    return opened
