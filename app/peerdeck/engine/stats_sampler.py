"""Figures of one peer connection, whenever they are asked for."""

from aiortc import RTCRtpTransceiver

from peerdeck.core.glance import glance
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats import PeerStats
from peerdeck.engine.aiortc_adapter import PeerInternals
from peerdeck.engine.video_sink import VideoSink


class StatsSampler:
    """Each sample's rates cover the time since the one before."""

    def __init__(
        self,
        internals: PeerInternals,
        video: RTCRtpTransceiver | None = None,
        audio: RTCRtpTransceiver | None = None,
    ) -> None:
        self._internals = internals
        self._last: StatsReport | None = None

    def report(self, at_s: float) -> StatsReport:
        """at_s: POSIX seconds. What `getStats()` of a browser would answer; no I/O, no waiting."""
        return StatsReport(at_s, self._internals.stats())

    def sample(self, now_s: float, sink: VideoSink, rtt_s: float | None) -> PeerStats:
        """now_s: on one clock; what it was at the sample before is where rates begin."""
        before, self._last = self._last, self.report(now_s)
        return glance(before, self._last)
