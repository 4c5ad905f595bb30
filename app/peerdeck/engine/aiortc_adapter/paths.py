"""What goes over each candidate pair, counted where aioice hands datagrams on."""

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter, time
from typing import Any, Self

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection, StunProtocol, candidate_pair_priority
from aioice.turn import TurnTransport

from peerdeck.core.rtc_stats import Value
from peerdeck.engine.aiortc_adapter.gathering import COMPONENT
from peerdeck.engine.aiortc_adapter.receiving import bursts
from peerdeck.engine.aiortc_adapter.relaying import straight

TRANSPORT_ID = "T01"
_FLOWS_KEPT = 512  # strangers may send from any address
_PAIRS_KEPT = 1024
_BINDING_REQUEST = b"\x00\x01"
_STATES = {
    CandidatePair.State.FROZEN: "frozen",
    CandidatePair.State.WAITING: "waiting",
    CandidatePair.State.IN_PROGRESS: "in-progress",
    CandidatePair.State.SUCCEEDED: "succeeded",
    CandidatePair.State.FAILED: "failed",
}
_Objects = Iterator[tuple[str, dict[str, Value]]]


def relay_protocol(ice: Connection) -> str:
    """How the TURN server of a connection is reached: udp, tcp or tls."""
    return "tls" if ice.turn_ssl else ice.turn_transport


class Flow:
    """Between one own socket and one remote address. Times: POSIX seconds, 0 for never."""

    __slots__ = (
        "bytes_received", "bytes_sent", "consents_sent", "packets_received", "packets_sent",
        "received_at", "request_sends", "requests_received", "requests_sent", "responses_received",
        "responses_sent", "rtt_s", "rtt_total_s", "sent_at",
    )  # fmt: skip

    def __init__(self) -> None:
        self.bytes_received = self.bytes_sent = 0
        self.packets_received = self.packets_sent = 0
        self.received_at = self.sent_at = 0.0
        self.requests_received = self.requests_sent = self.request_sends = 0
        self.responses_received = self.responses_sent = self.consents_sent = 0
        self.rtt_s: float | None = None
        self.rtt_total_s = 0.0

    def answered(self, rtt_s: float | None) -> None:
        """rtt_s: None where it cannot be told which transmission was answered (RFC 6298 §3)."""
        self.responses_received += 1
        if rtt_s is not None:
            self.rtt_s = rtt_s
            self.rtt_total_s += rtt_s


