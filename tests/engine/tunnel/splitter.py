"""A relay that splits everything: between two proxies, frames of any size at any time."""

import asyncio
import random
from collections import deque
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
from tests.engine.tunnel.strange_service import SERVICE_IDS

_HEADERS = {"sec-websocket-protocol": "aws.iot.securetunneling-3.0", "channel-id": "split"}


class _Side(WSListener):
    def __init__(self, splitter: "Splitter", mode: str) -> None:
        self._splitter = splitter
        self._mode = mode
        self._open_fragment = False
        self.waiting: deque[bytes] = deque()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._splitter.sides[self._mode] = self
        self.put(SERVICE_IDS)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in {WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self._splitter.passed += len(frame.get_payload_as_memoryview())
            other = self._splitter.sides.get(
                "source" if self._mode == "destination" else "destination"
            )
            if other is not None:
                other.put(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        cut = self._splitter.cut_after
        if cut is not None and self._splitter.passed >= cut:
            self._splitter.cut_after = None
            self._splitter.cut()

    def put(self, data: bytes) -> None:
        """In pieces; each leaves in a later turn of the loop than the one before."""
        dice, most = self._splitter.dice, self._splitter.most_bytes
        position = 0
        while position < len(data):
            size = dice.randint(1, most)
            if not self.waiting:
                asyncio.get_running_loop().call_soon(self._next)
            self.waiting.append(data[position : position + size])
            position += size

    def _next(self) -> None:
        data = self.waiting.popleft()
        if self.waiting:
            asyncio.get_running_loop().call_soon(self._next)
        is_last = self._splitter.dice.random() < 0.5
        kind = WSMsgType.CONTINUATION if self._open_fragment else WSMsgType.BINARY
        self._open_fragment = not is_last
        self.transport.send(kind, data, is_last)


class Splitter:
    """most_bytes: of a frame. cut_after: cuts both links when so many bytes have passed, once."""

    def __init__(self, most_bytes: int, cut_after: int | None = None) -> None:
        self.most_bytes = most_bytes
        self.cut_after = cut_after
        self.passed = 0
        self.dice = random.Random(7)
        self.sides: dict[str, _Side] = {}

    async def __aenter__(self) -> Self:
        self._server = await ws_create_server(self._upgrade, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def _upgrade(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        mode = request.path.decode().rpartition("=")[2]
        response = WSUpgradeResponse.create_101_response(_HEADERS)
        return WSUpgradeResponseWithListener(response, _Side(self, mode))

    def cut(self) -> None:
        """In the middle of whatever is under way, without a farewell."""
        for side in self.sides.values():
            side.transport.disconnect(graceful=False)
            side.waiting.clear()
            side.waiting.append(b"")  # the turn that is under way has nothing to send

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for side in self.sides.values():
            side.transport.disconnect(graceful=False)
            await side.transport.wait_disconnected()
