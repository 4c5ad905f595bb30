"""Joining and leaving over and over leaves nothing behind."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.e2e.session_console import FIRST_FRAME, Held, Joined, held
from tests.services.conftest import DictKeyring
from tests.waiting import until

from peerdeck.core.channel import Role
from peerdeck.core.join import JoinOptions, Source
from peerdeck.core.session import STEPS, Phase
from peerdeck.services.status import Status
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import Console, build_console

pytestmark = pytest.mark.e2e

PROGRAMS = Path(__file__).parent / "programs"
KINDS = ("ViewerSession", "RTCPeerConnection", "SessionLog", "StatsTable", "SignalingSocket")
KINDS_OF_A_MASTER = ("RTCPeerConnection", "ViewerSession", "MasterSession", "Visitor")
WARM = 5
# The allocator keeps what it once needed, and grows by fragments: measured -1 to 3 MiB over 500
# cycles with no living object more. One 320×180 picture that stayed at each of thirty cycles would
# be 3 MiB, a whole session 1 MiB a cycle.
MEMORY_MIB = 12.0


@pytest.fixture
async def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Console]:
    """Cloud and camera are in a process of their own: what this one holds is the console's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAMS / "camera_cloud.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for name in [name for name in os.environ if name.startswith("AWS")]:
        monkeypatch.delenv(name)
    for name, value in json.loads(await process.stdout.readline()).items():
        monkeypatch.setenv(name, value)
    console = build_console(
        secrets=SecretStore(backend=DictKeyring()),
        settings_file=SettingsFile(tmp_path / "settings.json"),
    )
    await console.load()
    await until(console.channels.state, lambda s: s.status is Status.READY)
    yield console
    async with asyncio.timeout(5):
        await console.aclose()
    process.stdin.close()
    await process.wait()


@pytest.fixture
def arn(console: Console) -> str:
    return arn_of(console, "front-door")


def arn_of(console: Console, name: str) -> str:
    return next(c.arn for c in console.channels.state.value.channels if c.name == name)


async def cycle(console: Console, arn: str, step: str = FIRST_FRAME) -> None:
    joined = Joined(console, arn)
    await joined.reached(step)
    await joined.leave()


def tasks() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if not task.done()]


async def same_as(before: Held, *kinds: str) -> None:
    """Compared without memory; a thread pool of asyncio's may grow up to its own bound."""
    for _ in range(5):
        await asyncio.sleep(0)  # what was cancelled ends in the next turns
    now = held(*(kinds or KINDS))
    assert replace(now, memory_mib=0.0, threads=0) == replace(before, memory_mib=0.0, threads=0), (
        sorted(f"{task.get_name()} {task.get_coro()}"[:150] for task in tasks())
    )
    assert now.threads <= before.threads + 2


async def many(console: Console, arn: str, count: int) -> None:
    for _ in range(WARM):
        await cycle(console, arn)
    before = held(*KINDS)
    for _ in range(count):
        await cycle(console, arn)
    await same_as(before)
    grown = held().memory_mib - before.memory_mib
    print(f"memory: {before.memory_mib:.0f} MiB, {grown:+.1f} after {count} cycles")
    assert grown < MEMORY_MIB


async def test_thirty_joins_leave_nothing(console, arn):
    await many(console, arn, 30)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_five_hundred_joins_leave_nothing(console, arn):
    await many(console, arn, 500)


async def test_leaving_at_any_moment_of_joining_leaves_nothing(console, arn):
    """At each step, then between any two turns of the loop."""
    await cycle(console, arn)
    before = held(*KINDS)
    for step in STEPS:
        await cycle(console, arn, step)
    for turns in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        joined = Joined(console, arn)
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(3):
            await console.sessions.leave(joined.id)
        assert joined.now.phase is Phase.LEFT
        console.sessions.dismiss(joined.id)
    await same_as(before)


async def test_viewers_that_come_and_go_leave_nothing_at_our_master(console):
    """What a master keeps of those who left is their logs, a bounded number of them."""
    arn = arn_of(console, "lobby")
    master = Joined(
        console, arn, JoinOptions(role=Role.MASTER, video=Source.GENERATED, audio=Source.GENERATED)
    )
    await master.until(lambda session: session.signaling == "open")
    await visit(console, master, arn)
    before = held(*KINDS_OF_A_MASTER)
    for _ in range(10):
        await visit(console, master, arn)
    await same_as(before, *KINDS_OF_A_MASTER)
    await master.leave()


async def visit(console: Console, master: Joined, arn: str) -> None:
    """One viewer, until it is gone at the master, too."""
    viewer = Joined(console, arn)
    await viewer.reached(FIRST_FRAME)
    await viewer.leave()
    await master.until(lambda session: not session.peers)
    lasting = ("master/", "sessions/", "tunnels/", "Task-")
    if passing := [task for task in tasks() if not task.get_name().startswith(lasting)]:
        _, late = await asyncio.wait(passing, timeout=10)
        assert not late
