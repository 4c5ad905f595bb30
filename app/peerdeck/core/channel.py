"""Signaling channels of Kinesis Video Streams."""

import re
from dataclasses import dataclass
from enum import StrEnum

from peerdeck.core.errors import FieldError
from peerdeck.core.fields import TextRule

# Documentation has `arn:aws:` only; real ARNs also come from aws-cn and aws-us-gov.
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):kinesisvideo:(?P<region>[a-z0-9-]+):(?P<account>[0-9]+)"
    r":(?P<kind>[a-z]+)/(?P<name>[a-zA-Z0-9_.-]+)/(?P<created>[0-9]+)"
)
CHANNEL_ARN = TextRule(
    field="Channel ARN",
    pattern=_ARN,
    words="must look like arn:aws:kinesisvideo:REGION:ACCOUNT:channel/NAME/NUMBER.",
    maximum=1024,
    required=True,
)
CLIENT_ID = TextRule(
    field="Client ID",
    pattern=re.compile(r"(?!AWS_)[a-zA-Z0-9_.-]+"),
    words="may hold letters, digits, “_”, “.” and “-” only, and must not start with AWS_.",
)


class Role(StrEnum):
    MASTER = "MASTER"
    VIEWER = "VIEWER"


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of ListSignalingChannels.

    status: CREATING, ACTIVE, UPDATING or DELETING. kind: SINGLE_MASTER or FULL_MESH. ttl_s:
    MessageTtlSeconds, 5–120. created_at: POSIX seconds. `version` is needed to change it.
    """

    name: str
    arn: str
    status: str
    kind: str = "SINGLE_MASTER"
    ttl_s: int = 60
    created_at: float = 0.0
    version: str = ""


@dataclass(frozen=True, slots=True)
class ChannelEndpoints:
    """What GetSignalingChannelEndpoint answers for one role; `webrtc` only with ingestion."""

    https: str
    wss: str
    webrtc: str = ""


def region_of(arn: str) -> str:
    """The region inside a channel ARN; raises FieldError for anything else."""
    match = _ARN.fullmatch(CHANNEL_ARN.check(arn))
    if match is None:  # the rule above has the same pattern
        raise FieldError("Channel ARN", arn, CHANNEL_ARN.words)
    return match["region"]
