"""RTP from decrypted bytes to the decoders, in plain calls."""

import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from aiortc import RTCRtpReceiver, rtcrtpreceiver
from aiortc.codecs import depayload, is_rtx
from aiortc.rate import (
    INTER_ARRIVAL_SHIFT,
    TIMESTAMP_GROUP_LENGTH_MS,
    TIMESTAMP_TO_MS,
    AimdRateControl,
    InterArrival,
    OveruseDetector,
    OveruseEstimator,
    RemoteBitrateEstimator,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RtcpPsfbPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)

from peerdeck.engine.aiortc_adapter.inbound import InboundStreams

_log = logging.getLogger(__name__)
_WINDOW_MS = 1000


class Packets:
    """What aiortc's `_handle_rtp_data` and `_handle_rtp_packet` do, without a coroutine of each and
    without the list of sources, for which nobody asks.

    run: carries a coroutine that sends to its end.
    """

    def __init__(
        self,
        dtls: RTCDtlsTransport,
        inbound: InboundStreams,
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._dtls = dtls
        self._inbound = inbound
        self._run = run

    def received(self, data: bytes, arrival_ms: int) -> None:
        """arrival_ms: on any one clock."""
        self._inbound.count(data)
        dtls = self._dtls
        try:
            packet = RtpPacket.parse(data, dtls._rtp_header_extensions_map)
        except ValueError as error:
            _log.debug("RTP that cannot be read: %s", error)
            return
        receiver: Any = dtls._rtp_router.route_rtp(packet)
        if receiver is not None and receiver._enabled:
            self._estimate(receiver, packet, arrival_ms)
            self._receive(receiver, packet)

    def _estimate(self, receiver: Any, packet: RtpPacket, arrival_ms: int) -> None:
        """Now and then tells the sender what seems possible (REMB)."""
        estimator = receiver._RTCRtpReceiver__remote_bitrate_estimator
        sent_at = packet.extensions.abs_send_time
        if estimator is None or sent_at is None:
            return
        size = len(packet.payload) + packet.padding_size
        found = estimator.add(
            abs_send_time=sent_at, arrival_time_ms=arrival_ms, payload_size=size, ssrc=packet.ssrc
        )
        ssrc = receiver._RTCRtpReceiver__rtcp_ssrc
        if found is not None and ssrc is not None:
            fci = pack_remb_fci(*found)
            report = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=ssrc, media_ssrc=0, fci=fci)
            self._run(receiver._send_rtcp(report))

    def _receive(self, receiver: Any, packet: RtpPacket) -> None:
        codecs: dict[int, RTCRtpCodecParameters] = receiver._RTCRtpReceiver__codecs
        codec = codecs.get(packet.payload_type)
        if codec is None:
            return
        streams: dict[int, StreamStatistics] = receiver._RTCRtpReceiver__remote_streams
        if packet.ssrc not in streams:
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        if is_rtx(codec):
            original = _unwrapped(receiver, codec, packet)
            if original is None:
                return
            packet, codec = original, codecs[original.payload_type]
        missed = receiver._RTCRtpReceiver__nack_generator
        if missed is not None and missed.add(packet):
            self._run(receiver._send_rtcp_nack(packet.ssrc, sorted(missed.missing)))
        try:
            part = depayload(codec, packet.payload) if packet.payload else b""
        except ValueError as error:
            _log.debug("a payload that cannot be read: %s", error)
            return
        packet._data = part  # type: ignore[attr-defined]
        self._assemble(receiver, codec, packet)

    def _assemble(self, receiver: Any, codec: RTCRtpCodecParameters, packet: RtpPacket) -> None:
        """Into the jitter buffer, and what is whole to the decoder."""
        asks, frame = receiver._RTCRtpReceiver__jitter_buffer.add(packet)
        failed = receiver._RTCRtpReceiver__decoder_error
        if failed.is_set():
            failed.clear()
            # The lost picture is reported to the sender (RFC 4585 §6.3.1.1).
            asks = asks or receiver._RTCRtpReceiver__kind == "video"
        if asks:
            self._run(receiver._send_rtcp_pli(packet.ssrc))
        if frame is not None and receiver._RTCRtpReceiver__decoder_thread:
            frame.timestamp = receiver._RTCRtpReceiver__timestamp_mapper.map(frame.timestamp)
            receiver._RTCRtpReceiver__decoder_queue.put((codec, frame))


def _unwrapped(receiver: Any, codec: RTCRtpCodecParameters, packet: RtpPacket) -> RtpPacket | None:
    """What a retransmission brings again (RFC 4588 §4), None where that cannot be told."""
    ssrc = receiver._RTCRtpReceiver__rtx_ssrc.get(packet.ssrc)
    format_ = codec.parameters.get("apt")
    known = isinstance(format_, int) and format_ in receiver._RTCRtpReceiver__codecs
    if ssrc is None or not isinstance(format_, int) or not known or len(packet.payload) < 2:
        return None
    return unwrap_rtx(packet, payload_type=format_, ssrc=ssrc)


class IncomingBitrate:
    """Bits per second over the last second, in place of aiortc's `RateCounter`, which turns over
    1000 buckets one by one: three times for every packet, and for minutes after a laptop slept.
    """

    def __init__(self) -> None:
        self._values: deque[tuple[int, int]] = deque()
        self._total = 0
        self._origin_ms: int | None = None

    def add(self, value: int, now_ms: int) -> None:
        """value: bytes."""
        if self._origin_ms is None:
            self._origin_ms = now_ms
        self._forget(now_ms)
        self._values.append((now_ms, value))
        self._total += value

    def rate(self, now_ms: int) -> int | None:
        """None while there is nothing to measure."""
        if self._origin_ms is None:
            return None
        self._forget(now_ms)
        span_ms = now_ms - self._origin_ms + 1
        return round(8000 * self._total / span_ms) if self._values and span_ms > 1 else None

    def reset(self) -> None:
        self._values.clear()
        self._total, self._origin_ms = 0, None

    def _forget(self, now_ms: int) -> None:
        first_ms = now_ms - _WINDOW_MS + 1
        values = self._values
        while values and values[0][0] < first_ms:
            self._total -= values.popleft()[1]
        if self._origin_ms is not None and self._origin_ms < first_ms:
            self._origin_ms = first_ms


class Estimator(RemoteBitrateEstimator):
    """aiortc's, without its buckets: every join would make a thousand of them."""

    def __init__(self) -> None:
        self.incoming_bitrate = IncomingBitrate()  # type: ignore[assignment]
        self.incoming_bitrate_initialized = True
        group = (TIMESTAMP_GROUP_LENGTH_MS << INTER_ARRIVAL_SHIFT) // 1000
        self.inter_arrival = InterArrival(group, TIMESTAMP_TO_MS)
        self.estimator = OveruseEstimator()
        self.detector = OveruseDetector()
        self.rate_control = AimdRateControl()
        self.last_update_ms = None
        self.ssrcs = {}


@contextmanager
def light_receivers() -> Iterator[None]:
    """Receivers made meanwhile have an `Estimator`; others in the process are untouched as long as
    nothing is awaited.
    """
    module: Any = rtcrtpreceiver
    before, module.RemoteBitrateEstimator = module.RemoteBitrateEstimator, Estimator
    try:
        yield
    finally:
        module.RemoteBitrateEstimator = before


def estimate_cheaply(receiver: RTCRtpReceiver) -> None:
    """The same for a receiver that was made otherwise, before its first packet."""
    name = "_RTCRtpReceiver__remote_bitrate_estimator"
    if type(getattr(receiver, name)) is RemoteBitrateEstimator:
        setattr(receiver, name, Estimator())
