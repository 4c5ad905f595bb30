"""The processes of the session benchmark, and what they share.

With a role and its numbers this file is one of them; it prints what it measured as one JSON line.
The environment names the cloud, as `peerdeck localcloud` says it.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil

CAMERA = "front-door"
REGION = "eu-west-1"
START_S, FRAME_S = 30.0, 20.0
SETTLE_S = 3.0
SESSIONS, PER_CHANNEL = 50, 10


async def cpu_percent(seconds: float) -> float:
    """Of this process without its children, in percent of one core."""
    process = psutil.Process()
    before, started = sum(process.cpu_times()[:2]), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - started)


@contextlib.asynccontextmanager
async def local_cloud(home: Path, *channels: str, tls: bool) -> AsyncIterator[dict[str, str]]:
    """`peerdeck localcloud` with a camera on every channel; yields what clients are told."""
    seed = home / "seed.json"
    entries = [{"region": REGION, "name": name, "live": True} for name in channels]
    seed.write_text(json.dumps({"channels": entries}))
    words = ["-m", "peerdeck", "localcloud", "--devices", "--until-eof", "--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words, *(["--tls"] if tls else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(home)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        yield json.loads(line)["environment"]
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.contextmanager
def told(environment: dict[str, str], home: Path) -> Iterator[None]:
    """This process is a client of that cloud, and of nothing else."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS")]:
        del os.environ[name]
    os.environ.update(environment, HOME=str(home), XDG_CONFIG_HOME=str(home))
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def child(role: str, environment: dict[str, str], *numbers: float) -> dict[str, Any]:
    """Runs this file with a role; what it measured."""
    import subprocess

    with tempfile.TemporaryDirectory() as home, told(environment, Path(home)):
        run = subprocess.run(
            [sys.executable, __file__, role, *map(str, numbers)],
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode:
        sys.exit(f"{role} failed:\n{run.stdout}{run.stderr}")
    measured: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return measured


async def listed(console: Any) -> dict[str, str]:
    """ARN by name, once the console has its list."""
    from peerdeck.services.status import Status

    ready = asyncio.Event()
    leave = console.channels.state.subscribe(
        lambda state: ready.set() if state.status is Status.READY else None
    )
    if console.channels.state.value.status is Status.READY:
        ready.set()
    async with asyncio.timeout(START_S):
        await ready.wait()
    leave()
    return {channel.name: channel.arn for channel in console.channels.state.value.channels}


async def first_frame_ms(console: Any, session_id: str) -> float:
    """From the click, as the session itself tells; SystemExit where it fails."""
    return await _reached(console, session_id, "First frame")


async def _reached(console: Any, session_id: str, name: str) -> float:
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def look(sessions: Any) -> None:
        session = next((s for s in sessions if s.id == session_id), None)
        if session is None or done.done():
            return
        if session.problem is not None:
            done.set_exception(SystemExit(f"join failed: {session.problem}"))
        for step in session.steps:
            if step.name == name and not done.done():
                done.set_result(step.at_ms)

    leave = console.sessions.state.subscribe(look)
    look(console.sessions.state.value)
    try:
        async with asyncio.timeout(FRAME_S):
            return await done
    finally:
        leave()


# The window: joins as a person does, and shows the session's page


def window(seconds: float, joins: float) -> None:
    from peerdeck.gui import app
    from peerdeck.gui.tour import conductor, steps
    from peerdeck.gui.tour.driver import Driver

    measured: dict[str, Any] = {"first": []}

    async def measure(window: Any, console: Any, folder: Path, say: Any) -> bool:
        driver = Driver(window, console, folder)
        await listed(console)
        await asyncio.sleep(SETTLE_S)  # imports on threads and the first paint
        for number in range(int(joins) + 1):
            if number:
                await leave_all(console)
                forget(console)
            await driver.click("rail.channels")
            await steps.pick_camera(driver)
            clicked = time.perf_counter()
            await driver.click("channel.join")
            await first_frame_ms(console, console.sessions.state.value[-1].id)
            measured["first"].append(1000 * (time.perf_counter() - clicked))
        driver.close()  # its ear for every event of the window would be measured, too
        await asyncio.sleep(SETTLE_S)
        measured["cpu"] = await cpu_percent(seconds)  # the page as it opens
        await driver.show_view("Plots")
        await asyncio.sleep(SETTLE_S)
        measured["plots"] = await cpu_percent(seconds)
        stats = console.sessions.state.value[-1].stats
        measured["stream"] = [stats.width, stats.height, stats.fps]
        return True

    conductor.tour = measure  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        status = app.run(tour=Path(folder))
    del measured["first"][0]  # imports of the first join
    sys.stdout.write(json.dumps(measured) + "\n")
    sys.exit(status)


def forget(console: Any) -> None:
    """What the console remembers of channels: endpoints, ICE servers, and which of those work."""
    console.account._account._videos.clear()
    access = console.sessions._access
    for remembered in (access._endpoints, access._servers, access._probes):
        remembered.clear()


async def prepare(console: Any, arn: str) -> None:
    """As if the channel had been chosen in the list a moment ago."""
    console.sessions.prepare(arn)
    await console.sessions._preparing


async def leave_all(console: Any) -> None:
    ids = [session.id for session in console.sessions.state.value]
    await asyncio.gather(*(console.sessions.leave(name) for name in ids))
    for name in ids:
        console.sessions.dismiss(name)


# aiortc alone: offers, reads frames, draws nothing and asks nothing


def bare(seconds: float) -> None:
    sys.stdout.write(json.dumps({"cpu": asyncio.run(_bare(seconds))}) + "\n")


async def _bare(seconds: float) -> float:
    import aiohttp
    from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

    from peerdeck.cloud.account import AwsAccount
    from peerdeck.core.channel import Role
    from peerdeck.protocol.signaling import SessionDescription, description_message, encode

    account = AwsAccount()
    video = account.kinesis_video(REGION)
    url = await video.signaling_url(await _arn_of(video, CAMERA), Role.VIEWER, "bare")
    peer = RTCPeerConnection(RTCConfiguration([], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    for kind in ("video", "audio"):
        peer.addTransceiver(kind, direction="recvonly")
    peer.createDataChannel("kvsDataChannel")
    framed = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    start = asyncio.get_running_loop().create_task
    peer.on("track", lambda track: tasks.append(start(_read(track, framed))))
    await peer.setLocalDescription(await peer.createOffer())
    offer = SessionDescription("offer", peer.localDescription.sdp)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str(encode(description_message(offer, correlation_id="offer")))
        tasks.append(start(_listen(socket, peer)))
        async with asyncio.timeout(FRAME_S):
            await framed.wait()
        await asyncio.sleep(SETTLE_S)
        value = await cpu_percent(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await peer.close()
    await account.aclose()
    return value


async def _read(track: Any, framed: asyncio.Event) -> None:
    while True:
        await track.recv()
        if track.kind == "video":
            framed.set()


async def _listen(socket: Any, peer: Any) -> None:
    """Applies the answer and the candidates that follow it."""
    from aiortc import RTCSessionDescription
    from aiortc.sdp import candidate_from_sdp

    from peerdeck.protocol.signaling import Kind, decode, read_candidate, read_description

    async for frame in socket:
        message = decode(frame.data)
        if message is None:
            continue
        if message.kind is Kind.SDP_ANSWER:
            answer = RTCSessionDescription(read_description(message).sdp, "answer")
            await peer.setRemoteDescription(answer)
        elif message.kind is Kind.ICE_CANDIDATE:
            candidate = candidate_from_sdp(read_candidate(message).candidate)
            candidate.sdpMid = "0"
            await peer.addIceCandidate(candidate)


async def _arn_of(video: Any, name: str) -> str:
    async for page in video.list_channels():
        for channel in page:
            if channel.name == name:
                return str(channel.arn)
    raise SystemExit(f"there is no channel {name}")


# Many sessions that carry data alone


def many(seconds: float, interval_s: float) -> None:
    sys.stdout.write(json.dumps({"cpu": asyncio.run(_many(seconds, interval_s))}) + "\n")


async def _many(seconds: float, interval_s: float) -> float:
    from peerdeck.core.join import JoinOptions
    from peerdeck.wiring import build_console

    console = build_console()
    await console.load()
    arns = await listed(console)
    options = JoinOptions(receive_video=False, receive_audio=False, sample_s=interval_s)
    for number in range(SESSIONS):
        session_id = console.sessions.join(list(arns.values())[number // PER_CHANNEL], options)
        await _reached(console, session_id, "Data channel open")
    await asyncio.sleep(SETTLE_S)
    value = await cpu_percent(seconds)
    lost = [session.problem for session in console.sessions.state.value if not session.is_live]
    if lost:
        raise SystemExit(f"{len(lost)} sessions ended: {lost[0]}")
    await console.aclose()
    return value


if __name__ == "__main__":
    roles = {"window": window, "bare": bare, "many": many}
    numbers = [float(text) for text in sys.argv[2:]]
    roles[sys.argv[1]](*numbers)
