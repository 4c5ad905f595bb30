"""Kinesis Video Streams: signaling channels, their endpoints and their ICE configuration."""

from typing import Any

from peerdeck.core.channel import Channel, Role
from peerdeck.localcloud.channels import (
    ChannelExistsError,
    ChannelLimitReachedError,
    ChannelMissingError,
)
from peerdeck.localcloud.paging import PageTokenError
from peerdeck.localcloud.state import Call, OperationError

_DEFAULT_PAGE = 500
_SCHEMES = {"HTTPS": "http", "WSS": "ws"}


def list_signaling_channels(call: Call) -> dict[str, Any]:
    condition = call.fields.get("ChannelNameCondition", {})
    prefix = condition.get("ComparisonValue", "")
    query = f"channels|{call.region}|{prefix}"
    try:
        after = call.state.pages.read(query, call.fields.get("NextToken", ""))
    except PageTokenError as error:
        raise OperationError("InvalidArgumentException", "The NextToken is not valid.") from error
    found, more = call.state.channels.page(
        call.region,
        prefix=prefix,
        after=after,
        limit=call.fields.get("MaxResults", _DEFAULT_PAGE),
    )
    return {
        "ChannelInfoList": [_info(channel) for channel in found],
        "NextToken": call.state.pages.make(query, found[-1].name) if more else None,
    }


def describe_signaling_channel(call: Call) -> dict[str, Any]:
    name, arn = call.fields.get("ChannelName"), call.fields.get("ChannelARN")
    if name is None and arn is None:
        raise OperationError(
            "InvalidArgumentException", "Either ChannelName or ChannelARN must be specified."
        )
    if arn is not None:
        return {"ChannelInfo": _info(_by_arn(call, arn))}
    try:
        channel = call.state.channels.by_name(call.region, name or "")
    except ChannelMissingError as error:
        raise _not_found() from error
    return {"ChannelInfo": _info(channel)}


def get_signaling_channel_endpoint(call: Call) -> dict[str, Any]:
    channel = _by_arn(call, call.fields["ChannelARN"])
    if channel.status != "ACTIVE":
        raise OperationError(
            "ResourceInUseException", f"The channel is in the {channel.status} state."
        )
    if channel.kind != "SINGLE_MASTER":
        raise OperationError(
            "InvalidArgumentException", f"Channel type {channel.kind} is not supported."
        )
    configuration = call.fields.get("SingleMasterChannelEndpointConfiguration", {})
    protocols = configuration.get("Protocols", ["WSS", "HTTPS"])
    if "WEBRTC" in protocols:
        raise OperationError(
            "InvalidArgumentException",
            "The WEBRTC protocol needs media storage to be configured for the channel.",
        )
    role = Role(configuration.get("Role", Role.MASTER))
    host = call.state.base_url.partition("//")[2]
    endpoints = []
    for protocol in dict.fromkeys(protocols):
        label = call.state.channels.endpoint_label(call.region, channel, role, protocol)
        url = f"{_SCHEMES[protocol]}://{host}/{label}"
        endpoints.append({"Protocol": protocol, "ResourceEndpoint": url})
    return {"ResourceEndpointList": endpoints}


def get_ice_server_config(call: Call) -> dict[str, Any]:
    """Only the channel's own HTTPS endpoint knows it; the gateway refuses for the regional one."""
    channel = _by_arn(call, call.fields["ChannelARN"])
    if call.endpoint is None or call.endpoint.channel_arn != channel.arn:
        raise OperationError(
            "InvalidArgumentException", "The channel does not belong to this endpoint."
        )
    client_id = call.fields.get("ClientId", "")
    if client_id.startswith("AWS_"):
        raise OperationError("InvalidClientException", "The specified client is invalid.")
    if call.state.turn is None:
        raise RuntimeError("the TURN server is not running")
    user, password = call.state.turn.issue(
        ttl_s=call.state.ice_ttl_s, label=call.fields.get("Username", client_id)
    )
    server = {
        "Uris": list(call.state.turn_uris),
        "Username": user,
        "Password": password,
        "Ttl": call.state.ice_ttl_s,
    }
    return {"IceServerList": [server]}


def create_signaling_channel(call: Call) -> dict[str, Any]:
    name = call.fields["ChannelName"]
    configuration = call.fields.get("SingleMasterConfiguration", {})
    try:
        channel = call.state.channels.create(
            call.region,
            name,
            kind=call.fields.get("ChannelType", "SINGLE_MASTER"),
            ttl_s=configuration.get("MessageTtlSeconds", 60),
        )
    except ChannelExistsError as error:
        raise OperationError(
            "ResourceInUseException", f"A channel with the name {name} already exists."
        ) from error
    except ChannelLimitReachedError as error:
        raise OperationError(
            "AccountChannelLimitExceededException",
            "You have reached the maximum limit of active signaling channels in this region.",
        ) from error
    return {"ChannelARN": channel.arn}


def delete_signaling_channel(call: Call) -> dict[str, Any]:
    channel = _by_arn(call, call.fields["ChannelARN"])
    if call.fields.get("CurrentVersion", channel.version) != channel.version:
        raise OperationError(
            "VersionMismatchException", "The version is not the channel's current version."
        )
    call.state.channels.delete(call.region, channel.arn)
    return {}


def _by_arn(call: Call, arn: str) -> Channel:
    try:
        return call.state.channels.by_arn(call.region, arn)
    except ChannelMissingError as error:
        raise _not_found() from error


def _not_found() -> OperationError:
    return OperationError(
        "ResourceNotFoundException", "The requested channel is not found or not active."
    )


def _info(channel: Channel) -> dict[str, Any]:
    single_master = channel.kind == "SINGLE_MASTER"
    return {
        "ChannelName": channel.name,
        "ChannelARN": channel.arn,
        "ChannelType": channel.kind,
        "ChannelStatus": channel.status,
        "CreationTime": channel.created_at,
        "SingleMasterConfiguration": (
            {"MessageTtlSeconds": channel.ttl_s} if single_master else None
        ),
        "Version": channel.version,
    }
