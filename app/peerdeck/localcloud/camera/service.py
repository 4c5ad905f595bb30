"""What a device asks of AWS before it can be seen."""

import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import aiohttp
from aiortc import RTCIceServer

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.sigv4 import presign_websocket, sign_headers

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_RENEW_BEFORE_S = 30


class ServiceFailedError(Exception):
    """The service answered with an error, or not as its model says. Holds its words, no secret."""


class ChannelAccess(Protocol):
    """What the camera needs to know of its channel."""

    async def signaling_url(self) -> str:
        """Fresh. Raises ServiceFailedError, OSError, TimeoutError or aiohttp.ClientError."""

    async def ice_servers(self) -> Sequence[RTCIceServer]:
        """Usable for 30 s at least. Raises the same."""

    async def aclose(self) -> None:
        """Idempotent."""


@dataclass(frozen=True, slots=True)
class _Endpoints:
    wss: str
    https: str


class SignedChannelAccess:
    """By HTTP requests signed with the camera's own key."""

    def __init__(
        self,
        *,
        channel_arn: str,
        region: str,
        endpoints: Endpoints,
        access_key: str,
        secret_key: Secret,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls: ssl.SSLContext | bool = tls or True
        self._channel_arn = channel_arn
        self._region = region
        self._endpoints = endpoints
        self._access_key = access_key
        self._secret_key = secret_key
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._found: _Endpoints | None = None
        self._ice: tuple[RTCIceServer, ...] = ()
        self._ice_until = 0.0

    async def signaling_url(self) -> str:
        found = await self._find_endpoints()
        return presign_websocket(
            found.wss,
            access_key=self._access_key,
            secret_key=self._secret_key.reveal(),
            region=self._region,
            parameters={"X-Amz-ChannelARN": self._channel_arn},
            now=datetime.now(UTC),
        )

    async def ice_servers(self) -> Sequence[RTCIceServer]:
        if time.monotonic() < self._ice_until:
            return self._ice
        found = await self._find_endpoints()
        answer = await self._post(
            found.https,
            "/v1/get-ice-server-config",
            {"ChannelARN": self._channel_arn, "Service": "TURN"},
        )
        servers = [RTCIceServer(urls=self._endpoints.stun)] if self._endpoints.stun else []
        entries = answer.get("IceServerList") or []
        servers += [
            RTCIceServer(
                urls=entry["Uris"], username=entry.get("Username"), credential=entry.get("Password")
            )
            for entry in entries
        ]
        lifetime_s = min((entry.get("Ttl", 300) for entry in entries), default=300)
        self._ice = tuple(servers)
        self._ice_until = time.monotonic() + max(1, lifetime_s - _RENEW_BEFORE_S)
        return self._ice

    async def aclose(self) -> None:
        self._closed = True  # a viewer that is being served late must not open another one
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _find_endpoints(self) -> _Endpoints:
        if self._found is None:
            base = self._endpoints.kinesis_video
            arn = {"ChannelARN": self._channel_arn}
            described = await self._post(base, "/describeSignalingChannel", arn)
            if described.get("ChannelInfo", {}).get("ChannelStatus") != "ACTIVE":
                raise ServiceFailedError("the channel is not active")
            wanted = {"Protocols": ["WSS", "HTTPS"], "Role": "MASTER"}
            answer = await self._post(
                base,
                "/getSignalingChannelEndpoint",
                arn | {"SingleMasterChannelEndpointConfiguration": wanted},
            )
            urls = {
                entry["Protocol"]: entry["ResourceEndpoint"]
                for entry in answer.get("ResourceEndpointList", ())
            }
            if not {"WSS", "HTTPS"} <= urls.keys():
                raise ServiceFailedError("the channel has no WSS and HTTPS endpoints")
            self._found = _Endpoints(urls["WSS"], urls["HTTPS"])
        return self._found

    async def _post(self, base: str, path: str, fields: Mapping[str, object]) -> dict[str, Any]:
        url, body = base.rstrip("/") + path, json.dumps(fields).encode()
        headers = sign_headers(
            "POST",
            url,
            body=body,
            access_key=self._access_key,
            secret_key=self._secret_key.reveal(),
            region=self._region,
            service="kinesisvideo",
            now=datetime.now(UTC),
            headers={"Content-Type": "application/json"},
        )
        if self._closed:
            raise ServiceFailedError(f"{path}: closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        async with self._session.post(url, data=body, headers=headers, ssl=self._tls) as response:
            text = await response.text()
            if response.status != 200:
                raise ServiceFailedError(f"{path}: {response.status} {text[:200]}")
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise ServiceFailedError(f"{path}: not JSON") from error
        if not isinstance(answer, dict):
            raise ServiceFailedError(f"{path}: not an object")
        return answer
