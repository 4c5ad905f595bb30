"""Keeps aioice from learning by incoming checks what a filter has refused."""

from aioice import stun
from aioice.ice import Connection, StunProtocol

from peerdeck.core.join import CandidateFilter


def restrict(ice: Connection, accept: CandidateFilter) -> None:
    """Checks from an address that is no remote candidate pass if a reflexive one there may."""
    received = ice.request_received

    def request_received(
        message: stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        known = any((c.host, c.port) == addr for c in ice._remote_candidates)
        if known or accept.allows("prflx", "udp", addr[0]):
            received(message, addr, protocol)

    ice.request_received = request_received  # type: ignore[method-assign]
