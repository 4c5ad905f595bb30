"""A viewer at a real master over real signaling, TURN and UDP."""

import asyncio
import json
import socket
import threading
import time

import psutil
import pytest

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import PathPolicy
from peerdeck.core.session import STEPS
from peerdeck.engine import aiortc_adapter
from peerdeck.engine.errors import (
    AnswerUnusable,
    ChannelNotOpen,
    NoAnswer,
    OfferTooLarge,
    PeerFailed,
    PeerFailure,
)
from peerdeck.engine.signaling import SignalingRefused
from peerdeck.localcloud.camera.watcher import Watcher
from peerdeck.protocol import signaling
from peerdeck.protocol.signaling import (
    Kind,
    SessionDescription,
    TrickledCandidate,
    decode,
    description_message,
    encode,
    read_description,
)


def framed(session):
    return session.frames > 0


def sampled(joined):
    return joined.session.sample()["master"]


def step(session, name):
    return next(step for step in session.steps if step.name == name)


async def test_a_join_reaches_every_step_and_shows_the_first_frame(channel, camera):
    joined = channel.join()
    joined.session.reach("Channel endpoint")
    joined.session.reach("ICE configuration", "3 URIs")
    await joined.until(lambda s: len(s.steps) == len(STEPS))

    assert {s.name for s in joined.session.steps} == set(STEPS)
    assert joined.session.connected
    assert joined.session.signaling == "open"
    assert step(joined.session, "First frame").detail == "480×270"
    assert "host/udp" in step(joined.session, "ICE connected").detail
    times = [s.at_ms for s in joined.session.steps]
    assert times == sorted(times)
    assert times[-1] < 5000


async def test_a_step_counts_once_and_from_the_click(channel):
    session = channel.join(clock=lambda: 12.5, started=10.0).session
    session.reach("Channel endpoint", at=11.0)
    session.reach("Channel endpoint", "again")
    session.reach("ICE configuration")
    assert [(s.name, s.at_ms) for s in session.steps] == [
        ("Channel endpoint", 1000.0),
        ("ICE configuration", 2500.0),
    ]


async def test_telemetry_arrives_and_texts_are_echoed(channel, camera):
    joined = channel.join()
    await joined.until(lambda s: s.messages >= 1)
    told = json.loads(joined.session.telemetry)
    assert {"uptime_s", "temperature_c", "fps", "viewers", "clock"} <= told.keys()

    joined.session.send("hello camera")
    await joined.until(lambda s: s.telemetry == "hello camera")


async def test_a_text_needs_an_open_channel(channel, camera):
    joined = channel.join()
    with pytest.raises(ChannelNotOpen):
        joined.session.send("too early")
    await joined.until(framed)
    await joined.leave()
    with pytest.raises(ChannelNotOpen):
        joined.session.send("too late")


async def test_figures_agree_with_what_the_sender_says(channel, camera):
    joined = channel.join()
    await joined.until(framed)
    sampled(joined)
    await joined.until(lambda s: s.frames >= 40)
    watcher = camera.watchers[joined.session.client_id]
    stats = sampled(joined)
    sent = (await watcher._connection.getStats()).values()
    sender = next(entry for entry in sent if entry.type == "outbound-rtp")

    assert stats.packets_received == pytest.approx(sender.packetsSent, abs=5)
    # The sender counts payloads, we count their headers (12 to 40 bytes), protection and RTCP.
    overhead = stats.bytes_received - sender.bytesSent
    assert 12 * stats.packets_received < overhead < 80 * stats.packets_received
    assert stats.packets_lost == 0
    assert stats.loss_percent == 0.0
    assert stats.frames_decoded == joined.session.frames
    assert stats.fps == pytest.approx(20, rel=0.25)
    assert (stats.width, stats.height, stats.codec) == (480, 270, "VP8")
    assert 50_000 < stats.bitrate_in_bps < 3_000_000
    assert stats.bitrate_out_bps is not None
    assert 0 < stats.rtt_ms < 200
    assert 0 <= stats.jitter_ms < 100
    assert stats.pair.path == "host/udp"


