"""Key frames by their bytes; what the other end asks for."""

import asyncio

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RTCP_PSFB_FIR, RtcpPsfbPacket
from tests.engine.pairing import Picture, paired

from peerdeck.engine.aiortc_adapter.outbound import is_key_frame


@pytest.mark.parametrize("picture_id", [None, 5, 3000])
@pytest.mark.parametrize(("first", "key"), [(0x10, True), (0x11, False)])
def test_a_vp8_frame_says_it_in_its_first_bit(picture_id, first, key):
    head = VpxPayloadDescriptor(partition_start=1, partition_id=0, picture_id=picture_id)
    assert is_key_frame("VP8", [bytes(head) + bytes([first, 1, 2]), b"\x80"]) is key


@pytest.mark.parametrize(
    ("payloads", "key"),
    [
        ([b"\x65abc"], True),  # one IDR slice
        ([b"\x67sps", b"\x68pps", b"\x65idr"], True),
        ([b"\x61abc"], False),
        ([b"\x7c\x85abc", b"\x7c\x45def"], True),  # fragments of an IDR slice
        ([b"\x7c\x81abc"], False),
        ([b"\x78\x00\x03\x67ab\x00\x02\x65a"], True),  # several in one packet
        ([b"\x78\x00\x03\x67ab\x00\x02\x61a"], False),
    ],
)
def test_an_h264_frame_is_one_with_an_idr_slice(payloads, key):
    assert is_key_frame("H264", payloads) is key


def test_other_codecs_have_none():
    assert is_key_frame("opus", [b"\x00"]) is False


async def test_a_full_refresh_is_answered_with_a_key_frame_and_counted():
    """aiortc looks for the stream in the header, where RFC 5104 has nothing."""
    async with paired([Picture()]) as (viewer, camera):
        await viewer.until(lambda: viewer.frames >= 10)
        before = camera.one("outbound-rtp")
        entry = before["ssrc"].to_bytes(4, "big") + bytes(4)
        request = RtcpPsfbPacket(fmt=RTCP_PSFB_FIR, ssrc=1, media_ssrc=0, fci=entry)
        await viewer.internals._dtls._send_rtp(bytes(request))
        async with asyncio.timeout(10):
            await viewer.until(
                lambda: camera.one("outbound-rtp")["keyFramesEncoded"] > before["keyFramesEncoded"]
            )
        assert camera.one("outbound-rtp")["firCount"] == 1


async def test_a_lost_picture_is_asked_for_and_counted_at_both_ends():
    async with paired([Picture()]) as (viewer, camera):
        await viewer.until(lambda: viewer.frames >= 5)
        receiver = viewer.connection.getReceivers()[0]
        receiver._RTCRtpReceiver__decoder_error.set()
        await viewer.until(lambda: camera.one("outbound-rtp")["pliCount"])
        assert viewer.one("inbound-rtp")["pliCount"] == camera.one("outbound-rtp")["pliCount"] == 1
