"""What the operations do. In: a verified and validated Call. Out: the fields of the answer.

An operation refuses with OperationError; every other exception is our own fault and becomes
InternalFailure at the gateway.
"""

from collections.abc import Callable, Mapping
from typing import Any

from peerdeck.localcloud.operations import channels, identity, tunneling
from peerdeck.localcloud.state import Call

Operation = Callable[[Call], dict[str, Any]]

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("kinesisvideo", "ListSignalingChannels"): channels.list_signaling_channels,
    ("kinesisvideo", "DescribeSignalingChannel"): channels.describe_signaling_channel,
    ("kinesisvideo", "GetSignalingChannelEndpoint"): channels.get_signaling_channel_endpoint,
    ("kinesisvideo", "CreateSignalingChannel"): channels.create_signaling_channel,
    ("kinesisvideo", "DeleteSignalingChannel"): channels.delete_signaling_channel,
    ("kinesis-video-signaling", "GetIceServerConfig"): channels.get_ice_server_config,
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
