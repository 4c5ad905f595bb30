"""The services over a local cloud in this process: real sockets, no child, no window."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend

from peerdeck.cloud.account import AwsAccount
from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import demo_seed
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import Console, DemoFaults, build_console, devices_of


class DictKeyring(KeyringBackend):
    """A keyring that works; the real ones are tested with the storage room."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class InProcessDemo:
    """What wiring.DemoCloud is, without the child process."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self.endpoints: Endpoints = cloud.endpoints
        self.regions = cloud.regions
        self.faults = DemoFaults(cloud.admin_url)

    def account(self) -> AwsAccount:
        keys = self._cloud.credentials
        return AwsAccount(
            endpoints=self.endpoints,
            access_key=Secret(keys.access_key),
            secret_key=keys.secret_key,
        )

    async def aclose(self) -> None:
        pass


@pytest.fixture
def keyring() -> DictKeyring:
    return DictKeyring()


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """After everything is closed no task and no thread of ours is there."""
    threads = set(threading.enumerate())
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not [task for task in left if not task.done()]
    assert not [t for t in threading.enumerate() if t not in threads and "asyncio" not in t.name]


@pytest.fixture
async def cloud(nothing_left: None) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(demo_seed()) as cloud:
        yield cloud


@pytest.fixture
async def devices(cloud: LocalCloud) -> AsyncIterator[None]:
    """The demo's camera and things."""
    async with devices_of(cloud):
        yield


@pytest.fixture
async def console(
    cloud: LocalCloud, keyring: DictKeyring, tmp_path: Path
) -> AsyncIterator[Console]:
    """Signed in to the demo."""

    async def start_demo() -> InProcessDemo:
        return InProcessDemo(cloud)

    console = build_console(
        environment={},
        start_demo=start_demo,
        secrets=SecretStore(backend=keyring),
        settings_file=SettingsFile(tmp_path / "settings.json"),
    )
    try:
        await console.load(demo=True)
        yield console
    finally:
        async with asyncio.timeout(5):
            await console.aclose()
