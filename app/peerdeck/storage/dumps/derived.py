"""Series that chrome://webrtc-internals derives from counters, by its names.

Analysers draw bitrates and means from them and do not compute their own.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_JITTER_BUFFER = tuple(
    f"{member}/jitterBufferEmittedCount_in_ms"
    for member in (
        "jitterBufferDelay",
        "jitterBufferTargetDelay",
        "jitterBufferMinimumDelay",
        "totalProcessingDelay",
    )
)
_BYTES = ("bytesSent_in_bits/s", "bytesReceived_in_bits/s")
_ROUND_TRIP = ("totalRoundTripTime/roundTripTimeMeasurements",)
# A name says how it is made: growth of its first counter by the second it stands over, or by time.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "inbound-rtp": (
        "bytesReceived_in_bits/s",
        "headerBytesReceived_in_bits/s",
        "retransmittedBytesReceived_in_bits/s",
        "framesReceived/s",
        "framesDecoded/s",
        "keyFramesDecoded/s",
        "totalSamplesReceived/s",
        "concealedSamples/s",
        "silentConcealedSamples/s",
        "insertedSamplesForDeceleration/s",
        "removedSamplesForAcceleration/s",
        "concealedSamples/totalSamplesReceived",
        "totalDecodeTime/framesDecoded_in_ms",
        "totalInterFrameDelay/framesDecoded_in_ms",
        "qpSum/framesDecoded",
        *_JITTER_BUFFER,
    ),
    "outbound-rtp": (
        "bytesSent_in_bits/s",
        "headerBytesSent_in_bits/s",
        "retransmittedBytesSent_in_bits/s",
        "totalEncodedBytesTarget_in_bits/s",
        "framesEncoded/s",
        "framesSent/s",
        "totalPacketSendDelay/packetsSent_in_ms",
        "totalEncodeTime/framesEncoded_in_ms",
        "qpSum/framesEncoded",
    ),
    "remote-inbound-rtp": _ROUND_TRIP,
    "remote-outbound-rtp": _ROUND_TRIP,
    "candidate-pair": (*_BYTES, "totalRoundTripTime/responsesReceived"),
    "transport": _BYTES,
    "data-channel": (*_BYTES, "messagesSent/s", "messagesReceived/s"),
    "media-playout": ("totalPlayoutDelay/totalSamplesCount",),
}


def derived(
    kind: str, members: Mapping[str, Sequence[Any]], times: Sequence[float]
) -> Iterator[tuple[str, list[Any]]]:
    """Name and values, as many as times; None where there is none: at the first report, and where
    what it is divided by did not grow. times: POSIX seconds."""
    for name in _NAMES.get(kind, ()):
        counter, _, over = name.partition("/")
        bits, unit = counter.endswith("_in_bits"), "_in_ms" if over.endswith("_in_ms") else ""
        upper = members.get(counter.removesuffix("_in_bits"))
        lower = times if over == "s" else members.get(over.removesuffix("_in_ms"))
        if upper is None or lower is None:
            continue
        ratios = _ratios(upper, lower, 8 if bits else 1000 if unit else 1)
        yield f"[{name}]", [round(x) if bits and x is not None else x for x in ratios]


def _ratios(upper: Sequence[Any], lower: Sequence[Any], factor: int) -> list[float | None]:
    """Of each row's growth since the row before."""
    import numpy as np

    try:
        above = factor * np.diff(np.array(upper, dtype=float))
        below = np.diff(np.array(lower, dtype=float))
    except ValueError:  # somebody's counter is a text
        return [None] * len(lower)
    ratios = np.full(len(below), np.nan)
    np.divide(above, below, out=ratios, where=below > 0)
    return [None, *(None if math.isnan(ratio) else ratio for ratio in ratios.tolist())]
