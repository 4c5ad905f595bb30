"""Which peers may be relayed to: this machine, and nobody else."""

import ipaddress
from collections.abc import Callable

from aioice.ice import get_host_addresses

_LOOK_AGAIN_S = 5.0


class OwnAddresses:
    """The machine's addresses, read again at most every 5 s when an unknown one is asked for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def allows(self, host: str) -> bool:
        """True for loopback and for the addresses of this machine's interfaces."""
        if host in self._known or ipaddress.ip_address(host).is_loopback:
            return True
        if abs(self._clock() - self._read_at) < _LOOK_AGAIN_S:
            return False
        self._read_at = self._clock()
        self._known = frozenset(get_host_addresses(use_ipv4=True, use_ipv6=True))
        return host in self._known
