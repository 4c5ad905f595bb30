"""A local cloud over TLS, a Chromium that trusts it, and a page with Amazon's own SDKs in it."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.interop.browser import Browser, browser, chromium
from tests.interop.joined import Join, Joined
from tests.interop.web_page import HERE, SDK, aws_script, served

from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.localcloud.authority import CERTIFICATE_FILE, Authority
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.serve import environment
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import Console, build_console

WIDTH, HEIGHT, FPS = 640, 360, 20
SAMPLE_S = 0.2


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
    return asyncio.run(aws_script(tmp_path_factory.mktemp("bundle")))


@pytest.fixture
async def page_url(aws_bundle: bytes) -> AsyncIterator[str]:
    async with served(aws_bundle) as url:
        yield url


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

    def turn_uri(self, relay: str) -> str:
        """relay: "udp", "tcp" or "tls"."""
        turn = self.cloud.turn
        if relay == "tls":
            return f"turns:127.0.0.1:{turn.tls_port}?transport=tcp"
        return f"turn:127.0.0.1:{turn.port}?transport={relay}"

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
async def console(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Console]:
    """All that it is told is in the environment, as for any AWS client."""
    for name in [name for name in os.environ if name.startswith("AWS")]:
        monkeypatch.delenv(name)
    for name, value in environment(channel.cloud, channel.certificate).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    console = build_console(
        secrets=SecretStore(), settings_file=SettingsFile(tmp_path / "settings.json")
    )
    try:
        await console.load()
        yield console
    finally:
        async with asyncio.timeout(5):
            await console.aclose()


@pytest.fixture
async def join(channel: Channel, console: Console) -> AsyncIterator[Join]:
    """Lets us join, as viewer unless the options say something else."""
    joins: list[Joined] = []

    async def join(*, relay: str = "", **options: Any) -> Joined:
        chosen = JoinOptions(sample_s=SAMPLE_S, **options)
        if relay:
            uri = chosen.ice_uri or channel.turn_uri(relay)
            chosen = replace(chosen, policy=PathPolicy.RELAY, ice_uri=uri)
        joins.append(Joined(console, channel.arn, chosen))
        return joins[-1]

    yield join
    for joined in joins:
        await joined.leave()


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
