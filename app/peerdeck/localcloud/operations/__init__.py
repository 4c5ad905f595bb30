"""What the operations do. In: a verified and validated Call. Out: the fields of the answer.

An operation refuses with OperationError; every other exception is our own fault and becomes
InternalFailure at the gateway.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from peerdeck.localcloud.operations import channels, identity, signaling, tunneling
from peerdeck.localcloud.state import Call

Operation = Callable[[Call], dict[str, Any] | Awaitable[dict[str, Any]]]

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("kinesisvideo", "ListSignalingChannels"): channels.list_signaling_channels,
    ("kinesisvideo", "DescribeSignalingChannel"): channels.describe_signaling_channel,
    ("kinesisvideo", "GetSignalingChannelEndpoint"): channels.get_signaling_channel_endpoint,
    ("kinesisvideo", "CreateSignalingChannel"): channels.create_signaling_channel,
    ("kinesisvideo", "UpdateSignalingChannel"): channels.update_signaling_channel,
    ("kinesisvideo", "DeleteSignalingChannel"): channels.delete_signaling_channel,
    ("kinesisvideo", "TagResource"): channels.tag_resource,
    ("kinesisvideo", "UntagResource"): channels.untag_resource,
    ("kinesisvideo", "ListTagsForResource"): channels.list_tags_for_resource,
    (
        "kinesisvideo",
        "DescribeMediaStorageConfiguration",
    ): channels.describe_media_storage_configuration,
    (
        "kinesisvideo",
        "UpdateMediaStorageConfiguration",
    ): channels.update_media_storage_configuration,
    ("kinesis-video-signaling", "GetIceServerConfig"): signaling.get_ice_server_config,
    ("kinesis-video-signaling", "SendAlexaOfferToMaster"): signaling.send_alexa_offer_to_master,
    ("kinesis-video-webrtc-storage", "JoinStorageSession"): signaling.join_storage_session,
    (
        "kinesis-video-webrtc-storage",
        "JoinStorageSessionAsViewer",
    ): signaling.join_storage_session_as_viewer,
    ("iotsecuretunneling", "OpenTunnel"): tunneling.open_tunnel,
    ("iotsecuretunneling", "CloseTunnel"): tunneling.close_tunnel,
    ("iotsecuretunneling", "DescribeTunnel"): tunneling.describe_tunnel,
    ("iotsecuretunneling", "ListTunnels"): tunneling.list_tunnels,
    ("iotsecuretunneling", "RotateTunnelAccessToken"): tunneling.rotate_tunnel_access_token,
    ("iotsecuretunneling", "TagResource"): tunneling.tag_resource,
    ("iotsecuretunneling", "UntagResource"): tunneling.untag_resource,
    ("iotsecuretunneling", "ListTagsForResource"): tunneling.list_tags_for_resource,
    ("sts", "GetCallerIdentity"): identity.get_caller_identity,
}
