"""The ICE probe against coturn's real server."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aioice import turn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.engine.probing import PASSWORD, is_fine, lasting_port, try_uri

from peerdeck.core.ice import IceUri, ProbeVerdict
from peerdeck.core.secret import Secret
from peerdeck.engine.ice_probe import probe


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
    # Where a port is taken, turnserver tries again for ever.
    server = Coturn(lasting_port(), lasting_port(), write_certificate(tmp_path))
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
