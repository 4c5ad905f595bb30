"""The ICE probe against the local cloud's server, and servers that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aioice import stun
from tests.engine.probing import PASSWORD, free_port, is_fine, sockets_to, try_uri

from peerdeck.core.ice import IceProbe, IceServer, IceUri, ProbeVerdict
from peerdeck.core.secret import Secret
from peerdeck.engine.ice_probe import MAX_AT_ONCE, probe, probe_all
from peerdeck.localcloud.turn import TurnServer


@pytest.fixture
async def own() -> AsyncIterator[TurnServer]:
    server = TurnServer()
    await server.start()
    yield server
    await server.aclose()


# The local cloud's server


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_local_server_passes_and_keeps_no_allocation(
    own: TurnServer, transport: str
) -> None:
    username, password = own.issue()
    uri = f"turn:127.0.0.1:{own.port}?transport={transport}"
    assert is_fine(await try_uri(uri, username=username, password=Secret(password)))
    assert own.allocations == 0


async def test_expired_credentials_are_named(own: TurnServer) -> None:
    username, password = own.issue(ttl_s=-1)
    result = await try_uri(
        f"turn:127.0.0.1:{own.port}", username=username, password=Secret(password)
    )
    assert result.verdict is ProbeVerdict.REFUSED
    assert result.reason == "401 Credentials Expired: the credentials are wrong or have expired"


async def test_missing_credentials_are_named(own: TurnServer) -> None:
    result = await try_uri(f"turn:127.0.0.1:{own.port}")
    assert result.verdict is ProbeVerdict.REFUSED
    assert "there are none" in result.reason


async def test_silence_over_udp_tells_what_was_tried(own: TurnServer) -> None:
    own.silent = True
    result = await try_uri(f"stun:127.0.0.1:{own.port}", timeout_s=0.8)
    assert result.verdict is ProbeVerdict.SILENT
    assert result.reason == (
        f"no answer from 127.0.0.1:{own.port} within 0.8 s to 2 requests over UDP"
    )
    assert result.rtt_ms is None


async def test_silence_over_tcp_tells_what_was_tried(own: TurnServer) -> None:
    own.silent = True
    result = await try_uri(f"turn:127.0.0.1:{own.port}?transport=tcp", timeout_s=0.2)
    assert result.verdict is ProbeVerdict.SILENT
    assert result.reason.startswith("connected over TCP, but no answer from")


async def test_a_silent_tls_handshake_is_named(own: TurnServer) -> None:
    own.silent = True
    result = await try_uri(f"turns:127.0.0.1:{own.port}", timeout_s=0.5)
    assert result.verdict is ProbeVerdict.SILENT
    assert result.reason.endswith("connected, but TLS did not come up within 0.5 s")


async def test_cancelling_leaves_no_socket(own: TurnServer) -> None:
    own.silent = True
    loop = asyncio.get_running_loop()
    for uri in (f"stun:127.0.0.1:{own.port}", f"turn:127.0.0.1:{own.port}?transport=tcp"):
        task = loop.create_task(probe(IceUri.parse(uri), timeout_s=30))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await task
        assert task.cancelled()
        await asyncio.sleep(0)
        assert sockets_to(own.port) == 0


# Faults without a server


async def test_dtls_is_unsupported() -> None:
    result = await try_uri("turns:turn.example:443?transport=udp")
    assert result.verdict is ProbeVerdict.UNSUPPORTED
    assert "DTLS" in result.reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_closed_port_is_named(transport: str) -> None:
    uri = f"turn:127.0.0.1:{free_port()}?transport={transport}"
    result = await try_uri(uri, username="u", password=PASSWORD)
    assert result.verdict is ProbeVerdict.UNREACHABLE
    assert result.reason.startswith("nothing listens at 127.0.0.1:")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64])
async def test_a_name_that_does_not_resolve_is_named(host: str) -> None:
    result = await try_uri(f"stun:{host}:3478")
    assert result.verdict is ProbeVerdict.UNREACHABLE
    assert host in result.reason


# Servers that break rules

Answers = Callable[[stun.Message], list[bytes]]


class Scripted(asyncio.DatagramProtocol):
    """Answers each request with what the test says."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.requests: list[stun.Message] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.requests.append(stun.parse_message(data))
        for answer in self.answers(self.requests[-1]):
            self.transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def scripted(answers: Answers) -> AsyncIterator[tuple[str, Scripted]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Scripted(answers), local_addr=("127.0.0.1", 0)
    )
    yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}", protocol
    transport.close()


