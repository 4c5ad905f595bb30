"""What is private in aiortc and aioice is as the adapter knows it, in the pinned versions."""

import inspect
from importlib.metadata import version

import pytest
from aioice.ice import Connection
from aioice.turn import TurnClientUdpProtocol, TurnTransport
from aiortc import RTCIceServer, RTCPeerConnection
from aiortc.rtcrtpreceiver import StreamStatistics

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.secret import Secret
from peerdeck.engine.aiortc_adapter import (
    PRIVATE,
    PeerInternals,
    address_text,
    codec_names,
    inbound_totals,
)
from peerdeck.engine.ice_servers import is_usable, rtc_configuration


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
