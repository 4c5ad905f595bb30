"""What the sources need of aiortc 1.16's senders beyond its public interface."""

from collections.abc import Callable

from aiortc import RTCRtpSender, RTCRtpTransceiver

# Attribute names by where they live: what the test of the pinned version checks.
PRIVATE = {"RTCRtpSender": ("_send_keyframe",), "RTCRtpTransceiver": ("_codecs",)}


def send_codec(transceiver: RTCRtpTransceiver) -> str:
    """The one that was negotiated for sending: "VP8", "H264", "opus" …; "" before that."""
    return transceiver._codecs[0].name if transceiver._codecs else ""


def watch_losses(sender: RTCRtpSender, on_loss: Callable[[], None]) -> None:
    """on_loss: the peer sent a PLI or a FIR. aiortc tells its own encoder alone, which rests."""
    sender._send_keyframe = on_loss  # type: ignore[method-assign]
