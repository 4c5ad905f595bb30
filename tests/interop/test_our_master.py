"""Amazon's JavaScript SDK in Chromium as viewer of our master."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.interop.browser import Browser
from tests.interop.conftest import FPS, HEIGHT, WIDTH, Channel, of_type, selected_candidate
from tests.interop.joined import only

from peerdeck.cloud.account import AwsAccount
from peerdeck.core.channel import Role
from peerdeck.core.ice import IceRequest, IceServer
from peerdeck.core.join import JoinOptions, PathPolicy, Source
from peerdeck.core.peer_log import SessionLog
from peerdeck.engine.master import MasterSession
from peerdeck.engine.media.sources import MediaSources
from peerdeck.engine.visitors import VisitEvents
from peerdeck.localcloud.serve import environment

PICTURES = 20
BOUND_S = 20.0


class Serving:
    """Our master in a running task."""

    def __init__(self, make: Callable[[VisitEvents], MasterSession]) -> None:
        self.visits: list[str] = []
        self._changed = asyncio.Event()
        events = VisitEvents(
            lambda who, what, why: self.visits.append(f"{who} {what}"),
            self._changed.set,
        )
        self.session = make(events)
        self.session.watch_frames(self._changed.set)
        self.task = asyncio.get_running_loop().create_task(self.session.run(), name="test/master")
        self.task.add_done_callback(lambda _: self._changed.set())

    async def until(self, condition: Callable[[MasterSession], object]) -> None:
        async with asyncio.timeout(BOUND_S):
            while not condition(self.session):
                if self.task.done():
                    self.task.result()
                self._changed.clear()
                await self._changed.wait()


Serve = Callable[..., Awaitable[Serving]]


@pytest.fixture
async def serve(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    """By the console's own cloud room, told by the environment as any AWS client is."""
    for name in [name for name in os.environ if name.startswith("AWS")]:
        monkeypatch.delenv(name)
    for name, value in environment(channel.cloud, channel.certificate).items():
        monkeypatch.setenv(name, value)
    account = AwsAccount()
    video = account.kinesis_video(channel.region)
    made: list[Serving] = []

    async def serve(*, relay: str = "", codec: str = "") -> Serving:
        async def sign() -> str:
            return await video.signaling_url(channel.arn, Role.MASTER)

        async def ice() -> tuple[IceServer, ...]:
            request = IceRequest(channel.arn)
            servers = (video.stun_server(), *await video.ice_servers(request, role=Role.MASTER))
            return only(servers, relay) if relay else servers

        options = JoinOptions(
            role=Role.MASTER,
            video=Source.GENERATED,
            audio=Source.GENERATED,
            video_codec=codec,
            policy=PathPolicy.RELAY if relay else PathPolicy.ALL,
        )
        sources = MediaSources(
            video=options.video, audio=options.audio, name="ours", size=(WIDTH, HEIGHT), fps=FPS
        )
        made.append(
            Serving(
                lambda events: MasterSession(
                    open_signaling=sign,
                    fetch_ice=ice,
                    options=options,
                    log=SessionLog(),
                    events=events,
                    sources=sources,
                    tls=channel.trust,
                )
            )
        )
        await made[-1].until(lambda session: session.connected)
        return made[-1]

    yield serve
    for serving in made:
        await serving.session.leave()
        await asyncio.gather(serving.task, return_exceptions=True)
    await account.aclose()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_picture_sound_and_texts_arrive(
    page: Browser, channel: Channel, serve: Serve, codec: str
) -> None:
    serving = await serve(codec=codec)
    await page.call("interop.view", channel.config("VIEWER"))
    assert await page.call("interop.shown", PICTURES) == {"width": WIDTH, "height": HEIGHT}
    reports = await page.call("interop.stats")
    (video,) = of_type(reports, "inbound-rtp", kind="video")
    (used,) = [r for r in of_type(reports, "codec") if r["id"] == video["codecId"]]
    assert used["mimeType"] == f"video/{codec}"
    assert await page.call("interop.shown", PICTURES)
    reports = await page.call("interop.stats")
    (audio,) = of_type(reports, "inbound-rtp", kind="audio")
    assert audio["packetsReceived"] > 20
    await page.call("interop.say", "hello master")
    await serving.until(lambda s: s.peers["browser"].telemetry == "hello master")
    serving.session.send("hello browser", "browser")
    assert await page.call("interop.text", "hello browser") == "hello browser"
    assert await page.call("interop.statuses") == []
    assert serving.visits == ["browser came", "browser connected"]
    assert not [e for e in serving.session.log.signaling if e.what == "STATUS_RESPONSE"]


@pytest.mark.parametrize(("relay", "path"), [("udp", "udp"), ("tcp", "tcp"), ("tls", "tls")])
async def test_picture_and_texts_arrive_through_turn_alone(
    page: Browser, channel: Channel, serve: Serve, relay: str, path: str
) -> None:
    serving = await serve(relay=relay)
    await page.call("interop.view", channel.config("VIEWER", relay=relay))
    assert await page.call("interop.shown", PICTURES) == {"width": WIDTH, "height": HEIGHT}
    local = selected_candidate(await page.call("interop.stats"), "local")
    assert (local["candidateType"], local["relayProtocol"]) == ("relay", relay)
    serving.session.sample()
    stats = serving.session.sample()["browser"]
    assert stats.pair is not None
    assert (stats.pair.local_kind, stats.pair.path) == ("relay", f"relay/{path}")
    await page.call("interop.say", "hello master")
    await serving.until(lambda s: s.peers["browser"].telemetry == "hello master")


async def test_a_browsers_camera_and_microphone_are_seen_and_heard(
    page: Browser, channel: Channel, serve: Serve
) -> None:
    serving = await serve()
    await page.call("interop.view", channel.config("VIEWER", sends=True))
    assert await page.call("interop.shown", PICTURES) == {"width": WIDTH, "height": HEIGHT}
    await serving.until(lambda s: s.picture(320, 240, "browser"))
    heard = asyncio.Event()
    serving.session.peers["browser"].on_sound = lambda pcm: heard.set()
    async with asyncio.timeout(BOUND_S):
        await heard.wait()


async def test_our_figures_are_those_of_the_browser(
    page: Browser, channel: Channel, serve: Serve
) -> None:
    serving = await serve()
    await page.call("interop.view", channel.config("VIEWER"))
    await page.call("interop.shown", 5 * PICTURES)
    serving.session.sample()
    theirs = await page.call("interop.stats")
    table = serving.session.log.peers["browser"].table
    (video,) = of_type(theirs, "inbound-rtp", kind="video")
    ours = next(table.report().of("outbound-rtp", kind="video"))[1]
    assert ours["packetsSent"] == pytest.approx(video["packetsReceived"], rel=0.02, abs=4)
    assert ours["bytesSent"] == pytest.approx(video["bytesReceived"], rel=0.02, abs=6000)
    assert ours["framesSent"] == pytest.approx(video["framesReceived"], rel=0.02, abs=3)
    assert ours["ssrc"] == video["ssrc"]


async def test_the_page_is_left_and_the_master_says_so(
    page: Browser, channel: Channel, serve: Serve
) -> None:
    serving = await serve()
    await page.call("interop.view", channel.config("VIEWER"))
    await page.call("interop.shown", 1)
    await page.call("interop.end")
    await serving.until(lambda s: not s.peers)
    assert serving.visits[-1] == "browser left"
