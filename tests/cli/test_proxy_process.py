"""`peerdeck proxy` as a script and ssh use it: real processes, their words and their ends."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import ssl
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme
from tests.cli.conftest import DEADLINE_S, environment_of, tokens
from tests.engine.tunnel.tunnel_chain import Chain, Client, Server, echo, until
from tests.engine.tunnel.web_proxies import WebProxy

from peerdeck.localcloud.device import DemoDevice

DATA = bytes(range(256)) * 4096


async def echo_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends DATA's worth back and is through: nobody has to wait for a half-closed client."""
    writer.write(await reader.readexactly(len(DATA)))
    await writer.drain()
    writer.close()


async def connect_and_read(host: str, port: int) -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            return await reader.read()
        finally:
            writer.close()


async def test_two_processes_carry_data_and_tell_it_as_json(chain, start):
    async with Server(echo_and_close) as server:
        made = await chain(SSH=server.port)
        source_env, destination_env = tokens(made)
        far = await start("-d", f"127.0.0.1:{server.port}", "--json", **destination_env)
        await far.event("state", state="ready")
        near = await start("-s", "SSH=0", "--json", **source_env)
        ready = await near.event("state", state="ready")
        (service,) = ready["services"]
        assert service["service"] == "SSH"
        assert service["host"] == "127.0.0.1"
        assert ready["channel_id"]
        async with Client(service["port"]) as client:
            assert await client.ask(DATA) == DATA
            opened = await near.event("connection_opened", service="SSH", connection=1)
            assert opened["client"].startswith("127.0.0.1:")
            assert await client.rest() == b""
        closed = await near.event("connection_closed")
        assert (closed["bytes_up"], closed["bytes_down"]) == (len(DATA), len(DATA))
        assert closed["broken"] is False
        assert await near.stop() == 0
        assert await far.stop() == 0
        for process in (near, far):
            for token in (made.source_token, made.destination_token):
                assert token.reveal() not in process.said


async def test_words_for_people_name_the_port_and_stay_silent_when_asked(chain, start):
    made = await chain(SSH=1, HTTP=2)
    env, _ = tokens(made)
    process = await start("-m", "src", **env)
    await process.line("SSH is on 127.0.0.1:")
    await process.line("HTTP is on 127.0.0.1:")
    assert await process.stop() == 0
    silent = await start("-m", "src", "-v", "0", "-t", "used-up", "-e", made.relay.url)
    assert await silent.end() == 3
    assert silent.said == ""


async def test_a_token_on_the_command_line_works_and_is_warned_of(chain, start):
    made = await chain(SSH=1)
    token = made.source_token.reveal()
    process = await start("-t", token, "-e", made.relay.url, "-s", "0")
    await process.line("can see the token of -t in the process list")
    await process.line("SSH is on 127.0.0.1:")
    assert await process.stop() == 0
    assert token not in process.said


async def test_a_token_from_standard_input_is_seen_nowhere(chain, start):
    made = await chain(SSH=1)
    token = made.source_token.reveal()
    process = await start(
        "--token-stdin", "-s", "0", "-e", made.relay.url, "-v", "6", stdin=f"{token}\n".encode()
    )
    await process.line("SSH is on 127.0.0.1:")
    for place in ("cmdline", "environ"):
        shown = await asyncio.to_thread(Path(f"/proc/{process.pid}/{place}").read_bytes)
        assert token.encode() not in shown
    assert await process.stop() == 0
    assert token not in process.said
    assert "can see the token" not in process.said


async def test_a_lost_link_is_told_and_comes_back_with_the_same_port(chain, start):
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination()
        env, _ = tokens(made)
        near = await start("-s", "0", "--json", **env)
        port = (await near.event("state", state="ready"))["services"][0]["port"]
        await made.restart_relay()
        assert (await near.event("state", state="reconnecting"))["reason"]
        ready = await near.event("state", state="ready")
        assert ready["reconnects"] == 1
        assert ready["services"][0]["port"] == port
        assert await near.stop() == 0


