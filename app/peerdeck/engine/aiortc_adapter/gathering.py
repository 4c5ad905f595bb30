"""Own candidates as they are found."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import (
    Connection,
    StunProtocol,
    TransportPolicy,
    get_host_addresses,
    relayed_candidate,
    server_reflexive_candidate,
)
from aiortc import RTCIceCandidate

from peerdeck.engine.tasks import TaskSet

COMPONENT = 1  # RTP and RTCP share one (RFC 8843 §9.3)
_SERVER_TIMEOUT_S = 5.0


class Gathering:
    """Host candidates at once, the others when their servers answer (RFC 8838 §8).

    aioice gathers everything before it returns, so that one silent server costs 5 s.
    """

    def __init__(
        self,
        ice: Connection,
        tasks: TaskSet,
        on_candidate: Callable[[RTCIceCandidate | None], None],
    ) -> None:
        self._ice = ice
        self._tasks = tasks
        self._on_candidate = on_candidate
        self._gather_all = ice.gather_candidates
        self._more_remote = ice._remote_candidates_expected
        self._pending = 0

    async def run(self) -> None:
        ice = self._ice
        if ice._transport_policy is TransportPolicy.RELAY:
            await self._gather_all()  # without relayed candidates there is nothing to offer
            self._on_candidate(None)
            return
        if ice._local_candidates_start:
            return
        ice._local_candidates_start = True
        ice._local_candidates += await self._host_candidates()
        ice._local_candidates_end = True
        questions = self._questions(list(ice._protocols))
        self._pending = len(questions)
        for number, question in enumerate(questions):
            self._tasks.start(f"gather-{number}", self._ask(question))
        if not questions:
            self._on_candidate(None)

    def remote_candidates_expected(self) -> bool:
        """Keeps aioice checking, and from giving up, while own candidates are still to come."""
        return self._pending > 0 or self._more_remote()

    async def _host_candidates(self) -> Sequence[Candidate]:
        addresses = get_host_addresses(use_ipv4=True, use_ipv6=True)
        ice = self._ice
        servers = ice.stun_server, ice.turn_server
        ice.stun_server = ice.turn_server = None
        try:
            # aioice leaves 127.0.0.1 out; on a machine without a network it is all there is.
            return await ice.get_component_candidates(COMPONENT, addresses or ["127.0.0.1"])
        finally:
            ice.stun_server, ice.turn_server = servers

    def _questions(
        self, hosts: Sequence[StunProtocol]
    ) -> list[Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]]:
        ice = self._ice
        questions: list[Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]] = []
        if ice.stun_server is not None:
            questions += [
                server_reflexive_candidate(protocol, ice.stun_server)
                for protocol in hosts
                if ipaddress.ip_address(protocol.local_candidate.host).version == 4
            ]
        if ice.turn_server is not None:
            questions.append(
                relayed_candidate(
                    component=COMPONENT,
                    hide_related_address=False,
                    protocol_factory=lambda: StunProtocol(ice),
                    turn_server=ice.turn_server,
                    turn_username=ice.turn_username,
                    turn_password=ice.turn_password,
                    turn_ssl=ice.turn_ssl,
                    turn_transport=ice.turn_transport,
                )
            )
        return questions

    async def _ask(
        self, question: Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]
    ) -> None:
        try:
            # ValueError: host names that cannot be encoded, answers without a mapped address.
            with contextlib.suppress(
                stun.TransactionError, OSError, TimeoutError, ValueError, KeyError
            ):
                async with asyncio.timeout(_SERVER_TIMEOUT_S):
                    candidate, protocol = await question
                await self._add(candidate, protocol)
        finally:
            question.close()
            self._pending -= 1
            if not self._pending:
                self._completed()

    async def _add(self, candidate: Candidate, protocol: StunProtocol | None) -> None:
        ice = self._ice
        if ice._closing or ice._check_list_done:
            if protocol is not None:
                await protocol.close()  # gives the allocation back
            return
        address = candidate.host, candidate.port
        if any((known.host, known.port) == address for known in ice._local_candidates):
            return  # redundant (RFC 8445 §5.1.3): no NAT in between
        ice._local_candidates.append(candidate)
        if protocol is not None:
            ice._protocols.append(protocol)
            for remote in ice._remote_candidates:
                ice._pair_remote_candidate(remote)
            ice.sort_check_list()
        self._on_candidate(_rtc_candidate(candidate))

    def _completed(self) -> None:
        ice = self._ice
        if ice._closing:
            return
        self._on_candidate(None)
        if ice._remote_candidates_end and not ice._remote_candidates_resolving:
            ice._end_remote_candidates()


def _rtc_candidate(candidate: Candidate) -> RTCIceCandidate:
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
