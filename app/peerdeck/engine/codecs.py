"""Directions and codec order of what is offered or answered."""

from aiortc import RTCRtpReceiver, RTCRtpTransceiver

from peerdeck.core.join import JoinOptions


def directions(options: JoinOptions, kind: str, *, sends: bool) -> str:
    """ "sendrecv", "sendonly", "recvonly" or "inactive"."""
    receives = options.receive_video if kind == "video" else options.receive_audio
    if sends:
        return "sendrecv" if receives else "sendonly"
    return "recvonly" if receives else "inactive"


def prefer(transceiver: RTCRtpTransceiver, codec: str) -> None:
    """Offers `codec` ("VP8", "opus" …) first and the others after it; "" changes nothing."""
    if not codec:
        return
    known = RTCRtpReceiver.getCapabilities(transceiver.kind)
    if known is None:  # no such kind of media
        return
    wanted = f"{transceiver.kind}/{codec}".lower()
    codecs = sorted(known.codecs, key=lambda c: c.mimeType.lower() != wanted)
    transceiver.setCodecPreferences(codecs)
