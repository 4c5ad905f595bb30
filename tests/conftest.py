"""What tests of several rooms share."""

import gc
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from peerdeck.localcloud.cloud import LocalCloud
    from peerdeck.localcloud.seed import Seed


def pytest_collection_finish() -> None:
    _keep_what_is_loaded()


@pytest.fixture(autouse=True, scope="module")
def _what_is_loaded_stays() -> None:
    """Many tests collect garbage, to see what they have left behind. To look through modules, Qt
    and caches each time, too, took a third of the whole suite's time."""
    _keep_what_is_loaded()


def _keep_what_is_loaded() -> None:
    gc.collect()
    gc.freeze()


class ShiftedClock:
    """The real time, moved by `ahead_s` seconds."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def cloud_clock() -> ShiftedClock:
    """The local cloud's clock; a test moves it to let credentials or tunnels end."""
    return ShiftedClock()


@pytest.fixture
def cloud_seed() -> "Seed":
    """What `local_cloud` starts with; a module or class may override it."""
    from peerdeck.localcloud.seed import demo_seed

    return demo_seed()


@pytest.fixture
async def local_cloud(cloud_seed: "Seed", cloud_clock: ShiftedClock) -> AsyncIterator["LocalCloud"]:
    """A started LocalCloud without devices, in this process and on this loop."""
    from peerdeck.localcloud.cloud import LocalCloud

    async with LocalCloud(cloud_seed, clock=cloud_clock) as cloud:
        yield cloud
