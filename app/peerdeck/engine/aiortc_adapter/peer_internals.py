"""One bundled connection from inside."""

import asyncio
import time
from collections.abc import Callable, Iterable

from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol
from aioice.turn import TurnTransport
from aiortc import RTCDataChannel, RTCIceCandidate, RTCPeerConnection, RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport

from peerdeck.core.join import CandidateFilter
from peerdeck.core.rtc_stats import Value
from peerdeck.core.stats import CandidatePair
from peerdeck.engine.aiortc_adapter.connecting import Connecting
from peerdeck.engine.aiortc_adapter.decoding import Screen
from peerdeck.engine.aiortc_adapter.gathering import (
    COMPONENT,
    EVERYTHING,
    Gathering,
    GatheringRules,
    IceServers,
)
from peerdeck.engine.aiortc_adapter.measuring import Measuring
from peerdeck.engine.aiortc_adapter.pacing import Pacing
from peerdeck.engine.aiortc_adapter.paths import relay_protocol
from peerdeck.engine.aiortc_adapter.refusal import refuse_data
from peerdeck.engine.aiortc_adapter.restriction import restrict
from peerdeck.engine.tasks import TaskSet


class PeerInternals:
    """Reads one RTCPeerConnection whose transceivers, or whose data channel, exist.

    Made before the first packet: an offering end makes it before its offer, an answering one
    between the remote description and its own. screen: gets the frames of videos in place of their
    tracks.
    """

    def __init__(self, connection: RTCPeerConnection, screen: Screen | None = None) -> None:
        self._connection = connection
        self._dtls = transport_of(connection)
        self._ice: Connection = self._dtls.transport.iceGatherer._connection
        self._measuring = Measuring(connection, self._dtls, screen)
        self._connecting = Connecting(connection)

    @property
    def dtls(self) -> RTCDtlsTransport:
        return self._dtls

    def accept_only(self, accept: CandidateFilter) -> None:
        """Does not answer checks from addresses that would become candidates against the filter."""
        if accept != CandidateFilter():
            restrict(self._ice, accept)

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

    def trickle(
        self,
        tasks: TaskSet,
        on_candidate: Callable[[RTCIceCandidate | None], None],
        servers: IceServers = (),
        rules: GatheringRules = EVERYTHING,
        on_held_back: Callable[[RTCIceCandidate], None] = lambda _: None,
        on_server: Callable[[str, str, bool], None] = lambda *_: None,
    ) -> Gathering:
        """Makes setLocalDescription return with the host candidates alone.

        The others reach `on_candidate` as servers answer, at most 5 s later; None is the last.
        """
        gathering = Gathering(
            self._ice, tasks, on_candidate, servers, rules, on_held_back, on_server
        )
        Pacing(self._ice, tasks, time.monotonic).install()
        self._ice.gather_candidates = gathering.run  # type: ignore[method-assign]
        expected = gathering.remote_candidates_expected
        self._ice._remote_candidates_expected = expected  # type: ignore[method-assign]
        return gathering

    def refuse_data(self, channels: Iterable[RTCDataChannel]) -> None:
        """The other end takes no data channel; before the connection is made."""
        if self._connection.sctp is not None:
            refuse_data(self._connection.sctp, channels)

    def selected_pair(self) -> CandidatePair | None:
        """The nominated pair; its protocol is how a relayed local end reaches its TURN server."""
        pair = self._ice._nominated.get(COMPONENT)
        if pair is None:
            return None
        local, remote = pair.local_candidate, pair.remote_candidate
        return CandidatePair(
            local_kind=local.type,
            local_address=address_text(local.host, local.port),
            remote_kind=remote.type,
            remote_address=address_text(remote.host, remote.port),
            protocol=relay_protocol(self._ice) if local.type == "relay" else "udp",
        )

    def hear(self, wanted: bool) -> None:
        """Whether sound is decoded, and reaches its track; at first it is."""
        self._measuring.hear(wanted)

    async def measure_rtt(self) -> float | None:
        """Seconds of one STUN exchange over the selected pair (a consent check, RFC 7675 §5.1).

        None without a pair, or when three requests stay unanswered (1.5 s).
        """
        return await self._measuring.measure_rtt()

    def stats(self) -> dict[str, dict[str, Value]]:
        """The W3C's stats objects by their ids, which stay the same over the peer's life."""
        return dict(self._measuring.objects())

    async def close(self, timeout_s: float) -> None:
        """Closes the connection; a TURN server that does not answer is given `timeout_s`."""
        protocols = list(self._ice._protocols)
        try:
            async with asyncio.timeout(timeout_s):
                await self._connecting.end()
                await self._connection.close()
        except TimeoutError:
            for protocol in protocols:
                _abort(protocol)
        await self._measuring.aclose()


def transport_of(connection: RTCPeerConnection) -> RTCDtlsTransport:
    """The one that is left when all is bundled. ValueError where there is nothing to carry yet."""
    transceivers = connection.getTransceivers()
    part = transceivers[0].receiver if transceivers else connection.sctp
    if part is None:
        raise ValueError("neither transceivers nor a data channel")
    return part.transport


def codec_names(transceiver: RTCRtpTransceiver) -> dict[int, str]:
    """Negotiated codecs without retransmission formats: payload type → "VP8"."""
    return {
        codec.payloadType: codec.name
        for codec in transceiver._codecs
        if codec.payloadType is not None and not is_rtx(codec)
    }


def address_text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _abort(protocol: StunProtocol) -> None:
    transport: object = protocol.transport
    if isinstance(transport, TurnTransport):
        transport._TurnTransport__inner_protocol.transport.abort()  # type: ignore[attr-defined]
    else:
        protocol.transport.abort()
