"""What is private in aiortc and aioice is as the adapter knows it, in the pinned versions."""

import asyncio
import inspect
import time
from importlib.metadata import version

import aioice.ice
import pytest
from aioice.ice import Connection
from aioice.turn import TurnClientUdpProtocol, TurnTransport
from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcrtpreceiver import StreamStatistics

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.secret import Secret
from peerdeck.engine import aiortc_adapter
from peerdeck.engine.aiortc_adapter import (
    PRIVATE,
    PeerInternals,
    address_text,
    codec_names,
    inbound_totals,
)
from peerdeck.engine.ice_servers import is_usable, rtc_configuration
from peerdeck.engine.stats_sampler import StatsSampler
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.video_sink import VideoSink


@pytest.fixture
async def peer():
    connection = RTCPeerConnection(rtc_configuration([]))
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    yield connection
    await connection.close()


def test_the_versions_are_those_that_were_read():
    assert version("aiortc").split(".")[:2] == ["1", "16"]
    assert version("aioice").split(".")[:2] == ["0", "13"]


async def test_every_private_attribute_exists(peer):
    transceiver = peer.getTransceivers()[0]
    dtls = transceiver.receiver.transport
    gatherer = dtls.transport.iceGatherer
    statistics = StreamStatistics(90000)
    statistics.base_seq = statistics.max_seq = 0
    turn = TurnClientUdpProtocol(("127.0.0.1", 3478), "", "", 600, 500)
    holders = {
        "RTCIceGatherer": gatherer,
        "RTCDtlsTransport": dtls,
        "RTCRtpReceiver": transceiver.receiver,
        "StreamStatistics": statistics,
        "RTCRtpTransceiver": transceiver,
        "Connection": gatherer._connection,
        "TurnTransport": TurnTransport(turn),
    }
    assert holders.keys() == PRIVATE.keys()
    missing = [
        f"{name}.{attribute}"
        for name, attributes in PRIVATE.items()
        for attribute in attributes
        if not hasattr(holders[name], attribute)
    ]
    assert not missing


async def test_overridden_methods_take_what_they_took(peer):
    dtls = peer.getTransceivers()[0].receiver.transport
    names = {
        name: list(inspect.signature(getattr(dtls, name)).parameters)
        for name in ("_handle_rtp_data", "_handle_rtcp_data", "_send_rtp")
    }
    PeerInternals(peer)
    assert names == {
        "_handle_rtp_data": ["data", "arrival_time_ms"],
        "_handle_rtcp_data": ["data"],
        "_send_rtp": ["data"],
    }
    for name, parameters in names.items():
        assert list(inspect.signature(getattr(dtls, name)).parameters) == parameters
    assert list(inspect.signature(Connection.get_component_candidates).parameters)[:3] == [
        "self",
        "component",
        "addresses",
    ]


async def test_an_idle_peer_has_no_figures(peer):
    internals = PeerInternals(peer)
    assert internals.selected_pair() is None
    assert await internals.measure_rtt() is None
    assert internals.datagrams_received == 0
    totals = inbound_totals(peer.getTransceivers()[0].receiver)
    assert (totals.packets_received, totals.packets_lost, totals.jitter_s) == (0, 0, None)


async def test_codecs_are_named_without_their_retransmission_formats(peer):
    await peer.createOffer()
    names = set(codec_names(peer.getTransceivers()[0]).values())
    assert names == {"VP8", "H264"}


def test_ipv6_addresses_are_bracketed():
    assert address_text("203.0.113.7", 9) == "203.0.113.7:9"
    assert address_text("2001:db8::7", 9) == "[2001:db8::7]:9"


@pytest.mark.parametrize(
    ("uri", "usable"),
    [
        ("stun:stun.example.com:443", True),
        ("stuns:stun.example.com:443", False),
        ("turn:turn.example.com:443?transport=udp", True),
        ("turn:turn.example.com:443?transport=tcp", True),
        ("turns:turn.example.com:443?transport=udp", False),
        ("turns:turn.example.com:443?transport=tcp", True),
        ("turn:[2001:db8::7]:3478", False),
    ],
)
def test_uris_that_aiortc_would_drop_or_break_at_are_left_out(uri, usable):
    assert is_usable(IceUri.parse(uri)) is usable


def test_the_order_of_servers_is_kept_and_the_list_is_never_none():
    servers = [
        IceServer((IceUri.parse("stuns:a:443"),)),
        IceServer(
            tuple(
                IceUri.parse(text)
                for text in ("turns:b:443?transport=udp", "turns:b:443?transport=tcp", "turn:b")
            ),
            "user",
            Secret("password"),
        ),
        IceServer((IceUri.parse("stun:c"),)),
    ]
    assert rtc_configuration(servers).iceServers == [
        RTCIceServer(
            ["turns:b:443?transport=tcp", "turn:b:3478?transport=udp"], "user", "password"
        ),
        RTCIceServer(["stun:c:3478"]),
    ]
    assert rtc_configuration([]).iceServers == []


