"""What survives a restart, and what a broken or taken state is answered with."""

import asyncio
import json
import sqlite3
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.relay_client import V3, join_relay, refusal

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud import store as store_module
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel, SeedTunnel
from peerdeck.localcloud.store import FILE, Store, StoreBrokenError

REGION = "eu-west-1"
SEED = Seed(
    account="444455556666",
    channels=(SeedChannel(REGION, "door", live=True), SeedChannel(REGION, "lobby")),
    tunnels=(SeedTunnel(REGION, "pump-07", ("SSH",), "before"),),
)


class Runs:
    """The same cloud again and again, each time from its directory alone."""

    def __init__(self, directory: Path, clock: ShiftedClock) -> None:
        self.directory = directory
        self.clock = clock

    async def run(self, stack: AsyncExitStack, seed: Seed = SEED) -> LocalCloud:
        store = Store.open(self.directory)
        stack.callback(store.close)
        return await stack.enter_async_context(LocalCloud(seed, store=store, clock=self.clock))


@pytest.fixture
def runs(tmp_path: Path, cloud_clock: ShiftedClock) -> Runs:
    return Runs(tmp_path / "state", cloud_clock)


async def test_channels_tags_tunnels_and_keys_survive(runs: Runs) -> None:
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        channels = cloud.state.channels
        made = channels.create(REGION, "made-later", ttl_s=30, tags={"floor": "2"})
        channels.tag(REGION, made.arn, {"wing": "east"})
        lobby = channels.by_name(REGION, "lobby")
        channels.delete(REGION, lobby.arn)
        record, _, _ = cloud.state.tunnels.open(
            REGION, thing="gate", services=("SSH",), tags={"a": "b"}, lifetime_min=30
        )
        keys, door = cloud.credentials, cloud.live_channels
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack, Seed(channels=(SeedChannel(REGION, "door", live=True),)))
        assert cloud.credentials.access_key == keys.access_key
        assert cloud.credentials.secret_key.reveal() == keys.secret_key.reveal()
        assert cloud.live_channels == door
        channels = cloud.state.channels
        assert channels.by_name(REGION, "made-later") == made
        assert channels.tags(REGION, made.arn) == {"floor": "2", "wing": "east"}
        found = channels.page(REGION, prefix="", after="", limit=10)[0]
        assert [c.name for c in found] == ["door", "made-later"]
        again = cloud.state.tunnels.get(REGION, record.id)
        assert (again.arn, again.tags, again.ends_at) == (record.arn, {"a": "b"}, record.ends_at)
        assert {t.description for t in cloud.state.tunnels.tunnels(REGION)} == {"before", ""}
        assert cloud.state.account == "444455556666"


async def test_what_is_deleted_stays_deleted(runs: Runs) -> None:
    async with AsyncExitStack() as stack:
        await runs.run(stack)
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        (before,) = cloud.state.tunnels.tunnels(REGION)
        cloud.state.tunnels.close(REGION, before.id, delete=True)
        lobby = cloud.state.channels.by_name(REGION, "lobby")
        cloud.state.channels.delete(REGION, lobby.arn)
        runs.clock.ahead_s = 60
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        assert cloud.state.tunnels.records() == ()
        assert [record.channel.name for record in cloud.state.channels.records()] == ["door"]


async def test_tokens_survive_and_a_spent_one_stays_spent(runs: Runs) -> None:
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        record, source, destination = cloud.state.tunnels.open(REGION, services=("SSH",))
        spent = ("access-token", source.reveal())
        async with AsyncExitStack() as connections:
            await join_relay(connections, cloud.relay.url, "source", V3, spent)
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        assert cloud.state.tunnels.get(REGION, record.id).sides[Mode.SOURCE].connected is None
        assert "previously used" in (await refusal(cloud.relay.url, "source", V3, spent))[1]
        token = ("access-token", destination.reveal())
        client = ("client-token", "c" * 32)
        await join_relay(stack, cloud.relay.url, "destination", V3, token, client)
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        await join_relay(stack, cloud.relay.url, "destination", V3, token, client)
        other = ("client-token", "d" * 32)
        words = (await refusal(cloud.relay.url, "destination", V3, token, other))[1]
        assert "does not match" in words


async def test_changes_are_written_while_it_runs(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peerdeck.localcloud import cloud as cloud_module

    monkeypatch.setattr(cloud_module, "SWEEP_S", 0.01)
    written = asyncio.Event()
    loop = asyncio.get_running_loop()
    keep = Store.keep

    def noted(self: Store, **what: object) -> None:
        keep(self, **what)  # type: ignore[arg-type]
        if any(b"made-later" in row for row in self._rows["channels"].values()):
            loop.call_soon_threadsafe(written.set)

    monkeypatch.setattr(Store, "keep", noted)
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        cloud.state.channels.create(REGION, "made-later")
        async with asyncio.timeout(5):
            await written.wait()


async def test_a_tunnel_ends_while_the_cloud_is_down(runs: Runs) -> None:
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        record, source, _ = cloud.state.tunnels.open(REGION, lifetime_min=1)
    runs.clock.ahead_s = 61
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        assert cloud.state.tunnels.get(REGION, record.id).status == "CLOSED"
        words = (await refusal(cloud.relay.url, "source", V3, ("access-token", source.reveal())))[1]
        assert "Tunnel is closed" in words


async def test_changes_under_way_come_to_their_end(runs: Runs) -> None:
    async with AsyncExitStack() as stack:
        channels = (await runs.run(stack)).state.channels
        channels.create(REGION, "new", settles=True)
        gone = channels.by_name(REGION, "lobby")
        channels.delete(REGION, gone.arn)
    async with AsyncExitStack() as stack:
        channels = (await runs.run(stack)).state.channels
        assert channels.by_name(REGION, "new").status == "ACTIVE"
        assert {c.name for c in channels.page(REGION, prefix="", after="", limit=9)[0]} == {
            "door",
            "new",
        }


async def test_the_file_is_its_owners_alone_and_holds_no_token(runs: Runs) -> None:
    async with AsyncExitStack() as stack:
        cloud = await runs.run(stack)
        _, source, _ = cloud.state.tunnels.open(REGION)
    files = list(runs.directory.iterdir())
    assert [file.name for file in files] == [FILE]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert source.reveal().encode() not in files[0].read_bytes()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = Store.open(tmp_path)
    with pytest.raises(StoreBrokenError, match="in use by another process"):
        Store.open(tmp_path)
    first.close()
    Store.open(tmp_path).close()


def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"something else" * 1000)
    with pytest.raises(StoreBrokenError, match="Move it away"):
        Store.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"something else" * 1000


def test_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(f"PRAGMA user_version = {store_module._SCHEMA + 1}")
    database.close()
    with pytest.raises(StoreBrokenError, match="of version 2; this program knows 1"):
        Store.open(tmp_path)


def test_a_broken_row_is_said(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("INSERT INTO channels VALUES ('x', ?)", (json.dumps({"a": 1}).encode(),))
    database.close()
    with pytest.raises(StoreBrokenError, match="Move it away"):
        Store.open(tmp_path)