async def test_rates_cover_the_time_since_the_last_sample(channel, camera):
    now = [100.0]
    joined = channel.join(wall=lambda: now[0])
    assert joined.session.sample() == {}
    await joined.until(framed)
    first = sampled(joined)
    assert first.bitrate_in_bps is None
    await joined.until(lambda s: s.frames >= first.frames_decoded + 5)
    now[0] += 2.0
    second = sampled(joined)
    gained = second.bytes_received - first.bytes_received
    assert second.bitrate_in_bps == pytest.approx(8 * gained / 2.0)
    assert second.fps == pytest.approx((second.frames_decoded - first.frames_decoded) / 2.0)


async def test_the_picture_fits_into_the_size_asked_and_is_made_once(channel, camera):
    joined = channel.join()
    assert joined.session.picture(100, 100) is None
    await joined.until(framed)
    picture = joined.session.picture(320, 320)
    again = joined.session.picture(320, 320)

    assert (picture.width, picture.height) == (320, 180)
    assert again is picture
    assert picture.stride >= 4 * picture.width
    assert len(picture.data) >= picture.stride * picture.height
    blue, green, red, _ = _mean(picture, top=0.1)
    assert blue > red > 0  # a night-blue sky
    assert sum(_mean(picture, top=0.9)[:3]) < blue + green + red  # above dark hills
    assert joined.session.picture(0, 10) is None


