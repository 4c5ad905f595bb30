"""Own candidates as they are found."""

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import (
    Connection,
    StunProtocol,
    get_host_addresses,
    relayed_candidate,
    server_reflexive_candidate,
)
from aiortc import RTCIceCandidate

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import CandidateFilter, PathPolicy
from peerdeck.engine.ice_servers import is_usable
from peerdeck.engine.tasks import TaskSet

COMPONENT = 1  # RTP and RTCP share one (RFC 8843 §9.3)
IceServers = Sequence[IceServer] | Awaitable[Sequence[IceServer]]
_SERVER_TIMEOUT_S = 5.0
_NEXT_TURN_S = 0.3  # a TURN server that has not answered by then gets a rival
_MAX_STUN = 2
_MAX_TURN = 6
# ValueError: host names that cannot be encoded, answers without a mapped address.
_NO_ANSWER = (stun.TransactionError, OSError, TimeoutError, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class GatheringRules:
    """What is gathered. wait: `run()` returns when everything is in, not with the first."""

    policy: PathPolicy = PathPolicy.ALL
    send: CandidateFilter = CandidateFilter()
    wait: bool = False
    tls: ssl.SSLContext | None = None

    @property
    def needs_sockets(self) -> bool:
        """Of our own: a reflexive candidate is a host one seen from outside."""
        return (
            self.policy is not PathPolicy.RELAY
            and bool(self.send.kinds & {"host", "srflx"})
            and "udp" in self.send.protocols
        )

    def sends(self, candidate: Candidate, protocol: str = "udp") -> bool:
        return self.send.allows(candidate.type, protocol, candidate.host)

    def asks(self, uri: IceUri) -> bool:
        if uri.is_turn:
            relay = "relay" in self.send.kinds and uri.transport in self.send.protocols
            return relay and self.policy in {PathPolicy.ALL, PathPolicy.RELAY}
        return (
            self.needs_sockets
            and "srflx" in self.send.kinds
            and "IPv4" in self.send.families  # aioice asks over IPv4 alone
            and self.policy in {PathPolicy.ALL, PathPolicy.STUN}
        )


EVERYTHING = GatheringRules()


@dataclass(frozen=True, slots=True)
class _Turn:
    """A TURN URI with the credentials that open it."""

    uri: IceUri
    server: IceServer


class Gathering:
    """Host candidates at once, the others when their servers answer (RFC 8838 §8).

    aioice gathers everything before it returns, so that one silent server costs 5 s, and knows one
    TURN server only. Here the servers may be a promise; TURN URIs are tried in their order, the
    next one when the one before refuses or is silent for 0.3 s, and the first that answers serves.
    on_candidate: each that may be sent, then None. on_held_back: found, but not to be sent.
    on_server: (URI, what became of it, whether that is well).
    """

    def __init__(
        self,
        ice: Connection,
        tasks: TaskSet,
        on_candidate: Callable[[RTCIceCandidate | None], None],
        servers: IceServers = (),
        rules: GatheringRules = EVERYTHING,
        on_held_back: Callable[[RTCIceCandidate], None] = lambda _: None,
        on_server: Callable[[str, str, bool], None] = lambda *_: None,
    ) -> None:
        self.completed = asyncio.Event()
        self._ice = ice
        self._tasks = tasks
        self._servers = servers
        self._rules = rules
        self._on_candidate = on_candidate
        self._on_held_back = on_held_back
        self._on_server = on_server
        self._more_remote = ice._remote_candidates_expected
        self._first = asyncio.Event()

    async def run(self) -> None:
        ice = self._ice
        if ice._local_candidates_start:
            return
        ice._local_candidates_start = True
        if self._rules.needs_sockets:
            for candidate in await self._host_candidates():
                self._found(candidate)
        self._tasks.start("gather", self._ask_servers(list(ice._protocols)))
        if self._rules.wait:
            await self.completed.wait()
        elif not ice._local_candidates:
            await self._first.wait()  # aiortc starts nothing without one
        ice._local_candidates_end = True

    def remote_candidates_expected(self) -> bool:
        """Keeps aioice checking, and from giving up, while own candidates are still to come."""
        return not self.completed.is_set() or self._more_remote()

    async def _host_candidates(self) -> Sequence[Candidate]:
        families = self._rules.send.families
        addresses = get_host_addresses(use_ipv4="IPv4" in families, use_ipv6="IPv6" in families)
        if not addresses and "IPv4" in families:
            # aioice leaves 127.0.0.1 out; on a machine without a network it is all there is.
            addresses = ["127.0.0.1"]
        found: list[Candidate] = []
        for address in addresses:
            # One by one: those of an unfinished call would stay open when it is cancelled.
            found += await self._ice.get_component_candidates(COMPONENT, [address])
        return found

    async def _ask_servers(self, hosts: Sequence[StunProtocol]) -> None:
        try:
            servers = self._servers
            if not isinstance(servers, Sequence):
                servers = await servers
            asked = [
                _Turn(uri, server)
                for server in servers
                for uri in server.uris
                if is_usable(uri) and self._rules.asks(uri)
            ]
            stuns = [turn.uri for turn in asked if not turn.uri.is_turn][:_MAX_STUN]
            turns = [turn for turn in asked if turn.uri.is_turn][:_MAX_TURN]
            await asyncio.gather(
                *(self._reflexive(uri, host) for uri in stuns for host in hosts if _is_ipv4(host)),
                self._relayed(turns),
            )
        finally:
            self._complete()

    async def _reflexive(self, uri: IceUri, host: StunProtocol) -> None:
        answer = await self._ask(uri, server_reflexive_candidate(host, (uri.host, uri.port)))
        if answer is not None:
            self._ice.stun_server = uri.host, uri.port  # as below
            await self._add(answer[0], None)

    async def _relayed(self, turns: Sequence[_Turn]) -> None:
        """The first that answers; the others' allocations are given up."""
        waiting: set[asyncio.Task[bool]] = set()
        won = asyncio.Event()
        try:
            for number, turn in enumerate(turns):
                waiting.add(self._tasks.start(f"relay-{number}", self._allocate(turn, won)))
                done, waiting = await asyncio.wait(
                    waiting, timeout=_NEXT_TURN_S, return_when=asyncio.FIRST_COMPLETED
                )
                if any(task.result() for task in done):
                    return
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if any(task.result() for task in done):
                    return
        finally:
            for task in waiting:
                task.cancel()

    async def _allocate(self, turn: _Turn, won: asyncio.Event) -> bool:
        ice, uri = self._ice, turn.uri
        question = relayed_candidate(
            component=COMPONENT,
            hide_related_address=self._rules.policy is PathPolicy.RELAY,
            protocol_factory=lambda: StunProtocol(ice),
            turn_server=(uri.host, uri.port),
            turn_username=turn.server.username or None,
            turn_password=turn.server.password.reveal() or None,
            turn_ssl=(self._rules.tls or True) if uri.is_secure else False,  # type: ignore[arg-type]
            turn_transport=uri.transport,
        )
        answer = await self._ask(uri, question)
        if answer is None:
            return False
        candidate, protocol = answer
        if won.is_set():
            if protocol is not None:
                await protocol.close()
            return False
        won.set()
        # As if aioice itself had asked: statistics read it there.
        ice.turn_server, ice.turn_transport = (uri.host, uri.port), uri.transport
        ice.turn_ssl = uri.is_secure
        await self._add(candidate, protocol, uri.transport)
        return True

    async def _ask(
        self, uri: IceUri, question: Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]
    ) -> tuple[Candidate, StunProtocol | None] | None:
        try:
            async with asyncio.timeout(_SERVER_TIMEOUT_S):
                answer = await question
        except _NO_ANSWER as error:
            self._on_server(uri.text, _words(error), False)
            return None
        finally:
            question.close()
        self._on_server(uri.text, f"{answer[0].type} {answer[0].host}:{answer[0].port}", True)
        return answer

    async def _add(
        self, candidate: Candidate, protocol: StunProtocol | None, through: str = "udp"
    ) -> None:
        ice = self._ice
        if ice._closing or ice._check_list_done:
            if protocol is not None:
                await protocol.close()  # gives the allocation back
            return
        address = candidate.host, candidate.port
        if any((known.host, known.port) == address for known in ice._local_candidates):
            return  # redundant (RFC 8445 §5.1.3): no NAT in between
        if protocol is not None:
            ice._protocols.append(protocol)
            for remote in ice._remote_candidates:
                ice._pair_remote_candidate(remote)
            ice.sort_check_list()
        self._found(candidate, through)

    def _found(self, candidate: Candidate, through: str = "udp") -> None:
        self._ice._local_candidates.append(candidate)
        self._first.set()
        told = self._on_candidate if self._rules.sends(candidate, through) else self._on_held_back
        told(rtc_candidate(candidate))

    def _complete(self) -> None:
        ice = self._ice
        self._first.set()
        self.completed.set()
        if ice._closing:
            return
        self._on_candidate(None)
        if ice._remote_candidates_end and not ice._remote_candidates_resolving:
            ice._end_remote_candidates()


def rtc_candidate(candidate: Candidate) -> RTCIceCandidate:
    return RTCIceCandidate(
        component=candidate.component,
        foundation=candidate.foundation,
        ip=candidate.host,
        port=candidate.port,
        priority=candidate.priority,
        protocol=candidate.transport,
        type=candidate.type,
        relatedAddress=candidate.related_address,
        relatedPort=candidate.related_port,
        tcpType=candidate.tcptype,
    )


def _is_ipv4(protocol: StunProtocol) -> bool:
    return ipaddress.ip_address(protocol.local_candidate.host).version == 4


def _words(error: Exception) -> str:
    if isinstance(error, stun.TransactionFailed):
        code, phrase = error.response.attributes.get("ERROR-CODE", (0, ""))
        return f"refused: {code} {phrase}".strip()
    if isinstance(error, TimeoutError | stun.TransactionTimeout):
        return "no answer"
    return str(error) or type(error).__name__
