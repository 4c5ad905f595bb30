"""What reports say, in the W3C's units."""

import pytest
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from peerdeck.engine.aiortc_adapter import rtcp
from peerdeck.engine.aiortc_adapter.inbound import Inbound, InboundStreams
from peerdeck.engine.aiortc_adapter.outbound import Outbound, OutboundStreams
from peerdeck.engine.aiortc_adapter.rtcp import Reports

OURS, THEIRS = 0x10, 0x20
NTP = (3_900_000_000 << 32) | 0x80000000
MIDDLE = (NTP >> 16) & 0xFFFFFFFF


class Clock:
    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


class Case:
    def __init__(self, clock):
        self.clock = clock
        self.inbound, self.outbound = InboundStreams(), OutboundStreams()
        self.theirs = self.inbound[THEIRS] = Inbound()
        self.ours = self.outbound[OURS] = Outbound()
        self.reports = Reports(self.inbound, self.outbound)

    def sender_report(self, ssrc, ntp=NTP):
        info = RtcpSenderInfo(ntp_timestamp=ntp, rtp_timestamp=0, packet_count=7, octet_count=900)
        return RtcpSrPacket(ssrc=ssrc, sender_info=info)

    def receiver_report(self, ssrc=OURS, **fields):
        known = {"fraction_lost": 0, "packets_lost": 0, "highest_sequence": 9, "jitter": 0}
        info = RtcpReceiverInfo(ssrc=ssrc, **{**known, "lsr": 0, "dlsr": 0, **fields})
        return RtcpRrPacket(ssrc=THEIRS, reports=[info])


@pytest.fixture
def case(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rtcp, "time", clock)
    return Case(clock)


def test_losses_and_jitter_are_taken_over(case):
    case.reports.received(case.receiver_report(fraction_lost=64, packets_lost=-3, jitter=900))
    remote = case.ours.remote
    assert (remote.fraction_lost, remote.packets_lost, remote.jitter) == (0.25, -3, 900)
    assert (remote.rtt_s, remote.rtts) == (None, 0)


def test_a_round_trip_is_without_the_time_at_the_other_end(case):
    source = RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=OURS, items=[(1, b"name")])])
    case.reports.sent(bytes(case.sender_report(OURS)) + bytes(source))
    case.clock.now += 0.3
    case.reports.received(case.receiver_report(lsr=MIDDLE, dlsr=int(0.25 * 65536)))
    case.clock.now += 0.1
    case.reports.received(case.receiver_report(lsr=MIDDLE, dlsr=int(0.25 * 65536)))
    remote = case.ours.remote
    assert remote.rtt_s == pytest.approx(0.15)
    assert remote.rtt_total_s == pytest.approx(0.2)
    assert remote.rtts == 2


def test_an_older_report_still_tells_its_round_trip_and_a_strange_one_none(case):
    case.reports.sent(bytes(case.sender_report(OURS)))
    case.clock.now += 0.02
    case.reports.sent(bytes(case.sender_report(OURS, NTP + (1 << 32))))
    case.clock.now += 0.02
    case.reports.received(case.receiver_report(lsr=MIDDLE))
    case.reports.received(case.receiver_report(lsr=12345))
    assert case.ours.remote.rtt_s == pytest.approx(0.04)
    assert case.ours.remote.rtts == 1


def test_only_so_many_reports_are_remembered(case):
    for number in range(1000):
        case.reports.sent(bytes(case.sender_report(OURS, NTP + (number << 32))))
    assert len(case.reports._sent) == 32


def test_a_senders_own_count_and_clock_are_taken_over(case):
    case.reports.received(case.sender_report(THEIRS))
    remote = case.theirs.remote
    assert (remote.packets, remote.bytes, remote.reports) == (7, 900, 1)
    assert remote.sent_at == 3_900_000_000.5 - 2_208_988_800
    case.reports.received(case.sender_report(THEIRS, ntp=0))
    assert remote.sent_at == 0, "nothing was sent yet"


def test_requests_that_come_are_counted_with_their_stream(case):
    reports, ours = case.reports, case.ours
    reports.received(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=OURS, lost=[4, 5, 40]))
    reports.received(RtcpRtpfbPacket(fmt=15, ssrc=1, media_ssrc=OURS))
    reports.received(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=OURS))
    reports.received(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=999))
    assert (ours.nacks, ours.plis, ours.firs) == (1, 1, 0)


def test_a_full_refresh_names_its_streams_in_its_entries(case):
    entries = b"".join(ssrc.to_bytes(4, "big") + bytes(4) for ssrc in (999, OURS))
    packet = RtcpPsfbPacket(fmt=RTCP_PSFB_FIR, ssrc=1, media_ssrc=0, fci=entries + b"\x00")
    assert case.reports.received(packet) == [OURS]
    assert case.ours.firs == 1


def test_requests_that_we_send_are_counted_with_their_stream(case):
    nack = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=THEIRS, lost=[4])
    pli = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=THEIRS)
    case.reports.sent(bytes(nack) + bytes(pli) + bytes(nack))
    case.reports.sent(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=999)))
    assert (case.theirs.nacks, case.theirs.plis) == (2, 1)


def test_estimates_of_both_ways(case):
    def estimate(bps):
        fci = pack_remb_fci(bps, [OURS])
        return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)

    case.reports.sent(bytes(estimate(800_000)))
    case.reports.received(estimate(500_000))
    case.reports.received(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=b"????"))
    assert (case.reports.incoming_bps, case.reports.outgoing_bps) == (800_000, 500_000)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\xc8\x00\x00" * 3, bytes(13), b"\xff" * 40])
def test_what_is_cut_short_ends_the_reading(case, data):
    case.reports.sent(data)
