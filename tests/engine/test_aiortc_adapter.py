"""What is private in aiortc and aioice is as the adapter knows it, in the pinned versions."""

import asyncio
import inspect
import time
from asyncio.selector_events import _SelectorDatagramTransport
from importlib.metadata import version
from types import SimpleNamespace

import aioice.ice
import pytest
from aioice.ice import Connection, StunProtocol
from aioice.turn import TurnClientUdpProtocol, TurnTransport
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack, StreamStatistics

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import PathPolicy
from peerdeck.core.secret import Secret
from peerdeck.engine import aiortc_adapter
from peerdeck.engine.aiortc_adapter import (
    PRIVATE,
    GatheringRules,
    PeerInternals,
    address_text,
    codec_names,
)
from peerdeck.engine.ice_servers import is_usable, rtc_configuration
from peerdeck.engine.tasks import TaskSet


@pytest.fixture
async def peer():
    connection = RTCPeerConnection(rtc_configuration())
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
    receiver, sender = transceiver.receiver, transceiver.sender
    protocol = StunProtocol(gatherer._connection)
    protocol.transport = None  # comes with its socket
    channel = peer.createDataChannel("data")
    datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", 0)
    )
    holders = {
        "RTCDataChannel": channel,
        "RTCIceGatherer": gatherer,
        "RTCDtlsTransport": dtls,
        "RTCRtpReceiver": receiver,
        "RTCRtpSender": sender,
        "RemoteStreamTrack": RemoteStreamTrack("video"),
        "JitterBuffer": receiver._RTCRtpReceiver__jitter_buffer,
        "RtpRouter": dtls._rtp_router,
        "RTCSctpTransport": peer.sctp,
        "StunProtocol": protocol,
        "_SelectorDatagramTransport": datagrams,
        "StreamStatistics": statistics,
        "RTCRtpTransceiver": transceiver,
        "RTCPeerConnection": peer,
        "Connection": gatherer._connection,
        "TurnTransport": TurnTransport(turn),
        "TurnClientUdpProtocol": turn,
    }
    assert holders.keys() == PRIVATE.keys()
    missing = [
        f"{name}.{attribute}"
        for name, attributes in PRIVATE.items()
        for attribute in attributes
        if not hasattr(holders[name], attribute)
    ]
    assert not missing
    assert isinstance(datagrams, _SelectorDatagramTransport)
    datagrams.close()


async def test_overridden_methods_take_what_they_took(peer):
    transceiver = peer.getTransceivers()[0]
    dtls = transceiver.receiver.transport
    channel = peer.createDataChannel("data")
    ice = dtls.transport.iceGatherer._connection
    protocol = StunProtocol(ice)
    protocol.transport = SimpleNamespace(sendto=None)
    overridden = {
        peer: ("_RTCPeerConnection__connect",),
        dtls: ("_handle_rtp_data", "_handle_rtcp_data", "_send_rtp"),
        transceiver.sender: ("_next_encoded_frame", "_retransmit"),
        channel.transport: ("_data_channel_send", "_receive"),
        protocol: ("datagram_received", "send_data", "send_stun", "request"),
    }

    def taken():
        return [
            (name, list(inspect.signature(getattr(holder, name)).parameters))
            for holder, names in overridden.items()
            for name in names
        ]

    before = taken()
    PeerInternals(peer)
    ice._protocols.append(protocol)
    assert [(name, len(given)) for name, given in taken()] == [
        (name, len(given)) for name, given in before
    ]
    # The only one that is handed over by its name.
    assert dict(taken())["_handle_rtp_data"] == ["data", "arrival_time_ms"]
    ice._protocols.clear()
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
    kinds = {members["type"] for members in internals.stats().values()}
    assert kinds == {"transport", "certificate", "peer-connection"}


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


class Offering:
    """A relay-capable peer that trickles, and the sockets it took."""

    def __init__(self, cloud, *, relay_only=False, transport="udp"):
        username, password = cloud.turn.issue()
        self.password = password
        uri = IceUri.parse(f"turn:127.0.0.1:{cloud.turn.port}?transport={transport}")
        servers = [IceServer((uri,), username, Secret(password))]
        self.connection = RTCPeerConnection(rtc_configuration(relay_only=relay_only))
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.createDataChannel("data")
        self.internals = PeerInternals(self.connection)
        self.tasks = TaskSet("test")
        self.found = asyncio.Queue()
        policy = PathPolicy.RELAY if relay_only else PathPolicy.ALL
        self.internals.trickle(self.tasks, self.found.put_nowait, servers, GatheringRules(policy))

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
        while relay.type == "host":
            relay = await ours.found.get()
        assert relay.type == "relay"
        assert await ours.found.get() is None
        await connected.wait()
    assert ours.internals.selected_pair().path == "relay/udp"
    await ours.close()
    await theirs.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_relayed_path_is_counted_and_says_which_server_carries_it(local_cloud, transport):
    ours = Offering(local_cloud, relay_only=True, transport=transport)
    theirs = RTCPeerConnection(RTCConfiguration([]))
    said = asyncio.Event()
    theirs.on("datachannel", lambda channel: channel.on("message", lambda _: said.set()))
    await theirs.setRemoteDescription(await ours.offer())
    await theirs.setLocalDescription(await theirs.createAnswer())
    await ours.connection.setRemoteDescription(theirs.localDescription)
    channel = next(iter(ours.connection.sctp._data_channel_queue))[0]
    channel.on("open", lambda: channel.send("hello"))
    async with asyncio.timeout(10):
        await said.wait()
    assert await ours.internals.measure_rtt() > 0
    objects = ours.internals.stats()
    pair = objects[objects["T01"]["selectedCandidatePairId"]]
    local = objects[pair["localCandidateId"]]
    assert (local["candidateType"], local["relayProtocol"]) == ("relay", transport)
    assert local["protocol"] == "udp"  # from the relay on
    assert local["url"] == f"turn:127.0.0.1:{local_cloud.turn.port}?transport={transport}"
    assert pair["bytesSent"] == objects["T01"]["bytesSent"] > 500
    assert pair["bytesReceived"] == objects["T01"]["bytesReceived"] > 500
    assert pair["requestsSent"] > 0
    assert pair["responsesReceived"] > 0
    assert pair["requestsReceived"] == pair["responsesSent"] > 0
    assert ours.internals.selected_pair().path == f"relay/{transport}"
    assert ours.password not in repr(objects)
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
        while await ours.found.get() is not None:
            pass
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


async def test_connection_closed_while_it_is_made_begins_nothing_more(peer, monkeypatch):
    """aiortc would start its receivers after they were stopped: they report for ever."""
    reached, begun = asyncio.Event(), []

    async def connect() -> None:
        reached.set()
        await asyncio.Event().wait()
        begun.append("receivers")

    monkeypatch.setattr(peer, "_RTCPeerConnection__connect", connect)
    internals = PeerInternals(peer)
    await peer.setLocalDescription(await peer.createOffer())
    async with asyncio.timeout(5):
        await reached.wait()
    connecting = [task for task in asyncio.all_tasks() if "Connecting" in repr(task.get_coro())]
    await internals.close(2.0)
    assert [task.cancelled() for task in connecting] == [True]
    await peer._RTCPeerConnection__connect()
    assert begun == []
