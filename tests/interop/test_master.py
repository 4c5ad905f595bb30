"""Amazon's JavaScript SDK in Chromium as master: our viewer sees its camera."""

import pytest
from tests.interop.browser import Browser
from tests.interop.conftest import FPS, HEIGHT, WIDTH, Channel, of_type, selected_candidate
from tests.interop.joined import Join, Joined

FRAMES = 3 * FPS


def serving(channel: Channel, **more: object) -> dict[str, object]:
    return channel.config("MASTER", width=WIDTH, height=HEIGHT, fps=FPS, **more)


async def test_first_frame_size_rate_and_texts(page: Browser, channel: Channel, join: Join) -> None:
    await page.call("interop.serve", serving(channel))
    joined = await join()
    await joined.frames(FPS)
    began = await joined.stats()
    await joined.frames(FRAMES)
    stats = await joined.stats()
    names = {step.name for step in joined.now.steps}
    assert names >= {"Answer received", "ICE connected", "DTLS connected", "First frame"}
    assert (stats.width, stats.height) == (WIDTH, HEIGHT)
    assert stats.fps == pytest.approx(FPS, rel=0.15)
    assert stats.frames_decoded > began.frames_decoded
    assert stats.codec == "VP8"
    joined.send("hello browser")
    assert await page.call("interop.text", "hello browser")
    assert await joined.text("hello browser") == "echo: hello browser"
    assert await page.call("interop.statuses") == []
    kinds = {r["kind"] for r in of_type(await page.call("interop.stats"), "outbound-rtp")}
    assert kinds == {"video", "audio"}


@pytest.mark.parametrize("relay", ["udp", "tcp", "tls"])
async def test_first_frame_and_texts_through_turn_alone(
    page: Browser, channel: Channel, join: Join, relay: str
) -> None:
    await page.call("interop.serve", serving(channel, relay=relay))
    joined: Joined = await join(relay=relay)
    await joined.frames(FPS)
    stats = await joined.stats()
    assert (stats.width, stats.height) == (WIDTH, HEIGHT)
    assert stats.pair is not None
    assert stats.pair.local_kind == "relay"
    assert stats.pair.path == f"relay/{relay}"
    local = selected_candidate(await page.call("interop.stats"), "local")
    assert (local["candidateType"], local["relayProtocol"]) == ("relay", relay)
    joined.send("hello browser")
    assert await joined.text("hello browser") == "echo: hello browser"


async def test_the_page_is_left_and_the_session_says_so(
    page: Browser, channel: Channel, join: Join
) -> None:
    await page.call("interop.serve", serving(channel))
    joined = await join()
    await joined.frames(1)
    await page.call("interop.end")
    assert (await joined.failed()).remedy
