"""RTP from the socket to the receivers without a turn of the loop in between.

aiortc lets a task fetch each datagram from a queue, so that every packet costs two turns of the
loop, and asyncio one more for every datagram that already waits in the socket.
"""

import logging
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pylibsrtp
from aioice.turn import TurnTransport
from aiortc import clock
from aiortc.rtcdtlstransport import RTCDtlsTransport

from peerdeck.engine.tasks import TaskSet

_log = logging.getLogger(__name__)
_BURST = 32  # datagrams in one turn of the loop, two milliseconds of work


class Receiving:
    """Of one DTLS transport. Its tasks, which nothing needs as a rule, end with `aclose()`."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls: Any = dtls
        self._tasks = TaskSet("rtp")

    def take(self, data: bytes) -> bool:
        """Whether it was RTP that could be handled at once; anything else is for the queue."""
        dtls = self._dtls
        # RFC 7983 §7 tells media from the rest, RFC 5761 §4 RTCP from RTP.
        if not 127 < data[0] < 192 or len(data) < 2 or 192 <= data[1] <= 208:
            return False
        if dtls._task is None or dtls._rx_srtp is None:
            return False
        dtls._RTCDtlsTransport__rx_bytes += len(data)
        dtls._RTCDtlsTransport__rx_packets += 1
        try:
            plain = dtls._rx_srtp.unprotect(data)
        except pylibsrtp.Error as error:
            _log.debug("SRTP that cannot be unprotected: %s", error)
            return True
        self._run(dtls._handle_rtp_data(plain, arrival_time_ms=clock.current_ms()))
        return True

    def _run(self, handling: Coroutine[Any, Any, None]) -> None:
        """To its end: it only ever waits to send, which sockets do at once."""
        try:
            waits_for = handling.send(None)
        except StopIteration:
            return
        self._tasks.start("wait", _rest(handling, waits_for))

    async def aclose(self) -> None:
        """Idempotent."""
        await self._tasks.aclose()


async def _rest(handling: Coroutine[Any, Any, None], waits_for: object) -> None:
    await _continued(handling, waits_for)


@types.coroutine
def _continued(handling: Coroutine[Any, Any, None], waits_for: object) -> Generator[Any, Any, None]:
    """A coroutine that was begun elsewhere, from where it waits."""
    try:
        while True:
            waits_for = handling.send((yield waits_for))
    except StopIteration:
        return


def bursts(transport: object, received: Callable[[bytes, Any], None]) -> Callable[..., None]:
    """`received` that, before it returns, reads what else its socket holds.

    transport: of a UDP socket, or of a TURN allocation over one. asyncio reads one datagram for
    each turn of the loop; with Qt's loop a turn costs more than a datagram.
    """
    if isinstance(transport, TurnTransport):
        transport = transport._TurnTransport__inner_protocol.transport  # type: ignore[attr-defined]
    if not hasattr(transport, "sendto"):
        return received  # a stream comes in large pieces by itself
    read: Callable[[], None] | None = getattr(transport, "_read_ready", None)
    if read is None:
        return received  # another loop's transport
    count, reading = 0, False

    def burst(data: bytes, address: Any) -> None:
        nonlocal count, reading
        count += 1
        received(data, address)
        if reading:
            return
        reading = True
        try:
            for _ in range(_BURST):
                before = count
                read()
                if count == before:
                    return
        finally:
            reading = False

    return burst