async def test_new_connections_are_refused_while_the_link_is_down_where_asked_for(chain, start):
    made = await chain(SSH=1)
    env, _ = tokens(made)
    near = await start("-s", "0", "-b", "127.0.0.2", "--when-down", "refuse", "--json", **env)
    (service,) = (await near.event("state", state="ready"))["services"]
    assert service["host"] == "127.0.0.2"
    made.relay.suspend()
    await near.event("state", state="reconnecting")
    with pytest.raises(ConnectionError):  # amid connecting, or right after it
        await connect_and_read("127.0.0.2", service["port"])
    await made.relay.resume()
    await near.event("state", state="ready")
    assert await near.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_every_signal_that_asks_to_stop_ends_it_in_peace(chain, start, number):
    made = await chain(SSH=1)
    env, _ = tokens(made)
    process = await start("-s", "0", **env)
    await process.line("SSH is on")
    os.kill(process.pid, number)
    assert await process.end() == 0


async def test_a_device_that_starts_before_its_network_waits_for_it(chain, start):
    made = await chain(SSH=1)
    _, env = tokens(made)
    made.relay.suspend()
    process = await start("-d", "22", **env)
    await process.line("trying again")
    await made.relay.resume()
    await process.line("Connected.")
    assert await process.stop() == 0


# How it ends


async def test_refused_tokens_end_it_with_3_and_the_reason(chain, start):
    made = await chain(SSH=1)
    env, _ = tokens(made)
    first = await start("-s", "0", **env)
    await first.line("SSH is on")
    second = await start("-s", "0", "--json", **env)
    assert (await second.event("error"))["exit_status"] == 3
    assert await second.end() == 3
    assert "belongs to another proxy" in second.said
    assert "HTTP 4" in second.said
    made.registry.close("eu-west-1", made.record.id)
    assert await first.end() == 3
    assert "The tunnel is closed." in first.said


async def test_an_unreachable_service_ends_stdio_with_4(start):
    async with Server() as server:
        port = server.port
    process = await start("--stdio", "-e", f"ws://127.0.0.1:{port}", AWSIOT_TUNNEL_ACCESS_TOKEN="t")
    assert await process.end() == 4
    assert "cannot be reached" in process.said


async def test_a_port_in_use_ends_it_with_5(chain, start):
    async with Server() as server:
        made = await chain(SSH=1)
        env, _ = tokens(made)
        process = await start("-s", str(server.port), **env)
        assert await process.end() == 5
        assert f"Local port {server.port} for SSH cannot be used" in process.said


async def test_other_services_than_the_tunnels_end_it_with_1(chain, start):
    made = await chain(SSH=1)
    env, _ = tokens(made)
    process = await start("-s", "HTTP=0", **env)
    assert await process.end() == 1
    assert "SSH, not HTTP" in process.said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "-s, -d, --mode or --stdio"),
        (("-s", "1", "-d", "2"), "exclude each other"),
        (("-s", "1", "-m", "dst"), "contradicts"),
        (("-s", "1", "-e", "h", "-r", "eu-west-1"), "--region and --proxy-endpoint"),
        (("-s", "70000", "-r", "eu-west-1"), "0 to 65535"),
        (("-d", "SSH=22,80", "-r", "eu-west-1"), "SSH=5555"),
        (("-d", "host", "-r", "eu-west-1"), "needs a port"),
        (("-s", "1", "-r", "Eu_West"), "eu-west-1"),
        (("-s", "1", "-r", "eu-west-1", "-i", "short"), "32 to 128"),
        (("-s", "1", "-r", "eu-west-1", "--config", "absent.ini"), "absent.ini"),
        (("-s", "1", "-r", "eu-west-1", "--settings-json", "absent.json"), "absent.json"),
        (("-s", "1", "-r", "eu-west-1", "--config-dir", "absent"), "no directory"),
        (("-s", "1", "-r", "eu-west-1", "-v", "loud"), "0 to 255"),
        (("-s", "1", "-r", "eu-west-1", "--stdio"), "listens on no port"),
        (("--stdio", "-r", "eu-west-1", "--token-stdin"), "standard input"),
        (("--no-such-option",), "unrecognized arguments"),
    ],
)
async def test_wrong_arguments_end_it_with_2(start, arguments, words):
    process = await start(*arguments, AWSIOT_TUNNEL_ACCESS_TOKEN="secret-token")
    assert await process.end() == 2
    assert words in process.said
    assert "Traceback" not in process.said
    assert "secret-token" not in process.said


