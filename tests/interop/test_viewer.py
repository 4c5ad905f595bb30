"""Amazon's JavaScript SDK in Chromium as viewer of our camera."""

import json

import pytest
from tests.interop.browser import Browser
from tests.interop.conftest import HEIGHT, WIDTH, Channel, of_type, selected_candidate

from peerdeck.localcloud.camera import DemoCamera

PICTURES = 20


async def test_picture_and_telemetry_arrive(
    page: Browser, channel: Channel, camera: DemoCamera
) -> None:
    await page.call("interop.view", channel.config("VIEWER"))
    assert await page.call("interop.shown", PICTURES) == {"width": WIDTH, "height": HEIGHT}
    (video,) = of_type(await page.call("interop.stats"), "inbound-rtp", kind="video")
    assert video["framesDecoded"] >= PICTURES
    assert await page.call("interop.shown", PICTURES)
    (later,) = of_type(await page.call("interop.stats"), "inbound-rtp", kind="video")
    assert later["framesDecoded"] >= video["framesDecoded"] + PICTURES
    telemetry = json.loads(await page.call("interop.text", '"fps": [1-9]'))
    assert telemetry["viewers"] == 1
    await page.call("interop.say", "hello camera")
    assert await page.call("interop.text", "hello camera") == "hello camera"
    print("offer:", await page.call("interop.offerCharacters"))
    assert await page.call("interop.statuses") == []
    assert list(camera.watchers) == ["browser"]


@pytest.mark.parametrize(("relay", "protocol"), [("udp", "udp"), ("tcp", "tcp"), ("tls", "tls")])
async def test_picture_and_telemetry_arrive_through_turn_alone(
    page: Browser, channel: Channel, camera: DemoCamera, relay: str, protocol: str
) -> None:
    await page.call("interop.view", channel.config("VIEWER", relay=relay))
    assert await page.call("interop.shown", PICTURES) == {"width": WIDTH, "height": HEIGHT}
    assert await page.call("interop.text", "uptime_s")
    local = selected_candidate(await page.call("interop.stats"), "local")
    assert (local["candidateType"], local["relayProtocol"]) == ("relay", protocol)


async def test_a_viewer_with_camera_and_microphone_is_not_listened_to(
    page: Browser, channel: Channel, camera: DemoCamera
) -> None:
    """Nothing plays them; what nobody reads would pile up in the camera."""
    await page.call("interop.view", channel.config("VIEWER", sends=True))
    print("offer:", await page.call("interop.offerCharacters"), await page.call("interop.statuses"))
    assert await page.call("interop.shown", PICTURES) == {"width": WIDTH, "height": HEIGHT}
    sent = of_type(await page.call("interop.stats"), "outbound-rtp")
    assert [report["packetsSent"] for report in sent if report["packetsSent"]] == []
    print("offer:", await page.call("interop.offerCharacters"))
    assert await page.call("interop.statuses") == []
