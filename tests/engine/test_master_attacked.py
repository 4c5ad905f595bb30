"""Viewers that do wrong: each of them harms itself alone, and nothing of them stays."""

import asyncio
import json
import random

import psutil
import pytest
from tests.engine.mastering import Guest, Mastering
from tests.engine.test_master import DATA, door, guest, http, master

from peerdeck.protocol.signaling import Kind, SignalingMessage, StatusResponse

__all__ = ["door", "guest", "http", "master"]


def offer(sender, sdp):
    payload = json.dumps({"type": "offer", "sdp": sdp})
    return SignalingMessage(Kind.SDP_OFFER, payload, sender=sender)


async def good_offer() -> str:
    """Of a browser-like viewer."""
    viewer = Guest(None, None)
    await viewer.connection.setLocalDescription(await viewer.connection.createOffer())
    sdp = viewer.connection.localDescription.sdp
    await viewer.connection.close()
    return sdp


def spoiled(sdp: str, chance: random.Random) -> str:
    """One to five lines lost, doubled, moved or scribbled over."""
    lines = sdp.splitlines()
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 2:
                lines.insert(chance.randrange(len(lines)), lines.pop(at))
            case _:
                text = list(lines[at] or "x")
                text[chance.randrange(len(text))] = chance.choice("0 9=:/é\x00-az")
                lines[at] = "".join(text)
    return "\r\n".join(lines) + "\r\n"


async def nobody_left(mastering: Mastering) -> None:
    for name in tuple(mastering.session.peers):
        mastering.session.dismiss(name)
    await mastering.until(lambda s: not s.peers)
    await mastering.at_rest()


async def test_spoiled_offers_never_end_the_session_nor_another_viewer(master, guest, caplog):
    mastering, watcher = await master(), guest()
    await watcher.join()
    chance, sdp = random.Random(5), await good_offer()
    for number in range(150):
        mastering.session._received(offer(f"odd-{number}", spoiled(sdp, chance)))
        if number % 8 == 7:
            await watcher.frames("video", 1)
            for name in tuple(mastering.session.peers):
                if name.startswith("odd"):
                    mastering.session.dismiss(name)
            await mastering.until(lambda s: len(s.peers) == 1)
    assert await watcher.frames("video", 5)
    assert not mastering.task.done()
    assert "Traceback" not in caplog.text


async def test_a_flood_of_offers_is_bounded_and_leaves_nothing(master):
    mastering, sdp = await master(DATA), await good_offer()
    process = psutil.Process()
    await nobody_left(mastering)
    tasks, files = len(asyncio.all_tasks()), process.num_fds()
    for number in range(2000):
        mastering.session._received(offer(f"flood-{number}", sdp))
    assert len(mastering.session.peers) == 10
    assert mastering.session.refused == 1990
    assert len(mastering.log.peers) <= 60
    await nobody_left(mastering)
    assert len(asyncio.all_tasks()) <= tasks
    assert process.num_fds() <= files


async def test_one_client_that_offers_all_the_time_has_one_peer(master):
    mastering, sdp = await master(DATA), await good_offer()
    for number in range(60):
        mastering.session._received(offer("restless", sdp.replace("s=-", f"s={number}")))
        await asyncio.sleep(0)
    assert list(mastering.session.peers) == ["restless"]
    await mastering.until(lambda _: mastering.visits_of("restless").count("replaced") == 59)
    await nobody_left(mastering)


async def test_candidates_of_nobody_are_bounded(master):
    mastering = await master(DATA)
    line = "candidate:1 1 udp 1 192.0.2.1 9 typ host"
    payload = json.dumps({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})
    for number in range(3000):
        mastering.session._received(
            SignalingMessage(Kind.ICE_CANDIDATE, payload, sender=f"nobody-{number % 300}")
        )
    early = mastering.session._visitors._early
    assert len(early) <= 64
    assert all(len(waiting) <= 64 for waiting in early.values())
    assert not mastering.log.peers


@pytest.mark.parametrize(
    "message",
    [
        SignalingMessage(Kind.SDP_OFFER, "", sender="x"),
        SignalingMessage(Kind.SDP_OFFER, "[]", sender="x"),
        SignalingMessage(Kind.SDP_OFFER, '{"type": "offer", "sdp": 7}', sender="x"),
        SignalingMessage(Kind.SDP_ANSWER, "{}", sender="x"),
        SignalingMessage(Kind.ICE_CANDIDATE, '{"candidate": "a b"}', sender="x"),
        SignalingMessage(Kind.STATUS_RESPONSE, status=StatusResponse("c", "E", "500", "d")),
        SignalingMessage(Kind.STATUS_RESPONSE),
        SignalingMessage(Kind.GO_AWAY, "?"),
    ],
)
async def test_messages_of_any_form_harm_nobody(master, message):
    mastering = await master(DATA)
    mastering.session._received(message)
    assert not mastering.session.peers
    assert not mastering.task.done()


async def test_a_viewer_that_talks_all_the_time_fills_no_memory(master, guest):
    mastering, viewer = await master(DATA), guest(sections=())
    await viewer.join()
    peer = mastering.session.peers[viewer.client_id]
    viewer.channel.on("open", mastering.changed.set)
    await mastering.until(lambda _: peer.channels and viewer.channel.readyState == "open")
    for _ in range(2500):
        viewer.channel.send("x" * 100)
    await mastering.until(lambda s: s.messages == 2500)
    assert len(mastering.log.peers[viewer.client_id].messages) == 2000
