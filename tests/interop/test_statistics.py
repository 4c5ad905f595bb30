"""Every statistic that both ends of a session have, ours beside Chromium's getStats().

A session is watched for SECONDS: 10, or what INTEROP_SECONDS says (60 for a minute's figures).
Counters within 2 %, times within 20 %. `pytest -rP` shows each pair that was compared.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from tests.engine.probing import lasting_port
from tests.interop.browser import Browser
from tests.interop.conftest import FPS, HEIGHT, WIDTH, Channel
from tests.interop.joined import Join, Joined
from tests.interop.mirror import DIFFERENT, Compared, compared, mean_rtt_s, selected

from peerdeck.core.channel import Role
from peerdeck.core.join import Source
from peerdeck.localcloud.state import TurnSet
from peerdeck.localcloud.turn.faults import Path as NetworkPath

SECONDS = float(os.environ.get("INTEROP_SECONDS", "10"))
COUNTERS, TIMES = 0.02, 0.20
Reports = list[dict[str, Any]]

pytestmark = pytest.mark.timeout(SECONDS + 110)


class Coturn:
    """Debian's turnserver, whose users come from a shared secret as the local cloud's do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.secret = "interop"

    def issue(self, *, ttl_s: int = 300, label: str = "") -> tuple[str, str]:
        username = f"{int(time.time()) + ttl_s}:{label or 'somebody'}"
        digest = hmac.digest(self.secret.encode(), username.encode(), hashlib.sha1)
        return username, base64.b64encode(digest).decode()


