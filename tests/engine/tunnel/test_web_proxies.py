"""The way out through a company's web proxy."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme
from tests.engine.tunnel.tunnel_chain import Chain, Client, Server, port_of
from tests.engine.tunnel.web_proxies import WebProxy

from peerdeck.core.web_proxy import parse_web_proxy
from peerdeck.engine.tunnel import TunnelUnreachable, UnusableCertificates, WebProxyFailed
from peerdeck.engine.tunnel.trust import tls_context

NAME = "data.tunnel.test"  # no resolver knows it: only the proxy does
LOGIN = "ana:pa:ss%word@home"
ENCODED = "ana:pa%3Ass%25word%40home"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture
async def tls_chain(authority, _nothing_is_left) -> AsyncIterator[Chain]:
    """A relay with TLS that is called NAME; echo behind it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert(NAME, "localhost").configure_cert(context)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server())
        chain = Chain(stack, {"ECHO": server.port}, certificate=context)
        await chain.open()
        yield chain


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("login", ["", LOGIN])
async def test_tls_passes_through_a_proxy_that_alone_knows_the_name(
    tls_chain: Chain, authority, scheme, login, monkeypatch
):
    ca, path = authority
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(tls)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    route = {NAME: ("127.0.0.1", tls_chain.relay.tls_port)}
    async with WebProxy(route, login=login, socks=scheme == "socks5", tls=tls) as web:
        host = "localhost" if scheme == "https" else "127.0.0.1"
        user = f"{ENCODED}@" if login else ""
        way = {
            "url": f"wss://{NAME}",
            "web_proxy": parse_web_proxy(f"{scheme}://{user}{host}:{web.port}"),
            "ssl_context": tls_context(str(path)),
        }
        await tls_chain.destination(**way)
        source = await tls_chain.source(**way)
        async with Client(port_of(source, "ECHO")) as client:
            data = bytes(range(256)) * 4096
            assert await client.ask(data) == data
        assert set(web.asked) == {f"{NAME}:443"}
        await source.aclose()
        await tls_chain.stack.aclose()


@pytest.mark.parametrize(
    ("socks", "login", "status", "words"),
    [
        (False, "ana:right", 407, "407"),
        (False, "", 502, "502"),
        (True, "ana:right", 0, "."),
        (True, "", 0, "."),
    ],
)
async def test_a_proxy_that_refuses_is_named_without_the_password(
    tls_chain: Chain, socks, login, status, words
):
    async with WebProxy({}, login=login, socks=socks) as web:
        scheme = "socks5" if socks else "http"
        way = parse_web_proxy(f"{scheme}://ana:wrong-password@127.0.0.1:{web.port}")
        with pytest.raises(WebProxyFailed, match=words) as caught:
            await tls_chain.source(url=f"wss://{NAME}", web_proxy=way)
        assert caught.value.address == f"127.0.0.1:{web.port}"
        assert caught.value.status == status
        assert "wrong-password" not in repr(caught.value) + str(caught.value) + repr(way)


async def test_a_proxy_that_is_not_there_is_named(tls_chain: Chain):
    async with Server() as server:
        port = server.port
    way = parse_web_proxy(f"127.0.0.1:{port}")
    with pytest.raises(WebProxyFailed, match=f"127.0.0.1:{port}"):
        await tls_chain.source(url=f"wss://{NAME}", web_proxy=way)


@pytest.mark.parametrize("as_directory", [False, True])
async def test_authorities_come_from_a_file_or_an_unhashed_directory(
    tls_chain: Chain, authority, as_directory
):
    path = authority[1].parent if as_directory else authority[1]
    url = f"wss://localhost:{tls_chain.relay.tls_port}"
    with pytest.raises(TunnelUnreachable, match="certificate"):
        await tls_chain.source(url=url)
    source = await tls_chain.source(url=url, ssl_context=tls_context(str(path)))
    assert port_of(source, "ECHO")


async def test_unverified_hosts_are_believed_only_when_asked_for(tls_chain: Chain):
    url = f"wss://127.0.0.1:{tls_chain.relay.tls_port}"
    source = await tls_chain.source(url=url, ssl_context=tls_context(verify=False))
    assert port_of(source, "ECHO")


def test_unusable_authorities_are_named(tmp_path: Path):
    (tmp_path / "empty.pem").write_text("nothing\n")
    for path in (tmp_path / "empty.pem", tmp_path / "absent.pem", tmp_path):
        with pytest.raises(UnusableCertificates, match=str(tmp_path)):
            tls_context(str(path))


def test_nothing_below_tls_1_2_is_spoken():
    assert tls_context().minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls_context(verify=False).minimum_version is ssl.TLSVersion.TLSv1_2
