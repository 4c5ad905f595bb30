"""What media sources need of a sender."""

from collections.abc import Callable

from aiortc import RTCRtpSender, RTCRtpTransceiver


def send_codec(transceiver: RTCRtpTransceiver) -> str:
    """The one that was negotiated for sending: "VP8", "H264", "opus" …; "" before that."""
    if not transceiver._codecs:
        return ""
    name = transceiver._codecs[0].name
    return name.upper() if transceiver.kind == "video" else name  # the other end may write "vp8"


def watch_losses(sender: RTCRtpSender, on_loss: Callable[[], None]) -> None:
    """on_loss: the peer sent a PLI or a FIR. aiortc tells its own encoder alone, which rests."""
    sender._send_keyframe = on_loss  # type: ignore[method-assign]
