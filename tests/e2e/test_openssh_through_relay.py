"""OpenSSH's scp and a browser-like burst of HTTP through both proxies and the relay."""

import asyncio
import getpass
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.engine.tunnel.tunnel_chain import Chain, port_of

from peerdeck.engine.tunnel import Limits

pytestmark = [pytest.mark.interop, pytest.mark.slow]
MB = 1_000_000
SIZE = 200 * MB
PARALLEL, REQUESTS = 6, 300  # connections of a browser to one host; files of a heavy page
HOST = "127.0.0.1"


async def run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


def _make_room_for_sshd() -> None:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # its privilege separation wants it


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[int]:
    """Debian's OpenSSH server on loopback, with keys of its own; the port."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "Debian's openssh-server is missing: run packaging/dev interop"
    for name in ("host", "user"):
        await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name)
    _make_room_for_sshd()
    probe = await asyncio.start_server(lambda r, w: w.close(), HOST, 0)
    port: int = probe.sockets[0].getsockname()[1]
    probe.close()
    config = tmp_path / "config"
    config.write_text(
        f"Port {port}\nListenAddress {HOST}\nHostKey {tmp_path}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nStrictModes no\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\n"
    )
    server = await asyncio.create_subprocess_exec(
        *(program, "-D", "-e", "-f", config), stderr=asyncio.subprocess.PIPE
    )
    assert server.stderr is not None
    try:
        async with asyncio.timeout(10):
            while b"Server listening" not in await server.stderr.readline():
                pass
        yield port
    finally:
        server.terminate()
        await server.communicate()


async def test_scp_of_200_mb_arrives_whole_both_ways(sshd: int, tmp_path: Path) -> None:
    data = os.urandom(MB) * (SIZE // MB)
    (tmp_path / "sent").write_bytes(data)
    async with AsyncExitStack() as stack:
        chain = Chain(stack, {"SSH": sshd}, limits=Limits())
        await chain.open()
        await chain.destination()
        port = port_of(await chain.source(), "SSH")
        options = ("-F", "none", "-q", "-P", str(port), "-i", tmp_path / "user", "-o")
        trust = ("StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path}/known")
        there = f"{getpass.getuser()}@{HOST}:{tmp_path}/there"
        async with asyncio.timeout(90):
            await run("scp", *options, *trust, tmp_path / "sent", there)
            await run("scp", *options, *trust, there, tmp_path / "back")
    wanted = hashlib.sha256(data).digest()
    for name in ("there", "back"):
        assert hashlib.sha256((tmp_path / name).read_bytes()).digest() == wanted


async def test_a_page_of_300_files_over_6_connections_loads_whole() -> None:
    async def serve(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        return web.Response(body=bytes([number % 256]) * (1000 + 173 * number))

    application = web.Application()
    application.router.add_get("/{number}", serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        chain = Chain(stack, {"HTTP": runner.addresses[0][1]}, limits=Limits())
        await chain.open()
        await chain.destination()
        port = port_of(await chain.source(), "HTTP")
        connector = aiohttp.TCPConnector(limit=PARALLEL)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.timeout(60):

            async def load(number: int) -> bool:
                async with session.get(f"http://{HOST}:{port}/{number}") as answer:
                    body = await answer.read()
                return body == bytes([number % 256]) * (1000 + 173 * number)

            assert all(await asyncio.gather(*map(load, range(REQUESTS))))
