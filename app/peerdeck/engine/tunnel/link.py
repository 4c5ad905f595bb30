"""One WebSocket connection to the tunnel service."""

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSTransport,
    WSUpgradeResponse,
    ws_connect,
)
from python_socks import ProxyError

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.core.web_proxy import WebProxy
from peerdeck.engine.tunnel.dialing import dial
from peerdeck.engine.tunnel.errors import (
    TunnelRefused,
    TunnelUnreachable,
    TunnelUntrusted,
    WebProxyFailed,
)
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.pace import Pace
from peerdeck.protocol.frames import MAX_PAYLOAD, MAX_WEBSOCKET_PAYLOAD
from peerdeck.protocol.tunnel_events import Version

HEAD_ROOM = 256  # in front of a payload: WebSocket header (14), message header (at most 150)
_RECEIVE_BYTES = 256 * 1024
# Of TLS records that the kernel has not taken yet; aiofastnet does not count them as unsent.
_RECORDS_BYTES = 4 * (16 * 1024 + 64)
# No guide tells close codes; where a service means something else, we just connect again.
_TAKEN_OVER = "another connection took over"
_WRITABLE_SHARE = 4  # reading from local sockets goes on below a quarter of the mark

# picows writes whole handshakes, tokens included, to its log at level 9; this logger never does.
_log = logging.getLogger(f"{__name__}.websocket")
_log.setLevel(logging.WARNING)


class LinkOwner(Protocol):
    """Hears of everything that happens on a link, on the loop's thread."""

    def link_up(self, link: "Link") -> None: ...
    def received(self, data: memoryview) -> None:
        """`data` is valid during this call only."""

    def writable(self) -> None: ...


