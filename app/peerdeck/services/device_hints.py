"""What a tunnel's source has noticed of the device, in plain words, with what to do."""

from dataclasses import dataclass
from typing import Literal

from peerdeck.core.tunnel import DeviceHint, TunnelLink

_V1_ONLY = "version 1 of the tunnel protocol only, as AWS IoT Device Client and Greengrass do"
_CHECK = "Check that it is on and that its tunnel agent runs"


@dataclass(frozen=True, slots=True)
class Advice:
    """word: for a place that has room for no more. tone: "info" where it is a limit to know of,
    "warn" where something has to be done."""

    word: str
    title: str
    remedy: str
    tone: Literal["info", "warn"] = "warn"


def advice(link: TunnelLink, device_connected: bool | None = None) -> Advice | None:
    """None where the device does as it should, or has not been asked anything yet.

    device_connected: what AWS says of it; None where that is not known.
    """
    match link.hint:
        case DeviceHint.V1:
            return Advice(
                "one connection at a time",
                "The device speaks version 1 of the tunnel protocol.",
                "It carries one connection at a time: a second one is refused until the first has "
                "ended. Its tunnel agent would have to speak version 3 for more.",
                "info",
            )
        case DeviceHint.V2:
            return Advice(
                "one connection per service",
                "The device speaks version 2 of the tunnel protocol.",
                "It carries one connection per service at a time: a second one is refused until "
                "the first has ended. Its tunnel agent would have to speak version 3 for more.",
                "info",
            )
        case DeviceHint.TRYING_V1:
            return Advice(
                "device silent",
                "The device has not answered yet.",
                f"It is not connected, or it speaks {_V1_ONLY}: that is tried in a few seconds.",
            )
        case DeviceHint.SWITCHED:
            return Advice(
                "connected as version 1",
                "The device did not answer, so the tunnel now speaks version 1 of the protocol.",
                "Connect your program again. One connection at a time works.",
            )
        case DeviceHint.UNHEARD:
            return Advice(
                "device silent",
                "The device has answered neither in version 3 of the tunnel protocol nor in 1.",
                f"{_CHECK}, and that what it connects to there answers. Then connect your program "
                "again.",
            )
        case DeviceHint.SILENT:
            return _silent(len(link.services), device_connected)
    return None


def _silent(services: int, connected: bool | None) -> Advice:
    title, remedy = "The device has not answered yet.", f"{_CHECK}."
    if connected is False:
        title = "The device is not connected to the tunnel."
    elif services > 1:
        remedy = (
            f"It may speak {_V1_ONLY}: open a tunnel with one service, it knows no more. "
            "Else check that what it connects to there answers."
        )
    else:
        remedy = f"{_CHECK}, and that what it connects to there answers."
    return Advice("device silent", title, remedy)
