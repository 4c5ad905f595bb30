"""A data channel that the other end did not take."""

from collections.abc import Iterable

from aiortc import RTCDataChannel
from aiortc.rtcsctptransport import RTCSctpTransport


def refuse_data(sctp: RTCSctpTransport, channels: Iterable[RTCDataChannel]) -> None:
    """Between the answer and the connection: aiortc would ask for an association in vain."""
    sctp._RTCSctpTransport__started = True  # type: ignore[attr-defined]
    for channel in channels:
        channel._setReadyState("closed")