def _mean(picture, top):
    """Mean of blue, green, red and the rest in the row at this height, in its middle third."""
    row = int(top * picture.height)
    line = bytes(picture.data[row * picture.stride : row * picture.stride + 4 * picture.width])
    middle = line[4 * (picture.width // 3) : 4 * (2 * picture.width // 3)]
    return [sum(middle[i::4]) / (len(middle) // 4) for i in range(4)]


async def test_leaving_is_quick_told_to_the_master_and_repeatable(channel, camera):
    joined = channel.join()
    await joined.until(framed)
    watcher: Watcher = camera.watchers[joined.session.client_id]
    started = time.perf_counter()
    await joined.leave()
    await joined.session.leave()

    assert time.perf_counter() - started < 1
    assert joined.session.signaling == "closed"
    assert not joined.session.connected
    async with asyncio.timeout(3):
        await watcher._gone.wait()


async def test_joins_and_leaves_leave_nothing_behind(channel, camera):
    process = psutil.Process()
    counts = []
    for _ in range(4):
        joined = channel.join()
        await joined.until(framed)
        await joined.leave()
        await _gone(camera)
        threads = [t.name for t in threading.enumerate() if not t.name.startswith("asyncio_")]
        counts.append((len(asyncio.all_tasks()), process.num_fds(), sorted(threads)))
    assert counts[-1] == counts[0]


async def test_leaving_before_anything_happened_ends_the_run(channel):
    joined = channel.join()
    await joined.leave()
    assert joined.task.result() is None


async def test_a_session_left_before_its_run_does_not_begin(channel):
    joined = channel.join()
    await joined.leave()
    await joined.session.run()
    assert joined.session.steps == ()


async def test_cancelling_the_run_closes_everything(channel, camera):
    joined = channel.join()
    await joined.until(framed)
    joined.task.cancel()
    await asyncio.wait([joined.task])
    assert joined.task.cancelled()
    assert joined.session.signaling == "closed"
    await joined.session.leave()


async def test_several_viewers_watch_at_once(channel, camera):
    joins = [channel.join() for _ in range(3)]
    for joined in joins:
        await joined.until(lambda s: s.frames > 3 and s.messages > 0)
    assert len(camera.watchers) == 3


async def test_without_a_master_there_is_no_answer(channel):
    joined = channel.join(answer_s=0.3)
    error = await joined.failure()
    assert isinstance(error, NoAnswer)
    assert (error.waited_s, error.status_code, error.description) == (0.3, "", "")
    assert joined.session.steps[-1].name == "Offer sent"


async def test_a_refused_offer_is_reported_in_the_services_words(channel, signaling_server):
    joined = channel.join(open_signaling=_constant(signaling_server.url))
    frame = json.loads(await signaling_server.received.get())
    status = {
        "correlationId": frame["correlationId"],
        "errorType": "InvalidArgumentException",
        "statusCode": "400",
        "description": "The offer is not what it should be.",
    }
    answer = json.dumps({"messageType": "STATUS_RESPONSE", "statusResponse": status})
    await (await signaling_server.connection(0)).send_str(answer)

    error = await joined.failure()
    assert isinstance(error, NoAnswer)
    assert (error.status_code, error.error_type) == ("400", "InvalidArgumentException")
    assert error.description == "The offer is not what it should be."


async def test_a_status_of_another_message_ends_nothing(channel, signaling_server):
    joined = channel.join(open_signaling=_constant(signaling_server.url), answer_s=0.3)
    status = {"correlationId": "another", "errorType": "Odd", "statusCode": "400"}
    answer = json.dumps({"messageType": "STATUS_RESPONSE", "statusResponse": status})
    await (await signaling_server.connection(0)).send_str(answer)

    error = await joined.failure()
    assert isinstance(error, NoAnswer)
    assert error.status_code == ""


async def test_a_refused_socket_ends_the_join_with_its_body(channel, camera):
    async def wrongly_signed(_: str) -> str:
        return channel.url("viewer-1", secret_key="not the key")

    error = await channel.join(open_signaling=wrongly_signed).failure()
    assert isinstance(error, SignalingRefused)
    assert error.status == 403
    assert "signature" in error.body


async def test_what_open_signaling_raises_reaches_the_caller(channel):
    async def failing(_: str) -> str:
        raise LookupError("no endpoint")

    assert isinstance(await channel.join(open_signaling=failing).failure(), LookupError)


async def test_an_offer_over_the_limit_is_refused_before_it_is_sent(
    channel, signaling_server, monkeypatch
):
    monkeypatch.setattr(signaling, "MAX_PAYLOAD_CHARACTERS", 1000)
    joined = channel.join(open_signaling=_constant(signaling_server.url))
    error = await joined.failure()
    assert isinstance(error, OfferTooLarge)
    assert error.size > 1000
    assert signaling_server.received.empty()


@pytest.mark.parametrize(
    "payload",
    ["v=0\r\n", "nonsense", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\n"],
)
async def test_an_answer_that_cannot_be_used_is_named(channel, signaling_server, payload):
    joined = channel.join(open_signaling=_constant(signaling_server.url))
    await signaling_server.received.get()
    answer = encode(description_message(SessionDescription("answer", payload)))
    await (await signaling_server.connection(0)).send_str(answer)
    assert isinstance(await joined.failure(), AnswerUnusable)


async def test_candidates_that_come_before_the_answer_are_kept(channel, signaling_server, camera):
    """A master whose candidates overtake its answer, in front of the camera's own code."""
    joined = channel.join(open_signaling=_constant(signaling_server.url))
    offer = decode(await signaling_server.received.get())
    assert offer is not None
    socket_ = await signaling_server.connection(0)
    sent = []

    async def send(message):
        sent.append(message)
        if message.kind is Kind.ICE_CANDIDATE:
            await socket_.send_str(encode(message))

    watcher = Watcher("viewer", camera.video, send=send, telemetry=dict)
    run = asyncio.get_running_loop().create_task(watcher.run(read_description(offer).sdp, []))
    await joined.until(lambda s: any(x.name == "First remote candidate" for x in s.steps))
    assert all(x.name != "Answer received" for x in joined.session.steps)
    await socket_.send_str(encode(sent[0]))
    await joined.until(framed)
    watcher.leave()
    await run


async def test_a_broken_candidate_harms_nobody(channel, camera, caplog):
    joined = channel.join()
    broken = signaling.candidate_message(
        TrickledCandidate("1 1 udp many 203.0.113.7 nine typ host", "0", 0)
    )
    odd = signaling.SignalingMessage(Kind.ICE_CANDIDATE, "[]")
    await joined.until(lambda s: s.peer is not None)
    joined.session._attempt._received(broken)
    joined.session._attempt._received(odd)
    await joined.until(framed)
    assert caplog.text.count("remote candidate ignored") == 1
    failed = [e for e in joined.log.events if e.name == "addIceCandidateOnFailure"]
    assert "nine" in failed[0].detail


async def test_a_silent_stun_server_does_not_delay_the_offer(channel, camera):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        uri = IceUri.parse(f"stun:127.0.0.1:{silent.getsockname()[1]}")
        joined = channel.join(ice_servers=[IceServer((uri,))])
        await joined.until(framed)
        assert step(joined.session, "Offer sent").at_ms < 1000
        assert step(joined.session, "First frame").at_ms < 3000
        started = time.perf_counter()
        await joined.leave()
        assert time.perf_counter() - started < 1


async def test_a_silent_turn_server_does_not_delay_leaving(channel, camera):
    joined = channel.join(policy=PathPolicy.RELAY)
    await joined.until(framed)
    channel.cloud.turn.silent = True
    started = time.perf_counter()
    await joined.leave()
    assert time.perf_counter() - started < 1


async def test_a_session_held_to_turn_goes_through_it(channel, camera):
    joined = channel.join(policy=PathPolicy.RELAY)
    await joined.until(framed)
    stats = sampled(joined)
    assert stats.pair.local_kind == "relay"
    assert stats.pair.path == "relay/udp"


async def test_own_candidates_are_trickled_when_their_server_answers(channel, signaling_server):
    channel.join(open_signaling=_constant(signaling_server.url))
    offer = decode(await signaling_server.received.get())
    candidate = decode(await signaling_server.received.get())
    assert offer is not None
    assert candidate is not None
    sdp = read_description(offer).sdp
    assert "typ host" in sdp
    assert "typ relay" not in sdp
    assert "a=end-of-candidates" not in sdp
    assert sdp.count("typ host") == sdp[: sdp.index("m=audio")].count("typ host")
    assert "typ relay" in signaling.read_candidate(candidate).candidate
    assert candidate.correlation_id


async def test_a_machine_without_network_offers_its_loopback(channel, camera, monkeypatch):
    monkeypatch.setattr(aiortc_adapter.gathering, "get_host_addresses", lambda **_: [])
    joined = channel.join()
    await joined.until(framed)
    stats = sampled(joined)
    assert stats.pair.local_address.startswith("127.0.0.1:")


async def test_no_common_path_is_reported_with_the_candidates(channel, signaling_server, camera):
    joined = channel.join(
        open_signaling=_constant(signaling_server.url), ice_servers=[], connect_s=0.5
    )
    offer = decode(await signaling_server.received.get())
    assert offer is not None
    socket_ = await signaling_server.connection(0)

    async def send(message):
        if message.kind is Kind.SDP_ANSWER:
            await socket_.send_str(encode(message))

    sdp = "\r\n".join(
        line for line in read_description(offer).sdp.splitlines() if "candidate" not in line
    )
    watcher = Watcher("viewer", camera.video, send=send, telemetry=dict)
    run = asyncio.get_running_loop().create_task(watcher.run(sdp + "\r\n", []))
    error = await joined.failure()
    watcher.leave()
    await run

    assert isinstance(error, PeerFailed)
    assert error.reason is PeerFailure.NO_PATH
    assert "theirs: none" in error.detail


async def test_a_master_that_ends_the_session_is_reported(channel, camera):
    joined = channel.join()
    await joined.until(framed)
    await camera.aclose()
    error = await joined.failure()
    assert isinstance(error, PeerFailed)
    assert error.reason is PeerFailure.CLOSED


async def test_media_goes_on_while_signaling_reconnects(channel, camera):
    joined = channel.join()
    await joined.until(framed)
    link = joined.session._attempt.link
    channel.cloud.signaling.announce(channel.arn, "GO_AWAY")
    await joined.until(lambda _: link.reconnects >= 1)
    await link._socket._socket.close()  # and a drop
    await joined.until(lambda _: link.reconnects >= 2)
    seen = joined.session.frames
    await joined.until(lambda s: s.frames > seen + 3)
    assert joined.session.connected
    assert joined.session.signaling == "open"


async def test_a_request_for_new_ice_servers_is_passed_on(channel, camera):
    asked = asyncio.Event()
    joined = channel.join(on_ice_servers_stale=asked.set)
    await joined.until(framed)
    assert not asked.is_set()
    channel.cloud.signaling.announce(channel.arn, "RECONNECT_ICE_SERVER")
    async with asyncio.timeout(5):
        await asked.wait()


async def _gone(camera):
    """Returns when the camera has cleaned up after its last viewer."""
    serving = [t for t in camera._tasks if t.get_name().endswith("/watcher")]
    if serving:
        await asyncio.wait(serving, timeout=5)
    assert not camera.watchers


def _constant(url):
    async def opened(_: str) -> str:
        return url

    return opened
