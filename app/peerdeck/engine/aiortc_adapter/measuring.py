"""Counting put in place of what every packet, frame and message passes."""

import asyncio
import logging
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from time import perf_counter

from aioice import stun
from aioice.ice import CandidatePair, Connection
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import RtcpPacket, RtpPacket

from peerdeck.core.rtc_stats import Value
from peerdeck.engine.aiortc_adapter import streams
from peerdeck.engine.aiortc_adapter.channels import Channels
from peerdeck.engine.aiortc_adapter.decoding import Decoding, Screen
from peerdeck.engine.aiortc_adapter.gathering import COMPONENT
from peerdeck.engine.aiortc_adapter.inbound import (
    InboundStreams,
    MeasuringBuffer,
    Statistics,
    starts_frame,
)
from peerdeck.engine.aiortc_adapter.outbound import OutboundStreams, watch_sender
from peerdeck.engine.aiortc_adapter.packets import estimate_cheaply
from peerdeck.engine.aiortc_adapter.paths import Flow, Paths
from peerdeck.engine.aiortc_adapter.receiving import Receiving
from peerdeck.engine.aiortc_adapter.rtcp import Reports
from peerdeck.engine.aiortc_adapter.transport import Transport

_log = logging.getLogger(__name__)
_PROBES = 3
_PROBE_S = 0.5


class Measuring:
    """Of one peer connection, from before its first packet. screen: gets the frames of videos."""

    def __init__(
        self, connection: RTCPeerConnection, dtls: RTCDtlsTransport, screen: Screen | None
    ) -> None:
        self._connection = connection
        self._screen = screen
        self._ice: Connection = dtls.transport.iceGatherer._connection
        self._inbound = InboundStreams()
        self._receiving = Receiving(dtls, self._inbound)
        self.paths = Paths(self._ice, self._receiving.take)
        self._transport = Transport(dtls, self.paths)
        self._outbound = OutboundStreams()
        self._reports = Reports(self._inbound, self._outbound)
        self._channels = Channels()
        self._watched: set[RTCRtpTransceiver] = set()
        self._sounds: list[Decoding] = []
        self._hears = True
        self._watch_transport(dtls)
        self._watch_parts()

    def objects(self) -> Iterator[tuple[str, dict[str, Value]]]:
        """The W3C's stats objects by their ids, which stay the same over the peer's life."""
        self._watch_parts()
        yield from self._transport.objects()
        selected = self.paths.selected_id
        for name, members in self.paths.objects():
            if name == selected:
                self._add_estimates(members)
            yield name, members
        for transceiver in self._connection.getTransceivers():
            yield from streams.received(transceiver, self._inbound)
            yield from streams.sent(transceiver, self._outbound)
        yield from self._channels.objects()

    def hear(self, wanted: bool) -> None:
        """Whether sound is decoded, and reaches its track."""
        self._hears = wanted
        for decoding in self._sounds:
            decoding.wanted = wanted

    async def aclose(self) -> None:
        """Idempotent."""
        await self._receiving.aclose()

    def _add_estimates(self, pair: dict[str, Value]) -> None:
        reports = self._reports
        if reports.incoming_bps is not None:
            pair["availableIncomingBitrate"] = reports.incoming_bps
        if reports.outgoing_bps is not None:
            pair["availableOutgoingBitrate"] = reports.outgoing_bps

    def _watch_transport(self, dtls: RTCDtlsTransport) -> None:
        """The three methods that every RTP and RTCP packet passes, decrypted."""
        receiving, send = self._receiving, dtls._send_rtp
        outbound, reports = self._outbound, self._reports
        router = dtls._rtp_router

        async def rtp_received(data: bytes, arrival_time_ms: int) -> None:
            receiving.handle(data)

        async def rtcp_received(data: bytes) -> None:
            try:
                packets = RtcpPacket.parse(data)
            except ValueError as error:
                _log.debug("RTCP that cannot be read: %s", error)
                return
            for packet in packets:
                for ssrc in reports.received(packet):
                    if ssrc in router.senders:
                        router.senders[ssrc]._send_keyframe()  # type: ignore[attr-defined]
                for recipient in router.route_rtcp(packet):
                    await recipient._handle_rtcp_packet(packet)

        def sent(data: bytes) -> Awaitable[None]:
            if 192 <= data[1] <= 208:
                reports.sent(data)
            else:
                outbound.count(data)
            return send(data)

        dtls._handle_rtp_data = rtp_received  # type: ignore[method-assign]
        dtls._handle_rtcp_data = rtcp_received  # type: ignore[method-assign]
        dtls._send_rtp = sent  # type: ignore[method-assign,assignment]

    def _watch_parts(self) -> None:
        """What there is by now; an answering end has parts once it knows the offer."""
        for transceiver in self._connection.getTransceivers():
            if transceiver not in self._watched:
                self._watched.add(transceiver)
                screen = self._screen if transceiver.kind == "video" else None
                decoding = _watch_receiver(transceiver.receiver, self._inbound, screen)
                if decoding is not None and transceiver.kind == "audio":
                    self._sounds.append(decoding)
                    decoding.wanted = self._hears
                watch_sender(transceiver.sender, self._outbound[transceiver.sender._ssrc])
        self._channels.watch(self._connection.sctp)

    async def measure_rtt(self) -> float | None:
        """Seconds of one STUN exchange over the selected pair (a consent check, RFC 7675 §5.1).

        None without a pair, or when three requests stay unanswered (1.5 s). Each is a transaction
        of its own, so that an answer tells which of them it answers.
        """
        pair, ice = self._ice._nominated.get(COMPONENT), self._ice
        if pair is None or ice.remote_password is None:
            return None
        probe = _Probe(ice.remote_password.encode())
        flow = self.paths.flow(pair.protocol, pair.remote_addr)
        try:
            for _ in range(_PROBES):
                self._ask(pair, probe)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PROBE_S):
                        rtt_s = await asyncio.shield(probe.answer)
                        flow.answered(rtt_s)
                        return rtt_s
        except OSError:
            pass
        finally:
            probe.answer.cancel()
            for transaction in probe.started:
                pair.protocol.transactions.pop(transaction, None)
        return None

    def _ask(self, pair: CandidatePair, probe: "_Probe") -> Flow:
        request = self._ice.build_request(pair, nominate=False)
        request.add_message_integrity(probe.key)
        probe.started[request.transaction_id] = perf_counter()
        pair.protocol.transactions[request.transaction_id] = probe  # type: ignore[assignment]
        flow = self.paths.asked(pair.protocol, pair.remote_addr)
        pair.protocol.send_stun(request, pair.remote_addr)
        return flow


