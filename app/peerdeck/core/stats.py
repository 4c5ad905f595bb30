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
    """One sample. Every None means that it cannot be known yet.

    at_s: monotonic seconds of the sample. bitrate_in_bps, bitrate_out_bps: bits per second over
    the last interval, RTP and RTCP packets with their headers. packets_received, packets_lost:
    totals of all inbound RTP streams. packets_per_s: received, over the last interval.
    loss_percent: of the last interval, 0–100. jitter_ms: the interarrival jitter (RFC 3550) of the
    video, else the audio stream. rtt_ms: of the last STUN or RTCP exchange. fps: decoded frames
    per second over the last interval. width, height: of the last frame.
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


@dataclass(frozen=True, slots=True)
class Picture:
    """A video frame as pixels: 4 bytes each, blue, green, red, unused; rows of `stride` bytes."""

    width: int
    height: int
    stride: int
    data: bytes | memoryview
