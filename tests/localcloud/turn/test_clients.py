"""Other people's TURN clients through the TURN server: aioice, coturn's uclient, aiortc."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from aioice import stun, turn
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)

from peerdeck.localcloud.authority import Authority
from peerdeck.localcloud.turn import TurnServer

Address = tuple[str, int]


class Echo(asyncio.DatagramProtocol):
    """Sends everything back."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address: Address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.transport.sendto(data, addr)


class Heard(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self.lost = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.queue.put_nowait((data, addr))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.fresh()


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[TurnServer]:
    server = TurnServer(tls=authority.server_context())
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    yield protocol
    protocol.transport.close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("size", [1, 5, 1200])
async def test_aioice_talks_through_a_relay(
    server: TurnServer, authority: Authority, echo: Echo, transport: str, size: int
) -> None:
    username, password = server.issue()
    tls = transport == "tls"
    endpoint, heard = await turn.create_turn_endpoint(
        Heard,
        ("127.0.0.1", server.tls_port if tls else server.port),
        username,
        password,
        transport="tcp" if tls else transport,
        ssl=authority.client_context() if tls else False,
    )
    payload = bytes(range(256)) * 5
    endpoint.sendto(payload[:size], echo.address)
    async with asyncio.timeout(3):
        assert await heard.queue.get() == (payload[:size], echo.address)
        endpoint.close()
        await heard.lost.wait()
    assert server.allocations == 0


async def test_tls_shows_a_certificate_that_only_its_authority_vouches_for(
    server: TurnServer, authority: Authority
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1", server.tls_port, ssl=Authority.fresh().client_context()
        )
    _, writer = await asyncio.open_connection(
        "localhost", server.tls_port, ssl=authority.client_context()
    )
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    writer.close()
    await writer.wait_closed()


async def test_closing_ends_tls_connections(server: TurnServer, authority: Authority) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.tls_port, ssl=authority.client_context()
    )
    await server.aclose()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert server.tls_port == 0
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


async def test_aioice_is_told_of_a_wrong_password(server: TurnServer) -> None:
    username, _ = server.issue()
    with pytest.raises(stun.TransactionFailed, match="401 - Unauthorized"):
        await turn.create_turn_endpoint(Heard, ("127.0.0.1", server.port), username, "wrong")


async def uclient(server: TurnServer, echo: Echo, arguments: Collection[str]) -> str:
    """Output of coturn's test client, which must succeed."""
    username, password = server.issue()
    port = server.tls_port if "-S" in arguments else server.port
    process = await asyncio.create_subprocess_exec(
        *("turnutils_uclient", *arguments, "-c", "-u", username, "-w", password),
        *("-p", str(port), "-e", "127.0.0.1", "-r", str(echo.address[1]), "127.0.0.1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_coturns_client_loses_nothing(server: TurnServer, echo: Echo) -> None:
    ways = {
        "channels over UDP": "",
        "channels over TCP": "-t",
        "indications over UDP": "-s",
        "indications over TCP": "-t -s",
        "channels over TLS": "-t -S",
        "indications over TLS": "-t -s -S",
        "client to client over UDP": "-y -m 2",
        "client to client over TCP": "-y -m 2 -t",
    }
    rest = ("-n", "20", "-z", "5", "-l", "173")
    # At once, because each waits for seconds of its own accord.
    outputs = await asyncio.gather(
        *(uclient(server, echo, [*way.split(), *rest]) for way in ways.values())
    )
    for way, output in zip(ways, outputs, strict=True):
        sent, heard = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", output)[-1]
        assert int(sent) >= 20, way
        assert sent == heard, way
        assert "Total lost packets 0 " in output, way


def configuration(server: TurnServer, transport: str) -> RTCConfiguration:
    username, password = server.issue()
    url = f"turn:127.0.0.1:{server.port}?transport={transport}"
    return RTCConfiguration(
        iceServers=[RTCIceServer(url, username, password)],
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
        iceTransportPolicy=RTCIceTransportPolicy.RELAY,
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("both", [True, False], ids=["relay to relay", "relay to host"])
async def test_aiortc_opens_a_data_channel_through_the_relay(
    server: TurnServer, transport: str, both: bool
) -> None:
    caller = RTCPeerConnection(configuration(server, transport))
    callee = RTCPeerConnection(
        configuration(server, transport) if both else RTCConfiguration(iceServers=[])
    )
    echoed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @callee.on("datachannel")
    def accept(channel: Any) -> None:
        channel.on("message", lambda text: channel.send(text.upper()))

    channel = caller.createDataChannel("talk")
    channel.on("open", lambda: channel.send("through the relay"))
    channel.on("message", echoed.set_result)
    try:
        async with asyncio.timeout(10):
            await caller.setLocalDescription(await caller.createOffer())
            await callee.setRemoteDescription(described(caller.localDescription))
            await callee.setLocalDescription(await callee.createAnswer())
            await caller.setRemoteDescription(described(callee.localDescription))
            assert await echoed == "THROUGH THE RELAY"
        assert server.allocations == 1 + both
        assert " typ host" not in caller.localDescription.sdp
    finally:
        await asyncio.gather(caller.close(), callee.close())
    assert server.allocations == 0


def described(description: RTCSessionDescription) -> RTCSessionDescription:
    return RTCSessionDescription(description.sdp, description.type)