class Paths:
    """Of one ICE connection that has not begun to gather.

    take: is offered every datagram that is not STUN, and says whether it took it.
    """

    def __init__(self, ice: Connection, take: Callable[[bytes], bool]) -> None:
        self._ice = ice
        self._take = take
        self._flows: dict[StunProtocol, dict[Any, Flow]] = {}
        self._other = Flow()
        self._nominated = _Nominated(ice._nominated)
        self._pairs = _Pairs(ice._check_list)
        self._names: dict[Candidate, str] = {}  # by identity: candidates have no equality
        ice._nominated = self._nominated
        ice._check_list = self._pairs
        ice._protocols = _Protocols(ice._protocols, self._watch)

    def flow(self, protocol: StunProtocol, address: Any) -> Flow:
        """address: as sockets give it; IPv6 has four parts, of which two count."""
        flows = self._flows.setdefault(protocol, {})
        key = (address[0], address[1])
        found = flows.get(key)
        if found is None:
            if len(flows) >= _FLOWS_KEPT:
                return self._other
            found = flows[key] = Flow()
        flows[address] = found
        return found

    def _watch(self, protocol: StunProtocol) -> None:
        """Puts counting in place of a socket's two ways."""
        if protocol in self._flows:
            return
        ice, transport, take = self._ice, protocol.transport, self._take
        send = straight(transport) if isinstance(transport, TurnTransport) else transport.sendto
        stun_received = protocol.datagram_received
        flows = self._flows.setdefault(protocol, {})

        def received(data: bytes, address: Any) -> None:
            flow = flows.get(address) or self.flow(protocol, address)
            if data[:1] > b"\x03":  # not STUN (RFC 7983 §7); aioice learns it by failing to parse
                flow.bytes_received += len(data)
                flow.packets_received += 1
                flow.received_at = time()
                if not take(data):
                    ice.data_received(data, COMPONENT)
            else:
                if data[:2] == _BINDING_REQUEST:
                    flow.requests_received += 1
                stun_received(data, address)

        async def send_data(data: bytes, address: tuple[str, int]) -> None:
            flow = flows.get(address) or self.flow(protocol, address)
            flow.bytes_sent += len(data)
            flow.packets_sent += 1
            flow.sent_at = time()
            send(data, address)

        protocol.datagram_received = bursts(transport, received)  # type: ignore[method-assign]
        protocol.send_data = send_data  # type: ignore[method-assign,assignment]
        self._watch_stun(protocol)

    def _watch_stun(self, protocol: StunProtocol) -> None:
        send_stun, ask = protocol.send_stun, protocol.request

        def sent(message: stun.Message, addr: tuple[str, int]) -> None:
            flow = self.flow(protocol, addr)
            if message.message_class == stun.Class.REQUEST:
                flow.request_sends += 1
            else:
                flow.responses_sent += 1
            send_stun(message, addr)

        async def request(
            request: stun.Message,
            addr: tuple[str, int],
            integrity_key: bytes | None = None,
            retransmissions: int | None = None,
        ) -> tuple[stun.Message, tuple[str, int]]:
            flow = self.asked(protocol, addr)
            started, sends = perf_counter(), flow.request_sends
            answer = await ask(request, addr, integrity_key, retransmissions)
            once = flow.request_sends == sends + 1
            flow.answered(perf_counter() - started if once else None)
            return answer

        protocol.send_stun = sent  # type: ignore[method-assign]
        protocol.request = request  # type: ignore[method-assign]

    def asked(self, protocol: StunProtocol, address: tuple[str, int]) -> Flow:
        """Counts a request that is about to be sent; on the selected pair it asks for consent."""
        flow = self.flow(protocol, address)
        flow.requests_sent += 1
        selected = self._ice._nominated.get(COMPONENT)
        if selected is not None and selected.protocol is protocol:
            flow.consents_sent += selected.remote_addr == address
        return flow

    # -- as the W3C has it -----------------------------------------------------------------------

    @property
    def selected_id(self) -> str:
        """Of the selected pair, "" without one."""
        pair = self._nominated.last
        return self._pair_id(pair) if pair is not None else ""

    @property
    def changes(self) -> int:
        return self._nominated.changes

    def objects(self) -> _Objects:
        """Candidates and pairs, also those of a connection that is closed."""
        yield from self._candidates("local", self._ice._local_candidates)
        yield from self._candidates("remote", self._ice._remote_candidates)
        for pair in self._pairs.ever:
            yield self._pair_id(pair), self._pair(pair)

    def _candidates(self, side: str, candidates: Iterable[Candidate]) -> _Objects:
        for candidate in candidates:
            self._name(side, candidate)
        for candidate, name in tuple(self._names.items()):
            if name.startswith(f"I{side[0].upper()}"):
                yield name, self._candidate(side, candidate)

    def _name(self, side: str, candidate: Candidate) -> str:
        prefix = f"I{side[0].upper()}"
        return self._names.setdefault(candidate, f"{prefix}{len(self._names) + 1}")

    def _pair_id(self, pair: CandidatePair) -> str:
        local = self._name("local", pair.local_candidate)
        return f"CP{local}_{self._name('remote', pair.remote_candidate)}"

    def _candidate(self, side: str, candidate: Candidate) -> dict[str, Value]:
        ice = self._ice
        fragment = ice.local_username if side == "local" else ice.remote_username
        known: dict[str, Value | None] = {
            "type": f"{side}-candidate",
            "transportId": TRANSPORT_ID,
            "address": candidate.host,
            "port": candidate.port,
            "protocol": candidate.transport.lower(),
            "candidateType": candidate.type,
            "priority": candidate.priority,
            "foundation": candidate.foundation,
            "relatedAddress": candidate.related_address,
            "relatedPort": candidate.related_port,
            "tcpType": candidate.tcptype,
            "usernameFragment": fragment,
            "isRemote": side == "remote",
            **(self._server(candidate) if side == "local" else {}),
        }
        return {member: value for member, value in known.items() if value is not None}

    def _server(self, candidate: Candidate) -> dict[str, Value | None]:
        """How the server that gave a candidate is reached."""
        ice = self._ice
        if candidate.type == "relay" and ice.turn_server is not None:
            host, port = ice.turn_server
            scheme = "turns" if ice.turn_ssl else "turn"
            return {
                "relayProtocol": relay_protocol(ice),
                "url": f"{scheme}:{host}:{port}?transport={ice.turn_transport}",
            }
        if candidate.type == "srflx" and ice.stun_server is not None:
            return {"url": "stun:{}:{}".format(*ice.stun_server)}
        return {}

    def _pair(self, pair: CandidatePair) -> dict[str, Value]:
        flow = self.flow(pair.protocol, pair.remote_addr)
        members: dict[str, Value] = {
            "type": "candidate-pair",
            "transportId": TRANSPORT_ID,
            "localCandidateId": self._name("local", pair.local_candidate),
            "remoteCandidateId": self._name("remote", pair.remote_candidate),
            "state": _STATES[pair.state],
            "nominated": pair.nominated,
            "priority": candidate_pair_priority(
                pair.local_candidate, pair.remote_candidate, self._ice.ice_controlling
            ),
            "bytesSent": flow.bytes_sent,
            "bytesReceived": flow.bytes_received,
            "packetsSent": flow.packets_sent,
            "packetsReceived": flow.packets_received,
            "requestsSent": flow.requests_sent,
            "requestsReceived": flow.requests_received,
            "responsesSent": flow.responses_sent,
            "responsesReceived": flow.responses_received,
            "consentRequestsSent": flow.consents_sent,
            "totalRoundTripTime": flow.rtt_total_s,
        }
        if flow.rtt_s is not None:
            members["currentRoundTripTime"] = flow.rtt_s
        if flow.sent_at:
            members["lastPacketSentTimestamp"] = 1000 * flow.sent_at
        if flow.received_at:
            members["lastPacketReceivedTimestamp"] = 1000 * flow.received_at
        return members


