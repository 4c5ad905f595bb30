"""The signaling socket and the link over several of them, against a real WebSocket server."""

import asyncio
import json
import logging
import socket
import ssl
import time
from typing import Self

import pytest
import trustme
from aiohttp import web
from tests.engine.tunnel.web_proxies import WebProxy

from peerdeck.core.peer_log import SessionLog
from peerdeck.engine.signaling import SignalingRefused, SignalingSocket, SignalingUnreachable
from peerdeck.engine.signaling_diary import SignalingDiary
from peerdeck.engine.signaling_link import SignalingLink
from peerdeck.protocol.signaling import Kind, SignalingMessage

GO_AWAY = json.dumps({"messageType": "GO_AWAY"})
RECONNECT_ICE = json.dumps({"messageType": "RECONNECT_ICE_SERVER"})


class Dialogue:
    """A link with a running reader, and what it heard."""

    def __init__(self, url: str, **limits: float) -> None:
        self.urls = 0
        self.failing = False
        self.heard: asyncio.Queue[SignalingMessage] = asyncio.Queue()
        self.states: asyncio.Queue[str] = asyncio.Queue()
        self._url = url
        self.log = SessionLog().signaling
        self.link = SignalingLink(
            self._open_url,
            on_message=self.heard.put_nowait,
            on_state=lambda: self.states.put_nowait(self.link.state),
            clock=time.monotonic,
            diary=SignalingDiary(self.log, time.time),
            name="viewer-1",
            **limits,
        )
        self._reader: asyncio.Task[None] | None = None

    def told(self) -> list[str]:
        return [entry.what for entry in self.log]

    async def _open_url(self) -> str:
        self.urls += 1
        if self.failing:
            raise LookupError("no endpoint")
        return f"{self._url}?n={self.urls}"

    async def __aenter__(self) -> Self:
        await self.link.open()
        self._reader = asyncio.get_running_loop().create_task(self.link.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.wait([self._reader])
        await self.link.aclose()


NAME = "v-1234.kinesisvideo.test"  # no resolver knows it: only the proxy does


@pytest.fixture
async def tls_service():
    """Port of a service called NAME that opens any socket, and whom to trust."""
    authority = trustme.CA()
    there, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(NAME).configure_cert(there)
    authority.configure_trust(trusting)

    async def serve(request):
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        await opened.send_str(GO_AWAY)
        async for _ in opened:
            pass
        return opened

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=there)
    await site.start()
    yield runner.addresses[0][1], trusting
    await runner.cleanup()


@pytest.mark.parametrize("login", ["", "ana:pass"])
async def test_the_way_through_a_web_proxy_of_the_environment(tls_service, login, monkeypatch):
    port, trusting = tls_service
    async with WebProxy({NAME: ("127.0.0.1", port)}, login=login) as proxy:
        user = f"{login}@" if login else ""
        monkeypatch.setenv("https_proxy", f"http://{user}127.0.0.1:{proxy.port}")
        opened = await soon(SignalingSocket.open(f"wss://{NAME}/?n=1", tls=trusting))
        assert (await soon(anext(opened))).kind is Kind.GO_AWAY
        await opened.aclose()
        assert proxy.asked == [f"{NAME}:443"]


async def test_hosts_that_are_exempt_do_not_take_the_proxy(monkeypatch):
    async with WebProxy({}) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", ".kinesisvideo.test")
        with pytest.raises(SignalingUnreachable):
            await soon(SignalingSocket.open(f"wss://{NAME}/"))
        assert proxy.asked == []


async def test_a_proxy_that_cannot_be_read_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://ana:secret@web:port")
    with pytest.raises(SignalingUnreachable, match="https_proxy") as caught:
        await soon(SignalingSocket.open(f"wss://{NAME}/"))
    assert "secret" not in str(caught.value)


async def soon(awaitable):
    async with asyncio.timeout(10):
        return await awaitable


async def test_a_refusal_shows_status_headers_and_the_whole_body(signaling_server):
    body = json.dumps({"message": "The security token is expired.", "pad": "x " * 1500})
    signaling_server.refuse = lambda: web.Response(
        status=403,
        text=body,
        content_type="application/json",
        headers={"x-amzn-ErrorType": "AccessDeniedException", "x-amzn-RequestId": "r-1"},
    )

    with pytest.raises(SignalingRefused) as caught:
        await SignalingSocket.open(signaling_server.url)

    assert caught.value.status == 403
    assert caught.value.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert caught.value.body == body


