"""The tunnels' data plane: `ws://host:port/tunnel?local-proxy-mode=source|destination`.

Rules of the handshake: V3 protocol guide, "Connecting to the proxy server and tunnel: WebSocket
handshake". Who may connect is the registry's to say, what passes between the two sides is
relay_room.py's.
"""

import asyncio
import logging
import ssl
import uuid
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from picows import (
    WSCloseCode,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.relay_room import Peer, Room
from peerdeck.localcloud.tunnels import Refused, TunnelRegistry
from peerdeck.protocol.frames import MAX_WEBSOCKET_PAYLOAD
from peerdeck.protocol.tunnel_events import Version

MAX_REQUEST = 4096
_CLOSE_S = 0.5

# picows writes whole handshakes, tokens included, to its log at level 9; this logger never does.
_log = logging.getLogger(f"{__name__}.websocket")
_log.setLevel(logging.ERROR)


class TunnelRelay:
    """WebSocket relay for every region's tunnels; `port` is known once it is started.

    ssl_context: for wss, as the real service has it; plain ws without.
    """

    def __init__(
        self,
        registry: TunnelRegistry,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._ssl_context = ssl_context
        self._registry = registry
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._rooms: dict[str, Room] = {}
        self._peers: set[Peer] = set()

    @property
    def url(self) -> str:
        return f"{'wss' if self._ssl_context else 'ws'}://{self._host}:{self.port}"

    async def start(self) -> None:
        self._server = await ws_create_server(
            self._upgrade,
            self._host,
            self.port,
            ssl=self._ssl_context,
            max_frame_size=MAX_WEBSOCKET_PAYLOAD,
            websocket_handshake_timeout=10,
            logger_name=_log,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._registry.on_revoked.append(self._revoked)

    async def aclose(self) -> None:
        """Idempotent; takes at most a second."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._registry.on_revoked.remove(self._revoked)
        peers = tuple(self._peers)
        for peer in peers:
            peer.close(WSCloseCode.GOING_AWAY, "the relay is shutting down")
        gone = asyncio.gather(*(peer.gone() for peer in peers))
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.shield(gone)
        except TimeoutError:
            for peer in peers:
                peer.abort()
            await gone

    # Peers that come and go

    def joined(self, peer: Peer) -> None:
        if not self._registry.is_valid(peer.admission):  # rotated or closed during the handshake
            peer.close(WSCloseCode.POLICY_VIOLATION, "the access token is no longer valid")
            return
        self._peers.add(peer)
        self._registry.connected(peer.admission)
        room = self._rooms.setdefault(peer.admission.tunnel_id, Room(peer.admission.services))
        peer.room = room
        room.join(peer)

    def left(self, peer: Peer) -> None:
        self._peers.discard(peer)
        self._registry.disconnected(peer.admission)
        if peer.room is not None:
            peer.room.leave(peer)
            if peer.room.is_empty and self._rooms.get(peer.admission.tunnel_id) is peer.room:
                del self._rooms[peer.admission.tunnel_id]

    def _revoked(self, tunnel_id: str, mode: Mode | None) -> None:
        """A token was rotated, or the tunnel was closed or expired: its connections end now."""
        for peer in tuple(self._peers):
            admission = peer.admission
            if admission.tunnel_id == tunnel_id and mode in {None, admission.mode}:
                peer.close(WSCloseCode.POLICY_VIOLATION, "the access token is no longer valid")

    # Handshake

    def _upgrade(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        channel_id = str(uuid.uuid4())
        try:
            mode = _mode(request)
            version = _version(request)
            token, client_token = _tokens(request)
            admission = self._registry.admit(mode, token, client_token)
        except Refused as refused:
            headers = {"channel-id": channel_id, "X-Status-Reason": refused.reason}
            response = WSUpgradeResponse.create_error_response(
                refused.status, refused.reason.encode(), headers
            )
            return WSUpgradeResponseWithListener(response, None)
        headers = {"channel-id": channel_id, "sec-websocket-protocol": version.subprotocol}
        response = WSUpgradeResponse.create_101_response(headers)
        return WSUpgradeResponseWithListener(response, Peer(self, admission, version))


def _mode(request: WSUpgradeRequest) -> Mode:
    url = urlsplit(request.path.decode("latin-1"))
    size = len(request.path) + sum(len(k) + len(v) + 4 for k, v in request.headers.items())
    if size > MAX_REQUEST:
        raise Refused(400, "The request is larger than 4 kB.")
    if url.path != "/tunnel":
        raise Refused(400, "Invalid path: It must be /tunnel.")
    modes = parse_qs(url.query).get("local-proxy-mode", [])
    if len(modes) != 1 or modes[0] not in {mode.value for mode in Mode}:
        raise Refused(400, "Invalid local-proxy-mode: It must be source or destination.")
    return Mode(modes[0])


def _version(request: WSUpgradeRequest) -> Version:
    """The newest one that the client offers."""
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    names = {name.strip() for name in offered.split(",")}
    for version in sorted(Version, reverse=True):
        if version.subprotocol in names:
            return version
    raise Refused(400, "Invalid Sec-WebSocket-Protocol: No supported protocol was offered.")


def _tokens(request: WSUpgradeRequest) -> tuple[str, str | None]:
    """(access token, client token). "Only one token value may be present in the request"."""
    tokens = list(request.headers.getall("access-token", []))
    for header in request.headers.getall("Cookie", []):
        try:
            cookie = SimpleCookie(header).get("awsiot-tunnel-token")
        except CookieError:
            continue
        if cookie is not None:
            tokens.append(cookie.value)
    client_tokens = request.headers.getall("client-token", [])
    if len(tokens) != 1:
        raise Refused(400, "Invalid access token: Exactly one must be given.")
    if len(client_tokens) > 1:
        raise Refused(400, "Invalid client token: At most one may be given.")
    return tokens[0], client_tokens[0] if client_tokens else None
