"""Other people's programs through the tour's tunnel: curl and OpenSSH, where they are installed."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from peerdeck.core.quantities import bytes_text
from peerdeck.gui.tour.driver import StepFailed

COMMAND_S = 10.0


async def fetch_over_tunnel(port: int) -> str:
    """One page by HTTP, by curl where it is installed."""
    url = f"http://127.0.0.1:{port}/status"
    if shutil.which("curl"):
        body = await _run("curl", "--silent", "--show-error", "--fail", "--max-time", "8", url)
        return f"curl got {bytes_text(len(body))}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(COMMAND_S):
        answer = await reader.read()
    writer.close()
    if b" 200 " not in answer.partition(b"\r\n")[0]:
        raise StepFailed("the device's web server did not answer")
    return f"HTTP got {bytes_text(len(answer))}"


async def ssh_over_tunnel(port: int) -> str:
    """A command over OpenSSH with a key made for it; without OpenSSH, the server's greeting."""
    if not (shutil.which("ssh") and shutil.which("ssh-keygen")):
        async with asyncio.timeout(COMMAND_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            greeting = await reader.readline()
        writer.close()
        if not greeting.startswith(b"SSH-2.0-"):
            raise StepFailed("the device's SSH server did not answer")
        return f"SSH greets {greeting.decode().strip()}"
    with tempfile.TemporaryDirectory() as folder:
        key = str(Path(folder) / "key")
        await _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        options = (
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "LogLevel=ERROR",
            "IdentitiesOnly=yes",
        )
        output = await _run(
            "ssh",
            "-F",
            "none",
            *(part for option in options for part in ("-o", option)),
            *("-o", f"UserKnownHostsFile={folder}/known", "-i", key),
            *("-p", str(port), "demo@127.0.0.1", "status"),
        )
    return f"ssh ran “status” ({' '.join(output.splitlines()[0].split())})"


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMMAND_S):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise StepFailed(f"{command[0]} did not end within {COMMAND_S:.0f} s") from None
    if process.returncode:
        raise StepFailed(f"{command[0]} failed: {errors.decode(errors='replace').strip()[:200]}")
    return output.decode(errors="replace")
