"""The console against `peerdeck localcloud --tls`: its environment lines are all that it needs."""

import asyncio
import os
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.test_local_cloud_command import exported, start
from tests.waiting import until

from peerdeck.core.errors import UserError
from peerdeck.core.ice import IceRequest, ProbeVerdict
from peerdeck.core.session import Phase
from peerdeck.core.tunnel import LinkState, TunnelRequest
from peerdeck.services.status import Status
from peerdeck.services.trust import trusted
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import Console, build_console

pytestmark = pytest.mark.e2e


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment is those lines, and no other AWS configuration."""
    process = start(tmp_path / "server", "--tls", "--devices")
    try:
        found = exported(process)
        for name in [name for name in os.environ if name.startswith("AWS")]:
            monkeypatch.delenv(name)
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


def built(tmp_path: Path) -> Console:
    return build_console(
        secrets=SecretStore(), settings_file=SettingsFile(tmp_path / "settings.json")
    )


async def test_list_ice_test_join_and_tunnel_believe_the_bundle(lines, tmp_path) -> None:
    assert lines["AWS_ENDPOINT_URL_KINESIS_VIDEO"].startswith("https://")
    console = built(tmp_path)
    try:
        await console.load()
        assert console.account.state.value.status is Status.READY, console.account.state.value
        await until(console.channels.state, lambda s: s.status is Status.READY)
        camera = next(c for c in console.channels.state.value.channels if c.name == "front-door")
        await ice_servers_work(console, camera.arn)
        console.sessions.join(camera.arn)
        (session,) = await until(console.sessions.state, lambda s: s[0].stats and s[0].stats.fps)
        assert session.phase is Phase.CONNECTED
        assert any(step.detail.startswith("wss://") for step in session.steps)
        await tunnel_carries(console)
    finally:
        await console.aclose()


async def ice_servers_work(console: Console, arn: str) -> None:
    await console.ice.fetch(IceRequest(arn))
    await console.ice.test()
    probes = console.ice.state.value.probes
    assert [probe.uri for probe in probes.values() if probe.uri.startswith("turns:")]
    assert {probe.verdict for probe in probes.values()} == {ProbeVerdict.OK}, probes


async def tunnel_carries(console: Console) -> None:
    await until(console.tunnels.state, lambda s: s.status is Status.READY)
    tunnel_id = await console.tunnels.open(TunnelRequest(thing="gate-12", services=("HTTP",)))
    assert console.account.tunneling().data_url.startswith("wss://")
    await console.tunnels.connect(tunnel_id)
    link = console.tunnels.state.value.links[tunnel_id].link
    assert link.state is LinkState.READY
    reader, writer = await asyncio.open_connection("127.0.0.1", link.services[0].port)
    writer.write(b"GET /status HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert b"200 OK" in answer.splitlines()[0]


async def test_a_profiles_ca_bundle_counts_as_well(lines, tmp_path, monkeypatch) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile lab]\nregion = eu-west-1\n"
        f"ca_bundle = {lines['AWS_CA_BUNDLE']}\n"
        f"aws_access_key_id = {lines['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {lines['AWS_SECRET_ACCESS_KEY']}\n"
    )
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    console = built(tmp_path)
    try:
        await console.load()
        assert console.account.state.value.status is Status.FAILED
        assert await console.account.trust() is None
        await console.account.select_profile("lab")
        assert console.account.state.value.status is Status.READY, console.account.state.value
        context = await console.account.trust()
        assert context is not None
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    finally:
        await console.aclose()


async def test_a_bundle_that_is_none_is_named(tmp_path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for file in (broken, tmp_path / "missing.pem"):
        with pytest.raises(UserError, match=file.name):
            await trusted(str(file))
    assert await trusted("") is None
