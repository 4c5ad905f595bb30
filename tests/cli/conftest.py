"""`peerdeck proxy` as a process, against a relay in this one."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.engine.tunnel.tunnel_chain import Chain

APP = Path(__file__).parents[2] / "app"
DEADLINE_S = 20.0


class Process:
    """A running `peerdeck proxy`; everything it said is remembered."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.said = ""
        self.events: list[dict[str, Any]] = []

    async def line(self, words: str) -> str:
        """The next line on standard error that holds `words`."""
        assert self._process.stderr is not None
        async with asyncio.timeout(DEADLINE_S):
            while line := (await self._process.stderr.readline()).decode():
                self.said += line
                if words in line:
                    return line
        raise AssertionError(f"no “{words}” in: {self.said}")

    async def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """The next event of that name on standard output."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            while line := (await self._process.stdout.readline()).decode():
                self.said += line
                event = json.loads(line)
                self.events.append(event)
                if event["event"] == name and fields.items() <= event.items():
                    return event
        raise AssertionError(f"no {name} in: {self.said}")

    async def stop(self) -> int:
        self._process.terminate()
        return await self.end()

    async def end(self) -> int:
        """Exit status; what is left of its output is read."""
        async with asyncio.timeout(DEADLINE_S):
            out, errors = await self._process.communicate()
        self.said += out.decode() + errors.decode()
        assert self._process.returncode is not None
        return self._process.returncode

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


Start = Callable[..., Awaitable[Process]]


def environment_of(**more: str) -> dict[str, str]:
    """Nothing of the machine's own AWS or proxy configuration."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    path = os.pathsep.join(filter(None, (str(APP), *sys.path)))  # the same packages as here
    return {**kept, "PYTHONPATH": path, **more}


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """`await start("-s", "2222", AWSIOT_…="…")`; in a directory of its own."""
    started: list[Process] = []

    async def run(*arguments: str, stdin: bytes | None = b"", **environment: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "peerdeck",
            "proxy",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of(**environment),
            cwd=tmp_path,
        )
        assert process.stdin is not None
        if stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        made = Process(process)
        made.stdin = process.stdin  # type: ignore[attr-defined]
        started.append(made)
        return made

    yield run
    for process in started:
        await process.kill()


@pytest.fixture
async def chain() -> AsyncIterator[Callable[..., Awaitable[Chain]]]:
    async with AsyncExitStack() as stack:

        async def make(**services: int) -> Chain:
            made = Chain(stack, services)
            await made.open()
            return made

        yield make


def tokens(chain: Chain) -> tuple[dict[str, str], dict[str, str]]:
    """Environment of the source's and of the destination's proxy."""
    where = {"AWSIOT_TUNNEL_ENDPOINT": chain.relay.url}
    name = "AWSIOT_TUNNEL_ACCESS_TOKEN"
    return (
        where | {name: chain.source_token.reveal()},
        where | {name: chain.destination_token.reveal()},
    )
