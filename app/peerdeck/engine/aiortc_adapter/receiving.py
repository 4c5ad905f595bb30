"""RTP from the socket to the receivers without a turn of the loop in between.

aiortc lets a task fetch each datagram from a queue, so that every packet costs two turns of the
loop, and asyncio one more for every datagram that already waits in the socket.
"""

import logging
import socket
import types
from collections.abc import Callable, Coroutine, Generator
from time import monotonic_ns
from typing import Any

import pylibsrtp
from aioice.turn import TurnTransport
from aiortc.rtcdtlstransport import RTCDtlsTransport

from peerdeck.engine.aiortc_adapter.inbound import InboundStreams
from peerdeck.engine.aiortc_adapter.packets import Packets
from peerdeck.engine.tasks import TaskSet

_log = logging.getLogger(__name__)
_BURST = 32  # datagrams in one turn of the loop, two milliseconds of work
_LARGEST = 65_535  # bytes of a datagram


class Receiving:
    """Of one DTLS transport. Its tasks, which nothing needs as a rule, end with `aclose()`."""

    def __init__(self, dtls: RTCDtlsTransport, inbound: InboundStreams) -> None:
        self._dtls: Any = dtls
        self._tasks = TaskSet("rtp")
        self._packets = Packets(dtls, inbound, self._run)

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
        self.handle(plain)
        return True

    def handle(self, plain: bytes) -> None:
        """RTP, decrypted. Its arrival is measured on a clock that never jumps."""
        self._packets.received(plain, monotonic_ns() // 1_000_000)

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
    udp: Any = transport
    sock: socket.socket | None = getattr(udp, "_sock", None)
    if not hasattr(udp, "sendto") or sock is None:
        return received  # a stream comes in large pieces by itself; or it is another loop's
    protocol = udp.get_protocol()
    reading = False

    def burst(data: bytes, address: Any) -> None:
        nonlocal reading
        received(data, address)
        if reading:
            return
        reading = True
        try:
            for _ in range(_BURST):
                if ends_a_frame(data) or udp.is_closing():
                    return  # nothing more as a rule, and looking for it costs as much as reading
                try:
                    data, address = sock.recvfrom(_LARGEST)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError as error:
                    protocol.error_received(error)
                    return
                protocol.datagram_received(data, address)
        finally:
            reading = False

    return burst


def ends_a_frame(data: bytes) -> bool:
    """Whether a datagram is RTP with its marker set (RFC 3550 §5.1), or RTCP."""
    return len(data) > 1 and 127 < data[0] < 192 and data[1] > 127
