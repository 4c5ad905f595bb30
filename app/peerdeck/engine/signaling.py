"""One connection to a channel's signaling service."""

import asyncio
import contextlib
import logging
import os
import ssl
import sys
from collections.abc import Mapping

import aiohttp
from yarl import URL

from peerdeck.core.errors import FieldError
from peerdeck.core.scrub import without_secrets
from peerdeck.core.web_proxy import web_proxy_for
from peerdeck.protocol.signaling import ProtocolError, SignalingMessage, decode, encode

_log = logging.getLogger(__name__)

PING_INTERVAL_S = 30
_OPEN_TIMEOUT_S = 10
_CLOSE_TIMEOUT_S = 0.5
_MAX_BODY_BYTES = 4096
# Elsewhere the environment is all there is. aiohttp would ask it, and a netrc file that is none of
# the service's business, on threads of their own, one after the other, before it connects.
_SYSTEM_HAS_PROXIES = sys.platform in {"darwin", "win32"}
# A payload has at most 10,000 characters; the envelope is small.
_MAX_MESSAGE_BYTES = 64 * 1024


class SignalingRefused(Exception):
    """The service answered the upgrade with something else than 101.

    status: HTTP status. headers: of the answer. body: the first 4096 bytes, in which AWS says why,
    without what it repeats of the signed URL.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"signaling refused with status {status}: {body[:200]}")
        self.status = status
        self.headers = dict(headers)
        self.body = body


class SignalingUnreachable(Exception):
    """Name, route, TLS or time: no HTTP answer came. The text says which."""


class SignalingSocket:
    """Iterate for messages; iteration ends when the socket is closed by whichever side.

    The socket pings every 30 s and closes itself when no pong comes back within 15 s. Reading
    pauses by itself while nobody iterates. close_reason: the service's words, where it closed.
    """

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse):
        self.close_reason = ""
        self._session = session
        self._socket = socket

    @classmethod
    async def open(cls, url: str, *, tls: ssl.SSLContext | None = None) -> "SignalingSocket":
        """`url` is signed, hence a secret. tls: whom to trust, None for the system's authorities.

        Raises SignalingRefused, SignalingUnreachable.
        """
        proxy = _web_proxy(url)
        session = aiohttp.ClientSession(
            trust_env=_SYSTEM_HAS_PROXIES,
            raise_for_status=_refuse,  # the only place where aiohttp shows the body of a refusal
            auto_decompress=True,
        )
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                socket = await session.ws_connect(
                    URL(url, encoded=True),  # quoted again, the signature would not match
                    ssl=tls or True,
                    proxy=proxy,
                    heartbeat=PING_INTERVAL_S,
                    max_msg_size=_MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
                )
        except BaseException as error:
            await session.close()
            if isinstance(error, TimeoutError):
                raise SignalingUnreachable(f"no answer within {_OPEN_TIMEOUT_S} s") from None
            if isinstance(error, aiohttp.ClientError | OSError | ValueError):
                # Not chained: aiohttp's errors hold the URL, and that the signature.
                raise SignalingUnreachable(_reason(error)) from None
            raise
        return cls(session, socket)

    def __aiter__(self) -> "SignalingSocket":
        return self

    async def __anext__(self) -> SignalingMessage:
        """Skips what is not a message, with a line in the log."""
        while True:
            frame = await self._socket.receive()
            if frame.type is aiohttp.WSMsgType.TEXT:
                try:
                    message = decode(frame.data)
                except ProtocolError as error:
                    _log.warning("signaling message ignored: %s", error)
                    continue
                if message is not None:
                    return message
            elif frame.type is not aiohttp.WSMsgType.BINARY:
                if frame.type is aiohttp.WSMsgType.CLOSE:
                    self.close_reason = str(frame.extra or "")
                raise StopAsyncIteration

    async def send(self, message: SignalingMessage) -> None:
        """Raises PayloadTooLarge, or ConnectionError when the socket is closed."""
        text = encode(message)
        if self._socket.closed:
            raise ConnectionResetError("signaling socket is closed")
        try:
            await self._socket.send_str(text)
        except aiohttp.ClientError as error:
            raise ConnectionResetError("signaling socket is closed") from error

    @property
    def closed(self) -> bool:
        return self._socket.closed

    @property
    def close_code(self) -> int | None:
        """The WebSocket close code, once closed; 1006 where no close frame came."""
        return self._socket.close_code

    async def aclose(self) -> None:
        """Idempotent; takes at most half a second. Cancelled, it closes without a word."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self._socket.close()
        finally:
            await self._session.close()


def _web_proxy(url: str) -> str | None:
    """A corporate one; aiohttp speaks HTTP to it. With its login in it, hence a secret."""
    try:
        proxy = web_proxy_for(url, os.environ)
    except FieldError as error:
        raise SignalingUnreachable(str(error)) from None
    return proxy.url().reveal() if proxy is not None and proxy.scheme != "socks5" else None


async def _refuse(response: aiohttp.ClientResponse) -> None:
    if response.status != 101:
        try:
            body = await response.content.read(_MAX_BODY_BYTES)
        except aiohttp.ClientError:
            body = b""
        raise SignalingRefused(
            response.status,
            response.headers,
            # Where a signature does not match, AWS prints what it signed, session token and all.
            without_secrets(body.decode("utf-8", errors="replace").strip()),
        )


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"certificate of {error.host} is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {_words(error.os_error)}"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"WebSocket handshake: {error.message}"
    if isinstance(error, OSError):
        return _words(error)
    return type(error).__name__


def _words(error: OSError) -> str:
    """ "Connection refused" rather than asyncio's "Connect call failed"; names have errors < 0."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
