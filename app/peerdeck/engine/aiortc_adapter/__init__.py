"""The one place that touches private parts of aiortc 1.16 and aioice 0.13.

They measure more than they tell and gather in one go. What is touched is listed in PRIVATE; a test
holds it against the pinned versions. Everything here concerns one bundled connection: MAX_BUNDLE
gives all media and the data channel the transport of the first transceiver.
"""

from peerdeck.engine.aiortc_adapter.gathering import Gathering, GatheringRules, IceServers
from peerdeck.engine.aiortc_adapter.peer_internals import (
    PeerInternals,
    address_text,
    codec_names,
)
from peerdeck.engine.aiortc_adapter.private import PRIVATE

__all__ = [
    "PRIVATE",
    "Gathering",
    "GatheringRules",
    "IceServers",
    "PeerInternals",
    "address_text",
    "codec_names",
]
