"""The ICE probe against coturn, the local cloud's server, and servers that misbehave."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from aioice import stun, turn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from peerdeck.core.ice import IceProbe, IceServer, IceUri, ProbeVerdict
from peerdeck.core.secret import Secret
from peerdeck.engine.ice_probe import MAX_AT_ONCE, probe, probe_all
from peerdeck.localcloud.turn import TurnServer

PASSWORD = Secret("correct-horse")


@dataclass
class Coturn:
    port: int
    tls_port: int
    trust: ssl.SSLContext
    log: asyncio.StreamReader | None = None

    async def has_said(self, what: bytes) -> bool:
        assert self.log is not None
        async with asyncio.timeout(5):
            while what not in (line := await self.log.readline()):
                assert line
        return True


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def write_certificate(folder: Path) -> ssl.SSLContext:
    """A self-signed certificate for 127.0.0.1; returns a context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turn test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = certificate.public_bytes(pem)
    (folder / "cert.pem").write_bytes(text)
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ssl.create_default_context(cadata=text.decode())


@pytest.fixture
async def coturn(tmp_path: Path) -> AsyncIterator[Coturn]:
    """Debian's turnserver on loopback: each user may hold one allocation."""
    server = Coturn(free_port(), free_port(), write_certificate(tmp_path))
    process = await asyncio.create_subprocess_exec(
        *("turnserver", "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(server.port)),
        *("--tls-listening-port", str(server.tls_port), "--no-dtls", "--no-cli", "--lt-cred-mech"),
        *("--cert", str(tmp_path / "cert.pem"), "--pkey", str(tmp_path / "key.pem")),
        *(
            "--user",
            f"ops:{PASSWORD.reveal()}",
            "--realm",
            "coturn.test",
            "--user-quota",
            "1",
            "-m",
            "0",
            "--verbose",
        ),
        *("--db", str(tmp_path / "db"), "--pidfile", str(tmp_path / "pid"), "--no-rfc5780"),
        *("--log-file", "stdout", "--simple-log"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10):
            while b"Total General servers" not in (line := await process.stdout.readline()):
                assert line, "turnserver ended"
            uri = IceUri.parse(f"turn:127.0.0.1:{server.port}")  # its threads start in any order
            wrong = Secret("wrong")
            while (await probe(uri, username="ops", password=wrong, timeout_s=0.3)).verdict is not (
                ProbeVerdict.REFUSED
            ):
                pass
        server.log = process.stdout
        yield server
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
async def own() -> AsyncIterator[TurnServer]:
    server = TurnServer()
    await server.start()
    yield server
    await server.aclose()


def sockets_to(port: int) -> int:
    """This process's sockets that are connected to `port`."""
    connections = psutil.Process().net_connections("inet")
    return sum(1 for c in connections if c.raddr and c.raddr.port == port)


async def try_uri(text: str, **arguments: Any) -> IceProbe:
    uri = IceUri.parse(text)
    result = await probe(uri, **arguments)
    await asyncio.sleep(0)  # asyncio closes aborted sockets in the loop's next turn
    assert sockets_to(uri.port) == 0
    return result


def is_fine(result: IceProbe) -> bool:
    return (
        result.verdict is ProbeVerdict.OK
        and not result.reason
        and result.rtt_ms is not None
        and 0 < result.rtt_ms < 1000
        and result.mapped.startswith("127.0.0.1:")
    )


# coturn


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_coturn_allocates_and_is_given_its_allocation_back(
    coturn: Coturn, transport: str
) -> None:
    uri = f"turn:127.0.0.1:{coturn.port}?transport={transport}"
    result = await try_uri(uri, username="ops", password=PASSWORD)
    assert is_fine(result)
    assert result.relayed.startswith("127.0.0.1:")
    assert await coturn.has_said(b"new, realm=<coturn.test>, username=<ops>, lifetime=")
    assert await coturn.has_said(b"refreshed, realm=<coturn.test>, username=<ops>, lifetime=0")


async def test_coturn_answers_bindings(coturn: Coturn) -> None:
    result = await try_uri(f"stun:127.0.0.1:{coturn.port}")
    assert is_fine(result)
    assert not result.relayed


@pytest.mark.parametrize("scheme", ["turns", "stuns"])
async def test_coturn_over_tls(coturn: Coturn, scheme: str) -> None:
    uri = f"{scheme}:127.0.0.1:{coturn.tls_port}"
    assert is_fine(await try_uri(uri, username="ops", password=PASSWORD, tls=coturn.trust))


async def test_an_untrusted_certificate_is_named(coturn: Coturn) -> None:
    result = await try_uri(f"turns:127.0.0.1:{coturn.tls_port}", username="ops", password=PASSWORD)
    assert result.verdict is ProbeVerdict.UNREACHABLE
    assert result.reason == "TLS: the certificate of 127.0.0.1 is refused: self-signed certificate"


async def test_a_certificate_for_another_name_is_refused(coturn: Coturn) -> None:
    result = await try_uri(f"turns:localhost:{coturn.tls_port}", tls=coturn.trust)
    assert result.verdict is ProbeVerdict.UNREACHABLE
    assert "Hostname mismatch" in result.reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_coturn_refuses_a_wrong_password(coturn: Coturn, transport: str) -> None:
    uri = f"turn:127.0.0.1:{coturn.port}?transport={transport}"
    result = await try_uri(uri, username="ops", password=Secret("wrong"))
    assert result.verdict is ProbeVerdict.REFUSED
    assert result.reason == "401 Unauthorized: the credentials are wrong or have expired"
    assert result.rtt_ms is not None


async def test_coturn_refuses_over_the_quota(coturn: Coturn) -> None:
    class Quiet(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.lost = asyncio.Event()

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set()

    holder, protocol = await turn.create_turn_endpoint(
        Quiet, ("127.0.0.1", coturn.port), "ops", PASSWORD.reveal()
    )
    uri = IceUri.parse(f"turn:127.0.0.1:{coturn.port}")
    result = await probe(uri, username="ops", password=PASSWORD)
    assert result.verdict is ProbeVerdict.REFUSED
    assert result.reason == "486 Allocation Quota Reached: there are too many allocations already"
    holder.close()
    async with asyncio.timeout(2):
        await protocol.lost.wait()


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
