"""Figures of one peer connection over the intervals in which they are asked for."""

from aiortc import RTCRtpTransceiver

from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats import PeerStats
from peerdeck.engine.aiortc_adapter import (
    InboundTotals,
    PeerInternals,
    codec_names,
    inbound_totals,
)
from peerdeck.engine.video_sink import VideoSink


class StatsSampler:
    """Each sample's rates cover the time since the one before."""

    def __init__(
        self, internals: PeerInternals, video: RTCRtpTransceiver, audio: RTCRtpTransceiver
    ) -> None:
        self._internals = internals
        self._video = video
        self._audio = audio
        self._last = PeerStats(at_s=0.0)
        self._expected = 0

    def report(self, at_s: float) -> StatsReport:
        """at_s: POSIX seconds. What `getStats()` of a browser would answer; no I/O, no waiting."""
        return StatsReport(at_s, self._internals.stats())

    def sample(self, now_s: float, sink: VideoSink, rtt_s: float | None) -> PeerStats:
        """now_s: monotonic seconds."""
        last, traffic = self._last, self._internals.traffic
        video, audio = inbound_totals(self._video.receiver), inbound_totals(self._audio.receiver)
        expected = video.packets_expected + audio.packets_expected
        lost = video.packets_lost + audio.packets_lost
        received = video.packets_received + audio.packets_received
        interval_s = now_s - last.at_s if last.at_s else 0.0
        jitter_s = video.jitter_s if video.jitter_s is not None else audio.jitter_s
        stats = PeerStats(
            at_s=now_s,
            bitrate_in_bps=_rate(8 * (traffic.bytes_received - last.bytes_received), interval_s),
            bitrate_out_bps=_rate(8 * (traffic.bytes_sent - last.bytes_sent), interval_s),
            bytes_received=traffic.bytes_received,
            bytes_sent=traffic.bytes_sent,
            packets_received=received,
            packets_per_s=_rate(received - last.packets_received, interval_s),
            packets_lost=lost,
            loss_percent=_loss_percent(lost - last.packets_lost, expected - self._expected),
            jitter_ms=None if jitter_s is None else 1000 * jitter_s,
            rtt_ms=None if rtt_s is None else 1000 * rtt_s,
            fps=_rate(sink.frames - last.frames_decoded, interval_s),
            frames_decoded=sink.frames,
            width=sink.width,
            height=sink.height,
            codec=self._codec(video),
            pair=self._internals.selected_pair(),
        )
        self._last, self._expected = stats, expected
        return stats

    def _codec(self, video: InboundTotals) -> str:
        """Of what is received most: video where there is some, else audio."""
        transceiver = self._video if video.packets_received else self._audio
        names = codec_names(transceiver)
        counts = self._internals.traffic.packets_by_type
        received = [payload_type for payload_type in names if counts[payload_type]]
        return names[max(received, key=counts.__getitem__)] if received else ""


def _rate(count: float, interval_s: float) -> float | None:
    return count / interval_s if interval_s > 0 else None


def _loss_percent(lost: int, expected: int) -> float | None:
    """Late packets make `lost` negative; the loss of an interval is not below 0."""
    return min(100.0, max(0.0, 100 * lost / expected)) if expected > 0 else None