async def test_a_refusal_does_not_repeat_the_session_token(signaling_server):
    """As AWS answers where the signature does not match."""
    token = "IQoJb3JpZ2luX2Vj" * 12
    canonical = f"GET\\n/\\nX-Amz-Algorithm=AWS4&X-Amz-Security-Token={token}"
    text = f"Signatures differ. The Canonical String for this request should have been {canonical}"
    body = json.dumps({"message": text})
    signaling_server.refuse = lambda: web.Response(status=403, text=body)
    with pytest.raises(SignalingRefused) as caught:
        await SignalingSocket.open(signaling_server.url)
    assert "Signatures differ" in caught.value.body
    assert token[:16] not in caught.value.body
    assert token[:16] not in str(caught.value)


async def test_a_body_that_comes_after_the_headers_is_read_too():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"later")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(SignalingRefused) as caught:
            await SignalingSocket.open(f"ws://127.0.0.1:{port}/")
    assert (caught.value.status, caught.value.body) == (400, "later")


async def test_an_unreachable_service_says_why_and_not_with_which_url():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(SignalingUnreachable) as caught:
        await SignalingSocket.open(f"ws://127.0.0.1:{port}/?X-Amz-Signature=5ecre7")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "refused" in str(caught.value)
    assert "5ecre7" not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["", "nonsense", "ws://", "ftp://127.0.0.1/"])
async def test_a_url_that_is_none_is_unreachable(url):
    with pytest.raises(SignalingUnreachable):
        await SignalingSocket.open(url)


async def test_a_server_that_speaks_no_websocket_is_unreachable_without_the_url():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\nConnection: upgrade\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(SignalingUnreachable) as caught:
            await SignalingSocket.open(f"ws://127.0.0.1:{port}/?X-Amz-Signature=5ecre7")
    assert "5ecre7" not in f"{caught.value!r}"


async def test_a_signed_url_reaches_the_server_as_it_was_signed(signaling_server):
    query = "?X-Amz-Credential=AKIA%2F20260101%2Feu-west-1&X-Amz-ChannelARN=arn%3Aaws%3Ax%2Fy~z"
    opened = await SignalingSocket.open(signaling_server.url + query)
    await opened.aclose()
    assert signaling_server.queries == ["/" + query]


async def test_messages_are_iterated_and_broken_ones_skipped(signaling_server, caplog):
    opened = await SignalingSocket.open(signaling_server.url)
    server_side = await signaling_server.connection(0)
    with caplog.at_level(logging.WARNING):
        for text in ("", "{", '{"messageType":"NEWS"}', GO_AWAY, RECONNECT_ICE):
            await server_side.send_str(text)
        await server_side.close()
        kinds = [message.kind async for message in opened]
    await opened.aclose()

    assert kinds == [Kind.GO_AWAY, Kind.RECONNECT_ICE_SERVER]
    assert "not JSON" in caplog.text
    assert "NEWS" in caplog.text


async def test_sending_on_a_closed_socket_is_a_connection_error(signaling_server):
    opened = await SignalingSocket.open(signaling_server.url)
    await opened.aclose()
    await opened.aclose()
    assert opened.closed
    with pytest.raises(ConnectionError):
        await opened.send(SignalingMessage(Kind.SDP_OFFER, "{}"))


