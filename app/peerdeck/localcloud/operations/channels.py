"""Kinesis Video Streams: signaling channels, their endpoints, tags and media storage."""

from typing import Any

from peerdeck.core.channel import Channel, Role
from peerdeck.localcloud.channels import (
    MAX_TAGS,
    ChannelBusyError,
    ChannelExistsError,
    ChannelLimitReachedError,
    ChannelMissingError,
    StreamTakenError,
    TooManyTagsError,
)
from peerdeck.localcloud.paging import PageTokenError
from peerdeck.localcloud.state import Call, OperationError

_DEFAULT_PAGE = 500
_DEFAULT_TTL_S = 60
_SCHEMES = {"HTTPS": "http", "WSS": "ws", "WEBRTC": "http"}


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
    return {"ChannelInfo": _info(_by_either(call))}


def get_signaling_channel_endpoint(call: Call) -> dict[str, Any]:
    channel = by_arn(call, call.fields["ChannelARN"])
    if channel.status == "DELETING":
        raise not_found()
    if channel.status == "CREATING":
        raise OperationError("ResourceInUseException", "The channel is in the CREATING state.")
    if channel.kind != "SINGLE_MASTER":
        raise OperationError(
            "InvalidArgumentException", f"Channel type {channel.kind} is not supported."
        )
    configuration = call.fields.get("SingleMasterChannelEndpointConfiguration", {})
    protocols = configuration.get("Protocols", ["WSS", "HTTPS"])
    if "WEBRTC" in protocols and not call.state.channels.stream_of(call.region, channel.arn):
        raise OperationError(
            "InvalidArgumentException",
            "The WEBRTC protocol needs media storage to be configured for the channel.",
        )
    role = Role(configuration.get("Role", Role.MASTER))
    scheme, _, host = call.state.base_url.partition("://")
    tls = scheme.removeprefix("http")
    endpoints = []
    for protocol in dict.fromkeys(protocols):
        label = call.state.channels.endpoint_label(call.region, channel, role, protocol)
        url = f"{_SCHEMES[protocol]}{tls}://{host}/{label}"
        endpoints.append({"Protocol": protocol, "ResourceEndpoint": url})
    return {"ResourceEndpointList": endpoints}


