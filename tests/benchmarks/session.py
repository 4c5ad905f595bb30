"""Click to first frame against Chromium with Amazon's SDK; CPU of a session and of its statistics.

The click: region, channel and credentials are known, nothing of the channel is; both ask for its
endpoints and ICE servers, then connect. Both have joined once before, so that neither pays for
loading its code. Chromium's time ends when the picture goes to the compositor, ours when it is
decoded. Needs a display (packaging/dev bench starts one), Chromium and the SDKs (it installs them).
"""

import asyncio
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, median_of, options, report
from session_parts import (
    CAMERA,
    PER_CHANNEL,
    REGION,
    SESSIONS,
    child,
    first_frame_ms,
    forget,
    leave_all,
    listed,
    local_cloud,
    prepare,
    told,
)
from tests.interop.browser import Browser, browser
from tests.interop.web_page import aws_script, served

ROOT = Path(__file__).parents[2]
RATIO, CPU_RATIO, SAMPLING_PERCENT = 0.7, 1.25, 5.0
TURN_S = 1.0  # three joins a second are all that a channel takes
RARELY_S = 10.0  # as good as unsampled: a tenth, which is accounted for


class Page:
    """Chromium as a viewer."""

    def __init__(self, page: Browser, environment: dict[str, str], arn: str, stun: str) -> None:
        self._page = page
        self._config = {
            "region": REGION,
            "arn": arn,
            "endpoint": environment["AWS_ENDPOINT_URL_KINESIS_VIDEO"],
            "stun": stun,
            "credentials": {
                "accessKeyId": environment["AWS_ACCESS_KEY_ID"],
                "secretAccessKey": environment["AWS_SECRET_ACCESS_KEY"],
            },
            "role": "VIEWER",
            "relay": "",
        }

    async def join_ms(self, number: int) -> float:
        config = {**self._config, "clientId": f"browser-{number}"}
        took_ms: float = await self._page.call("interop.firstPicture", config)
        await self._page.call("interop.reset")
        return took_ms


async def ours_ms(console: Any, arn: str, *, prepared: bool = False) -> float:
    forget(console)
    if prepared:
        await prepare(console, arn)
    took_ms = await first_frame_ms(console, console.sessions.join(arn))
    await leave_all(console)
    return took_ms


async def joins(turns: int, *, silent: bool) -> list[tuple[float, float, float]]:
    """Milliseconds of ours, of Chromium's, and of ours where the channel was chosen before; turn by
    turn. silent: the STUN server never answers, of which only viewers are told."""
    from peerdeck.wiring import build_console

    with tempfile.TemporaryDirectory() as folder, silence() as nobody:
        home = Path(folder)
        async with local_cloud(home, CAMERA, tls=True) as environment:
            if silent:
                environment["AWS_ENDPOINT_URL_KINESIS_VIDEO_STUN"] = nobody
            stun = environment["AWS_ENDPOINT_URL_KINESIS_VIDEO_STUN"]
            certificate = Path(environment["AWS_CA_BUNDLE"])
            script = await aws_script(home)
            with told(environment, home / "console"):
                console = build_console()
                await console.load()
                arn = (await listed(console))[CAMERA]
                async with served(script) as url, browser(home / "browser", certificate) as page:
                    await page.open(url)
                    viewer = Page(page, environment, arn, stun)
                    found = []
                    for number in range(turns + 1):
                        ours = await ours_ms(console, arn)
                        theirs = await viewer.join_ms(number)
                        prepared = await ours_ms(console, arn, prepared=True)
                        found.append((ours, theirs, prepared))
                        await asyncio.sleep(TURN_S)
                await console.aclose()
    return found[1:]


class silence:  # noqa: N801  used like a function
    """A STUN URI at which somebody listens and never answers."""

    def __enter__(self) -> str:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        return f"stun:127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def join_figures(turns: int) -> list[Figure]:
    figures = []
    for silent, path in ((False, "direct"), (True, "with a silent STUN server")):
        found = asyncio.run(joins(turns, silent=silent))
        ours, theirs, prepared = ([turn[side] for turn in found] for side in range(3))
        ratios = [mine / other for mine, other, _ in found]
        figures += [
            median_of(f"click to first frame, {path}: ours", ours, "ms"),
            median_of(f"click to first frame, {path}: Chromium", theirs, "ms"),
            median_of(f"click to first frame, {path}: ours / Chromium", ratios, "×", RATIO),
            median_of(f"click to first frame, {path}: ours, channel chosen before", prepared, "ms"),
        ]
    return figures


async def with_cloud(channels: tuple[str, ...], *measured: tuple[str, tuple[float, ...]]) -> list:
    """What the roles measured, one after the other, on one cloud."""
    with tempfile.TemporaryDirectory() as folder:
        async with local_cloud(Path(folder), *channels, tls=False) as environment:
            return [
                await asyncio.to_thread(child, role, environment, *numbers)
                for role, numbers in measured
            ]


def cpu_figures(seconds: float, turns: int, clicks: int) -> list[Figure]:
    roles = (("window", (seconds, clicks)), ("bare", (seconds,)))
    found = asyncio.run(with_cloud((CAMERA,), *(roles * turns)))
    windows, bare = found[::2], found[1::2]
    width, height, fps = windows[-1]["stream"]
    ratios = [w["cpu"] / b["cpu"] for w, b in zip(windows, bare, strict=True)]
    stream = f"{width}×{height}, {fps:.0f} fps"
    return [
        median_of(
            "click to first frame through the window",
            [ms for w in windows for ms in w["first"]],
            "ms",
        ),
        median_of(
            f"window with one session ({stream})", [w["cpu"] for w in windows], "% of a core"
        ),
        median_of("bare aiortc receiver of it", [b["cpu"] for b in bare], "% of a core"),
        median_of("window / bare receiver", ratios, "×", CPU_RATIO),
        median_of("window with plots in view", [w["plots"] for w in windows], "% of a core"),
    ]


def sampling_figures(seconds: float, turns: int) -> list[Figure]:
    channels = tuple(f"camera-{number}" for number in range(SESSIONS // PER_CHANNEL))
    roles = (("many", (seconds, 1.0)), ("many", (seconds, RARELY_S)))
    found = asyncio.run(with_cloud(channels, *(roles * turns)))
    often, rarely = ([part["cpu"] for part in found[first::2]] for first in (0, 1))
    scale = 1 / (1 - 1 / RARELY_S)
    above = [scale * (a - b) for a, b in zip(often, rarely, strict=True)]
    return [
        median_of(f"{SESSIONS} data-only sessions, sampled at 1 Hz", often, "% of a core"),
        median_of(f"{SESSIONS} data-only sessions, unsampled", [
            a - b for a, b in zip(often, above, strict=True)], "% of a core"),
        median_of("cost of sampling them", above, "% of a core", SAMPLING_PERCENT),
    ]  # fmt: skip


def main() -> int:
    chosen = options(__doc__)
    quick = chosen.quick
    figures = join_figures(5 if quick else 20)
    figures += cpu_figures(*((5.0, 1, 3) if quick else (10.0, 5, 4)))
    figures += sampling_figures(*((10.0, 1) if quick else (20.0, 3)))
    return report(figures, chosen.json)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
