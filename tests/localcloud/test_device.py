"""The demo device behind a real tunnel, used by OpenSSH and curl."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import LinkState, Mode
from peerdeck.engine.tunnel import TunnelProxy
from peerdeck.localcloud.device import DemoDevice
from peerdeck.localcloud.relay import TunnelRelay
from peerdeck.localcloud.tunnels import TunnelRegistry

REGION = "eu-west-1"


async def connect(url: str, token: Secret, targets: Mapping[str, tuple[str, int]]) -> TunnelProxy:
    proxy = TunnelProxy(mode=Mode.DESTINATION, url=url, access_token=token, targets=targets)
    try:
        await proxy.start()
    except BaseException:
        await proxy.aclose()
        raise
    return proxy


class Site:
    """A relay and one device; `open()` makes a tunnel to it and the console's end of it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.registry = TunnelRegistry("123456789012")
        self.relay = TunnelRelay(self.registry)

    async def start(self) -> None:
        await self.relay.start()
        self._stack.push_async_callback(self.relay.aclose)
        self.device = DemoDevice("pump-07", connect=connect, data_url=self.relay.url)
        await self.device.start()
        self._stack.push_async_callback(self.device.aclose)
        self.registry.on_opened.append(self.device.tunnel_opened)

    async def open(self) -> TunnelProxy:
        self.record, token, _ = self.registry.open(
            REGION, thing="pump-07", services=("SSH", "HTTP")
        )
        source = TunnelProxy(mode=Mode.SOURCE, url=self.relay.url, access_token=token)
        self._stack.push_async_callback(source.aclose)
        await source.start()
        return source


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        made = Site(stack)
        await made.start()
        yield made
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def idle(device: DemoDevice) -> None:
    """Waits until none of its tunnels is served any more."""
    while device._tasks:
        await asyncio.wait(tuple(device._tasks))


def ports(source: TunnelProxy) -> dict[str, int]:
    return {row.service: row.port for row in source.snapshot().services}


async def run(*words: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        start_new_session=True,  # without a terminal ssh must use SSH_ASKPASS
    )
    try:
        async with asyncio.timeout(20):
            out, errors = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


SSH = (
    "ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
    "-o", "UserKnownHostsFile=/dev/null",
)  # fmt: skip


async def ssh_with_password(
    port: int, tmp_path: Path, *words: str, password: str = "demo", stdin: bytes = b""
) -> tuple[int, str, str]:
    ask = tmp_path / "askpass"
    ask.write_text(f"#!/bin/sh\necho {password}\n")
    ask.chmod(stat.S_IRWXU)
    return await run(
        *SSH, "-o", "NumberOfPasswordPrompts=1", "-p", str(port), "demo@127.0.0.1", *words,
        stdin=stdin, TERM="xterm", SSH_ASKPASS=str(ask), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0",
    )  # fmt: skip


class TestSsh:
    async def test_a_command_runs_and_its_status_comes_back(self, site, tmp_path):
        port = ports(await site.open())["SSH"]
        assert await ssh_with_password(port, tmp_path, "hostname") == (0, "pump-07\n", "")
        assert (await ssh_with_password(port, tmp_path, "exit", "3"))[0] == 3

    async def test_a_session_takes_lines_until_exit(self, site, tmp_path):
        port = ports(await site.open())["SSH"]
        code, out, _ = await ssh_with_password(
            port, tmp_path, stdin=b"echo one\nls\nexit 5\necho never\n"
        )
        assert (code, out) == (5, "one\nsh: ls: not found\n")

    async def test_a_terminal_is_greeted_and_prompted(self, site, tmp_path):
        port = ports(await site.open())["SSH"]
        code, out, _ = await ssh_with_password(port, tmp_path, "-tt", stdin=b"whoami\nexit\n")
        assert code == 0
        assert "demonstration device" in out
        assert "demo@pump-07:~$ " in out
        assert "demo\r\n" in out

    async def test_any_key_opens(self, site, tmp_path):
        port = ports(await site.open())["SSH"]
        key = tmp_path / "key"
        await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        assert (
            await run(
                *SSH, "-o", "BatchMode=yes", "-i", str(key), "-p", str(port),
                "demo@127.0.0.1", "whoami",
            )
        ) == (0, "demo\n", "")  # fmt: skip

    async def test_a_wrong_password_does_not(self, site, tmp_path):
        port = ports(await site.open())["SSH"]
        code, _, errors = await ssh_with_password(port, tmp_path, "whoami", password="guess")
        assert code == 255
        assert "Permission denied" in errors

    async def test_nothing_is_forwarded(self, site, tmp_path):
        port = ports(await site.open())["SSH"]
        code, _, errors = await ssh_with_password(port, tmp_path, "-W", "127.0.0.1:22")
        assert code == 255
        assert "forwarding failed" in errors


class TestHttp:
    async def test_the_page_and_the_numbers_are_served(self, site):
        port = ports(await site.open())["HTTP"]
        code, page, _ = await run("curl", "-sS", f"http://127.0.0.1:{port}/")
        assert code == 0
        assert "<title>pump-07</title>" in page
        code, status, _ = await run("curl", "-sS", f"http://127.0.0.1:{port}/status")
        assert '"thing": "pump-07"' in status

    async def test_a_download_arrives_whole(self, site, tmp_path):
        source = await site.open()
        target = tmp_path / "large"
        url = f"http://127.0.0.1:{ports(source)['HTTP']}/large?mb=64"
        code, size, _ = await run("curl", "-sS", "-o", str(target), "-w", "%{size_download}", url)
        assert (code, size) == (0, "64000000")
        expected = bytes(range(256)) * 4096
        with target.open("rb") as file:
            while block := file.read(len(expected)):
                assert block == expected[: len(block)]

    @pytest.mark.parametrize("wanted", ["0", "65", "-1", "x", ""])
    async def test_a_download_is_bounded(self, site, wanted):
        url = f"http://127.0.0.1:{site.device.http_port}/large?mb={wanted}"
        _, status, _ = await run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url)
        assert status == "400"


class TestTunnels:
    async def test_a_rotated_token_moves_the_device_to_it(self, site):
        source = await site.open()
        site.registry.rotate(REGION, site.record.id, [Mode.DESTINATION])
        url = f"http://127.0.0.1:{ports(source)['HTTP']}/status"
        code, status, _ = await run("curl", "-sS", "--retry", "5", "--retry-all-errors", url)
        assert code == 0
        assert "pump-07" in status
        assert len(site.device._tasks) <= 2

    async def test_a_closed_tunnel_leaves_nothing_at_the_device(self, site):
        source = await site.open()
        site.registry.close(REGION, site.record.id)
        async with asyncio.timeout(5):
            await source.wait_closed()
            await idle(site.device)
        assert source.snapshot().state is LinkState.FAILED
        assert not site.device._proxies

    async def test_tunnels_of_other_things_are_none_of_its_business(self, site):
        site.registry.open(REGION, thing="gate-12", services=("SSH",))
        assert not site.device._tasks

    async def test_a_device_that_cannot_connect_says_so_and_lives_on(self, site, caplog):
        await site.relay.aclose()
        site.registry.open(REGION, thing="pump-07", services=("SSH",))
        async with asyncio.timeout(5):
            await idle(site.device)
        assert "could not connect to its tunnel" in caplog.text

    async def test_closing_is_idempotent(self, site):
        await site.open()
        async with asyncio.timeout(2):
            await site.device.aclose()
            await site.device.aclose()
