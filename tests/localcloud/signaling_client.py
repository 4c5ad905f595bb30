"""A signaling client that tests drive by hand."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from peerdeck.core.channel import Role
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.sigv4 import presign_websocket

REGION = "eu-west-1"
BOUND_S = 5.0
PAYLOAD = base64.b64encode(b'{"type": "offer", "sdp": "v=0"}').decode()


class Peer:
    """One end of an open signaling socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, action: str, payload: str = PAYLOAD, **fields: str) -> None:
        await self.socket.send_json({"action": action, "messagePayload": payload, **fields})

    async def hears(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.socket.receive_json(timeout=BOUND_S)
        return message

    async def closed(self) -> int | None:
        """Waits for the other side's close and returns its code; messages before it are dropped."""
        message = await self.socket.receive(timeout=BOUND_S)
        while message.type is aiohttp.WSMsgType.TEXT:
            message = await self.socket.receive(timeout=BOUND_S)
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data  # type: ignore[no-any-return]

    async def settled(self) -> None:
        """Everything sent before has been handled: a refusal is answered in order."""
        await self.send("NONSENSE", correlationId="settled")
        assert (await self.hears())["statusResponse"]["correlationId"] == "settled"


class Door:
    """Connects to the channel as the SDKs do; keyword arguments spoil the URL."""

    def __init__(self, cloud: LocalCloud, arn: str, session: aiohttp.ClientSession) -> None:
        self._cloud = cloud
        self._session = session
        self._peers: list[Peer] = []  # aiohttp closes a socket that nobody holds
        self.arn = arn

    def url(
        self,
        role: Role,
        client_id: str = "",
        *,
        arn: str | None = None,
        region: str = REGION,
        secret_key: str = "",
        now: datetime | None = None,
        endpoint_role: Role | None = None,
    ) -> str:
        state = self._cloud.state
        channel = state.channels.by_arn(REGION, self.arn)
        label = state.channels.endpoint_label(REGION, channel, endpoint_role or role, "WSS")
        keys = self._cloud.credentials
        parameters = {"X-Amz-ChannelARN": self.arn if arn is None else arn}
        if client_id:
            parameters["X-Amz-ClientId"] = client_id
        return presign_websocket(
            state.base_url.replace("http", "ws") + f"/{label}",
            access_key=keys.access_key,
            secret_key=secret_key or keys.secret_key.reveal(),
            region=region,
            parameters=parameters,
            now=now or datetime.fromtimestamp(state.clock(), UTC),
        )

    async def viewer(self, client_id: str) -> Peer:
        return await self._open(self.url(Role.VIEWER, client_id))

    async def master(self) -> Peer:
        return await self._open(self.url(Role.MASTER))

    async def _open(self, url: str) -> Peer:
        peer = Peer(await self._session.ws_connect(url))
        self._peers.append(peer)
        return peer

    async def health(self) -> None:
        """A round trip to the server."""
        async with self._session.get(self._cloud.endpoints.kinesis_video + "/health") as response:
            await response.read()

    async def refusal(self, url: str, *, upgrade: bool = True) -> tuple[int, str, str]:
        """Status, code and message of an upgrade that must be refused."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
        }
        async with self._session.get(url, headers=headers if upgrade else {}) as response:
            body = await response.json()
            assert response.headers["x-amzn-ErrorType"] == body["__type"]
            return response.status, body["__type"], body["message"]


async def eventually(condition: Callable[[], bool], step: Callable[[], Awaitable[object]]) -> None:
    """Repeats a round trip until the server has caught up."""
    async with asyncio.timeout(BOUND_S):
        while not condition():
            await step()
