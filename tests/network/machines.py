"""Programs on the lab's machines: the cloud, its camera, and the console."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.network.lab import PROGRAMS, Namespace

ROOT = Path(__file__).parents[2]
START_S = 30.0
BOUND_S = 40.0
_CLOSE_S = 5.0
Line = dict[str, Any]


class Program:
    """A process on a machine that ends with its standard input. home: its own, empty."""

    def __init__(self, process: asyncio.subprocess.Process, said: Path) -> None:
        self._process = process
        self._said = said

    @classmethod
    async def start(
        cls, machine: Namespace, *words: str, home: Path, environment: dict[str, str] | None = None
    ) -> Self:
        said = await asyncio.to_thread(_emptied, home)
        with said.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *machine.command(sys.executable, *words),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=file,
                limit=1 << 22,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "PYTHONPATH": f"{ROOT / 'app'}{os.pathsep}{ROOT}",
                    "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
                    **(environment or {}),
                },
            )
        return cls(process, said)

    async def line(self) -> bytes:
        """The next one. Raises AssertionError with what it complained of where there is none."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the program ended: {self._said.read_text()[-4000:]}")
        return line

    async def close(self) -> None:
        """Idempotent; kills what does not end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                while self._process.stdout and await self._process.stdout.read(65_536):
                    pass
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class Viewer(Program):
    """The console; its lines are kept. `now`: the newest."""

    def __init__(self, process: asyncio.subprocess.Process, said: Path) -> None:
        super().__init__(process, said)
        self.lines: list[Line] = []

    @property
    def now(self) -> Line:
        return self.lines[-1]

    async def next(self) -> Line:
        self.lines.append(json.loads(await self.line()))
        return self.now

    async def until(self, condition: Callable[[Line], object], bound_s: float = BOUND_S) -> Line:
        """The first line from now on, the newest included, for which `condition` holds."""
        try:
            async with asyncio.timeout(bound_s):
                line = self.lines[-1] if self.lines else await self.next()
                while not condition(line):
                    line = await self.next()
                return line
        except TimeoutError:
            raise AssertionError(f"not in {bound_s:g} s; last: {self.lines[-1:]}") from None

    async def watch(self, seconds: float) -> list[Line]:
        """Lines with figures from now on, for so long."""
        end = time.time() + seconds
        first = len(self.lines)
        await self.until(lambda line: line["at"] >= end, bound_s=seconds + BOUND_S)
        return [line for line in self.lines[first:] if line["stats"]]

    async def framed(self, bound_s: float = BOUND_S) -> Line:
        """The line with the first figures that hold pictures."""
        line = await self.until(
            lambda line: line["problem"] or (line["stats"] and line["stats"]["fps"]), bound_s
        )
        assert line["problem"] is None, line["problem"]
        return line


class Cloud(Program):
    """`peerdeck localcloud`, the real command. environment: what clients need."""

    environment: dict[str, str]

    async def ready(self) -> None:
        async with asyncio.timeout(START_S):
            self.environment = json.loads(await self.line())["environment"]

    @property
    def port(self) -> int:
        """Of HTTP and signaling."""
        port = urlsplit(self.environment["AWS_ENDPOINT_URL_STS"]).port
        assert port is not None
        return port


@contextlib.asynccontextmanager
async def cloud_on(
    machine: Namespace, home: Path, *, host: str, devices: bool = True
) -> AsyncIterator[Cloud]:
    words = ["-m", "peerdeck", "localcloud", "--host", host, "--until-eof"]
    cloud = await Cloud.start(machine, *words, *(["--devices"] * devices), home=home)
    try:
        await cloud.ready()
        yield cloud
    finally:
        await cloud.close()


@contextlib.asynccontextmanager
async def helper_on(
    machine: Namespace, program: str, *words: str, home: Path, environment: dict[str, str]
) -> AsyncIterator[None]:
    """One of programs/, once it has said its first line."""
    helper = await Program.start(
        machine, str(PROGRAMS / program), *words, home=home, environment=environment
    )
    try:
        async with asyncio.timeout(START_S):
            await helper.line()
        yield
    finally:
        await helper.close()


@contextlib.asynccontextmanager
async def viewer_on(
    machine: Namespace, cloud: Cloud, home: Path, **options: object
) -> AsyncIterator[Viewer]:
    """Joins the live channel at once. options: JoinOptions."""
    viewer = await Viewer.start(
        machine,
        str(PROGRAMS / "viewer.py"),
        "front-door",
        json.dumps(options),
        home=home,
        environment=cloud.environment,
    )
    try:
        yield viewer
    finally:
        await viewer.close()


def _emptied(home: Path) -> Path:
    """Where its standard error goes."""
    home.mkdir(parents=True)
    return home / "stderr"
