"""Each fault of the relay as a client meets it, and that it ends; and the relay over TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from picows import WSError, WSMsgType, ws_connect
from tests.localcloud.relay_client import V3, RelayClient, join_relay, refusal

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.authority import Authority
from peerdeck.localcloud.relay import TunnelRelay
from peerdeck.localcloud.tunnels import TunnelRegistry
from peerdeck.protocol.frames import MAX_PAYLOAD, Message, MessageType, encode

T = MessageType
START = Message(T.STREAM_START, 5, "SSH", 1)
DATA = Message(T.DATA, 5, "SSH", 1, b"SSH-2.0")


class Tunnel:
    def __init__(self, stack: AsyncExitStack, authority: Authority) -> None:
        self.stack = stack
        self.authority = authority
        self.registry = TunnelRegistry("123456789012")
        self.relay = TunnelRelay(self.registry, tls=authority.server_context())
        self.record, source, destination = self.registry.open("eu-west-1", services=("SSH",))
        self.tokens = {"source": source.reveal(), "destination": destination.reveal()}

    def headers(self, mode: str) -> list[tuple[str, str]]:
        return [V3, ("access-token", self.tokens[mode]), ("client-token", mode.ljust(32, "-"))]

    async def join(self, mode: str) -> RelayClient:
        return await join_relay(self.stack, self.relay.url, mode, *self.headers(mode))

    async def pair(self) -> tuple[RelayClient, RelayClient]:
        """Source and destination, past their SERVICE_IDS."""
        source, destination = await self.join("source"), await self.join("destination")
        await source.hear()
        await destination.hear()
        return source, destination


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.fresh()


@pytest.fixture
async def tunnel(authority: Authority) -> AsyncIterator[Tunnel]:
    async with AsyncExitStack() as stack:
        made = Tunnel(stack, authority)
        await made.relay.start()
        stack.push_async_callback(made.relay.aclose)
        yield made
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_tls_is_the_same_relay(tunnel: Tunnel) -> None:
    client = RelayClient()
    transport, _ = await ws_connect(
        lambda: client,
        f"{tunnel.relay.tls_url}/tunnel?local-proxy-mode=source",
        ssl_context=tunnel.authority.client_context(),
        extra_headers=tunnel.headers("source"),
    )
    assert transport.underlying_transport.get_extra_info("ssl_object") is not None
    await client.hear()
    destination = await tunnel.join("destination")
    await destination.hear()
    client.say(START, Message(T.DATA, 5, "SSH", 1, bytes(MAX_PAYLOAD)))
    assert await destination.hear() == START
    assert len((await destination.hear()).payload) == MAX_PAYLOAD
    await client.leave()


async def test_over_tls_too_one_side_is_not_read_while_the_other_does_not_read(
    tunnel: Tunnel,
) -> None:
    clients = {}
    for mode in ("source", "destination"):
        client = clients[mode] = RelayClient()
        await ws_connect(
            lambda client=client: client,
            f"{tunnel.relay.tls_url}/tunnel?local-proxy-mode={mode}",
            ssl_context=tunnel.authority.client_context(),
            extra_headers=tunnel.headers(mode),
        )
        await client.hear()
    source, destination = clients["source"], clients["destination"]
    source.say(START)
    await destination.hear()
    destination.transport.underlying_transport.pause_reading()
    data = encode(Message(T.DATA, 5, "SSH", 1, bytes(MAX_PAYLOAD)))
    for _ in range(1000):
        source.transport.send(WSMsgType.BINARY, data)
    with pytest.raises(TimeoutError):  # the ping waits behind what is not read
        async with asyncio.timeout(0.5):
            await source.transport.measure_roundtrip_time(1)
    for peer in tunnel.relay._peers:
        under = peer._transport.underlying_transport
        assert under.get_write_buffer_size() < 1_000_000
    destination.transport.underlying_transport.resume_reading()
    for _ in range(1000):
        assert len((await destination.hear()).payload) == MAX_PAYLOAD
    for client in clients.values():
        await client.leave()


async def test_tls_of_another_authority_is_refused_by_the_client(tunnel: Tunnel) -> None:
    with pytest.raises((ssl.SSLCertVerificationError, WSError)):
        await ws_connect(
            RelayClient,
            f"{tunnel.relay.tls_url}/tunnel?local-proxy-mode=source",
            ssl_context=Authority.fresh().client_context(),
            extra_headers=tunnel.headers("source"),
        )


async def test_used_tokens_refuse_the_source_until_switched_off(tunnel: Tunnel) -> None:
    tunnel.relay.faults.token_used = True
    status, reason = await refusal(tunnel.relay.url, "source", *tunnel.headers("source"))
    assert status == 400
    assert "previously used" in reason
    await tunnel.join("destination")
    tunnel.relay.faults.token_used = False
    await tunnel.join("source")


async def test_a_refused_connection_is_reset_and_never_reaches_the_device(tunnel: Tunnel) -> None:
    source, destination = await tunnel.pair()
    tunnel.relay.faults.refuses = True
    source.say(START, DATA)
    assert await source.hear() == Message(T.CONNECTION_RESET, 5, "SSH", 1)
    tunnel.relay.faults.refuses = False
    source.say(Message(T.CONNECTION_START, 5, "SSH", 2), DATA)
    # The device never heard of stream 5: what comes first has to start it.
    assert await destination.hear() == Message(T.STREAM_START, 5, "SSH", 2)
    source.say(Message(T.CONNECTION_START, 5, "SSH", 3))
    assert await destination.hear() == Message(T.CONNECTION_START, 5, "SSH", 3)
    assert destination.heard.empty()
    assert source.heard.empty()


async def test_a_refusal_of_a_later_connection_leaves_the_stream(tunnel: Tunnel) -> None:
    source, destination = await tunnel.pair()
    source.say(START)
    await destination.hear()
    tunnel.relay.faults.refuses = True
    source.say(Message(T.CONNECTION_START, 5, "SSH", 2), DATA)
    assert await source.hear() == Message(T.CONNECTION_RESET, 5, "SSH", 2)
    assert await destination.hear() == DATA


async def test_a_drop_is_no_close_frame(tunnel: Tunnel) -> None:
    source, destination = await tunnel.pair()
    tunnel.relay.drop(Mode.SOURCE)
    async with asyncio.timeout(5):
        await source.transport.wait_disconnected()
    assert not source.closed.done()
    await destination.transport.measure_roundtrip_time(1)
    await tunnel.join("source")


async def test_a_stalled_socket_answers_nothing_and_goes_on_afterwards(tunnel: Tunnel) -> None:
    source, destination = await tunnel.pair()
    tunnel.relay.stall(True)
    source.say(START)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await source.transport.measure_roundtrip_time(1)
    assert destination.heard.empty()
    await source.leave()
    late = await tunnel.join("source")  # a new connection stalls as well
    late.say(START)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await destination.heard.get()
    tunnel.relay.stall(False)
    assert await destination.hear() == START


async def test_the_cap_slows_both_directions_and_is_lifted_at_once(tunnel: Tunnel) -> None:
    source, destination = await tunnel.pair()
    source.say(START)
    await destination.hear()
    tunnel.relay.cap(100_000)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    chunk = encode(Message(T.DATA, 5, "SSH", 1, bytes(10_000)))
    for _ in range(6):
        source.transport.send(WSMsgType.BINARY, chunk)
        await destination.hear()
    assert 0.35 < loop.time() - began_at < 3
    began_at = loop.time()
    for _ in range(6):  # read at once, and paid for one by one
        source.transport.send(WSMsgType.BINARY, chunk)
    for _ in range(6):
        await destination.hear()
    source.transport.send(WSMsgType.BINARY, chunk)
    await destination.hear()
    assert loop.time() - began_at > 0.45
    source.transport.send(WSMsgType.BINARY, encode(Message(T.DATA, 5, "SSH", 1, bytes(60_000))))
    await destination.hear()
    source.transport.send(WSMsgType.BINARY, chunk)  # would wait for 0.6 s
    tunnel.relay.cap(None)
    async with asyncio.timeout(0.5):
        await destination.hear()


async def test_a_restart_refuses_connections_until_it_is_over(tunnel: Tunnel) -> None:
    source, _ = await tunnel.pair()
    port, tls_port = tunnel.relay.port, tunnel.relay.tls_port
    tunnel.relay.suspend()
    async with asyncio.timeout(5):
        await source.transport.wait_disconnected()
    for closed in (port, tls_port):
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", closed)
    await tunnel.relay.resume()
    assert (tunnel.relay.port, tunnel.relay.tls_port) == (port, tls_port)
    again, destination = await tunnel.pair()
    again.say(START)
    assert await destination.hear() == START
