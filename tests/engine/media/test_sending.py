"""What is private in aiortc's senders is as this room knows it, in the pinned version."""

import inspect
from importlib.metadata import version

from aiortc import RTCPeerConnection

from peerdeck.engine.ice_servers import rtc_configuration
from peerdeck.engine.media.sending import PRIVATE, send_codec, watch_losses


async def test_every_private_attribute_exists_and_takes_nothing():
    assert version("aiortc").split(".")[:2] == ["1", "16"]
    connection = RTCPeerConnection(rtc_configuration())
    transceiver = connection.addTransceiver("video")
    holders = {"RTCRtpSender": transceiver.sender, "RTCRtpTransceiver": transceiver}
    assert holders.keys() == PRIVATE.keys()
    for name, attributes in PRIVATE.items():
        assert all(hasattr(holders[name], attribute) for attribute in attributes)
    assert not inspect.signature(transceiver.sender._send_keyframe).parameters
    assert send_codec(transceiver) == ""
    told = []
    watch_losses(transceiver.sender, lambda: told.append(1))
    transceiver.sender._send_keyframe()
    assert told == [1]
    await connection.close()
