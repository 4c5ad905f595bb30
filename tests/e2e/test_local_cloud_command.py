"""`peerdeck localcloud` as a stranger's server: another process, reached by environment alone."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.test_tour import environment
from tests.waiting import until

from peerdeck.core.session import Phase
from peerdeck.core.tunnel import LinkState, TunnelRequest
from peerdeck.services.status import Status
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import build_console

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.e2e


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "peerdeck", "localcloud", *arguments],
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """The lines to `eval`, up to the comment that ends them."""
    lines = iter(process.stdout.readline, "")
    found = {}
    for line in lines:
        if line.startswith("#"):
            return found
        name, _, value = line.removeprefix("export ").strip().partition("=")
        found[name] = value
    raise AssertionError(process.stderr.read())


@pytest.fixture
def server(tmp_path):
    process = start(tmp_path / "server", "--devices")
    try:
        yield exported(process)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


async def test_environment_lines_are_all_that_the_console_needs(server, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("AWS")]:
        monkeypatch.delenv(name)
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    console = build_console(
        secrets=SecretStore(), settings_file=SettingsFile(tmp_path / "settings.json")
    )
    try:
        await console.load()
        state = console.account.state.value
        assert (state.status, state.demo) == (Status.READY, False), state.problem
        await until(console.channels.state, lambda s: s.status is Status.READY)
        camera = next(c for c in console.channels.state.value.channels if c.name == "front-door")
        console.sessions.join(camera.arn)
        (session,) = await until(console.sessions.state, lambda s: s[0].stats and s[0].stats.fps)
        assert session.phase is Phase.CONNECTED
        await until(console.tunnels.state, lambda s: s.status is Status.READY)
        tunnel_id = await console.tunnels.open(TunnelRequest(thing="gate-12", services=("HTTP",)))
        await console.tunnels.connect(tunnel_id)
        link = console.tunnels.state.value.links[tunnel_id].link
        assert link.state is LinkState.READY
        reader, writer = await asyncio.open_connection("127.0.0.1", link.services[0].port)
        writer.write(b"GET /status HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert b"200 OK" in answer.splitlines()[0]
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])
    finally:
        await console.aclose()


def test_sdk_reaches_it_with_the_same_lines(server, monkeypatch):
    import boto3

    for name, value in server.items():
        monkeypatch.setenv(name, value)
    names = [
        c["ChannelName"]
        for c in boto3.client("kinesisvideo").list_signaling_channels()["ChannelInfoList"]
    ]
    assert "front-door" in names
    tunnels = boto3.client("iotsecuretunneling").list_tunnels()["tunnelSummaries"]
    assert tunnels


def test_ends_with_its_parent(tmp_path):
    process = start(tmp_path / "server", "--until-eof")
    ready = json.loads(process.stdout.readline())
    assert ready["regions"]
    output, errors = process.communicate(timeout=10)  # closes its standard input
    assert (process.returncode, output, errors) == (0, "", "")


def test_port_in_use_is_said_with_status_1(tmp_path, unused_tcp_port_factory):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(tmp_path / "server", "--port", str(taken.getsockname()[1]))
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "could not start" in errors
    assert "Traceback" not in errors


def test_wrong_port_is_named_with_status_2(tmp_path):
    process = start(tmp_path / "server", "--port", "70000")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "port “70000” must be 0 to 65535" in errors
