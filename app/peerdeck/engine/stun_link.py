"""A path to one STUN server: UDP with retransmission, TCP, or TLS; exchanges and their times."""

import asyncio
import functools
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import cast

from aioice import stun

from peerdeck.core.ice import IceUri

_RTO_S = 0.5  # RFC 8489 §6.2.1: first retransmission, doubled each time
_MAX_SENDS = 7  # Rc
_LAST_WAIT_S = 16 * _RTO_S  # Rm
_COOKIE = b"\x21\x12\xa4\x42"


class LinkFailedError(Exception):
    """The path broke, or leads to something that is not a STUN server; the text says how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """rtt_ms: from the last sending. is_exact: sent once, so the answer belongs to that sending."""

    message: stun.Message
    rtt_ms: float
    is_exact: bool


class _Pending:
    def __init__(self, key: bytes | None) -> None:
        self.key = key
        self.sent_at = 0.0
        self.sends = 0
        self.answer: asyncio.Future[Answer | LinkFailedError] = (
            asyncio.get_running_loop().create_future()
        )


class StunLink(asyncio.DatagramProtocol, asyncio.Protocol):
    """`await open()`, `exchange()` as often as needed, `close()` in any case.

    Knows no deadline: cancel it (asyncio.timeout) and ask `tried()` how far it came.
    """

    def __init__(self, uri: IceUri, tls: ssl.SSLContext | None = None) -> None:
        self._uri = uri
        self._tls = tls
        self._at = f"{_bracketed(uri.host)}:{uri.port}"
        self._transport: asyncio.BaseTransport | None = None
        self._pending: dict[bytes, _Pending] = {}
        self._failure: LinkFailedError | None = None
        self._buffer = bytearray()
        self._sends = 0
        self._noise = ""
        self._stage = f"the name {uri.host} was not resolved"

    async def open(self) -> None:
        """Resolves the name and connects; raises LinkFailedError."""
        kind = socket.SOCK_DGRAM if self._is_datagram else socket.SOCK_STREAM
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._uri.host, self._uri.port, type=kind)
        except socket.gaierror as error:
            reason = f"the name {self._uri.host} does not resolve: {error.strerror}"
            raise LinkFailedError(reason) from error
        except ValueError as error:  # IDNA: an empty or overlong label
            raise LinkFailedError(f"{self._uri.host} is not a host name") from error
        if self._is_datagram:  # IPv4 first, as aiortc has it: over UDP no failure tells to go on
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        hosts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        try:
            await self._connect(hosts)
            if self._uri.is_secure:
                await self._secure()
        except OSError as error:
            raise LinkFailedError(self._fault_text(error)) from error

    async def exchange(self, request: stun.Message, key: bytes | None = None) -> Answer:
        """Sends `request` (RFC 8489 §6.2) and waits for its answer, success or error.

        A success that is not signed with `key` is passed over, as if it had not come. Raises
        LinkFailedError, and TimeoutError after the RFC's last retransmission.
        """
        pending = _Pending(key)
        self._pending[request.transaction_id] = pending
        wait_s = _RTO_S
        try:
            while not pending.answer.done():
                if self._failure is not None:
                    raise self._failure
                if pending.sends == (_MAX_SENDS if self._is_datagram else 1):
                    raise TimeoutError
                pending.sends += 1
                pending.sent_at = time.perf_counter()
                self.tell(request)
                last = pending.sends == _MAX_SENDS
                await asyncio.wait(
                    [pending.answer],
                    timeout=(_LAST_WAIT_S if last else wait_s) if self._is_datagram else None,
                )
                wait_s *= 2
        finally:
            del self._pending[request.transaction_id]
        result = pending.answer.result()
        if isinstance(result, LinkFailedError):
            raise result
        return result

    def tell(self, message: stun.Message) -> None:
        """Sends without waiting for an answer."""
        self._sends += 1
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_datagram:
            cast(asyncio.DatagramTransport, self._transport).sendto(bytes(message))
        else:
            cast(asyncio.WriteTransport, self._transport).write(bytes(message))

    def tried(self, timeout_s: float) -> str:
        """What was waited for in vain, in words."""
        if not self._sends:
            return f"{self._stage} within {timeout_s:g} s"
        requests = "1 request" if self._sends == 1 else f"{self._sends} requests"
        name = self._uri.transport_name
        reached = "" if self._is_datagram else f"connected over {name}, but "
        return (
            f"{reached}no answer from {self._at} within {timeout_s:g} s"
            f" to {requests} over {name}{self._noise}"
        )

    def close(self) -> None:
        """Idempotent; the socket is closed by the loop's next turn."""
        if self._transport is not None:
            cast(asyncio.WriteTransport | asyncio.DatagramTransport, self._transport).abort()

    @property
    def _is_datagram(self) -> bool:
        return self._uri.transport == "udp"

    async def _connect(self, hosts: list[str]) -> None:
        """To the first of `hosts` that lets us; raises the last one's OSError."""
        loop = asyncio.get_running_loop()
        port = self._uri.port
        for left, host in zip(range(len(hosts) - 1, -1, -1), hosts, strict=True):
            self._at = f"{_bracketed(host)}:{port}"
            self._stage = f"no connection to {self._at} over {self._uri.transport_name}"
            try:
                if self._is_datagram:
                    await loop.create_datagram_endpoint(lambda: self, remote_addr=(host, port))
                else:
                    await loop.create_connection(lambda: self, host, port)
            except OSError:
                if not left:
                    raise
            else:
                return

    async def _secure(self) -> None:
        self._stage = f"TCP to {self._at} connected, but TLS did not come up"
        context = self._tls
        if context is None:
            context = await asyncio.to_thread(_default_tls)
        self._transport = await asyncio.get_running_loop().start_tls(
            cast(asyncio.WriteTransport, self._transport),
            self,
            context,
            server_hostname=self._uri.host,
        )

    def _fault_text(self, error: OSError) -> str:
        name = self._uri.transport_name
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"TLS: the certificate of {self._uri.host} is refused: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"TLS: the handshake with {self._at} failed: {_tls_words(error)}"
        if isinstance(error, ConnectionRefusedError):
            return f"nothing listens at {self._at} over {name}: the port is closed"
        if isinstance(error, ConnectionError):
            during = " during the TLS handshake" if self._uri.is_secure else ""
            return f"{self._at} closed the connection{during}"
        return f"{self._at} cannot be reached: {error.strerror or error}"

    def _fail(self, reason: str) -> None:
        if self._failure is None:
            self._failure = LinkFailedError(reason)
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_result(self._failure)

    def _received(self, data: bytes) -> None:
        arrived_at = time.perf_counter()
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error):
            self._noise = "; what came back was not STUN"
            return
        pending = self._pending.get(message.transaction_id)
        if pending is None or pending.answer.done():
            return
        if message.message_class == stun.Class.RESPONSE:
            if pending.key is not None and not message.check_message_integrity(pending.key):
                self._noise = "; an answer came whose MESSAGE-INTEGRITY is wrong"
                return
        elif message.message_class != stun.Class.ERROR:
            return
        rtt_ms = 1000 * (arrived_at - pending.sent_at)
        pending.answer.set_result(Answer(message, rtt_ms, is_exact=pending.sends == 1))

    # asyncio's protocols

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._received(data)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= stun.HEADER_LENGTH:
            length = stun.HEADER_LENGTH + int.from_bytes(buffer[2:4], "big")
            if buffer[0] >= 0x40 or buffer[4:8] != _COOKIE:
                self._fail(f"what answers at {self._at} is not a STUN server")
                self.close()
                return
            if len(buffer) < length:
                return
            self._received(bytes(buffer[:length]))
            del buffer[:length]

    def error_received(self, exc: Exception) -> None:
        self._fail(self._fault_text(exc if isinstance(exc, OSError) else OSError(str(exc))))

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ssl.SSLError):
            self._fail(f"TLS: the connection with {self._at} failed: {_tls_words(exc)}")
        else:
            self._fail(f"{self._at} closed the connection without an answer")


@functools.cache
def _default_tls() -> ssl.SSLContext:
    """The system's authorities; reading them takes too long for the loop."""
    return ssl.create_default_context()


def _tls_words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
