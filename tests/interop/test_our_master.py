"""Amazon's JavaScript SDK in Chromium as viewer of our master; figures: test_statistics.py."""

import asyncio

import pytest
from tests.interop.browser import Browser
from tests.interop.conftest import Channel, of_type, selected_candidate
from tests.interop.joined import Join, Joined

from peerdeck.core.channel import Role
from peerdeck.core.join import Source
from peerdeck.core.session import Peer
from peerdeck.wiring import Console

PICTURES = 20
SIZE = {"width": 1280, "height": 720}
BOUND_S = 20.0


async def serve(join: Join, *, relay: str = "", video_codec: str = "") -> Joined:
    """Our master, online."""
    joined = await join(
        role=Role.MASTER,
        video=Source.GENERATED,
        audio=Source.GENERATED,
        relay=relay,
        video_codec=video_codec,
    )
    await joined.until(lambda session: session.signaling == "open")
    return joined


async def browser_row(joined: Joined) -> Peer:
    """The browser's row, with figures."""
    session = await joined.until(lambda s: s.peers and s.peers[0].stats and s.peers[0].stats.pair)
    (peer,) = session.peers
    return peer


def told(console: Console) -> list[str]:
    return [entry.what for entry in console.journal.entries.value if entry.kind == "session"]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_picture_sound_and_texts_arrive(
    page: Browser, channel: Channel, join: Join, console: Console, codec: str
) -> None:
    joined = await serve(join, video_codec=codec)
    await page.call("interop.view", channel.config("VIEWER"))
    assert await page.call("interop.shown", PICTURES) == SIZE
    reports = await page.call("interop.stats")
    (video,) = of_type(reports, "inbound-rtp", kind="video")
    (used,) = [r for r in of_type(reports, "codec") if r["id"] == video["codecId"]]
    assert used["mimeType"] == f"video/{codec}"
    assert await page.call("interop.shown", PICTURES)
    (audio,) = of_type(await page.call("interop.stats"), "inbound-rtp", kind="audio")
    assert audio["packetsReceived"] > 20
    await page.call("interop.say", "hello master")
    await joined.text("hello master")
    console.sessions.send(joined.id, "hello browser", "browser")
    assert await page.call("interop.text", "hello browser") == "hello browser"
    assert await page.call("interop.statuses") == []
    assert told(console)[-2:] == ["Join front-door as master", "Viewer browser watches front-door"]
    entries = console.sessions.log(joined.id).signaling
    assert not [entry for entry in entries if entry.what == "STATUS_RESPONSE"]


@pytest.mark.parametrize("relay", ["udp", "tcp", "tls"])
async def test_picture_and_texts_arrive_through_turn_alone(
    page: Browser, channel: Channel, join: Join, relay: str
) -> None:
    joined = await serve(join, relay=relay)
    await page.call("interop.view", channel.config("VIEWER", relay=relay))
    assert await page.call("interop.shown", PICTURES) == SIZE
    local = selected_candidate(await page.call("interop.stats"), "local")
    assert (local["candidateType"], local["relayProtocol"]) == ("relay", relay)
    stats = (await browser_row(joined)).stats
    assert stats is not None
    assert stats.pair is not None
    assert (stats.pair.local_kind, stats.pair.path) == ("relay", f"relay/{relay}")
    await page.call("interop.say", "hello master")
    await joined.text("hello master")


async def test_a_browsers_camera_and_microphone_are_seen_and_heard(
    page: Browser, channel: Channel, join: Join, console: Console
) -> None:
    joined = await serve(join)
    heard = asyncio.Event()
    console.sessions.watch_sound(joined.id, lambda pcm: heard.set(), "browser")
    await page.call("interop.view", channel.config("VIEWER", sends=True))
    assert await page.call("interop.shown", PICTURES) == SIZE
    await joined.until(lambda s: s.peers and s.peers[0].has_picture)
    assert console.sessions.picture(joined.id, 320, 240, "browser") is not None
    async with asyncio.timeout(BOUND_S):
        await heard.wait()


async def test_the_page_is_left_and_the_master_says_so(
    page: Browser, channel: Channel, join: Join, console: Console
) -> None:
    joined = await serve(join)
    await page.call("interop.view", channel.config("VIEWER"))
    await page.call("interop.shown", 1)
    await page.call("interop.end")
    await joined.until(lambda s: not s.peers)
    assert told(console)[-1] == "Viewer browser has left front-door"
    assert list(console.sessions.log(joined.id).peers) == ["browser"]
