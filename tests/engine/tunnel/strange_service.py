"""Services that do not behave; each is an async context manager with `url`."""

import asyncio
import socket
from collections.abc import Callable
from typing import Self

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from peerdeck.protocol.frames import Message, MessageType, encode
from peerdeck.protocol.tunnel_events import Version

SERVICE_IDS = encode(Message(MessageType.SERVICE_IDS, available_service_ids=("SSH",)))


class RawService:
    """Answers every connection with the same bytes, or with nothing at all."""

    def __init__(self, answer: bytes = b"") -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.readers: list[asyncio.StreamReader] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.readers.append(reader)
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if self._answer:
            writer.write(self._answer)
            writer.close()

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()


class _Peer(WSListener):
    def __init__(self, service: "WebSocketService") -> None:
        self._service = service

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._service.peers.append(transport)
        self._service.greet(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._service.frames.append((frame.msg_type, frame.get_payload_as_bytes()))
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


def _names_services(transport: WSTransport) -> None:
    transport.send(WSMsgType.BINARY, SERVICE_IDS)


class WebSocketService:
    """Upgrades and greets; never answers a ping, never sends anything by itself."""

    def __init__(
        self,
        greet: Callable[[WSTransport], None] = _names_services,
        subprotocol: str = Version.V3.subprotocol,
        quiet: bool = True,
    ) -> None:
        self.greet = greet
        self.peers: list[WSTransport] = []
        self.frames: list[tuple[WSMsgType, bytes]] = []
        self._subprotocol = subprotocol
        self._quiet = quiet

    async def __aenter__(self) -> Self:
        self._server = await ws_create_server(
            self._upgrade, "127.0.0.1", 0, enable_auto_pong=not self._quiet
        )
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def _upgrade(self, _: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        headers = {"channel-id": "ch-7"}
        if self._subprotocol:
            headers["sec-websocket-protocol"] = self._subprotocol
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(headers), _Peer(self)
        )

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for peer in self.peers:
            peer.disconnect(graceful=False)
            await peer.wait_disconnected()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
