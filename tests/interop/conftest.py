"""A local cloud over TLS, a Chromium that trusts it, and a page with Amazon's own SDKs in it."""

import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.interop.browser import Browser, browser, chromium
from tests.interop.joined import Join, Joined, only

from peerdeck.cloud.account import AwsAccount
from peerdeck.core.channel import Role
from peerdeck.core.ice import IceRequest
from peerdeck.engine.viewer import ViewerSession
from peerdeck.localcloud.authority import CERTIFICATE_FILE, Authority
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.serve import environment

HERE = Path(__file__).parent
PAGES = HERE / "pages"
MODULES = HERE / "node_modules"
SDK = MODULES / "amazon-kinesis-video-streams-webrtc" / "dist" / "kvs-webrtc.min.js"
WIDTH, HEIGHT, FPS = 640, 360, 20
_BUNDLE_S = 30


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("certutil", "node") if shutil.which(name) is None]
    missing += [] if chromium() else ["chromium"]
    missing += [] if SDK.exists() else ["Amazon's SDK"]
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.interop)
            if missing:
                reason = f"{', '.join(missing)} not installed: run packaging/dev interop"
                item.add_marker(pytest.mark.skip(reason))


@pytest.fixture(scope="session")
def aws_bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The AWS SDK for JavaScript as one script for browsers."""
    bundle = tmp_path_factory.mktemp("bundle") / "aws.js"
    subprocess.run(
        [
            "node",
            MODULES / "esbuild" / "bin" / "esbuild",
            PAGES / "sdk.js",
            "--bundle",
            "--format=iife",
            "--global-name=AWS",
            "--log-level=error",
            f"--outfile={bundle}",
        ],
        check=True,
        timeout=_BUNDLE_S,
    )
    return bundle.read_bytes()


@pytest.fixture
async def page_url(aws_bundle: bytes) -> AsyncIterator[str]:
    """A page of an origin of its own, as every web application's is."""
    application = web.Application()

    async def index(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGES / "index.html")

    async def aws(request: web.Request) -> web.Response:
        return web.Response(body=aws_bundle, content_type="text/javascript")

    async def sdk(request: web.Request) -> web.FileResponse:
        return web.FileResponse(SDK)

    application.router.add_get("/", index)
    application.router.add_get("/aws.js", aws)
    application.router.add_get("/kvs-webrtc.js", sdk)
    application.router.add_static("/pages", PAGES)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.fixture(scope="session")
def authority_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("authority")
    Authority.kept_in(directory)
    return directory


@dataclass(frozen=True, slots=True)
class Channel:
    """A local cloud that offers https, wss and turns only, and one of its channels."""

    cloud: LocalCloud
    certificate: Path
    region: str
    arn: str

    @property
    def trust(self) -> ssl.SSLContext:
        assert self.cloud.authority is not None
        return self.cloud.authority.client_context()

    def config(self, role: str, **more: Any) -> dict[str, Any]:
        """What the page is told."""
        keys = self.cloud.credentials
        return {
            "region": self.region,
            "arn": self.arn,
            "endpoint": self.cloud.endpoints.kinesis_video,
            "stun": self.cloud.endpoints.stun,
            "credentials": {
                "accessKeyId": keys.access_key,
                "secretAccessKey": keys.secret_key.reveal(),
            },
            "role": role,
            "clientId": "browser" if role == "VIEWER" else "",
            "relay": "",
            **more,
        }


@pytest.fixture
async def channel(authority_directory: Path) -> AsyncIterator[Channel]:
    authority = Authority.kept_in(authority_directory)
    seed = Seed(channels=(SeedChannel("eu-west-1", "front-door", live=True),))
    async with LocalCloud(seed, tls=True, authority=authority) as cloud:
        region, arn = cloud.live_channels[0]
        yield Channel(cloud, authority_directory / CERTIFICATE_FILE, region, arn)


@pytest.fixture
async def page(tmp_path: Path, channel: Channel, page_url: str) -> AsyncIterator[Browser]:
    """The page, loaded; a browser's complaint that no test asked for fails its test."""
    async with browser(tmp_path / "home", channel.certificate) as page:
        await page.open(page_url)
        yield page
    assert page.complaints == []


@pytest.fixture
async def camera(channel: Channel) -> AsyncIterator[DemoCamera]:
    """The channel's master; small, since two cores run all of it."""
    keys = channel.cloud.device_credentials
    master = DemoCamera(
        channel_arn=channel.arn,
        region=channel.region,
        endpoints=channel.cloud.endpoints,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        tls=channel.trust,
    )
    await master.start()
    assert master.online.is_set()
    yield master
    await master.aclose()


@pytest.fixture
async def join(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Join]:
    """Lets our viewer join; all that it is told is in the environment, as for any AWS client."""
    for name in [name for name in os.environ if name.startswith("AWS")]:
        monkeypatch.delenv(name)
    for name, value in environment(channel.cloud, channel.certificate).items():
        monkeypatch.setenv(name, value)
    account = AwsAccount()
    video = account.kinesis_video(channel.region)
    joins: list[Joined] = []

    async def join(*, relay: str = "") -> Joined:
        client_id = f"ours-{len(joins)}"
        request = IceRequest(channel.arn, client_id=client_id)
        servers = (video.stun_server(), *await video.ice_servers(request))

        async def sign() -> str:
            return await video.signaling_url(channel.arn, Role.VIEWER, client_id)

        def session(changed: Callable[[], None]) -> ViewerSession:
            return ViewerSession(
                client_id=client_id,
                open_signaling=sign,
                ice_servers=only(servers, relay) if relay else servers,
                on_change=changed,
                relay_only=bool(relay),
                tls=channel.trust,
            )

        joins.append(Joined(session))
        return joins[-1]

    yield join
    for joined in joins:
        await joined.leave()
    await account.aclose()


def of_type(reports: list[dict[str, Any]], type_: str, **wanted: Any) -> list[dict[str, Any]]:
    """Reports of getStats() with that type and these fields."""
    return [
        report
        for report in reports
        if report["type"] == type_ and all(report.get(k) == v for k, v in wanted.items())
    ]


def selected_candidate(reports: list[dict[str, Any]], side: str) -> dict[str, Any]:
    """The report of one end, "local" or "remote", of the pair in use."""
    by_id = {report["id"]: report for report in reports}
    (transport,) = of_type(reports, "transport")
    pair = by_id[transport["selectedCandidatePairId"]]
    candidate: dict[str, Any] = by_id[pair[f"{side}CandidateId"]]
    return candidate
