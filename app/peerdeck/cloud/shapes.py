"""Checks what AWS's answers promise, and makes our values of them."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.channel import Channel, ChannelEndpoints
from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import MAX_LIFETIME_MIN, Tunnel

_log = logging.getLogger(__name__)
T = TypeVar("T")
TTL_S = range(30, 86_401)  # IceServer.Ttl of GetIceServerConfig
MAX_PAGES = 10_000


def strange(operation: str, message: str) -> CloudError:
    """For an answer with status 200 that breaks the service's own promises."""
    return CloudError(message, operation=operation, kind=Kind.NOT_AWS, status=200)


def field(operation: str, answer: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """A field that the answer must have, of that type; else CloudError."""
    value = answer.get(name)
    if not isinstance(value, kind) or not value:
        raise strange(operation, f"The answer has no usable {name}.")
    return value


def rows(operation: str, answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of structures; an absent one is empty, as AWS leaves out what is empty."""
    value = answer.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise strange(operation, f"{name} is no list of structures.")
    return value


def posix(value: object) -> float:
    """botocore's datetime as POSIX seconds; 0 where there is none."""
    return value.timestamp() if isinstance(value, datetime) else 0.0


def channel(operation: str, row: Mapping[str, Any]) -> Channel:
    single_master = row.get("SingleMasterConfiguration") or {}
    return Channel(
        name=field(operation, row, "ChannelName", str),
        arn=field(operation, row, "ChannelARN", str),
        status=str(row.get("ChannelStatus", "")),
        kind=str(row.get("ChannelType", "SINGLE_MASTER")),
        ttl_s=int(single_master.get("MessageTtlSeconds", 60)),
        created_at=posix(row.get("CreationTime")),
        version=str(row.get("Version", "")),
    )


def channel_endpoints(operation: str, answer: Mapping[str, Any]) -> ChannelEndpoints:
    """Needs an HTTPS and a WSS endpoint with a scheme that fits; plain ones serve a local cloud."""
    by_protocol = {
        str(row.get("Protocol")): str(row.get("ResourceEndpoint"))
        for row in rows(operation, answer, "ResourceEndpointList")
    }
    https, wss = by_protocol.get("HTTPS", ""), by_protocol.get("WSS", "")
    if not https.startswith(("https://", "http://")) or not wss.startswith(("wss://", "ws://")):
        raise strange(operation, "The answer lacks the channel's HTTPS or WSS endpoint.")
    return ChannelEndpoints(https, wss, by_protocol.get("WEBRTC", ""))


def ice_servers(operation: str, answer: Mapping[str, Any], now: float) -> tuple[IceServer, ...]:
    """IceServerList with credentials that end `Ttl` seconds after `now`.

    A URI that is none is left out with a line in the log; a server without any good one, without
    credentials or with a Ttl outside 30 to 86400 s is not Kinesis Video's.
    """
    servers = rows(operation, answer, "IceServerList")
    if not servers:
        raise strange(operation, "The answer has no ICE servers.")
    return tuple(_ice_server(operation, row, now) for row in servers)


def _ice_server(operation: str, row: Mapping[str, Any], now: float) -> IceServer:
    uris = tuple(_good_uris(field(operation, row, "Uris", list)))
    ttl_s = row.get("Ttl")
    if not uris:
        raise strange(operation, "An ICE server has no URI that can be used.")
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int) or ttl_s not in TTL_S:
        raise strange(operation, f"An ICE server has the Ttl {ttl_s!r}; 30 to 86400 is possible.")
    return IceServer(
        uris=uris,
        username=field(operation, row, "Username", str),
        password=Secret(field(operation, row, "Password", str)),
        expires_at=now + ttl_s,
        ttl_s=ttl_s,
    )


def _good_uris(texts: Iterable[object]) -> Iterable[IceUri]:
    for text in texts:
        try:
            yield IceUri.parse(str(text))
        except FieldError as error:
            _log.warning("GetIceServerConfig: left out an ICE server: %s", error)


def tunnel(operation: str, row: Mapping[str, Any]) -> Tunnel:
    """A Tunnel structure of DescribeTunnel, or a TunnelSummary of ListTunnels."""
    destination = row.get("destinationConfig") or {}
    timeout = row.get("timeoutConfig") or {}
    return Tunnel(
        id=field(operation, row, "tunnelId", str),
        arn=str(row.get("tunnelArn", "")),
        status=field(operation, row, "status", str),
        thing=str(destination.get("thingName", "")),
        services=tuple(str(service) for service in destination.get("services") or ()),
        description=str(row.get("description", "")),
        tags={str(tag["key"]): str(tag["value"]) for tag in rows(operation, row, "tags")},
        created_at=posix(row.get("createdAt")),
        lifetime_min=int(timeout.get("maxLifetimeTimeoutMinutes", MAX_LIFETIME_MIN)),
        source_connected=_connected(row.get("sourceConnectionState")),
        destination_connected=_connected(row.get("destinationConnectionState")),
    )


def _connected(state: Mapping[str, Any] | None) -> bool | None:
    return None if not state else state.get("status") == "CONNECTED"
