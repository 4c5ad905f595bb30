"""Masters and networks that do wrong: every session ends, or goes on, and says why."""

import asyncio
import base64
import json

import pytest
from tests.e2e.session_console import (
    FIRST_FRAME,
    Joined,
    RogueMaster,
    console_at,
    held,
    names,
)
from tests.waiting import until

from peerdeck.core.channel import Role
from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.core.peer_log import MESSAGE_BYTES_KEPT, MESSAGES_KEPT
from peerdeck.core.session import Phase
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.localcloud.turn.credentials import Credentials
from peerdeck.wiring import devices_of

pytestmark = pytest.mark.e2e

SAVPF = "UDP/TLS/RTP/SAVPF"
DATA_OPEN = "Data channel open"


@pytest.fixture
def cloud_seed():
    return Seed(channels=(SeedChannel("eu-west-1", "front-door", live=True),))


@pytest.fixture
async def console(local_cloud, tmp_path):
    async with console_at(local_cloud, tmp_path) as console:
        yield console


@pytest.fixture
def arn(local_cloud):
    return local_cloud.live_channels[0][1]


@pytest.fixture
async def rogue(local_cloud):
    async with RogueMaster(local_cloud, *local_cloud.live_channels[0]).online() as rogue:
        yield rogue


@pytest.fixture(autouse=True)
async def nothing_left(console):
    """Whatever happened: after leaving there are as many tasks and descriptors as before."""
    yield
    for session in console.sessions.state.value:
        await console.sessions.leave(session.id)
    for _ in range(5):
        await asyncio.sleep(0)  # what was cancelled ends in the next turns
    left = [
        task.get_name()
        for task in asyncio.all_tasks()
        if not task.done() and task.get_name().startswith(("viewer", "sessions", "signaling"))
    ]
    assert not left


async def test_signaling_cut_amid_the_offer_costs_nothing(console, arn, rogue, local_cloud):
    """The answer waits at the service until the viewer is back."""
    joined = Joined(console, arn)
    offer = await rogue.offer()
    local_cloud.door.drop(Role.VIEWER)
    await rogue.serve(offer)
    session = await joined.reached(DATA_OPEN)
    assert session.phase is Phase.CONNECTED


async def test_signaling_that_never_comes_back_ends_the_join(
    console, arn, rogue, local_cloud, monkeypatch
):
    monkeypatch.setattr("peerdeck.services.engines.ANSWER_TIMEOUT_S", 1.5)
    joined = Joined(console, arn)
    await rogue.offer()
    await local_cloud.faults.switch_on("deny", {"operation": "ConnectAsViewer"})
    local_cloud.door.drop(Role.VIEWER)
    session = await joined.failed()
    assert "answer" in session.problem.title.lower() or "denied" in session.problem.title.lower()


@pytest.mark.parametrize(
    "payload",
    [
        "\x00\xff" * 50,
        json.dumps({"type": "answer", "sdp": "v=0\r\n" + f"m=video 9 {SAVPF} 96\r\n" * 200}),
        json.dumps({"type": "answer", "sdp": "\u2028\udcff" * 100}, ensure_ascii=True),
        json.dumps({"type": "offer", "sdp": "v=0\r\n"}),
        json.dumps({"type": "answer", "sdp": {"v": 0}}),
        json.dumps(["answer"]),
        json.dumps({"type": "answer", "sdp": "a=" * 3000}),
    ],
    ids=["bytes", "sections", "surrogates", "offer", "object", "list", "attributes"],
)  # fmt: skip
async def test_garbage_for_an_answer_is_named_as_that(console, arn, rogue, payload):
    joined = Joined(console, arn)
    offer = await rogue.offer()
    encoded = base64.b64encode(payload.encode(errors="surrogatepass")).decode()
    frame = {
        "action": "SDP_ANSWER",
        "messagePayload": encoded,
        "recipientClientId": offer.sender,
    }
    await rogue.say(json.dumps(frame))
    session = await joined.failed()
    assert "answer" in session.problem.title
    assert session.problem.remedy


async def test_rejected_media_leaves_the_data_channel(console, arn, rogue):
    def rejected(sdp: str) -> str:
        sections = sdp.split("m=")
        return "m=".join(
            section.replace("video 9 ", "video 0 ", 1) if section.startswith("video") else section
            for section in sections
        )

    joined = Joined(console, arn)
    served = await rogue.serve(await rogue.offer(), rejected)
    session = await joined.until(lambda s: DATA_OPEN in names(s) or not s.is_live)
    if session.is_live:
        (await served.channel()).send("still here")
        await joined.until(lambda s: s.telemetry == "still here")
    else:
        assert session.problem.remedy


async def test_everything_rejected_is_an_error(console, arn, rogue):
    """Nothing would ever come: an answer that refuses each section."""

    def rejected(sdp: str) -> str:
        return "\r\n".join(
            " ".join([line.split()[0], "0", *line.split()[2:]]) if line.startswith("m=") else line
            for line in sdp.splitlines()
        ) + "\r\n"  # fmt: skip

    joined = Joined(console, arn)
    await rogue.serve(await rogue.offer(), rejected)
    session = await joined.failed()
    assert session.problem.remedy


