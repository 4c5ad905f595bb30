"""A plain WebSocket client of the relay, without any of the console's engine."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from picows import (
    WSCloseCode,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from peerdeck.protocol.frames import Message, MessageStream, decode, join

V3 = ("Sec-WebSocket-Protocol", "aws.iot.securetunneling-3.0")


class RelayClient(WSListener):
    """What it hears is in `heard`; `closed` is the code and reason of the relay's Close."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.headers: dict[str, str] = {}
        self.transport: WSTransport
        self._stream = MessageStream()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in {WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            for whole in self._stream.feed(frame.get_payload_as_bytes()):
                self.heard.put_nowait(decode(whole[2:]))
        elif frame.msg_type == WSMsgType.CLOSE:
            code: Any = frame.get_close_code()
            self.closed.set_result((int(code), frame.get_close_reason() or ""))
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def say(self, *messages: Message) -> None:
        self.transport.send(WSMsgType.BINARY, join(messages))

    async def hear(self) -> Message:
        async with asyncio.timeout(5):
            return await self.heard.get()

    async def end(self) -> tuple[int, str]:
        async with asyncio.timeout(5):
            return await self.closed

    async def leave(self) -> None:
        self.transport.disconnect(graceful=False)
        await self.transport.wait_disconnected()


async def join_relay(
    stack: AsyncExitStack,
    url: str,
    mode: str,
    *headers: tuple[str, str],
    path: str = "/tunnel?local-proxy-mode=",
) -> RelayClient:
    client = RelayClient()
    transport, _ = await ws_connect(
        lambda: client, f"{url}{path}{mode}", extra_headers=list(headers), max_redirects=0
    )
    client.headers = {key.lower(): value for key, value in transport.response.headers.items()}
    stack.push_async_callback(client.leave)
    return client


async def refusal(url: str, mode: str, *headers: tuple[str, str], **more: Any) -> tuple[int, str]:
    """Status and body of an upgrade that must be refused."""
    with pytest.raises(WSHandshakeError) as caught:
        async with AsyncExitStack() as stack:
            await join_relay(stack, url, mode, *headers, **more)
    response = caught.value.response
    assert response is not None
    body = (caught.value.raw_body or b"").decode()
    assert response.headers["channel-id"]
    assert response.headers["X-Status-Reason"] == body
    return int(response.status), body
