"""The one place that touches private parts of aiortc 1.16 and aioice 0.13.

They measure more than they tell, gather in one go and queue without end. What is touched is listed
in private.py; a test holds it against the pinned versions. Everything here concerns one bundled
connection: MAX_BUNDLE gives all media and the data channel the transport of the first transceiver.

    peer_internals.py  `PeerInternals`: what the engine asks of a connection
    gathering.py       own candidates as they are found; pacing.py checks them, restriction.py and
                       refusal.py keep out what is not wanted
    measuring.py       puts counting in place of what every packet, frame and message passes:
                       paths.py, inbound.py, decoding.py, outbound.py, rtcp.py, channels.py
    streams.py         what was counted, as the W3C has it; transport.py, too
    receiving.py       datagrams without a turn of the loop each; packets.py RTP without coroutines;
                       relaying.py without a task each

Methods are replaced on objects, never on classes: another connection in the process is untouched.
"""

from peerdeck.engine.aiortc_adapter.gathering import Gathering, GatheringRules, IceServers
from peerdeck.engine.aiortc_adapter.packets import light_receivers
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
    "light_receivers",
]
