"""RTP to the decoders as aiortc would, and the bitrate of the last second."""

import pytest
from aiortc import RTCPeerConnection
from aiortc.rate import RateCounter, RemoteBitrateEstimator
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
)
from aiortc.rtp import RtpPacket, wrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from peerdeck.engine.aiortc_adapter.inbound import InboundStreams
from peerdeck.engine.aiortc_adapter.packets import (
    Estimator,
    IncomingBitrate,
    Packets,
    estimate_cheaply,
    light_receivers,
)
from peerdeck.engine.ice_servers import rtc_configuration

SSRC, RTX_SSRC = 1000, 2000
VP8 = RTCRtpCodecParameters("video/VP8", 90_000, payloadType=97)
RTX = RTCRtpCodecParameters("video/rtx", 90_000, payloadType=98, parameters={"apt": 97})
STRAY = RTCRtpCodecParameters("video/rtx", 90_000, payloadType=99, parameters={"apt": 45})
START, REST = b"\x10", b"\x00"  # of a frame (RFC 7741 §4.2)


class Asked:
    """Stands where a receiver sends: what was asked of the other end."""

    def __init__(self, receiver):
        self.nacks, self.plis = [], []
        receiver._send_rtcp_nack = self._nack
        receiver._send_rtcp_pli = self._pli

    async def _nack(self, ssrc, lost):
        self.nacks.append((ssrc, lost))

    async def _pli(self, ssrc):
        self.plis.append(ssrc)


class Queue:
    def __init__(self):
        self.put = (got := []).append
        self.got = got


@pytest.fixture
async def receiver():
    connection = RTCPeerConnection(rtc_configuration())
    found = connection.addTransceiver("video", direction="recvonly").receiver
    found._RTCRtpReceiver__codecs.update({97: VP8, 98: RTX, 99: STRAY})
    found._RTCRtpReceiver__rtx_ssrc[RTX_SSRC] = SSRC
    found._RTCRtpReceiver__decoder_queue = Queue()
    found._RTCRtpReceiver__decoder_thread = True
    encodings = [RTCRtpDecodingParameters(SSRC, 97, RTCRtpRtxParameters(RTX_SSRC))]
    parameters = RTCRtpReceiveParameters(codecs=[VP8, RTX, STRAY], encodings=encodings)
    found.transport._register_rtp_receiver(found, parameters)
    yield found
    found._RTCRtpReceiver__decoder_thread = None
    await connection.close()


def run(coroutine):
    with pytest.raises(StopIteration):
        coroutine.send(None)


@pytest.fixture
def packets(receiver):
    return Packets(receiver.transport, InboundStreams(), run)


def rtp(number, payload, *, marker=0, timestamp=0, payload_type=97, ssrc=SSRC):
    return RtpPacket(payload_type, marker, number, timestamp, ssrc, payload)


def frames(receiver):
    return [frame.data for _, frame in receiver._RTCRtpReceiver__decoder_queue.got]


async def test_a_frame_goes_to_the_decoder_once_the_next_one_begins(receiver, packets):
    for number, payload, timestamp in (
        (5, START + b"a", 0),
        (6, REST + b"b", 0),
        (7, START + b"c", 3000),
    ):
        packets.received(rtp(number, payload, timestamp=timestamp).serialize(), 0)
    assert frames(receiver) == [b"ab"]
    assert packets._inbound[SSRC].packets == 3


async def test_a_gap_is_asked_for_and_closed_by_a_retransmission(receiver, packets):
    asked = Asked(receiver)
    lost = rtp(6, REST + b"b")
    for packet in (rtp(5, START + b"a"), rtp(7, REST + b"c")):
        packets.received(packet.serialize(), 0)
    assert asked.nacks == [(SSRC, [6])]
    packets.received(wrap_rtx(lost, 98, 1, RTX_SSRC).serialize(), 0)
    packets.received(rtp(8, START + b"d", timestamp=3000).serialize(), 0)
    assert frames(receiver) == [b"abc"]
    assert asked.nacks == [(SSRC, [6])]


async def test_a_picture_that_could_not_be_decoded_is_told_once(receiver, packets):
    asked = Asked(receiver)
    receiver._RTCRtpReceiver__decoder_error.set()
    for number in (1, 2):
        packets.received(rtp(number, START + b"a").serialize(), 0)
    assert asked.plis == [SSRC]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" + rtp(1, START).serialize()[1:],
        rtp(1, START, payload_type=45).serialize(),
        rtp(1, START, ssrc=77, payload_type=99).serialize(),
        rtp(1, b"\x90").serialize(),
        rtp(1, b"x", payload_type=98, ssrc=RTX_SSRC).serialize(),
        rtp(1, b"xyz", payload_type=99, ssrc=RTX_SSRC).serialize(),
    ],
    ids=[
        "version", "unknown format", "retransmission of nothing", "cut descriptor",
        "retransmission without a number", "retransmission of an unknown format",
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_let_go(receiver, packets, data):
    packets.received(data, 0)
    good = rtp(10, START + b"a"), rtp(11, START + b"b", timestamp=3000)
    for packet in good:
        packets.received(packet.serialize(), 0)
    assert frames(receiver) == [b"a"]


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 1500)), max_size=60))
def test_the_bitrate_is_what_aiortc_counts(steps):
    ours, theirs, now = IncomingBitrate(), RateCounter(1000, 8000), 5000
    for step, size in steps:
        now += step
        assert ours.rate(now) == theirs.rate(now)
        ours.add(size, now)
        theirs.add(size, now)
        assert ours.rate(now + 1) == theirs.rate(now + 1)


def test_a_night_asleep_costs_no_time():
    bitrate = IncomingBitrate()
    bitrate.add(1000, 0)
    assert bitrate.rate(10**12) is None
    bitrate.add(1250, 10**12)
    assert bitrate.rate(10**12 + 999) == 10_000
    bitrate.reset()
    assert bitrate.rate(10**12 + 999) is None


async def test_receivers_made_lightly_estimate_as_aiortcs_do():
    connection = RTCPeerConnection(rtc_configuration())
    with light_receivers():
        light = connection.addTransceiver("video").receiver
    usual = connection.addTransceiver("video").receiver
    name = "_RTCRtpReceiver__remote_bitrate_estimator"
    ours, theirs = vars(getattr(light, name)), vars(getattr(usual, name))
    assert type(getattr(usual, name)) is RemoteBitrateEstimator
    assert type(ours.pop("incoming_bitrate")) is IncomingBitrate
    del theirs["incoming_bitrate"]
    assert ours.keys() == theirs.keys()
    for key in ours:
        assert type(ours[key]) is type(theirs[key]), key
    assert vars(ours["inter_arrival"]) == vars(theirs["inter_arrival"])
    estimate_cheaply(usual)
    assert type(getattr(usual, name)) is Estimator
    await connection.close()
