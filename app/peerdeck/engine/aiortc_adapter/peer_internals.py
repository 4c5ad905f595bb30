"""One bundled connection from inside."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol
from aioice.turn import TurnTransport
from aiortc import RTCIceCandidate, RTCPeerConnection, RTCRtpReceiver, RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import is_rtcp

from peerdeck.core.rtc_stats import Value
from peerdeck.core.stats import CandidatePair
from peerdeck.engine.aiortc_adapter.gathering import COMPONENT, Gathering
from peerdeck.engine.tasks import TaskSet

_RTT_RETRANSMISSIONS = 1  # 0.5 s, then 1 s more


@dataclass(slots=True)
class Traffic:
    """Totals of RTP and RTCP as they were before encryption, headers included."""

    bytes_received: int = 0
    bytes_sent: int = 0
    rtp_packets_received: int = 0
    rtp_packets_sent: int = 0
    rtcp_packets_received: int = 0
    rtcp_packets_sent: int = 0
    packets_by_type: Counter[int] = field(default_factory=Counter)  # received, by payload type


@dataclass(frozen=True, slots=True)
class InboundTotals:
    """Of all RTP streams of one receiver. jitter_s: of its busiest stream, None without one."""

    packets_received: int = 0
    packets_lost: int = 0
    packets_expected: int = 0
    jitter_s: float | None = None


class PeerInternals:
    """Reads one RTCPeerConnection whose transceivers exist but whose negotiation has not begun."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection
        first = connection.getTransceivers()[0]
        self._dtls: RTCDtlsTransport = first.receiver.transport
        self._ice: Connection = self._dtls.transport.iceGatherer._connection
        self.traffic = Traffic()
        _count(self._dtls, self.traffic)

    @property
    def datagrams_received(self) -> int:
        """RTP, RTCP and DTLS (hence data channel) datagrams; STUN is not among them."""
        return int(self._dtls._RTCDtlsTransport__rx_packets)  # type: ignore[attr-defined]

    @property
    def local_candidates(self) -> tuple[Candidate, ...]:
        return tuple(self._ice.local_candidates)

    @property
    def remote_candidates(self) -> tuple[Candidate, ...]:
        return tuple(self._ice.remote_candidates)

    def trust(self, tls: ssl.SSLContext) -> None:
        """For TURN over TLS, instead of the system's authorities; aiortc has no way to say so."""
        if self._ice.turn_ssl:
            self._ice.turn_ssl = tls  # type: ignore[assignment]

    def trickle(
        self, tasks: TaskSet, on_candidate: Callable[[RTCIceCandidate | None], None]
    ) -> None:
        """Makes setLocalDescription return with the host candidates alone.

        The others reach `on_candidate` as servers answer, at most 5 s later; None is the last.
        """
        gathering = Gathering(self._ice, tasks, on_candidate)
        self._ice.gather_candidates = gathering.run  # type: ignore[method-assign]
        expected = gathering.remote_candidates_expected
        self._ice._remote_candidates_expected = expected  # type: ignore[method-assign]

    def selected_pair(self) -> CandidatePair | None:
        """The nominated pair; its protocol is how a relayed local end reaches its TURN server."""
        pair = self._ice._nominated.get(COMPONENT)
        if pair is None:
            return None
        local, remote = pair.local_candidate, pair.remote_candidate
        relayed_by_tcp = local.type == "relay" and self._ice.turn_transport == "tcp"
        return CandidatePair(
            local_kind=local.type,
            local_address=address_text(local.host, local.port),
            remote_kind=remote.type,
            remote_address=address_text(remote.host, remote.port),
            protocol="tcp" if relayed_by_tcp else local.transport.lower(),
        )

    async def measure_rtt(self) -> float | None:
        """Seconds of one STUN exchange over the selected pair (a consent check, RFC 7675 §5.1).

        None without a pair, or when two requests stay unanswered (1.5 s).
        """
        pair = self._ice._nominated.get(COMPONENT)
        if pair is None or self._ice.remote_password is None:
            return None
        request = self._ice.build_request(pair, nominate=False)
        started = time.perf_counter()
        try:
            await pair.protocol.request(
                request,
                pair.remote_addr,
                integrity_key=self._ice.remote_password.encode(),
                retransmissions=_RTT_RETRANSMISSIONS,
            )
        except stun.TransactionFailed:
            pass  # a refusal is an answer, too
        except (stun.TransactionError, OSError):
            return None
        return time.perf_counter() - started

    def stats(self) -> dict[str, dict[str, Value]]:
        """The W3C's stats objects by their ids, which stay the same over the peer's life."""
        return {"P": {"type": "peer-connection"}}

    async def close(self, timeout_s: float) -> None:
        """Closes the connection; a TURN server that does not answer is given `timeout_s`."""
        protocols = list(self._ice._protocols)
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.close()
        except TimeoutError:
            for protocol in protocols:
                _abort(protocol)


def inbound_totals(receiver: RTCRtpReceiver) -> InboundTotals:
    """getStats() keeps only the last SSRC; a stream and its retransmissions are two."""
    streams = list(receiver._RTCRtpReceiver__remote_streams.values())  # type: ignore[attr-defined]
    if not streams:
        return InboundTotals()
    busiest = max(streams, key=lambda stream: stream.packets_received)
    return InboundTotals(
        packets_received=sum(stream.packets_received for stream in streams),
        packets_lost=sum(stream.packets_lost for stream in streams),
        packets_expected=sum(stream.packets_expected for stream in streams),
        jitter_s=busiest.jitter / busiest._clockrate,
    )


def codec_names(transceiver: RTCRtpTransceiver) -> dict[int, str]:
    """Negotiated codecs without retransmission formats: payload type → "VP8"."""
    return {
        codec.payloadType: codec.name
        for codec in transceiver._codecs
        if codec.payloadType is not None and not is_rtx(codec)
    }


def address_text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _count(dtls: RTCDtlsTransport, traffic: Traffic) -> None:
    """Puts counting in front of the three methods that every RTP and RTCP packet passes."""
    handle_rtp, handle_rtcp, send = (
        dtls._handle_rtp_data,
        dtls._handle_rtcp_data,
        dtls._send_rtp,
    )

    def rtp_received(data: bytes, arrival_time_ms: int) -> Awaitable[None]:
        traffic.bytes_received += len(data)
        traffic.rtp_packets_received += 1
        traffic.packets_by_type[data[1] & 0x7F] += 1
        return handle_rtp(data, arrival_time_ms=arrival_time_ms)

    def rtcp_received(data: bytes) -> Awaitable[None]:
        traffic.bytes_received += len(data)
        traffic.rtcp_packets_received += 1
        return handle_rtcp(data)

    def sent(data: bytes) -> Awaitable[None]:
        traffic.bytes_sent += len(data)
        if is_rtcp(data):
            traffic.rtcp_packets_sent += 1
        else:
            traffic.rtp_packets_sent += 1
        return send(data)

    dtls._handle_rtp_data = rtp_received  # type: ignore[method-assign,assignment]
    dtls._handle_rtcp_data = rtcp_received  # type: ignore[method-assign,assignment]
    dtls._send_rtp = sent  # type: ignore[method-assign,assignment]


def _abort(protocol: StunProtocol) -> None:
    transport: object = protocol.transport
    if isinstance(transport, TurnTransport):
        transport._TurnTransport__inner_protocol.transport.abort()  # type: ignore[attr-defined]
    else:
        protocol.transport.abort()