class Offering:
    """A relay-capable peer that trickles, and the sockets it took."""

    def __init__(self, cloud, *, relay_only=False):
        username, password = cloud.turn.issue()
        uri = IceUri.parse(f"turn:127.0.0.1:{cloud.turn.port}?transport=udp")
        servers = [IceServer((uri,), username, Secret(password))]
        self.connection = RTCPeerConnection(rtc_configuration(servers, relay_only=relay_only))
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.createDataChannel("data")
        self.internals = PeerInternals(self.connection)
        self.tasks = TaskSet("test")
        self.found = asyncio.Queue()
        self.internals.trickle(self.tasks, self.found.put_nowait)

    async def offer(self):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        local = self.connection.localDescription
        return RTCSessionDescription(local.sdp.replace("a=end-of-candidates\r\n", ""), local.type)

    async def close(self):
        await self.tasks.aclose()
        await self.internals.close(0.2)


async def test_a_late_relay_connects_where_the_host_addresses_cannot(local_cloud, monkeypatch):
    """Own addresses are IPv6, the other end's IPv4: only the relay, which is slow, has both."""
    monkeypatch.setattr(aiortc_adapter.gathering, "get_host_addresses", lambda **_: ["::1"])
    local_cloud.turn.silent = True
    ours = Offering(local_cloud)
    offer = await ours.offer()
    assert "typ host" in offer.sdp

    theirs = RTCPeerConnection(RTCConfiguration([]))
    connected = asyncio.Event()
    theirs.on("datachannel", lambda _: connected.set())
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    await theirs.setRemoteDescription(offer)
    await theirs.setLocalDescription(await theirs.createAnswer())
    assert "a=end-of-candidates" in theirs.localDescription.sdp
    await ours.connection.setRemoteDescription(theirs.localDescription)
    local_cloud.turn.silent = False

    async with asyncio.timeout(10):
        relay = await ours.found.get()
        assert relay.type == "relay"
        assert await ours.found.get() is None
        await connected.wait()
    assert ours.internals.selected_pair().path == "relay/udp"
    await ours.close()
    await theirs.close()


async def test_without_a_common_path_ice_fails_when_the_last_own_candidate_is_in(
    local_cloud, monkeypatch
):
    monkeypatch.setattr(aiortc_adapter.gathering, "get_host_addresses", lambda **_: ["::1"])
    monkeypatch.setattr(aiortc_adapter.gathering, "_SERVER_TIMEOUT_S", 0.3)
    local_cloud.turn.silent = True
    ours = Offering(local_cloud)
    failed = asyncio.Event()
    ours.connection.on(
        "iceconnectionstatechange",
        lambda: ours.connection.iceConnectionState == "failed" and failed.set(),
    )
    offer = await ours.offer()
    theirs = RTCPeerConnection(RTCConfiguration([]))
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    await theirs.setRemoteDescription(offer)
    await theirs.setLocalDescription(await theirs.createAnswer())
    await ours.connection.setRemoteDescription(theirs.localDescription)
    async with asyncio.timeout(5):
        assert await ours.found.get() is None
        await failed.wait()
    await ours.close()
    await theirs.close()


async def test_closing_does_not_wait_for_a_silent_turn_server_nor_keep_its_socket(local_cloud):
    ours = Offering(local_cloud, relay_only=True)
    await ours.offer()
    ice = ours.connection.getTransceivers()[0].receiver.transport.transport.iceGatherer._connection
    inner = [p.transport._TurnTransport__inner_protocol.transport for p in ice._protocols]
    assert inner
    local_cloud.turn.silent = True
    started = time.perf_counter()
    await ours.close()
    assert time.perf_counter() - started < 0.8
    assert all(transport.is_closing() for transport in inner)


def received(receiver, ssrc, packets, *, lost, jitter_units, clock_rate=90000):
    """Puts what a stream of this size would have left behind into a receiver."""
    stream = StreamStatistics(clock_rate)
    stream.base_seq, stream.max_seq = 0, packets + lost - 1
    stream.packets_received = packets
    stream._jitter_q4 = jitter_units << 4
    receiver._RTCRtpReceiver__remote_streams[ssrc] = stream


async def test_figures_are_converted_summed_and_taken_over_the_interval(peer):
    video, audio = peer.getTransceivers()
    sampler, sink = StatsSampler(PeerInternals(peer), video, audio), VideoSink(lambda: None)
    first = sampler.sample(10.0, sink, None)
    assert (first.loss_percent, first.jitter_ms, first.rtt_ms, first.fps) == (None,) * 4

    received(video.receiver, 1, 90, lost=10, jitter_units=900)
    received(video.receiver, 2, 5, lost=0, jitter_units=9)
    received(audio.receiver, 3, 50, lost=0, jitter_units=48, clock_rate=48000)
    second = sampler.sample(11.0, sink, 0.025)
    assert second.packets_received == 145
    assert second.packets_lost == 10
    assert second.loss_percent == pytest.approx(100 * 10 / 155)
    assert second.jitter_ms == pytest.approx(10.0)
    assert second.rtt_ms == pytest.approx(25.0)

    received(video.receiver, 1, 185, lost=10, jitter_units=900)
    third = sampler.sample(12.0, sink, 0.025)
    assert third.loss_percent == 0.0

    received(video.receiver, 1, 190, lost=5, jitter_units=900)  # what was late has come
    assert sampler.sample(13.0, sink, 0.025).loss_percent in {0.0, None}


async def test_jitter_is_that_of_the_audio_where_there_is_no_video(peer):
    video, audio = peer.getTransceivers()
    received(audio.receiver, 3, 50, lost=0, jitter_units=48, clock_rate=48000)
    sampler = StatsSampler(PeerInternals(peer), video, audio)
    assert sampler.sample(1.0, VideoSink(lambda: None), None).jitter_ms == pytest.approx(1.0)
