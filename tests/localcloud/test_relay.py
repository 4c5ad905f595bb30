"""The relay, heard from both sides over plain WebSockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from picows import WSMsgType
from tests.localcloud.relay_client import V3, RelayClient, join_relay, refusal

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.relay import TunnelRelay
from peerdeck.localcloud.relay_room import MAX_QUEUED
from peerdeck.localcloud.tunnels import TunnelRegistry
from peerdeck.protocol.frames import MAX_PAYLOAD, Message, MessageType, encode

T = MessageType
DATA, START, RESET = T.DATA, T.STREAM_START, T.STREAM_RESET
REGION = "eu-west-1"
IDS = Message(T.SERVICE_IDS, available_service_ids=("SSH", "HTTP"))
CLIENT = ("client-token", "c" * 32)


class Tunnel:
    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.now = 1_000_000.0
        self.registry = TunnelRegistry("123456789012", clock=lambda: self.now)
        self.relay = TunnelRelay(self.registry)
        self.record, source, destination = self.registry.open(REGION, services=("SSH", "HTTP"))
        self.tokens = {"source": source.reveal(), "destination": destination.reveal()}

    async def join(self, mode: str, *headers: tuple[str, str]) -> RelayClient:
        """A side that reconnects at will; V3 unless told otherwise; SERVICE_IDS are taken."""
        client_token = ("client-token", mode.ljust(32, "-"))
        client = await join_relay(
            self._stack, self.relay.url, mode, *(headers or (V3,)),
            ("access-token", self.tokens[mode]), client_token,
        )  # fmt: skip
        if not headers:
            assert await client.hear() == IDS
        return client

    def side(self, mode: Mode) -> bool:
        return self.record.sides[mode].connected is not None


@pytest.fixture
async def tunnel() -> AsyncIterator[Tunnel]:
    async with AsyncExitStack() as stack:
        made = Tunnel(stack)
        await made.relay.start()
        stack.push_async_callback(made.relay.aclose)
        yield made
    assert asyncio.all_tasks() == {asyncio.current_task()}


class TestHandshake:
    @pytest.mark.parametrize("number", [1, 2, 3])
    async def test_every_version_is_spoken_and_v1_has_no_service_ids(self, tunnel, number):
        name = f"aws.iot.securetunneling-{number}.0"
        source = await tunnel.join("source", ("Sec-WebSocket-Protocol", name))
        assert source.headers["sec-websocket-protocol"] == name
        assert len(source.headers["channel-id"]) == 36
        destination = await tunnel.join("destination")
        destination.say(Message(DATA, 1, "SSH", 1, b"x"))
        first = await source.hear()
        assert first.type == (DATA if number == 1 else T.SERVICE_IDS)

    async def test_the_newest_offered_version_is_chosen(self, tunnel):
        names = "aws.iot.securetunneling-1.0, aws.iot.securetunneling-3.0, chat"
        source = await tunnel.join("source", ("Sec-WebSocket-Protocol", names))
        assert source.headers["sec-websocket-protocol"] == "aws.iot.securetunneling-3.0"

    async def test_a_browser_brings_its_token_in_a_cookie(self, tunnel):
        cookie = ("Cookie", f"a=b; awsiot-tunnel-token={tunnel.tokens['source']}")
        async with AsyncExitStack() as stack:
            client = await join_relay(stack, tunnel.relay.url, "source", V3, cookie)
            assert await client.hear() == IDS

    @pytest.mark.parametrize(
        ("mode", "headers", "words"),
        [
            ("source", [V3], "Exactly one must be given"),
            ("source", [V3, ("access-token", "x"), ("access-token", "y")], "Exactly one"),
            (
                "source",
                [V3, ("access-token", "x"), ("Cookie", "awsiot-tunnel-token=x")],
                "Exactly one",
            ),
            ("source", [V3, ("access-token", "x")], "access token is not valid"),
            ("source", [V3, ("access-token", "x"), CLIENT, CLIENT], "At most one"),
            ("source", [V3, ("access-token", "x"), ("client-token", "short")], "must match"),
            ("source", [("access-token", "x")], "No supported protocol"),
            (
                "source",
                [("access-token", "x"), ("Sec-WebSocket-Protocol", "chat")],
                "No supported protocol",
            ),
            ("neither", [V3, ("access-token", "x")], "must be source or destination"),
            ("", [V3, ("access-token", "x")], "must be source or destination"),
            ("source", [V3, ("access-token", "x" * 4096)], "larger than 4 kB"),
        ],
    )
    async def test_a_wrong_request_is_refused_with_its_reason(self, tunnel, mode, headers, words):
        status, reason = await refusal(tunnel.relay.url, mode, *headers)
        assert status == 400
        assert words in reason

    async def test_another_path_is_refused(self, tunnel):
        token = ("access-token", tunnel.tokens["source"])
        status, reason = await refusal(
            tunnel.relay.url, "source", V3, token, path="/?local-proxy-mode="
        )
        assert (status, reason) == (400, "Invalid path: It must be /tunnel.")

    async def test_a_token_without_client_token_works_once(self, tunnel):
        token = ("access-token", tunnel.tokens["source"])
        async with AsyncExitStack() as stack:
            await join_relay(stack, tunnel.relay.url, "source", V3, token)
        status, reason = await refusal(tunnel.relay.url, "source", V3, token)
        assert status == 400
        assert "previously used" in reason

    async def test_the_registry_hears_of_both_sides(self, tunnel):
        source = await tunnel.join("source")
        assert tunnel.side(Mode.SOURCE)
        assert not tunnel.side(Mode.DESTINATION)
        destination = await tunnel.join("destination")
        await source.leave()
        await destination.transport.measure_roundtrip_time(1)  # the relay has had its turn
        assert not tunnel.side(Mode.SOURCE)
        assert tunnel.side(Mode.DESTINATION)


class TestRouting:
    async def test_messages_pass_both_ways_unchanged(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        up = [Message(START, 5, "SSH", 1), Message(DATA, 5, "SSH", 1, bytes(MAX_PAYLOAD))]
        source.say(*up)
        assert [await destination.hear(), await destination.hear()] == up
        destination.say(Message(DATA, 5, "SSH", 1, b"yes"))
        assert await source.hear() == Message(DATA, 5, "SSH", 1, b"yes")

    async def test_a_message_in_crumbs_arrives_whole(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        message = Message(START, 5, "SSH", 1)
        for byte in encode(message):
            source.transport.send(WSMsgType.BINARY, bytes((byte,)))
        assert await destination.hear() == message

    async def test_half_a_message_dies_with_its_sender(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        source.transport.send(WSMsgType.BINARY, encode(Message(START, 5, "SSH", 1))[:6])
        again = await tunnel.join("source")
        again.say(Message(START, 6, "SSH", 1))
        assert await destination.hear() == Message(START, 6, "SSH", 1)

    @pytest.mark.parametrize(
        "wrong",
        [
            Message(T.SESSION_RESET),
            Message(T.SERVICE_IDS, available_service_ids=("X",)),
            Message(T.UNKNOWN, 1),
            Message(8, 1, ignorable=True),
            Message(DATA, 0, "SSH", 1, b"x"),
        ],
    )
    async def test_what_a_client_must_not_send_ends_its_connection(self, tunnel, wrong):
        source = await tunnel.join("source")
        source.say(wrong)
        assert (await source.end())[0] == 1002

    async def test_a_destination_starts_nothing(self, tunnel):
        destination = await tunnel.join("destination")
        destination.say(Message(START, 1, "SSH", 1))
        assert await destination.end() == (1002, "a destination must not start streams")

    async def test_a_field_beyond_the_schema_ends_the_connection(self, tunnel):
        source = await tunnel.join("source")
        source.transport.send(WSMsgType.BINARY, bytes.fromhex("0006 0802 1001 4001"))
        assert await source.end() == (1002, "field 8 is not in the schema")

    async def test_text_ends_the_connection(self, tunnel):
        source = await tunnel.join("source")
        source.transport.send(WSMsgType.TEXT, "hello")
        assert (await source.end())[0] == 1003

    async def test_while_one_side_does_not_read_the_other_is_not_read(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        source.say(Message(START, 5, "SSH", 1))
        await destination.hear()
        destination.transport.underlying_transport.pause_reading()
        data = encode(Message(DATA, 5, "SSH", 1, bytes(MAX_PAYLOAD)))
        for _ in range(1000):
            source.transport.send(WSMsgType.BINARY, data)
        with pytest.raises(TimeoutError):  # the ping waits behind what is not read
            async with asyncio.timeout(0.5):
                await source.transport.measure_roundtrip_time(1)
        waiting = source.transport.underlying_transport.get_write_buffer_size()
        assert waiting > 500 * len(data)  # the rest is in the kernel's buffers
        for peer in tunnel.relay._peers:
            under = peer._transport.underlying_transport
            assert under.get_write_buffer_size() < 600_000
        destination.transport.underlying_transport.resume_reading()
        for _ in range(1000):
            assert len((await destination.hear()).payload) == MAX_PAYLOAD


class TestAbsence:
    async def test_a_new_stream_waits_for_the_destination(self, tunnel):
        source = await tunnel.join("source")
        early = [Message(START, 5, "SSH", 1), Message(DATA, 5, "SSH", 1, b"SSH-2.0-x")]
        source.say(*early)
        source.say(Message(START, 9, "HTTP", 1), Message(RESET, 9, "HTTP"))
        destination = await tunnel.join("destination")
        assert [await destination.hear(), await destination.hear()] == early
        assert destination.heard.empty()
        assert source.heard.empty()

    async def test_what_waits_is_bounded(self, tunnel):
        source = await tunnel.join("source")
        source.say(Message(START, 5, "SSH", 1), Message(START, 6, "HTTP", 1))
        source.say(Message(DATA, 5, "SSH", 1, bytes(MAX_QUEUED // 2)))
        source.say(Message(DATA, 5, "SSH", 1, bytes(MAX_QUEUED // 2)))
        assert await source.hear() == Message(RESET, 5, "SSH")
        source.say(Message(DATA, 5, "SSH", 1, bytes(1000)))
        destination = await tunnel.join("destination")
        assert await destination.hear() == Message(START, 6, "HTTP", 1)
        assert destination.heard.empty()

    async def test_streams_that_the_destination_lost_are_reset_when_it_is_back(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        source.say(Message(START, 5, "SSH", 1))
        await destination.hear()
        await destination.leave()
        source.say(Message(DATA, 5, "SSH", 1, b"lost"), Message(START, 6, "HTTP", 1))
        again = await tunnel.join("destination")
        assert await source.hear() == Message(RESET, 5, "SSH")
        assert await again.hear() == Message(START, 6, "HTTP", 1)

    async def test_a_source_that_is_replaced_leaves_no_stream(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        source.say(Message(START, 5, "SSH", 1))
        await destination.hear()
        await tunnel.join("source")
        assert await source.end() == (1008, "another connection took over")
        assert await destination.hear() == Message(RESET, 5, "SSH")
        assert tunnel.side(Mode.SOURCE)

    async def test_what_a_destination_says_to_nobody_is_dropped(self, tunnel):
        destination = await tunnel.join("destination")
        for _ in range(100):
            destination.say(Message(DATA, 5, "SSH", 1, bytes(MAX_PAYLOAD)))
        await destination.transport.measure_roundtrip_time(1)  # they have been read
        source = await tunnel.join("source")
        assert source.heard.empty()


class TestEnds:
    async def test_rotation_ends_one_side(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        tunnel.registry.rotate(REGION, tunnel.record.id, [Mode.DESTINATION])
        assert (await destination.end())[0] == 1008
        assert not source.closed.done()

    async def test_closing_the_tunnel_ends_both(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        tunnel.registry.close(REGION, tunnel.record.id)
        assert {(await source.end())[0], (await destination.end())[0]} == {1008}

    async def test_expiry_ends_both(self, tunnel):
        source, destination = await tunnel.join("source"), await tunnel.join("destination")
        tunnel.now += 720 * 60
        tunnel.registry.expire()
        assert {(await source.end())[0], (await destination.end())[0]} == {1008}

    async def test_closing_the_relay_is_quick_and_idempotent(self, tunnel):
        source = await tunnel.join("source")
        source.transport.underlying_transport.pause_reading()
        began = time.monotonic()
        await tunnel.relay.aclose()
        await tunnel.relay.aclose()
        assert time.monotonic() - began < 1
        assert not tunnel.side(Mode.SOURCE)
        source.transport.underlying_transport.resume_reading()
        assert await source.end() == (1001, "the relay is shutting down")
