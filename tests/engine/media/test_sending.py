"""What a sender tells of its codec and of losses."""

import inspect

from aiortc import RTCPeerConnection

from peerdeck.engine.aiortc_adapter.sending import send_codec, watch_losses
from peerdeck.engine.ice_servers import rtc_configuration


async def test_a_loss_is_told_and_there_is_no_codec_before_there_is_one():
    connection = RTCPeerConnection(rtc_configuration())
    transceiver = connection.addTransceiver("video")
    assert not inspect.signature(transceiver.sender._send_keyframe).parameters
    assert send_codec(transceiver) == ""
    told = []
    watch_losses(transceiver.sender, lambda: told.append(1))
    transceiver.sender._send_keyframe()
    assert told == [1]
    await connection.close()