class _Protocols(list[StunProtocol]):
    """aioice's list of sockets, which shows each one as it comes."""

    def __init__(self, protocols: Iterable[StunProtocol], seen: Any) -> None:
        super().__init__(protocols)
        self._seen = seen
        for protocol in self:
            seen(protocol)

    def append(self, protocol: StunProtocol) -> None:
        self._seen(protocol)
        super().append(protocol)

    def __iadd__(self, protocols: Iterable[StunProtocol]) -> Self:  # type: ignore[misc,override]
        for protocol in protocols:
            self.append(protocol)
        return self


class _Pairs(list[CandidatePair]):
    """aioice's check list, which remembers what was taken off it: pairs that were never tried."""

    def __init__(self, pairs: Iterable[CandidatePair]) -> None:
        super().__init__(pairs)
        self.ever: list[CandidatePair] = list(pairs)

    def append(self, pair: CandidatePair) -> None:
        super().append(pair)
        if len(self.ever) < _PAIRS_KEPT:
            self.ever.append(pair)


class _Nominated(dict[int, CandidatePair]):
    """aioice's selected pair by component, which counts its changes and remembers the last."""

    def __init__(self, pairs: dict[int, CandidatePair]) -> None:
        super().__init__(pairs)
        self.changes = 0
        self.last: CandidatePair | None = None

    def __setitem__(self, component: int, pair: CandidatePair) -> None:
        if self.get(component) is not pair:
            self.changes += 1
            self.last = pair
        super().__setitem__(component, pair)
