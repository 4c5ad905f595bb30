"""Connectivity checks whose end is noticed at once."""

import asyncio

from aioice import Connection
from aiortc import RTCPeerConnection

_TICK_S = 0.02  # between two checks, as aioice has it


def end_at_once(connection: RTCPeerConnection) -> None:
    """After the offer is applied, before the answer is.

    WORKAROUND: aioice 0.13 looks every 20 ms whether its checks are over, and until then a device
    waits with DTLS, which real ones do not. Goes when `Connection.connect` waits for their end.
    """
    transports = {transceiver.receiver.transport for transceiver in connection.getTransceivers()}
    if connection.sctp is not None:
        transports.add(connection.sctp.transport)
    for dtls in transports:
        _Checks(dtls.transport.iceGatherer._connection).install()


class _Checks:
    """Goes on with the checks beside `connect()`, which waits for their end meanwhile."""

    def __init__(self, ice: Connection) -> None:
        self._ice = ice
        self._check = ice._check_periodic

    def install(self) -> None:
        self._ice._check_periodic = self._begin  # type: ignore[method-assign]

    def _begin(self) -> bool:
        goes_on = self._check()
        if goes_on and self._ice._check_list:
            self._later()
            return False
        return goes_on

    def _again(self) -> None:
        if self._check():
            self._later()

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(_TICK_S, self._again)