def create_signaling_channel(call: Call) -> dict[str, Any]:
    name = call.fields["ChannelName"]
    configuration = call.fields.get("SingleMasterConfiguration", {})
    try:
        channel = call.state.channels.create(
            call.region,
            name,
            kind=call.fields.get("ChannelType", "SINGLE_MASTER"),
            ttl_s=configuration.get("MessageTtlSeconds", _DEFAULT_TTL_S),
            tags={tag["Key"]: tag["Value"] for tag in call.fields.get("Tags", ())},
            settles=True,
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


def update_signaling_channel(call: Call) -> dict[str, Any]:
    channel = by_arn(call, call.fields["ChannelARN"])
    _check_version(channel, call.fields["CurrentVersion"])
    configuration = call.fields.get("SingleMasterConfiguration", {})
    if configuration and channel.kind != "SINGLE_MASTER":
        raise OperationError(
            "InvalidArgumentException",
            "SingleMasterConfiguration is for channels of type SINGLE_MASTER only.",
        )
    ttl_s = configuration.get("MessageTtlSeconds", channel.ttl_s)
    try:
        call.state.channels.update(call.region, channel.arn, ttl_s=ttl_s)
    except ChannelBusyError as error:
        raise OperationError("ResourceInUseException", str(error)) from error
    return {}


def delete_signaling_channel(call: Call) -> dict[str, Any]:
    """Without a version "the most recent version is deleted"."""
    channel = by_arn(call, call.fields["ChannelARN"])
    _check_version(channel, call.fields.get("CurrentVersion", channel.version))
    try:
        call.state.channels.delete(call.region, channel.arn)
    except ChannelBusyError as error:
        raise OperationError("ResourceInUseException", str(error)) from error
    return {}


def tag_resource(call: Call) -> dict[str, Any]:
    channel = by_arn(call, call.fields["ResourceARN"])
    tags = {tag["Key"]: tag["Value"] for tag in call.fields["Tags"]}
    try:
        call.state.channels.tag(call.region, channel.arn, tags)
    except TooManyTagsError as error:
        raise OperationError(
            "TagsPerResourceExceededLimitException",
            f"A resource has at most {MAX_TAGS} tags.",
        ) from error
    return {}


def untag_resource(call: Call) -> dict[str, Any]:
    channel = by_arn(call, call.fields["ResourceARN"])
    call.state.channels.untag(call.region, channel.arn, call.fields["TagKeyList"])
    return {}


def list_tags_for_resource(call: Call) -> dict[str, Any]:
    """One page holds the 50 tags that a channel can have, so that every NextToken is foreign."""
    channel = by_arn(call, call.fields["ResourceARN"])
    if call.fields.get("NextToken"):
        raise OperationError("InvalidArgumentException", "The NextToken is not valid.")
    return {"Tags": dict(call.state.channels.tags(call.region, channel.arn))}


def describe_media_storage_configuration(call: Call) -> dict[str, Any]:
    stream = call.state.channels.stream_of(call.region, _by_either(call).arn)
    configuration = {"Status": "ENABLED" if stream else "DISABLED", "StreamARN": stream or None}
    return {"MediaStorageConfiguration": configuration}


def update_media_storage_configuration(call: Call) -> dict[str, Any]:
    """Streams are not kept here: any of this account and region counts as one with retention."""
    channel = by_arn(call, call.fields["ChannelARN"])
    configuration = call.fields["MediaStorageConfiguration"]
    stream = configuration.get("StreamARN", "") if configuration["Status"] == "ENABLED" else ""
    if configuration["Status"] == "ENABLED":
        _check_stream(call, channel, stream)
    try:
        call.state.channels.store_in(call.region, channel.arn, stream)
    except ChannelBusyError as error:
        raise OperationError("ResourceInUseException", str(error)) from error
    except StreamTakenError as error:
        raise OperationError(
            "ResourceInUseException", "The stream is already mapped to a different channel."
        ) from error
    return {}


def by_arn(call: Call, arn: str) -> Channel:
    """Raises OperationError."""
    try:
        return call.state.channels.by_arn(call.region, arn)
    except ChannelMissingError as error:
        raise not_found() from error


def _by_either(call: Call) -> Channel:
    """By ChannelARN, or else by ChannelName."""
    name, arn = call.fields.get("ChannelName"), call.fields.get("ChannelARN")
    if name is None and arn is None:
        raise OperationError(
            "InvalidArgumentException", "Either ChannelName or ChannelARN must be specified."
        )
    if arn is not None:
        return by_arn(call, arn)
    try:
        return call.state.channels.by_name(call.region, name or "")
    except ChannelMissingError as error:
        raise not_found() from error


def not_found() -> OperationError:
    return OperationError(
        "ResourceNotFoundException", "The requested channel is not found or not active."
    )


def _check_version(channel: Channel, version: str) -> None:
    if version != channel.version:
        raise OperationError(
            "VersionMismatchException", "The version is not the channel's current version."
        )


def _check_stream(call: Call, channel: Channel, stream: str) -> None:
    if channel.kind != "SINGLE_MASTER":
        raise OperationError(
            "InvalidArgumentException", f"Channel type {channel.kind} is not supported."
        )
    if not stream:
        raise OperationError(
            "InvalidArgumentException", "StreamARN must be specified where the status is ENABLED."
        )
    fields = stream.split(":")
    if not fields[5].startswith("stream/"):
        raise OperationError("InvalidArgumentException", "StreamARN must be the ARN of a stream.")
    if fields[3:5] != [call.region, call.state.account]:
        raise OperationError(
            "ResourceNotFoundException", "The requested stream is not found or not active."
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
