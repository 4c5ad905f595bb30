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


@pytest.fixture
def launch(tmp_path):
    """Starts the command; whatever still runs at the end of the test is killed."""
    started = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        started.append(start(tmp_path / "home", *arguments))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> str:
    """SIGTERM; returns what it wrote to standard error."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    return errors


def curl(*arguments: str, **more: str) -> str:
    """What the real curl prints; it knows only the variables it is given."""
    done = subprocess.run(
        ["curl", "-sS", *arguments],
        check=False,
        env=more,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_state_directory_brings_everything_back(launch, tmp_path, monkeypatch):
    import boto3

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    runs = []
    for name in ("first", "second"):
        process = launch("--state", str(tmp_path / "state"))
        environment = exported(process)
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        video = boto3.session.Session().client("kinesisvideo")
        if name == "first":
            video.create_signaling_channel(
                ChannelName="made-by-boto3", Tags=[{"Key": "floor", "Value": "2"}]
            )
        found = video.list_signaling_channels()["ChannelInfoList"]
        (arn,) = [c["ChannelARN"] for c in found if c["ChannelName"] == "made-by-boto3"]
        tags = video.list_tags_for_resource(ResourceARN=arn)["Tags"]
        video.close()
        certificate = Path(environment["AWS_CA_BUNDLE"]).read_bytes()
        runs.append((environment["AWS_ACCESS_KEY_ID"], arn, tags, certificate))
        assert finish(process) == ""
    assert runs[0] == runs[1]
    assert runs[0][2] == {"floor": "2"}


def test_tls_regions_seed_and_log_together(launch, tmp_path, monkeypatch):
    import boto3

    seed = tmp_path / "seed.yaml"
    seed.write_text(
        "channels:\n- {region: eu-north-1, name: mast}\n- {region: eu-west-1, name: door}\n"
    )
    log = tmp_path / "requests.log"
    process = launch(
        "--tls", "--seed", str(seed), "--region", "eu-north-1",
        "--request-log", str(log),
    )  # fmt: skip
    environment = exported(process)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert environment["AWS_DEFAULT_REGION"] == "eu-north-1"
    assert environment["AWS_ENDPOINT_URL_KINESIS_VIDEO"].startswith("https://")
    assert environment["AWS_ENDPOINT_URL_IOTSECURETUNNELING_DATA"].startswith("wss://")
    video = boto3.session.Session().client("kinesisvideo")  # trusts AWS_CA_BUNDLE
    names = [c["ChannelName"] for c in video.list_signaling_channels()["ChannelInfoList"]]
    video.close()
    assert names == ["mast"]
    health = curl(
        "--cacert", environment["AWS_CA_BUNDLE"],
        environment["AWS_ENDPOINT_URL_KINESIS_VIDEO"] + "/health",
    )  # fmt: skip
    assert json.loads(health)["status"] == "ok"
    assert finish(process) == ""
    text = log.read_text()
    assert f"POST ListSignalingChannels eu-north-1 {environment['AWS_ACCESS_KEY_ID']} 200" in text
    assert environment["AWS_SECRET_ACCESS_KEY"] not in text


def test_faults_are_switched_by_curl(launch):
    process = launch()
    url = exported(process)["PEERDECK_LOCALCLOUD_ADMIN"] + "/faults"
    assert len(json.loads(curl(url))["faults"]) > 15
    body = '{"duration_s": 60, "values": {"operation": "ListTunnels"}}'
    state = json.loads(curl("-X", "PUT", "-d", body, f"{url}/throttle"))
    assert (state["on"], state["values"]) == (True, {"operation": "ListTunnels"})
    assert not json.loads(curl("-X", "DELETE", f"{url}/throttle"))["on"]
    assert finish(process) == ""


def test_a_stranger_who_distrusts_the_certificate_leaves_no_trace(launch):
    process = launch("--tls")
    environment = exported(process)
    for variable in (
        "AWS_ENDPOINT_URL_KINESIS_VIDEO",
        "AWS_ENDPOINT_URL_IOTSECURETUNNELING_DATA",
    ):
        url = environment[variable].replace("wss:", "https:")
        done = subprocess.run(
            ["curl", "-sS", url], check=False, capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 60
    assert finish(process) == ""


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (["--host", "0.0.0.0"], "host “0.0.0.0”: must be one IPv4 address", 2),
        (["--host", "localhost"], "host “localhost”: must be an IPv4 address", 2),
        (["--region", "Ireland"], "region “Ireland”: must look like eu-west-1", 2),
        (["--seed", "{tmp}/bad.yaml"], "channels[0].name “a b”", 2),
        (["--seed", "{tmp}/none.yaml"], "none.yaml", 1),
        (["--state", "{tmp}/broken"], "is not a state of the local cloud", 1),
        (["--state", "{tmp}/bad.yaml"], "bad.yaml", 1),
        (["--request-log", "{tmp}/no/such/place"], "no/such/place", 1),
    ],
)
def test_a_mistake_is_told_in_a_line(launch, tmp_path, arguments, words, status):
    (tmp_path / "bad.yaml").write_text("channels: [{region: eu-west-1, name: a b}]")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "localcloud.sqlite").write_bytes(b"nothing of ours" * 100)
    process = launch(*(a.format(tmp=tmp_path) for a in arguments))
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (status, "")
    assert words in errors
    assert "Traceback" not in errors