@contextlib.asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[Coturn]:
    server = Coturn(lasting_port())
    process = await asyncio.create_subprocess_exec(
        *("turnserver", "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(server.port)),
        *("--no-tls", "--no-dtls", "--no-cli", "--use-auth-secret", "--allow-loopback-peers"),
        *("--static-auth-secret", server.secret, "--realm", "coturn.test", "-m", "0"),
        *("--db", str(folder / "db"), "--pidfile", str(folder / "pid"), "--no-rfc5780"),
        *("--log-file", "stdout", "--simple-log", "--verbose"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = asyncio.get_running_loop().create_task(_started(process.stdout), name="test/coturn")
    try:
        async with asyncio.timeout(10):
            await said
        yield server
    finally:
        process.kill()
        await process.communicate()


async def _started(output: asyncio.StreamReader) -> None:
    while b"Total General servers" not in (line := await output.readline()):
        assert line, "turnserver ended"


@pytest.fixture
async def turn(request: pytest.FixtureRequest, channel: Channel, tmp_path: Path) -> Any:
    """What stands in the ICE configuration: the local cloud's own TURN, or coturn."""
    if request.param == "ours":
        faults = channel.cloud.turn.faults
        # A network that is worth measuring; without reordering, which repairs would follow.
        faults.to_peer = faults.to_client = NetworkPath(delay_s=0.03)
        yield channel.turn_uri
        return
    async with coturn(tmp_path) as server:

        def uri(relay: str) -> str:
            return f"turn:127.0.0.1:{server.port}?transport={relay}"

        channel.cloud.state.turns = (TurnSet(server, (uri("udp"), uri("tcp"))),)
        yield uri


PATHS = [("", "ours"), ("udp", "ours"), ("tcp", "ours"), ("udp", "coturn"), ("tcp", "coturn")]
paths = pytest.mark.parametrize(
    ("relay", "turn"), PATHS, indirect=["turn"], ids=["direct", *(f"{b}-{a}" for a, b in PATHS[1:])]
)


async def watched(joined: Joined, page: Browser, peer_id: str) -> list[Compared]:
    """Samples of both for SECONDS; the comparison of the last ones, times as their means."""
    ends = asyncio.get_running_loop().time() + SECONDS
    jitters: dict[tuple[str, str], list[tuple[float, float]]] = {}
    said: dict[tuple[str, str], float] = {}
    while True:
        before = await joined.report(peer_id)
        theirs: Reports = await page.call("interop.stats")
        after = await joined.report(peer_id)
        found = compared(before.objects, after.objects, theirs)
        for pair in found:
            if pair.kind == "time":
                values = jitters.setdefault((pair.where, pair.member), [])
                # One stands still between two RTCP reports: where it is new, it is of this moment.
                told = pair.ours if pair.where.startswith("remote") else pair.theirs
                if (pair.where, pair.member) not in said or said[pair.where, pair.member] != told:
                    values.append((pair.ours, pair.theirs))
                said[pair.where, pair.member] = told
        if asyncio.get_running_loop().time() >= ends:
            break
    means = [
        Compared(where, member, member, "time", *(fmean(ours for ours, _ in pairs),) * 2,
                 fmean(theirs for _, theirs in pairs))
        for (where, member), pairs in jitters.items()
    ]  # fmt: skip
    rtt = mean_rtt_s(selected(before.objects)), mean_rtt_s(selected({r["id"]: r for r in theirs}))
    means.append(Compared("candidate-pair", "mean round trip", "mean", "time", rtt[0], *rtt))
    return [pair for pair in found if pair.kind != "time"] + means


def judge(found: list[Compared], *, times: bool) -> None:
    """times: whether the path has any that Chromium, which rounds to 1 ms, can tell."""
    for pair in found:
        print(pair)
    print("not compared:", *(f"{name}: {why}" for name, why in DIFFERENT.items()), sep="\n  ")
    wrong = [
        str(pair)
        for pair in found
        if (times or pair.kind != "time") and not pair.holds(COUNTERS, TIMES)
    ]
    assert not wrong


def is_slow(request: pytest.FixtureRequest) -> bool:
    """Only the local cloud's own TURN server can hold back what it relays."""
    return "ours" in request.node.name


def told_of(found: list[Compared], kind: str) -> set[str]:
    return {pair.member for pair in found if pair.where.startswith(kind)}


@paths
async def test_viewer_of_chromium(
    page: Browser,
    channel: Channel,
    join: Join,
    relay: str,
    turn: Any,
    request: pytest.FixtureRequest,
) -> None:
    config = channel.config("MASTER", width=WIDTH, height=HEIGHT, fps=FPS, relay=relay)
    await page.call("interop.serve", config)
    joined = await join(relay=relay, **({"ice_uri": turn(relay)} if relay else {}))
    await joined.frames(FPS)
    joined.send("hello")
    await joined.text("echo: hello")
    found = await watched(joined, page, "master")
    assert told_of(found, "inbound-rtp video") >= {
        "packetsReceived", "bytesReceived", "headerBytesReceived", "framesReceived",
        "framesDecoded", "keyFramesDecoded", "frameWidth", "frameHeight", "packetsLost", "jitter",
        "pliCount", "firCount",
    }  # fmt: skip
    assert told_of(found, "data-channel") >= {"messagesSent", "messagesReceived", "bytesReceived"}
    assert told_of(found, "candidate-pair") >= {"bytesReceived", "packetsSent", "requestsSent"}
    assert told_of(found, "transport") >= {"bytesReceived", "dtlsCipher", "srtpCipher"}
    judge(found, times=is_slow(request))


@paths
async def test_master_for_chromium(
    page: Browser,
    channel: Channel,
    join: Join,
    relay: str,
    turn: Any,
    request: pytest.FixtureRequest,
) -> None:
    joined = await join(
        role=Role.MASTER,
        video=Source.GENERATED,
        audio=Source.GENERATED,
        relay=relay,
        **({"ice_uri": turn(relay)} if relay else {}),
    )
    await joined.until(lambda session: session.signaling == "open")
    await page.call("interop.view", channel.config("VIEWER", relay=relay))
    assert await page.call("interop.shown", FPS)
    await page.call("interop.say", "hello master")
    await joined.text("hello master")
    found = await watched(joined, page, "browser")
    assert told_of(found, "outbound-rtp video") >= {
        "packetsSent", "bytesSent", "headerBytesSent", "framesSent", "framesEncoded",
        "keyFramesEncoded", "frameWidth", "frameHeight", "pliCount", "firCount",
    }  # fmt: skip
    assert told_of(found, "remote-inbound-rtp video") >= {"packetsLost", "jitter"}
    assert told_of(found, "data-channel") >= {"messagesReceived", "bytesReceived"}
    judge(found, times=is_slow(request))