class Link(WSListener):
    """An open WebSocket: bytes out, bytes in, backpressure both ways, liveness.

    `blocked` is true while more is waiting to be sent than the high-water mark.
    """

    def __init__(self, owner: LinkOwner, limits: Limits, clock: Callable[[], float]) -> None:
        self._owner = owner
        self._limits = limits
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self._paused = False
        self._reason = ""
        self._pace = Pace(limits.link_buffer_bytes, self._loop.time)
        self._sent = 0
        self.headers: Mapping[str, str] = {}
        self.is_taken_over = False
        self.blocked = False
        self.rtt_ms: float | None = None

    @property
    def channel_id(self) -> str:
        return self.headers.get("channel-id", "")

    # Sending

    def send(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.send(WSMsgType.BINARY, data)
            self._sent += len(data)

    def send_from(self, buffer: bytearray, start: int) -> None:
        """Sends buffer[start:], start ≥ 14: masked in place, the header is written before it."""
        if self._transport is not None:
            self._transport.send_reuse_external_bytearray(WSMsgType.BINARY, buffer, start)
            self._sent += len(buffer) - start

    def room(self) -> int:
        """The most bytes that one connection should add in its turn."""
        pace = self._pace
        if pace.budget < MAX_PAYLOAD and pace.relax():
            self._limit_queue()
        return min(pace.budget, MAX_PAYLOAD)

    def pause_writing(self) -> None:
        self.blocked = True
        self._pace.blocked(self._taken())

    def resume_writing(self) -> None:
        self.blocked = False
        if self._pace.freed(self._taken()):
            self._limit_queue()
        self._owner.writable()

    def _taken(self) -> int:
        """How many bytes the kernel has taken."""
        if self._transport is None:
            return 0
        return self._sent - int(self._transport.underlying_transport.get_write_buffer_size())

    def _limit_queue(self) -> None:
        """Bytes wait in our fair queue rather than in a kernel buffer of megabytes."""
        if self._transport is None:
            return
        under, high = self._transport.underlying_transport, self._pace.budget
        under.set_write_buffer_limits(high=high, low=high // _WRITABLE_SHARE)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):
                under.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, high
                )

    # Receiving

    def pause_reading(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.underlying_transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and self._paused:
            self._paused = False
            self._heard_at = self._loop.time()
            self._transport.underlying_transport.resume_reading()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        under = transport.underlying_transport
        self._limit_queue()
        # picows reads all there is at once into a buffer that grows with it, and delivers it even
        # to a reader that has just paused.
        with contextlib.suppress(OSError):
            under.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES
            )
        self._heard_at = self._loop.time()
        self._ticker = self._loop.call_later(self._limits.ping_s, self._tick)
        self._owner.link_up(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._heard_at = self._loop.time()
        if transport.is_close_frame_sent:
            return  # we have said goodbye; picows may still deliver the frame that it refused
        kind = frame.msg_type
        if kind in {WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self._owner.received(frame.get_payload_as_memoryview())
        elif kind == WSMsgType.PONG:
            self._pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            code = frame.get_close_code()  # a plain number where the code is a private one
            self.is_taken_over = code == WSCloseCode.POLICY_VIOLATION and _TAKEN_OVER in (
                frame.get_close_reason() or ""
            )
            words = f"{getattr(code, 'value', code)} {frame.get_close_reason() or ''}".strip()
            self.fail(f"the service closed the connection ({words})")
        elif kind == WSMsgType.TEXT:  # "If any text frames are received, clients SHOULD close"
            self.fail("the service sent a text frame", WSCloseCode.UNSUPPORTED_DATA)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._ticker is not None:
            self._ticker.cancel()

    # The end

    def fail(self, reason: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Closes the connection; the first reason is the one that `closed()` returns."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.send_close(code)
            self._transport.disconnect()

    def drop(self, reason: str) -> None:
        """Ends the connection at once, without a farewell that could not be delivered."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def closed(self) -> str:
        """Waits for the connection's end and returns why it came."""
        if self._transport is not None:
            try:
                await self._transport.wait_disconnected()
            except WSError as error:
                self._reason = self._reason or str(error)
            except Exception:  # noqa: BLE001  # what a callback of ours raised: a bug, but the end
                _log.exception("a callback of the tunnel link failed")
                self._reason = self._reason or "an internal error"
        return self._reason or "the connection broke"

    async def aclose(self) -> None:
        """Says farewell, and waits for its delivery no longer than limits.close_s."""
        self.fail("closed by the user")
        try:
            async with asyncio.timeout(self._limits.close_s):
                await self.closed()
        except TimeoutError:
            self.drop("closed by the user")
            await self.closed()

    def _tick(self) -> None:
        """Every ping_s: a ping, or the end if nothing at all was heard for dead_after of them.

        "It is not an error for the proxy server to not respond to a ping frame": any byte counts.
        """
        limits = self._limits
        self._ticker = self._loop.call_later(limits.ping_s, self._tick)
        silent_s = self._loop.time() - self._heard_at
        if not self._paused and silent_s >= limits.ping_s * limits.dead_after:
            self.drop(f"nothing was heard from the service for {silent_s:.0f} s")
        elif self._transport is not None:
            self._transport.send_ping(str(int(self._clock() * 1000)).encode())

    def _pong(self, payload: bytes) -> None:
        with contextlib.suppress(ValueError):
            self.rtt_ms = max(0.0, self._clock() * 1000 - int(payload))


async def open_link(
    owner: LinkOwner,
    *,
    url: str,
    mode: Mode,
    access_token: Secret,
    client_token: Secret,
    version: Version = Version.V3,
    ssl_context: ssl.SSLContext | None = None,
    web_proxy: WebProxy | None = None,
    limits: Limits,
    clock: Callable[[], float] = time.time,
) -> Link:
    """Opens the WebSocket. url: ws[s]://host[:port], the path is added.

    Raises TunnelRefused (final) or TunnelUnreachable. V3 protocol guide, "Connecting to the proxy
    server and tunnel: WebSocket handshake".
    """
    link = Link(owner, limits, clock)
    headers = [
        ("Sec-WebSocket-Protocol", version.subprotocol),
        ("access-token", access_token.reveal()),
        ("client-token", client_token.reveal()),
        ("User-Agent", "peerdeck"),
    ]
    address = f"{url.rstrip('/')}/tunnel?local-proxy-mode={mode.value}"
    await _upgrade(link, address, headers, ssl_context, web_proxy, limits.connect_s)
    if link.headers.get("sec-websocket-protocol") != version.subprotocol:
        await link.aclose()
        raise TunnelUnreachable(f"the service does not speak {version.subprotocol}")
    return link


async def _upgrade(
    link: Link,
    url: str,
    headers: list[tuple[str, str]],
    ssl_context: ssl.SSLContext | None,
    web_proxy: WebProxy | None,
    deadline_s: float,
) -> None:
    dialed: list[socket.socket] = []

    async def connect(parsed: WSParsedURL) -> socket.socket:
        try:
            dialed.append(await dial(parsed.host, parsed.port))
        except OSError as error:
            if web_proxy is None:
                raise
            raise WebProxyFailed(web_proxy.address, str(error)) from error
        return dialed[0]

    def upgraded(_request: object, response: WSUpgradeResponse) -> Link:
        link.headers = {name.lower(): value for name, value in response.headers.items()}
        return link

    try:
        async with asyncio.timeout(deadline_s):
            _, listener = await ws_connect(
                upgraded,
                url,
                ssl_context=ssl_context,
                proxy=web_proxy.url().reveal() if web_proxy is not None else None,
                socket_factory=connect,
                extra_headers=headers,
                ssl_outgoing_bio_size=_RECORDS_BYTES if url.startswith("wss:") else None,
                max_redirects=0,  # a redirect would carry the tokens to a stranger
                max_frame_size=MAX_WEBSOCKET_PAYLOAD,
                websocket_handshake_timeout=None,
                logger_name=_log,
            )
    except ProxyError as error:
        raise _proxy_refusal(web_proxy, error) from None
    except WSHandshakeError as error:
        raise _refusal(error) from None  # its context would keep the request with the tokens
    except TimeoutError:
        _hang_up(dialed)
        raise TunnelUnreachable(f"no answer within {deadline_s:g} s") from None
    except ssl.CertificateError as error:
        raise TunnelUntrusted(str(error)) from error
    except (OSError, WSError) as error:
        raise TunnelUnreachable(str(error) or type(error).__name__) from error
    except asyncio.CancelledError:
        _hang_up(dialed)
        raise
    if listener is None:
        raise TunnelUnreachable("the service hung up during the handshake")


def _refusal(error: WSHandshakeError) -> TunnelRefused | TunnelUnreachable:
    """4xx (and 3xx) is final, 5xx worth a retry: V3 protocol guide, "Handshake error responses"."""
    response = error.response
    if response is None:
        return TunnelUnreachable("what answered is not a WebSocket server")
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = (error.raw_body or b"").decode("utf-8", "replace").strip()
    status = int(response.status)
    reason = body or headers.get("x-status-reason", "") or response.status.phrase
    if status >= 500:
        return TunnelUnreachable(f"HTTP {status}: {reason[:500]}")
    return TunnelRefused(status, reason[:500], headers)


def _proxy_refusal(web_proxy: WebProxy | None, error: ProxyError) -> WebProxyFailed:
    words = str(error) or type(error).__name__
    status = re.search(r"status (\d{3})$", words)  # picows has it nowhere else
    address = web_proxy.address if web_proxy is not None else ""
    return WebProxyFailed(address, words, int(status[1]) if status else 0)


def _hang_up(dialed: list[socket.socket]) -> None:
    """Ends a connection whose handshake was given up; picows would let it live on."""
    for connection in dialed:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
