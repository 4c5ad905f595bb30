"""Kinesis Video signaling: what a channel's own HTTPS endpoint answers."""

from typing import Any

from peerdeck.core.channel import Channel
from peerdeck.localcloud.operations.channels import by_arn, not_found
from peerdeck.localcloud.state import Call, OperationError


def get_ice_server_config(call: Call) -> dict[str, Any]:
    """Only the channel's own HTTPS endpoint knows it; the gateway refuses for the regional one."""
    _channel_of_endpoint(call, call.fields["ChannelARN"])
    client_id = call.fields.get("ClientId", "")
    if client_id.startswith("AWS_"):
        raise OperationError("InvalidClientException", "The specified client is invalid.")
    servers = [
        {
            "Uris": list(one.uris),
            "Username": one.username,
            "Password": one.password,
            "Ttl": call.state.ice_ttl_s,
        }
        for one in call.state.ice_servers(call.fields.get("Username", client_id))
    ]
    return {"IceServerList": servers}


async def send_alexa_offer_to_master(call: Call) -> dict[str, Any]:
    """Waits for the master's answer as long as a message lives on the channel."""
    channel = _channel_of_endpoint(call, call.fields["ChannelARN"])
    sender = call.fields["SenderClientId"]
    if sender.startswith("AWS_"):
        raise OperationError("InvalidArgumentException", "The SenderClientId is reserved.")
    if call.state.signaling is None:
        raise RuntimeError("the signaling service is not running")
    try:
        answer = await call.state.signaling.ask_master(
            channel, sender, call.fields["MessagePayload"]
        )
    except TimeoutError as error:
        raise OperationError(
            "ResourceNotFoundException", "The master did not answer before the offer expired."
        ) from error
    return {"Answer": answer}


def join_storage_session(call: Call) -> dict[str, Any]:
    """The storage peer offers to the master, which may come later (within the message TTL)."""
    _start_storage(call, "")
    return {}


def join_storage_session_as_viewer(call: Call) -> dict[str, Any]:
    client_id = call.fields["clientId"]
    if client_id.startswith("AWS_"):
        raise OperationError("InvalidArgumentException", "The clientId must not start with AWS_.")
    _start_storage(call, client_id)
    return {}


def _start_storage(call: Call, viewer: str) -> None:
    channel = _channel_of_endpoint(call, call.fields["channelArn"])
    if not call.state.channels.stream_of(call.region, channel.arn):
        raise OperationError(
            "InvalidArgumentException", "Media storage is not enabled for the channel."
        )
    if call.state.signaling is None:
        raise RuntimeError("the signaling service is not running")
    call.state.signaling.start_storage(call.region, channel, viewer)


def _channel_of_endpoint(call: Call, arn: str) -> Channel:
    channel = by_arn(call, arn)
    if channel.status == "DELETING":
        raise not_found()
    if call.endpoint is None or call.endpoint.channel_arn != channel.arn:
        raise OperationError(
            "InvalidArgumentException", "The channel does not belong to this endpoint."
        )
    return channel