async def test_a_missing_token_ends_it_with_2(start):
    process = await start("-s", "1", "-r", "eu-west-1")
    assert await process.end() == 2
    assert "AWSIOT_TUNNEL_ACCESS_TOKEN" in process.said


# Standard input and output


async def test_stdio_carries_one_connection_and_nothing_else(chain, start):
    async with Server(echo_and_close) as server:
        made = await chain(SSH=server.port)
        await made.destination()
        env, _ = tokens(made)
        process = await start("--stdio", "--json", stdin=DATA, **env)
        async with asyncio.timeout(DEADLINE_S):
            out = await process._process.stdout.read()
        assert out == DATA
        assert await process.end() == 0
        said = [json.loads(line) for line in process.said.splitlines()]
        assert said[-1]["event"] in {"connection_closed", "state"}
        assert server.accepted == 1


async def test_a_broken_connection_ends_stdio_with_6(chain, start):
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination()
        env, _ = tokens(made)
        process = await start("--stdio", stdin=None, **env)
        process.stdin.write(b"hello")
        assert await process._process.stdout.readexactly(5) == b"hello"
        made.relay.drop()
        assert await process.end() == 6
        assert "broke" in process.said


async def test_of_several_services_stdio_needs_a_name(chain, start):
    async with Server(echo_and_close) as server:
        made = await chain(SSH=server.port, HTTP=server.port)
        await made.destination()
        env, _ = tokens(made)
        client_token = {"AWSIOT_TUNNEL_CLIENT_TOKEN": "c" * 32}
        process = await start("--stdio", stdin=b"x", **env, **client_token)
        assert await process.end() == 1
        assert "SSH, HTTP" in process.said
        process = await start("--stdio", "--service", "HTTP", stdin=DATA, **env, **client_token)
        assert await process._process.stdout.read() == DATA
        assert await process.end() == 0


async def test_openssh_logs_in_through_proxy_command(tmp_path: Path):
    key = tmp_path / "key"
    made = await asyncio.create_subprocess_exec("ssh-keygen", "-q", "-N", "", "-f", str(key))
    await made.wait()
    async with AsyncExitStack() as stack:
        chain = Chain(stack, {"SSH": 1})
        await chain.open()

        async def connect(url, token, targets):
            return await chain.destination(access_token=token, targets=targets)

        device = DemoDevice("pump-07", connect=connect, data_url=chain.relay.url)
        await device.start()
        stack.push_async_callback(device.aclose)
        await chain.destination(targets={"SSH": ("127.0.0.1", device.ssh_port)})
        env, _ = tokens(chain)
        options = (
            f"ProxyCommand={sys.executable} -m peerdeck proxy --stdio",
            "StrictHostKeyChecking=no",
            f"UserKnownHostsFile={tmp_path / 'hosts'}",
            "BatchMode=yes",
            f"IdentityFile={key}",
        )
        words = [word for option in options for word in ("-o", option)]
        ssh = await asyncio.create_subprocess_exec(
            "ssh",
            "-F",
            "none",
            *words,
            "demo@pump-07",
            "echo",
            "over the tunnel",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of(**env),
        )
        async with asyncio.timeout(DEADLINE_S):
            out, errors = await ssh.communicate()
        assert out == b"over the tunnel\n", errors.decode()
        assert ssh.returncode == 0


