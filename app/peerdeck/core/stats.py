"""What is measured of one peer connection, once a second."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CandidatePair:
    """The selected pair. Kinds: host, srflx, prflx, relay. Addresses: host:port."""

    local_kind: str
    local_address: str
    remote_kind: str
    remote_address: str
    protocol: str = "udp"

    @property
    def path(self) -> str:
        """ "host/udp", "relay/udp" …: relay where either end is relayed."""
        kind = "relay" if "relay" in {self.local_kind, self.remote_kind} else self.local_kind
        return f"{kind}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class PeerStats:
    """Figures of one report, or of the time between two. Every None: it cannot be known (yet).

    Derived by `core.glance.glance`; totals count from the peer's beginning, rates and averages are
    of the interval. at_s: POSIX seconds of the report.

    bitrate_in_bps, bitrate_out_bps, bytes_received, bytes_sent: of the transport, media and data
    with their protection, without STUN checks and without UDP and IP headers. packets_received,
    packets_lost, packets_per_s, loss_percent (0–100): of all inbound RTP streams. jitter_ms: the
    interarrival jitter (RFC 3550) of the video, else the audio stream. rtt_ms: of the last STUN
    exchange on the selected pair, else of the last RTCP report. fps, frames_decoded, width, height:
    of the received video. codec: of the received video, else audio, else of what is sent.
    messages_received, messages_sent: of all data channels. state: ICE's, in the W3C's words.

    frames_dropped: received, not decoded. nacks_per_s, plis_per_s: requests that we sent for the
    received video. jitter_buffer_ms: mean time of a frame between its first packet and its leaving
    the jitter buffer. decode_ms: mean per frame. freezes, freeze_s: how often and how long in all
    the picture stood (W3C freezeCount, totalFreezesDuration).

    out_…: what is sent. out_loss_percent, out_jitter_ms, out_rtt_ms: as the other end reports.
    out_nacks_per_s, out_plis_per_s: requests that the other end sent. out_target_bps: what the
    encoder is asked for. out_retransmitted: packets sent again.
    """

    at_s: float
    bitrate_in_bps: float | None = None
    bitrate_out_bps: float | None = None
    bytes_received: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_per_s: float | None = None
    loss_percent: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    fps: float | None = None
    frames_decoded: int = 0
    width: int = 0
    height: int = 0
    codec: str = ""
    pair: CandidatePair | None = None
    pair_changes: int = 0
    state: str = ""
    messages_received: int = 0
    messages_sent: int = 0
    frames_received: int = 0
    frames_dropped: int = 0
    key_frames: int = 0
    nacks_per_s: float | None = None
    plis_per_s: float | None = None
    jitter_buffer_ms: float | None = None
    decode_ms: float | None = None
    freezes: int | None = None
    freeze_s: float | None = None
    out_fps: float | None = None
    out_frames: int = 0
    out_width: int = 0
    out_height: int = 0
    out_codec: str = ""
    out_encode_ms: float | None = None
    out_target_bps: float | None = None
    out_packets: int = 0
    out_retransmitted: int = 0
    out_nacks_per_s: float | None = None
    out_plis_per_s: float | None = None
    out_loss_percent: float | None = None
    out_jitter_ms: float | None = None
    out_rtt_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A video frame as pixels: 4 bytes each, blue, green, red, unused; rows of `stride` bytes."""

    width: int
    height: int
    stride: int
    data: bytes | memoryview