async def test_a_close_that_is_cancelled_leaves_no_socket_open():
    """By a server that does not answer the close frame, while the session is being left."""
    closing, ended = asyncio.Event(), asyncio.Event()

    async def deaf(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        closing.set()
        await ended.wait()
        return response

    application = web.Application()
    application.router.add_get("/", deaf)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    socket = await SignalingSocket.open(f"ws://127.0.0.1:{runner.addresses[0][1]}/")
    await soon(closing.wait())
    leaving = asyncio.get_running_loop().create_task(socket.aclose())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert socket._session.closed
    ended.set()
    await runner.cleanup()


async def test_a_message_larger_than_any_signaling_message_ends_the_socket(signaling_server):
    opened = await SignalingSocket.open(signaling_server.url)
    server_side = await signaling_server.connection(0)
    await server_side.send_str("x" * 100_000)
    assert await soon(anext(opened, None)) is None
    await opened.aclose()


async def test_a_dropped_socket_is_replaced_with_a_fresh_url(signaling_server):
    async with Dialogue(signaling_server.url) as dialogue:
        first = await signaling_server.connection(0)
        await first.close()
        second = await signaling_server.connection(1)
        await second.send_str(RECONNECT_ICE)

        assert (await soon(dialogue.heard.get())).kind is Kind.RECONNECT_ICE_SERVER
        assert dialogue.link.reconnects == 1
        assert signaling_server.queries == ["/?n=1", "/?n=2"]
        states = [dialogue.states.get_nowait() for _ in range(dialogue.states.qsize())]
        assert states == ["open", "reconnecting", "open"]
        assert dialogue.told()[:3] == ["open", "closed", "open"]
        assert dialogue.log[1].text.startswith("by the service, close code 1")


async def test_go_away_opens_the_new_socket_before_the_old_one_closes(signaling_server):
    async with Dialogue(signaling_server.url) as dialogue:
        first = await signaling_server.connection(0)
        await first.send_str(GO_AWAY)
        await signaling_server.connection(1)
        assert not first.closed
        await first.send_str(RECONNECT_ICE)

        # What the old one still carries is heard, and nobody noticed the change.
        assert (await soon(dialogue.heard.get())).kind is Kind.RECONNECT_ICE_SERVER
        assert dialogue.link.state == "open"
        assert dialogue.states.qsize() == 1
        assert dialogue.told() == ["open", "GO_AWAY", "open", "RECONNECT_ICE_SERVER"]


@pytest.mark.parametrize("limits", [{"max_age_s": 0.1}, {"max_idle_s": 0.1}])
async def test_a_socket_is_renewed_before_its_age_or_idleness_limit(signaling_server, limits):
    async with Dialogue(signaling_server.url, **limits) as dialogue:
        first = await signaling_server.connection(0)
        await signaling_server.connection(1)
        assert not first.closed
        assert dialogue.link.state == "open"


async def test_a_socket_that_carries_messages_is_not_idle(signaling_server):
    async with Dialogue(signaling_server.url, max_idle_s=0.3) as dialogue:
        server_side = await signaling_server.connection(0)
        for _ in range(8):
            await asyncio.sleep(0.06)  # traffic of half a second
            await server_side.send_str(RECONNECT_ICE)
            await soon(dialogue.heard.get())
        assert dialogue.link.reconnects == 0


async def test_a_message_sent_without_a_socket_follows_when_there_is_one(signaling_server):
    async with Dialogue(signaling_server.url) as dialogue:
        dialogue.failing = True
        first = await signaling_server.connection(0)
        await first.close()
        while dialogue.link.state != "reconnecting":
            await soon(dialogue.states.get())
        await dialogue.link.send(SignalingMessage(Kind.ICE_CANDIDATE, "{}", correlation_id="c-1"))
        dialogue.failing = False

        frame = json.loads(await soon(signaling_server.received.get()))
        assert frame["correlationId"] == "c-1"


async def test_a_refusal_while_reconnecting_means_another_try(signaling_server):
    async with Dialogue(signaling_server.url) as dialogue:
        signaling_server.refuse = lambda: web.Response(status=400, text="ClientLimitExceeded")
        await (await signaling_server.connection(0)).close()
        await signaling_server.requested(2)
        signaling_server.refuse = None
        await signaling_server.connection(1)
        while dialogue.link.state != "open":
            await soon(dialogue.states.get())
    refused = next(entry for entry in dialogue.log if entry.what == "refused")
    assert (refused.outcome, refused.text) == ("HTTP 400", "ClientLimitExceeded")
    assert dialogue.told()[-2:] == ["open", "closed"]
    assert not any("http" in e.text or "ws://" in e.text for e in dialogue.log)


async def test_the_first_connection_hands_its_refusal_to_the_caller(signaling_server):
    signaling_server.refuse = lambda: web.Response(status=404, text="ResourceNotFound")
    dialogue = Dialogue(signaling_server.url)
    with pytest.raises(SignalingRefused):
        await dialogue.link.open()
    await dialogue.link.aclose()
    assert dialogue.link.state == "closed"
