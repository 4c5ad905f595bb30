"""What the two ends report to each other (RFC 3550 §6.4, RFC 4585, RFC 5104)."""

from collections.abc import Iterable
from time import time

from aiortc.rtp import (
    RTCP_PSFB,
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB,
    RTCP_RTPFB_NACK,
    RTCP_SR,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from peerdeck.engine.aiortc_adapter.inbound import InboundStreams, RemoteSender
from peerdeck.engine.aiortc_adapter.outbound import OutboundStreams, RemoteReceiver

_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_SENDER_REPORTS_KEPT = 32


class Reports:
    """incoming_bps, outgoing_bps: what the receiving end takes for possible (REMB), else None."""

    def __init__(self, inbound: InboundStreams, outbound: OutboundStreams) -> None:
        self.incoming_bps: int | None = None
        self.outgoing_bps: int | None = None
        self._inbound = inbound
        self._outbound = outbound
        # When a sender report left: (SSRC, middle 32 bits of its NTP time) → POSIX seconds.
        # aiortc writes the time of the last RTP packet into it, so that alone would not do.
        self._sent: dict[tuple[int, int], float] = {}

    def sent(self, data: bytes) -> None:
        """data: a compound packet of ours, not yet encrypted."""
        place = 0
        while place + 12 <= len(data):
            kind, form = data[place + 1], data[place] & 0x1F
            size = 4 + 4 * int.from_bytes(data[place + 2 : place + 4], "big")
            if kind == RTCP_SR:
                self._sender_report_sent(data[place : place + size])
            elif kind in {RTCP_RTPFB, RTCP_PSFB}:
                self._feedback_sent(kind, form, data[place : place + size])
            place += size

    def _sender_report_sent(self, data: bytes) -> None:
        key = int.from_bytes(data[4:8], "big"), int.from_bytes(data[10:14], "big")
        self._sent[key] = time()
        if len(self._sent) > _SENDER_REPORTS_KEPT:
            del self._sent[next(iter(self._sent))]

    def _feedback_sent(self, kind: int, form: int, data: bytes) -> None:
        stream = self._inbound.get(int.from_bytes(data[8:12], "big"))
        if kind == RTCP_PSFB and form == RTCP_PSFB_APP:
            self.incoming_bps = _remb_bps(data[12:])
        elif stream is not None:
            stream.nacks += kind == RTCP_RTPFB and form == RTCP_RTPFB_NACK
            stream.plis += kind == RTCP_PSFB and form == RTCP_PSFB_PLI

    def received(self, packet: AnyRtcpPacket) -> list[int]:
        """SSRCs of which a key frame is asked for in a way that aiortc overlooks."""
        if isinstance(packet, RtcpSrPacket):
            self._sender_report(packet)
        if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
            self._receiver_reports(packet.reports)
        elif isinstance(packet, RtcpRtpfbPacket):
            stream = self._outbound.get(packet.media_ssrc)
            if stream is not None:
                stream.nacks += packet.fmt == RTCP_RTPFB_NACK
        elif isinstance(packet, RtcpPsfbPacket):
            return self._picture_feedback(packet)
        return []

    def _picture_feedback(self, packet: RtcpPsfbPacket) -> list[int]:
        if packet.fmt == RTCP_PSFB_APP:
            self.outgoing_bps = _remb_bps(packet.fci) or self.outgoing_bps
        elif packet.fmt == RTCP_PSFB_PLI and packet.media_ssrc in self._outbound:
            self._outbound[packet.media_ssrc].plis += 1
        elif packet.fmt == RTCP_PSFB_FIR:
            # The header names nobody, entries of 8 bytes name the streams (RFC 5104 §4.3.1).
            entries = range(0, len(packet.fci) - 7, 8)
            named = [int.from_bytes(packet.fci[place : place + 4], "big") for place in entries]
            asked = [ssrc for ssrc in named if ssrc in self._outbound]
            for ssrc in asked:
                self._outbound[ssrc].firs += 1
            return asked
        return []

    def _sender_report(self, packet: RtcpSrPacket) -> None:
        stream = self._inbound.get(packet.ssrc)
        if stream is None:
            return
        remote = stream.remote = stream.remote or RemoteSender()
        remote.reports += 1
        remote.at_s = time()
        remote.packets = packet.sender_info.packet_count
        remote.bytes = packet.sender_info.octet_count
        ntp_s = packet.sender_info.ntp_timestamp / 2**32
        remote.sent_at = ntp_s - _NTP_EPOCH_S if ntp_s else 0.0

    def _receiver_reports(self, reports: Iterable[RtcpReceiverInfo]) -> None:
        now = time()
        for report in reports:
            stream = self._outbound.get(report.ssrc)
            if stream is None:
                continue
            remote = stream.remote = stream.remote or RemoteReceiver()
            remote.at_s = now
            remote.packets_lost = report.packets_lost
            remote.fraction_lost = report.fraction_lost / 256
            remote.jitter = report.jitter
            sent_at = self._sent.get((report.ssrc, report.lsr))
            if sent_at is not None:
                remote.rtt_s = max(0.0, now - sent_at - report.dlsr / 65536)
                remote.rtt_total_s += remote.rtt_s
                remote.rtts += 1


def _remb_bps(fci: bytes) -> int | None:
    try:
        return unpack_remb_fci(fci)[0]
    except (ValueError, LookupError):
        return None
