"""Which figures of a peer are glanced at, how they read, and from where on they hurt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from peerdeck.core.quantities import bitrate_text, milliseconds_text
from peerdeck.core.stats import PeerStats


@dataclass(frozen=True, slots=True)
class Limit:
    """From `warn` (and `bad`) on a value deserves attention; `falling`: low is bad. words say what
    it means for the picture."""

    warn: float
    bad: float
    words: str
    falling: bool = False

    def tone(self, value: float) -> str:
        if self.falling:
            return "bad" if value <= self.bad else "warn" if value <= self.warn else ""
        return "bad" if value >= self.bad else "warn" if value >= self.warn else ""


@dataclass(frozen=True, slots=True)
class Line:
    """title; value of a sample and its text; least top of its sparkline; limit past which it is
    coloured and named; what the figure is, for those who ask."""

    title: str
    value: Callable[[PeerStats], float | None]
    text: Callable[[float], str]
    least_top: float
    definition: str
    limit: Limit | None = None


def _percent(value: float) -> str:
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def _per_second(value: float) -> str:
    return f"{value:.1f} /s" if 0 < value < 9.95 else f"{value:.0f} /s"


def _fps(value: float) -> str:
    return f"{value:.0f} fps"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _requests(nacks: float | None, plis: float | None) -> float | None:
    return None if nacks is None and plis is None else (nacks or 0.0) + (plis or 0.0)


def _dropped(sample: PeerStats) -> float | None:
    """Of a peer without video there is nothing to drop."""
    return float(sample.frames_dropped) if sample.frames_received else None


# Where people begin to notice: ITU-T G.114 calls 150 ms one way transparent, 400 ms the end; a few
# per cent of loss already freeze a picture without retransmission.
RECEIVED: Final = (
    Line(
        "Bitrate in",
        lambda s: s.bitrate_in_bps,
        bitrate_text,
        1e5,
        "Received over the transport in the last interval: media and data with their protection, "
        "without IP and UDP headers (W3C transport.bytesReceived).",
        Limit(0, 0, "nothing", True),
    ),
    Line(
        "Frames",
        lambda s: s.fps,
        _fps,
        15,
        "Video frames decoded per second (W3C inbound-rtp.framesDecoded over the interval).",
        Limit(10, 1, "choppy", True),
    ),
    Line(
        "Round trip",
        lambda s: s.rtt_ms,
        milliseconds_text,
        100,
        "Of the last STUN exchange on the selected pair, else of the last RTCP report (W3C "
        "candidate-pair.currentRoundTripTime).",
        Limit(300, 800, "slow"),
    ),
    Line(
        "Loss",
        lambda s: s.loss_percent,
        _percent,
        4,
        "Packets of all inbound streams that did not come, of those expected in the last interval "
        "(W3C inbound-rtp.packetsLost).",
        Limit(2, 8, "lossy"),
    ),
    Line(
        "Jitter",
        lambda s: s.jitter_ms,
        milliseconds_text,
        30,
        "How unevenly packets arrive: interarrival jitter of RFC 3550 (W3C inbound-rtp.jitter).",
        Limit(50, 150, "uneven"),
    ),
    Line(
        "Dropped",
        _dropped,
        _count,
        5,
        "Frames that came but were not decoded, since the beginning (W3C framesDropped).",
    ),
    Line(
        "Freezes",
        lambda s: s.freezes,
        _count,
        3,
        "How often the picture stood noticeably longer than its usual pace, since the beginning "
        "(W3C freezeCount).",
    ),
    Line(
        "Buffered",
        lambda s: s.jitter_buffer_ms,
        milliseconds_text,
        100,
        "Jitter buffer: mean time of a frame between its first packet and its leaving the buffer "
        "(W3C jitterBufferDelay / jitterBufferEmittedCount).",
        Limit(400, 1000, "late"),
    ),
    Line(
        "Decoding",
        lambda s: s.decode_ms,
        milliseconds_text,
        20,
        "Mean time to decode a frame (W3C totalDecodeTime / framesDecoded).",
        Limit(30, 100, "slow"),
    ),
    Line(
        "NACK, PLI",
        lambda s: _requests(s.nacks_per_s, s.plis_per_s),
        _per_second,
        5,
        "Requests that we sent: for packets again (NACK) and for a key frame (PLI) "
        "(W3C inbound-rtp.nackCount, pliCount).",
        Limit(20, 100, "repairing"),
    ),
    Line(
        "Packets",
        lambda s: s.packets_per_s,
        _per_second,
        100,
        "Packets of all inbound streams per second (W3C inbound-rtp.packetsReceived).",
    ),
    Line(
        "Bitrate out",
        lambda s: s.bitrate_out_bps,
        bitrate_text,
        1e4,
        "Sent over the transport in the last interval (W3C transport.bytesSent).",
    ),
)
SENT: Final = (
    Line(
        "Bitrate out",
        lambda s: s.bitrate_out_bps,
        bitrate_text,
        1e5,
        "Sent over the transport in the last interval (W3C transport.bytesSent).",
        Limit(0, 0, "nothing", True),
    ),
    Line(
        "Target",
        lambda s: s.out_target_bps,
        bitrate_text,
        1e5,
        "What the encoder is asked for (W3C outbound-rtp.targetBitrate).",
    ),
    Line(
        "Frames sent",
        lambda s: s.out_fps,
        _fps,
        15,
        "Video frames encoded and sent per second (W3C outbound-rtp.framesEncoded).",
        Limit(10, 1, "choppy", True),
    ),
    Line(
        "Round trip",
        lambda s: s.rtt_ms if s.out_rtt_ms is None else s.out_rtt_ms,
        milliseconds_text,
        100,
        "As the viewer's reports say (W3C remote-inbound-rtp.roundTripTime), else of the last STUN "
        "exchange.",
        Limit(300, 800, "slow"),
    ),
    Line(
        "Loss",
        lambda s: s.out_loss_percent,
        _percent,
        4,
        "Of what we sent, as the viewer reports (W3C remote-inbound-rtp.fractionLost).",
        Limit(2, 8, "lossy"),
    ),
    Line(
        "Jitter",
        lambda s: s.out_jitter_ms,
        milliseconds_text,
        30,
        "At the viewer, as it reports (W3C remote-inbound-rtp.jitter).",
        Limit(50, 150, "uneven"),
    ),
    Line(
        "NACK, PLI",
        lambda s: _requests(s.out_nacks_per_s, s.out_plis_per_s),
        _per_second,
        5,
        "Requests of the viewer: for packets again (NACK), for a key frame (PLI) "
        "(W3C outbound-rtp.nackCount, pliCount).",
        Limit(20, 100, "repairing"),
    ),
    Line(
        "Sent again",
        lambda s: float(s.out_retransmitted) if s.out_packets else None,
        _count,
        10,
        "Packets sent a second time, since the beginning (W3C retransmittedPacketsSent).",
    ),
    Line(
        "Encoding",
        lambda s: s.out_encode_ms,
        milliseconds_text,
        20,
        "Mean time to encode a frame (W3C totalEncodeTime / framesEncoded).",
        Limit(30, 100, "slow"),
    ),
    Line(
        "Bitrate in",
        lambda s: s.bitrate_in_bps,
        bitrate_text,
        1e4,
        "Received over the transport in the last interval (W3C transport.bytesReceived).",
    ),
)
