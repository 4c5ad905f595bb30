"""The tunnels' data plane: `ws[s]://host:port/tunnel?local-proxy-mode=source|destination`.

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
from peerdeck.localcloud.relay_faults import RelayFaults
from peerdeck.localcloud.relay_room import Peer, Room
from peerdeck.localcloud.tunnels import Refused, TunnelRegistry
from peerdeck.protocol.frames import MAX_WEBSOCKET_PAYLOAD
from peerdeck.protocol.tunnel_events import Version

MAX_REQUEST = 4096
STALL = "stalled on purpose"
_CLOSE_S = 0.5
_HANDSHAKE_S = 10

# picows writes whole handshakes, tokens included, to its log at level 9; this logger never does.
_log = logging.getLogger(f"{__name__}.websocket")
_log.setLevel(logging.ERROR)
_requests = logging.getLogger("peerdeck.localcloud.requests")


class TunnelRelay:
    """WebSocket relay for every region's tunnels; `port` is known once it is started.

    tls: makes a second listener, for wss as the real service has it, on `tls_port`. faults: what
    goes wrong on purpose.
    """

    def __init__(
        self,
        registry: TunnelRegistry,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        tls_port: int = 0,
    ) -> None:
        self.faults = RelayFaults()
        self.port = port
        self.tls_port = tls_port
        self._tls = tls
        self._registry = registry
        self._host = host
        self._servers: list[asyncio.Server] = []
        self._started = False
        self._rooms: dict[str, Room] = {}
        self._peers: set[Peer] = set()

    @property
    def url(self) -> str:
        return f"ws://{self._host}:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"wss://{self._host}:{self.tls_port}"

    async def start(self) -> None:
        """Idempotent; raises OSError where a port is taken."""
        if self._started:
            return
        await self._listen()
        self._registry.on_revoked.append(self._revoked)
        self._started = True

    async def aclose(self) -> None:
        """Idempotent; takes at most a second."""
        self._stop_listening()
        if not self._started:
            return
        self._started = False
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

    def versions(self, mode: Mode) -> tuple[Version, ...]:
        """Of the connections of one side that are open now."""
        return tuple(peer.version for peer in self._peers if peer.admission.mode is mode)

    # Faults

    def drop(self, mode: Mode | None = None) -> None:
        """Cuts every connection, or those of one side, without a Close frame."""
        for peer in tuple(self._peers):
            if mode in {None, peer.admission.mode}:
                peer.abort()

    def stall(self, on: bool) -> None:
        """Sockets stay up while nothing is read or answered, pings neither."""
        self.faults.stalled = on
        for peer in tuple(self._peers):
            peer.hold(STALL, on)

    def cap(self, bytes_per_s: float | None) -> None:
        """For each tunnel, both directions together; None lifts it."""
        self.faults.bytes_per_s = bytes_per_s
        for room in tuple(self._rooms.values()):
            room.allowance.reset()

    def suspend(self) -> None:
        """The relay is gone: connections are cut, its ports refuse."""
        self._stop_listening()
        self.drop()

    async def resume(self) -> None:
        """Listens on the same ports again; raises OSError where somebody took one."""
        if self._started and not self._servers:
            await self._listen()

    async def _listen(self) -> None:
        try:
            self.port = await self._listen_on(self.port, None)
            if self._tls is not None:
                self.tls_port = await self._listen_on(self.tls_port, self._tls)
        except BaseException:
            self._stop_listening()
            raise

    async def _listen_on(self, port: int, tls: ssl.SSLContext | None) -> int:
        server = await ws_create_server(
            self._upgrade,
            self._host,
            port,
            ssl=tls,
            max_frame_size=MAX_WEBSOCKET_PAYLOAD,
            websocket_handshake_timeout=_HANDSHAKE_S,
            logger_name=_log,
        )
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def _stop_listening(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()

    # Peers that come and go

    def joined(self, peer: Peer) -> None:
        if not self._registry.is_valid(peer.admission):  # rotated or closed during the handshake
            peer.close(WSCloseCode.POLICY_VIOLATION, "the access token is no longer valid")
            return
        self._peers.add(peer)
        self._registry.connected(peer.admission)
        room = self._rooms.get(peer.admission.tunnel_id)
        if room is None:
            room = Room(peer.admission.services, self.faults)
            self._rooms[peer.admission.tunnel_id] = room
        peer.room = room
        room.join(peer)
        if self.faults.stalled:
            peer.hold(STALL)

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
            self.faults.admit(mode)
            admission = self._registry.admit(mode, token, client_token)
        except Refused as refused:
            headers = {"channel-id": channel_id, "X-Status-Reason": refused.reason}
            _requests.info("TUNNEL %s %d %s", channel_id, refused.status, refused.reason)
            response = WSUpgradeResponse.create_error_response(
                refused.status, refused.reason.encode(), headers
            )
            return WSUpgradeResponseWithListener(response, None)
        _requests.info("TUNNEL %s 101 %s of %s", channel_id, mode.value, admission.tunnel_id)
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
