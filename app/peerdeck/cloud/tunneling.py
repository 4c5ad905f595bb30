"""AWS IoT Secure Tunneling, control plane."""

from collections.abc import AsyncIterator, Collection
from typing import Any

from peerdeck.cloud.calls import Account, pages
from peerdeck.cloud.regions import REGION_NAME
from peerdeck.cloud.shapes import field, rows, tunnel
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode, Tunnel, TunnelRequest, TunnelTokens

_SERVICE = "iotsecuretunneling"
PAGE = 100  # the most there is


class SecureTunneling:
    """One region's client; obtained from AwsAccount. Every coroutine raises CloudError."""

    def __init__(self, account: Account, region: str) -> None:
        self._account = account
        self.region = REGION_NAME.check(region)

    @property
    def data_url(self) -> str:
        """WebSocket endpoint for local proxies, without path. May block once: AwsAccount.region."""
        ours = self._account.endpoints.tunnel_data
        return ours or self._account.region(self.region).tunnel_data_url

    async def list_tunnels(self, thing: str = "") -> AsyncIterator[tuple[Tunnel, ...]]:
        """ListTunnels, page by page; summaries know neither thing, services nor lifetime."""
        operation = "ListTunnels"
        parameters: dict[str, Any] = {"maxResults": PAGE}
        if thing:
            parameters["thingName"] = thing
        async for answer in pages(
            self._account, _SERVICE, self.region, operation, parameters, cursor="nextToken"
        ):
            yield tuple(
                tunnel(operation, row) for row in rows(operation, answer, "tunnelSummaries")
            )

    async def describe(self, tunnel_id: str) -> Tunnel:
        operation = "DescribeTunnel"
        answer = await self._call(operation, {"tunnelId": tunnel_id})
        return tunnel(operation, field(operation, answer, "tunnel", dict))

    async def open(self, request: TunnelRequest) -> tuple[Tunnel, TunnelTokens]:
        """OpenTunnel; the tokens are shown this once. Raises FieldError before asking.

        Tried once only: an answer that got lost may mean a tunnel that is open.
        """
        request.check()
        operation = "OpenTunnel"
        lifetime = {"maxLifetimeTimeoutMinutes": request.lifetime_min}
        parameters: dict[str, Any] = {"timeoutConfig": lifetime}
        if request.description:
            parameters["description"] = request.description
        if request.tags:
            parameters["tags"] = [{"key": k, "value": v} for k, v in request.tags.items()]
        if request.services:
            parameters["destinationConfig"] = _destination(request.thing, request.services)
        answer = await self._call(operation, parameters, attempts=1)
        opened = Tunnel(
            id=field(operation, answer, "tunnelId", str),
            arn=str(answer.get("tunnelArn", "")),
            status="OPEN",
            thing=request.thing,
            services=request.services,
            description=request.description,
            tags=dict(request.tags),
            created_at=self._account.clock(),
            lifetime_min=request.lifetime_min,
            source_connected=False,
            destination_connected=False,
        )
        return opened, _tokens(operation, answer, (Mode.SOURCE, Mode.DESTINATION))

    async def rotate(self, of: Tunnel, modes: Collection[Mode]) -> TunnelTokens:
        """RotateTunnelAccessToken: the tokens of `modes` end, and so do their connections.

        A device hears of its new token only because thing and services are named again.
        """
        operation = "RotateTunnelAccessToken"
        if not modes:
            raise ValueError("nothing to rotate")
        wanted = set(modes)
        mode = "ALL" if len(wanted) == len(Mode) else wanted.pop().value.upper()
        parameters: dict[str, Any] = {"tunnelId": of.id, "clientMode": mode}
        if Mode.DESTINATION in modes and of.services:
            parameters["destinationConfig"] = _destination(of.thing, of.services)
        return _tokens(operation, await self._call(operation, parameters), modes)

    async def close(self, tunnel_id: str, *, delete: bool = False) -> None:
        """CloseTunnel. delete: also takes it off the list at once."""
        await self._call("CloseTunnel", {"tunnelId": tunnel_id, "delete": delete})

    async def _call(
        self, operation: str, parameters: dict[str, Any], *, attempts: int = 3
    ) -> dict[str, Any]:
        return await self._account.call(
            _SERVICE, self.region, operation, parameters, attempts=attempts
        )


def _destination(thing: str, services: Collection[str]) -> dict[str, Any]:
    named: dict[str, Any] = {"thingName": thing} if thing else {}
    return named | {"services": list(services)}


def _tokens(operation: str, answer: dict[str, Any], modes: Collection[Mode]) -> TunnelTokens:
    """The tokens of `modes`, each of which the answer must hold."""
    texts = {
        mode: field(operation, answer, f"{mode.value}AccessToken", str) if mode in modes else ""
        for mode in Mode
    }
    return TunnelTokens(Secret(texts[Mode.SOURCE]), Secret(texts[Mode.DESTINATION]))
