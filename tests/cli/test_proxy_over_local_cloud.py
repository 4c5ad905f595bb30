"""`peerdeck proxy` where the local cloud is AWS: a region, older devices, a real keyring."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.tunnel.tunnel_chain import Client, Server

from peerdeck.core.tunnel import Mode
from peerdeck.engine.tunnel import TunnelProxy
from peerdeck.localcloud.serve import environment
from peerdeck.protocol.tunnel_events import Version
from peerdeck.wiring import devices_of

if TYPE_CHECKING:
    from peerdeck.localcloud.cloud import LocalCloud

REGION = "eu-west-1"


@pytest.fixture
async def cloud(local_cloud: "LocalCloud") -> AsyncIterator["LocalCloud"]:
    async with devices_of(local_cloud):
        yield local_cloud


def opened(cloud: "LocalCloud", thing: str = "pump-07") -> dict[str, str]:
    """A new tunnel; what the environment of its source holds."""
    _, source, _ = cloud.state.tunnels.open(REGION, thing=thing, services=("SSH",))
    return {**environment(cloud), "AWSIOT_TUNNEL_ACCESS_TOKEN": source.reveal()}


async def port(process) -> int:
    ready = await process.event("state", state="ready")
    return int(ready["services"][0]["port"])


async def banner(at: int) -> bytes:
    async with Client(at) as client:
        client.writer.write(b"SSH-2.0-test\r\n")
        async with asyncio.timeout(10):
            return await client.reader.readline()


async def test_a_region_is_enough_where_the_environment_names_the_endpoint(cloud, start):
    process = await start("-r", REGION, "-s", "SSH=0", "--json", **opened(cloud))
    assert (await banner(await port(process))).startswith(b"SSH-2.0-")
    assert await process.stop() == 0


@pytest.mark.parametrize("asked", ["V1", ""])
async def test_a_device_of_v1_serves_whoever_asks_for_it_or_not(cloud, start, asked):
    cloud.relay.faults.v1_only = True
    version = ("-y", asked) if asked else ()
    process = await start("-r", REGION, "-s", "SSH=0", "--json", *version, **opened(cloud))
    at = await port(process)
    assert (await banner(at)).startswith(b"SSH-2.0-")
    told = await process.event("device", hint="v1")
    assert "one connection at a time" in told["remedy"]
    assert (await banner(at)).startswith(b"SSH-2.0-")
    assert await process.stop() == 0


async def test_a_device_of_v2_serves_who_asks_for_it(cloud, start):
    registry = cloud.state.tunnels
    _, source, destination = registry.open(REGION, services=("SSH", "HTTP"))
    variables = {**environment(cloud), "AWSIOT_TUNNEL_ACCESS_TOKEN": source.reveal()}
    async with Server() as server:
        device = TunnelProxy(
            mode=Mode.DESTINATION,
            url=cloud.relay.url,
            access_token=destination,
            targets=dict.fromkeys(("SSH", "HTTP"), ("127.0.0.1", server.port)),
            version=Version.V2,
        )
        await device.start()
        process = await start("-r", REGION, "-m", "src", "-y", "V2", "--json", **variables)
        ready = await process.event("state", state="ready")
        ports = {row["service"]: row["port"] for row in ready["services"]}
        async with Client(ports["SSH"]) as one, Client(ports["HTTP"]) as other:
            assert await one.ask(b"one") == b"one"
            assert await other.ask(b"other") == b"other"
        assert (await process.event("device", hint="v2"))["remedy"].startswith("It carries one")
        assert await process.stop() == 0
        await device.aclose()


PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
from tests.services.conftest import InProcessDemo
from tests.waiting import until
from peerdeck.core.tunnel import TunnelRequest
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import demo_seed
from peerdeck.localcloud.serve import environment
from peerdeck.services.status import Status
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import build_console, devices_of

async def banner(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = (await reader.readline()).decode()
    writer.close()
    await writer.wait_closed()
    return line[:8]

async def by_command(cloud, tunnel_id, hidden):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "peerdeck", "proxy", "-r", "eu-west-1", "-s", "SSH=0", "--json",
        "--token-from-keyring", tunnel_id, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment(cloud)})
    while (event := json.loads(await process.stdout.readline())).get("state") != "ready":
        assert event["event"] != "error", event
    shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    shown += Path(f"/proc/{process.pid}/environ").read_bytes()
    assert not [token for token in hidden if token.encode() in shown]
    line = await banner(event["services"][0]["port"])
    process.terminate()
    assert await process.wait() == 0
    return line

async def by_window(console, tunnel_id):
    await console.tunnels.connect(tunnel_id)
    link = console.tunnels.state.value.links[tunnel_id].link
    line = await banner(link.services[0].port)
    await console.tunnels.disconnect(tunnel_id)
    return line

async def main():
    async with LocalCloud(demo_seed()) as cloud, devices_of(cloud):
        async def start_demo():
            return InProcessDemo(cloud)
        console = build_console(
            environment={}, start_demo=start_demo, settings_file=SettingsFile(Path("s.json")))
        await console.load(demo=True)
        await until(console.tunnels.state, lambda s: s.status is Status.READY)
        request = TunnelRequest(thing="pump-07", services=("SSH",))
        tunnel_id = await console.tunnels.open(request)
        token = (await console.secrets.get(f"{tunnel_id}/source")).reveal()
        lines = [await by_command(cloud, tunnel_id, [token])]
        pair = (await console.secrets.get(f"{tunnel_id}/client-source")).reveal()
        lines.append(await by_window(console, tunnel_id))
        lines.append(await by_command(cloud, tunnel_id, [token, pair]))
        again = (await console.secrets.get(f"{tunnel_id}/client-source")).reveal()
        print(json.dumps(
            {"where": console.secrets.where, "lines": lines, "same pair": pair == again}))
        await console.aclose()

asyncio.run(main())
"""
UNLOCK = r"printf '\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null"


@pytest.mark.skipif(sys.platform != "linux", reason="gnome-keyring")
def test_window_and_command_take_turns_with_one_pair_of_a_real_keyring(tmp_path: Path) -> None:
    """The pair of access token and client token is one for both: an access token works once."""
    tmp_path.chmod(0o700)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", f"{UNLOCK}; exec {sys.executable} program.py"],
        env={
            "HOME": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path / "data"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "where": "keyring",
        "lines": ["SSH-2.0-"] * 3,
        "same pair": True,
    }