async def test_answer_full_of_dead_candidates_still_connects(console, arn, rogue):
    """As many as the service's limit of an answer's size lets through."""

    def flooded(sdp: str) -> str:
        flood = "".join(
            f"a=candidate:{n} 1 udp {2113937151 - n} 10.0.{n}.9 {9000 + n} typ host\r\n"
            for n in range(45)
        )
        head, section, rest = sdp.partition("a=candidate:")
        return head + flood + section + rest

    joined = Joined(console, arn)
    await rogue.serve(await rogue.offer(), flooded)
    session = await joined.reached(DATA_OPEN)
    assert session.phase is Phase.CONNECTED


async def test_trickled_flood_does_not_grow_the_session(console, arn, rogue, local_cloud):
    local_cloud.state.quotas.enforced = False
    joined = Joined(console, arn)
    offer = await rogue.offer()
    for number in range(3000):
        line = f"candidate:{number} 1 udp 1 192.0.2.{number % 250} {1024 + number} typ host"
        payload = json.dumps({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})
        frame = {
            "action": "ICE_CANDIDATE",
            "messagePayload": base64.b64encode(payload.encode()).decode(),
            "recipientClientId": offer.sender,
        }
        await rogue.say(json.dumps(frame))
    await rogue.serve(offer)
    session = await joined.reached(DATA_OPEN)
    assert session.phase is Phase.CONNECTED
    assert len(asyncio.all_tasks()) < 300
    assert held().descriptors < 300


async def test_large_messages_are_kept_in_part_and_many_only_so_far(console, arn, rogue):
    joined = Joined(console, arn)
    served = await rogue.serve(await rogue.offer())
    channel = await served.channel()
    size = 256 * 1024
    channel.send("x" * size)
    await joined.until(lambda s: s.messages >= 1)
    assert len(joined.now.telemetry) == MESSAGE_BYTES_KEPT
    for number in range(MESSAGES_KEPT + 100):
        channel.send(f"{number}")
    await joined.until(lambda s: s.messages >= MESSAGES_KEPT + 101)
    messages = next(iter(console.sessions.log(joined.id).peers.values())).messages
    assert len(messages) <= MESSAGES_KEPT
    assert messages[-1].data == f"{MESSAGES_KEPT + 99}".encode()


async def test_expired_turn_credentials_are_told_where_only_turn_may_serve(
    console, arn, local_cloud, monkeypatch
):
    """They are fresh when fetched, and have ended when they are used."""
    issue = Credentials.issue
    monkeypatch.setattr(Credentials, "issue", lambda self, _, label: issue(self, -1, label))
    async with devices_of(local_cloud):
        joined = Joined(console, arn, JoinOptions(policy=PathPolicy.RELAY))
        session = await joined.failed()
        assert session.problem.remedy
        assert "relay" in (session.problem.title + session.problem.detail).lower()


async def test_clock_that_jumps_spoils_no_figures(console, arn, local_cloud, monkeypatch):
    jump = [0.0]
    real = console.sessions._clock
    monkeypatch.setattr(console.sessions, "_clock", lambda: real() + jump[0])
    async with devices_of(local_cloud):
        joined = Joined(console, arn, JoinOptions(sample_s=0.1))
        await joined.reached(FIRST_FRAME)
        for jump_s in (-3600.0, 7200.0):
            jump[0] += jump_s
            begun = joined.now.stats.frames_decoded if joined.now.stats else 0
            session = await joined.until(
                lambda s, begun=begun: s.stats and s.stats.frames_decoded > begun + 10
            )
            assert session.phase is Phase.CONNECTED
            assert session.rebuilds == 0
            assert session.stats.fps is None or 0 <= session.stats.fps < 200
        times = list(next(iter(console.sessions.log(joined.id).peers.values())).table.times)
        assert times == sorted(times)


async def test_master_gone_without_a_word_is_sought_and_found_again(console, arn, rogue):
    """The rogue comes back as another connection of the same channel: a device that rebooted."""
    joined = Joined(console, arn)
    first = await rogue.serve(await rogue.offer())
    await first.channel()
    await joined.reached(DATA_OPEN)
    before = joined.now.client_id
    first.vanish()
    await joined.until(lambda s: s.phase is Phase.REBUILDING)
    second = await rogue.serve(await rogue.offer())
    (await second.channel()).send("back")
    session = await joined.until(lambda s: s.telemetry == "back")
    assert session.phase is Phase.CONNECTED
    assert session.rebuilds == 1
    assert session.client_id != before, "the old one may still be connected, and would throw it out"


async def test_leaving_while_it_is_being_rebuilt_is_quick(console, arn, rogue):
    joined = Joined(console, arn)
    served = await rogue.serve(await rogue.offer())
    await served.channel()
    await joined.reached(DATA_OPEN)
    served.vanish()
    await joined.until(lambda s: s.phase is Phase.REBUILDING)
    async with asyncio.timeout(2):
        await console.sessions.leave(joined.id)
    assert joined.now.phase is Phase.LEFT
    assert joined.now.problem is None
    await until(console.sessions.state, lambda s: s[0].phase is Phase.LEFT)