# The way there


async def test_a_web_proxy_an_authority_and_no_verification(start, tmp_path: Path):
    name = "data.tunnel.test"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    async with AsyncExitStack() as stack:
        chain = Chain(stack, {"SSH": 1}, certificate=context)
        await chain.open()
        routes = {name: ("127.0.0.1", chain.relay.tls_port)}
        web = await stack.enter_async_context(WebProxy(routes, login="ana:secret"))
        env = {
            "AWSIOT_TUNNEL_ACCESS_TOKEN": chain.source_token.reveal(),
            "AWSIOT_TUNNEL_CLIENT_TOKEN": "c" * 32,
            "AWSIOT_TUNNEL_ENDPOINT": name,
            "HTTPS_PROXY": f"http://ana:secret@127.0.0.1:{web.port}",
        }
        strict = await start("-s", "0", **env)
        assert await strict.end() == 4
        assert "certificate is not trusted" in strict.said
        trusting = await start("-s", "0", "-c", str(tmp_path / "ca.pem"), **env)
        await trusting.line("SSH is on")
        assert await trusting.stop() == 0
        bundled = await start("-s", "0", **env, AWS_CA_BUNDLE=str(tmp_path / "ca.pem"))
        await bundled.line("SSH is on")
        assert await bundled.stop() == 0
        blind = await start("-s", "0", "-k", **env)
        await blind.line("WARNING: -k")
        await blind.line("SSH is on")
        assert await blind.stop() == 0
        wrong = await start(
            "-s", "0", **env | {"HTTPS_PROXY": f"http://ana:guess@127.0.0.1:{web.port}"}
        )
        assert await wrong.end() == 4
        assert "wants another user name or password" in wrong.said
        for process in (strict, trusting, blind, wrong):
            assert "secret" not in process.said
            assert "guess" not in process.said


async def test_a_unix_socket_is_a_destination(chain, start, tmp_path: Path):
    server = await asyncio.start_unix_server(echo, str(tmp_path / "app.sock"))
    made = await chain(APP=1)
    source_env, destination_env = tokens(made)
    far = await start("-d", f"APP={tmp_path / 'app.sock'}", **destination_env)
    await far.line("Connected.")
    near = await start("-s", "0", "--json", **source_env)
    port = (await near.event("state", state="ready"))["services"][0]["port"]
    async with Client(port) as client:
        assert await client.ask(b"over a unix socket") == b"over a unix socket"
    assert await near.stop() == 0
    assert await far.stop() == 0
    server.close()


async def test_an_absent_target_is_named(chain, start):
    async with Server() as server:
        port = server.port
    made = await chain(SSH=1)
    source_env, destination_env = tokens(made)
    far = await start("-d", f"127.0.0.1:{port}", **destination_env)
    await far.line("Connected.")
    near = await start("-s", "0", "--json", **source_env)
    local = (await near.event("state", state="ready"))["services"][0]["port"]
    async with Client(local) as client:
        assert await client.rest() == b""
    await far.line(f"SSH cannot be reached: 127.0.0.1:{port}: Connection refused")
    assert await far.stop() == 0


async def test_a_terminal_gets_one_line_that_stays_up_to_date(chain):
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination()
        env, _ = tokens(made)
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "peerdeck", "proxy", "-s", "0"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=theirs,
            env=environment_of(**env),
        )
        os.close(theirs)
        seen = bytearray()
        loop = asyncio.get_running_loop()

        def read() -> None:
            with contextlib.suppress(OSError):  # nobody is at the other end any more
                seen.extend(os.read(ours, 65536))

        loop.add_reader(ours, read)
        await until(lambda: b"0 connections" in seen, 10)
        assert "\r\x1b[K0 connections · ↓ 0 B (0 B/s) ↑ 0 B (0 B/s)" in seen.decode()
        loop.remove_reader(ours)
        process.terminate()
        assert await process.wait() == 0
        os.close(ours)