def error(request: stun.Message, code: int, phrase: str, **attributes: Any) -> bytes:
    return bytes(
        stun.Message(
            request.message_method,
            stun.Class.ERROR,
            request.transaction_id,
            {"ERROR-CODE": (code, phrase), **attributes},
        )
    )


def bound(request: stun.Message) -> bytes:
    mapped = {"XOR-MAPPED-ADDRESS": ("127.0.0.1", 5)}
    kind, method = stun.Class.RESPONSE, stun.Method.BINDING
    return bytes(stun.Message(method, kind, request.transaction_id, mapped))


async def test_a_lost_request_is_sent_again_and_does_not_spoil_the_time() -> None:
    seen: list[bytes] = []

    def answers(request: stun.Message) -> list[bytes]:
        seen.append(request.transaction_id)
        if len(seen) == 1:
            return []
        return [bound(request)]

    async with scripted(answers) as (where, _):
        result = await try_uri(f"stun:{where}")
    assert result.verdict is ProbeVerdict.OK
    assert seen[0] == seen[1]
    assert result.rtt_ms is not None
    assert result.rtt_ms < 300


async def test_times_of_requests_sent_twice_do_not_count_beside_exact_ones() -> None:
    # Whether such an answer belongs to the first or the second sending, nobody knows.
    heard: list[bytes] = []

    class Slow(Scripted):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            request = stun.parse_message(data)
            heard.append(request.transaction_id)
            answer = bound(request)
            if len(heard) in {2, 4}:
                asyncio.get_running_loop().call_later(0.2, self.transport.sendto, answer, addr)
            elif len(heard) == 5:
                self.transport.sendto(answer, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Slow(lambda _: []), local_addr=("127.0.0.1", 0)
    )
    result = await try_uri(f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    transport.close()
    assert len(set(heard)) == 3
    assert result.rtt_ms is not None
    assert result.rtt_ms < 150


async def test_a_stale_nonce_is_renewed_once() -> None:
    def answers(request: stun.Message) -> list[bytes]:
        if "NONCE" not in request.attributes:
            return [error(request, 401, "", REALM="r", NONCE=b"old")]
        return [error(request, 438, "Stale Nonce", REALM="r", NONCE=b"new")]

    async with scripted(answers) as (where, server):
        result = await try_uri(f"turn:{where}", username="u", password=PASSWORD)
    assert [r.attributes.get("NONCE") for r in server.requests] == [None, b"old", b"new"]
    assert result.reason == "438 Stale Nonce"


@pytest.mark.parametrize(
    ("code", "phrase", "reason"),
    [
        (300, "", "300 Try Alternate: the server sends its clients to another one"),
        (500, "Oops\x07 now", "500 Oops  now"),
        (599, "", "599"),
        (403, "x" * 300, "403 " + "x" * 120 + ": the server does not allow this"),
    ],
)
async def test_refusals_are_quoted(code: int, phrase: str, reason: str) -> None:
    async with scripted(lambda request: [error(request, code, phrase)]) as (where, _):
        result = await try_uri(f"turn:{where}", username="u", password=PASSWORD)
    assert result.verdict is ProbeVerdict.REFUSED
    assert result.reason == reason


async def test_a_success_that_is_not_signed_is_not_believed() -> None:
    def answers(request: stun.Message) -> list[bytes]:
        if "NONCE" not in request.attributes:
            return [error(request, 401, "Unauthorized", REALM="r", NONCE=b"n")]
        forged = {"XOR-RELAYED-ADDRESS": ("127.0.0.1", 5), "XOR-MAPPED-ADDRESS": ("127.0.0.1", 5)}
        kind, method = stun.Class.RESPONSE, stun.Method.ALLOCATE
        return [bytes(stun.Message(method, kind, request.transaction_id, forged))]

    async with scripted(answers) as (where, _):
        result = await try_uri(f"turn:{where}", username="u", password=PASSWORD, timeout_s=0.3)
    assert result.verdict is ProbeVerdict.SILENT
    assert "MESSAGE-INTEGRITY is wrong" in result.reason
    assert not result.relayed


async def test_noise_is_mentioned_and_survived() -> None:
    async with scripted(lambda _: [b"hello", b"", b"\0" * 40]) as (where, _):
        result = await try_uri(f"stun:{where}", timeout_s=0.3)
    assert result.verdict is ProbeVerdict.SILENT
    assert result.reason.endswith("; what came back was not STUN")


@pytest.mark.parametrize(
    ("banner", "reason"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a STUN server"), (b"", "without an answer")],
)
async def test_a_tcp_server_that_is_none(banner: bytes, reason: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(banner)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await probe(IceUri.parse(f"turn:127.0.0.1:{port}?transport=tcp"), timeout_s=3)
    assert result.verdict is ProbeVerdict.UNREACHABLE
    assert reason in result.reason
    server.close()
    await server.wait_closed()


async def test_an_allocation_whose_release_is_lost_still_counts_as_working(
    own: TurnServer,
) -> None:
    def after_allocation() -> None:
        own.silent = own.allocations > 0
        if not own.silent:
            asyncio.get_running_loop().call_soon(after_allocation)

    username, password = own.issue()
    asyncio.get_running_loop().call_soon(after_allocation)
    uri = f"turn:127.0.0.1:{own.port}"
    result = await try_uri(uri, username=username, password=Secret(password), timeout_s=0.4)
    assert result.verdict is ProbeVerdict.OK
    assert own.silent


# Many


async def collect(servers: list[IceServer], timeout_s: float) -> list[IceProbe]:
    return [result async for result in probe_all(servers, timeout_s)]


async def test_all_are_tried_at_once_and_the_quick_come_first(own: TurnServer) -> None:
    async with scripted(lambda _: []) as (silent, _):
        username, password = own.issue()
        servers = [
            IceServer((IceUri.parse(f"stun:{silent}"),)),
            IceServer(
                tuple(
                    IceUri.parse(f"turn:127.0.0.1:{own.port}?transport={t}") for t in ("udp", "tcp")
                ),
                username,
                Secret(password),
            ),
        ]
        results = await collect(servers, 0.5)
    assert [r.verdict for r in results] == [ProbeVerdict.OK, ProbeVerdict.OK, ProbeVerdict.SILENT]


async def test_waiting_for_a_place_does_not_count_as_silence() -> None:
    async with scripted(lambda _: []) as (where, _):
        uris = tuple(IceUri.parse(f"stun:{where}") for _ in range(2 * MAX_AT_ONCE))
        results = await collect([IceServer(uris)], 0.2)
    assert len(results) == 2 * MAX_AT_ONCE
    assert all("1 request " in r.reason for r in results)


async def test_leaving_early_cancels_the_rest(own: TurnServer) -> None:
    async with scripted(lambda _: []) as (silent, _):
        uris = (IceUri.parse(f"stun:127.0.0.1:{own.port}"), IceUri.parse(f"stun:{silent}"))
        async with contextlib.aclosing(probe_all([IceServer(uris)], 30)) as results:
            assert (await anext(results)).verdict is ProbeVerdict.OK
        await asyncio.sleep(0)
        assert sockets_to(uris[1].port) == 0


async def test_no_server_no_result() -> None:
    assert await collect([], 1) == []


async def test_no_password_in_what_is_shown(own: TurnServer) -> None:
    username, _ = own.issue()
    result = await try_uri(f"turn:127.0.0.1:{own.port}", username=username, password=PASSWORD)
    assert PASSWORD.reveal() not in repr(result)
