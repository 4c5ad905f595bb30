"""Debian's Chromium, driven over the DevTools protocol; it trusts one authority of ours."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

START_S = 20.0
CALL_S = 25.0
_CLOSE_S = 3.0
_LISTENING = re.compile(rb"DevTools listening on ws://([^/]+)/")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--metrics-recording-only",
    "--password-store=basic",
    "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # On a machine without a network, 127.0.0.1 is the only address there is.
    "--allow-loopback-in-peer-connection",
)


def chromium() -> str | None:
    """The browser's path, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class PageFailed(AssertionError):
    """The page's own words, and all that the browser complained of so far."""


class Browser:
    """One page. complaints: what it logged as an error."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        """Until the browser is gone."""
        async for frame in self._socket:
            message = json.loads(frame.data)
            answered = self._waiting.pop(message.get("id", 0), None)
            if answered is not None and not answered.done():
                answered.set_result(message)
            self._listen(message.get("method", ""), message.get("params", {}))
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(PageFailed("the browser is gone"))

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command. Raises PageFailed, TimeoutError."""
        number = next(self._numbers)
        answered = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(CALL_S):
            message = await answered
        if "error" in message:
            raise PageFailed(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    async def open(self, url: str) -> None:
        """Returns when the page and its scripts are loaded."""
        for domain in ("Page", "Runtime", "Log"):
            await self.command(f"{domain}.enable")
        await self.command("Page.navigate", url=url)
        await self.evaluate(
            "new Promise(done => { if (document.readyState === 'complete') done();"
            " else addEventListener('load', () => done()); })"
        )

    async def call(self, function: str, *arguments: Any) -> Any:
        """The value of `function(...arguments)`, awaited; all of it as JSON. Raises PageFailed."""
        listed = ", ".join(json.dumps(argument) for argument in arguments)
        return await self.evaluate(f"{function}({listed})")

    async def evaluate(self, expression: str) -> Any:
        try:
            answer = await self.command(
                "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
            )
        except TimeoutError:
            raise PageFailed(f"no end of {expression[:60]}; {self.complaints}") from None
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            words = details.get("exception", {}).get("description") or details["text"]
            raise PageFailed(f"{words}; {self.complaints}")
        return answer["result"].get("value")

    def _listen(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            words = details.get("exception", {}).get("description") or details["text"]
            self.complaints.append(words)
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            words = [str(a.get("value", a.get("description"))) for a in parameters["args"]]
            self.complaints.append(" ".join(words))


@contextlib.asynccontextmanager
async def browser(home: Path, authority: Path) -> AsyncIterator[Browser]:
    """A fresh Chromium with a home of its own; nothing of it is left at the end."""
    await _trust(home, authority)
    process = await asyncio.create_subprocess_exec(
        chromium() or "chromium",
        *_FLAGS,
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        f"--user-data-dir={home / 'profile'}",
        "about:blank",
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # its children end with it, by their group
    )
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            address = await _address(process)
            chatter = tasks.create_task(_drain(process), name="chromium/chatter")
            url = await _page_url(session, address)
            async with session.ws_connect(url, max_msg_size=0) as socket:
                page = Browser(socket)
                reading = tasks.create_task(page.read(), name="chromium/devtools")
                try:
                    yield page
                finally:
                    with contextlib.suppress(PageFailed, TimeoutError, ConnectionError):
                        async with asyncio.timeout(_CLOSE_S):
                            await page.command("Browser.close")
                    reading.cancel()
                    chatter.cancel()
    finally:
        await _end(process)


async def _address(process: asyncio.subprocess.Process) -> str:
    """host:port of the DevTools, as the browser says on its standard error."""
    said = b""
    async with asyncio.timeout(START_S):
        while line := await _lines(process).readline():
            if found := _LISTENING.search(line):
                return found[1].decode()
            said += line
    raise PageFailed(f"Chromium did not start: {said.decode(errors='replace')}")


async def _page_url(session: aiohttp.ClientSession, address: str) -> str:
    async with session.get(f"http://{address}/json/list") as response:
        targets = await response.json(content_type=None)
    return next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")


async def _drain(process: asyncio.subprocess.Process) -> None:
    """A full pipe would stop the browser."""
    while await _lines(process).read(4096):
        pass


def _lines(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stderr is not None
    return process.stderr


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await process.wait()
    except TimeoutError:
        pass
    # Also where the first process ended well: its group may have outlived it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _trust(home: Path, authority: Path) -> None:
    """As a person imports a certificate: into the user's NSS database, which Chromium reads."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    base = ("certutil", "-d", f"sql:{database}")
    for arguments in (
        ("-N", "--empty-password"),
        ("-A", "-t", "C,,", "-n", "local cloud", "-i", str(authority)),
    ):
        process = await asyncio.create_subprocess_exec(
            *base, *arguments, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