class _Probe:
    """Stands among aioice's transactions; answered by the first answer to any of its requests."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.started: dict[bytes, float] = {}
        self.answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """A refusal is an answer, too; one that is not signed could be anybody's."""
        if not self.answer.done() and message.check_message_integrity(self.key):
            self.answer.set_result(perf_counter() - self.started[message.transaction_id])


def _watch_receiver(
    receiver: RTCRtpReceiver, inbound: InboundStreams, screen: Screen | None
) -> Decoding | None:
    """None where it is too late for that."""
    if receiver._RTCRtpReceiver__started:  # type: ignore[attr-defined]
        return None
    codecs = receiver._RTCRtpReceiver__codecs  # type: ignore[attr-defined]

    def starts(packet: RtpPacket) -> bool:
        codec = codecs.get(packet.payload_type)
        return codec is not None and starts_frame(codec.name, packet.payload)

    before = receiver._RTCRtpReceiver__jitter_buffer  # type: ignore[attr-defined]
    buffer = MeasuringBuffer(inbound, before, starts)
    receiver._RTCRtpReceiver__jitter_buffer = buffer  # type: ignore[attr-defined]
    estimate_cheaply(receiver)
    receiver._RTCRtpReceiver__remote_streams = Statistics()  # type: ignore[attr-defined]
    decoding = Decoding(receiver, asyncio.get_running_loop(), screen)
    receiver._RTCRtpReceiver__decoder_queue = decoding  # type: ignore[attr-defined]
    return decoding
