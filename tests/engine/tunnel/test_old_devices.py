"""Devices that speak V1 only: noticed, told, and where nothing can be lost spoken to as V1."""

import asyncio

import pytest
from picows import WSTransport
from tests.engine.tunnel.strange_service import SERVICE_IDS, WebSocketService
from tests.engine.tunnel.tunnel_chain import Client, Server, port_of, until

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import DeviceHint, LinkState, Mode
from peerdeck.engine.tunnel import Limits, TunnelProxy
from peerdeck.protocol.frames import Message, MessageStream, MessageType, decode, encode
from peerdeck.protocol.tunnel_events import Version

IMPATIENT = Limits(backoff_base_s=0.01, backoff_cap_s=0.02, silent_s=0.05, unheard_s=0.15)


def source(service: WebSocketService) -> TunnelProxy:
    return TunnelProxy(
        mode=Mode.SOURCE, url=service.url, access_token=Secret("t"), limits=IMPATIENT
    )


class OldService(WebSocketService):
    """A service with a device behind it: each link in whichever version is asked for.

    answers: whether the device of that version says anything.
    """

    def __init__(self, *answers: Version) -> None:
        super().__init__(self._greet_by_version, subprotocol="")
        self.answers = answers
        self.asked: list[Version] = []

    def _upgrade(self, request):
        name = request.headers["Sec-WebSocket-Protocol"]
        self.version = next(v for v in Version if v.subprotocol == name)
        self.asked.append(self.version)
        self._subprotocol = name
        return super()._upgrade(request)

    def _greet_by_version(self, transport: WSTransport) -> None:
        if self.version is not Version.V1:
            transport.send(2, SERVICE_IDS)

    def answer(self) -> None:
        """To what the newest link has sent."""
        if self.version not in self.answers or not self.frames:
            return
        stream = MessageStream()
        for _, data in self.frames:
            for whole in stream.feed(data):
                message = decode(whole[2:])
                if message.type == MessageType.DATA:
                    reply = Message(MessageType.DATA, message.stream_id, payload=b"hi")
                    self.peers[-1].send(2, encode(reply))
        self.frames.clear()


async def ready(proxy: TunnelProxy, service: "OldService", links: int) -> None:
    """Until the proxy's so-manieth link is in use."""
    await until(lambda: len(service.asked) == links and proxy.snapshot().state is LinkState.READY)


async def test_a_device_that_answers_in_v1_form_is_told_and_works(chain):
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination(version=Version.V1)
        proxy = await made.source()
        async with Client(port_of(proxy, "SSH")) as client:
            assert await client.ask(b"x") == b"x"
            assert proxy.snapshot().hint is DeviceHint.V1
            async with Client(port_of(proxy, "SSH")) as second:
                with pytest.raises(ConnectionError):
                    await second.rest()
            assert await client.ask(b"y") == b"y"


async def test_a_device_of_v2_is_told_of_at_its_first_word(chain):
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination(version=Version.V2)
        proxy = await made.source()
        assert proxy.snapshot().hint is DeviceHint.NONE
        async with Client(port_of(proxy, "SSH")) as client:
            assert await client.ask(b"x") == b"x"
            assert proxy.snapshot().hint is DeviceHint.V2


async def test_a_v1_device_whose_first_answer_was_a_refusal_is_told_of_all_the_same(chain):
    async with Server() as server:
        absent = server.port
    made = await chain(SSH=absent)
    await made.destination(version=Version.V1)
    proxy = await made.source()
    async with Client(port_of(proxy, "SSH")) as client:
        client.writer.write(b"x")
        assert await client.rest() == b""
    async with Server(port=absent):
        async with Client(port_of(proxy, "SSH")) as client:
            assert await client.ask(b"x") == b"x"
        assert proxy.snapshot().hint is DeviceHint.V1


async def test_of_several_services_none_is_tried_as_v1():
    class Several(OldService):
        def _greet_by_version(self, transport: WSTransport) -> None:
            names = Message(MessageType.SERVICE_IDS, available_service_ids=("SSH", "HTTP"))
            transport.send(2, encode(names))

    async with Several() as service:
        proxy = source(service)
        await proxy.start()
        try:
            async with Client(port_of(proxy, "SSH")) as client:
                client.writer.write(b"hello")
                await until(lambda: proxy.snapshot().hint is DeviceHint.SILENT)
        finally:
            await proxy.aclose()


async def test_v1_as_asked_for_by_the_user_keeps_the_services_name(chain):
    async with Server() as server:
        made = await chain(SSH=server.port)
        await made.destination(version=Version.V1)
        proxy = await made.source(version=Version.V1, listen={"SSH": 0})
        async with Client(port_of(proxy, "SSH")) as client:
            assert await client.ask(b"x") == b"x"


async def test_a_silent_device_is_hinted_at_then_tried_as_v1_and_answers():
    async with OldService(Version.V1) as service:
        proxy = source(service)
        await proxy.start()
        try:
            port = port_of(proxy, "SSH")
            async with Client(port) as client:
                client.writer.write(b"hello")
                await until(lambda: proxy.snapshot().hint is DeviceHint.TRYING_V1)
                with pytest.raises(ConnectionError):  # a definite end instead of a silent wait
                    await client.rest()
            await ready(proxy, service, 2)
            assert service.asked == [Version.V3, Version.V1]
            assert proxy.snapshot().hint is DeviceHint.SWITCHED
            service.frames.clear()
            async with Client(port) as client:
                client.writer.write(b"again")
                await until(lambda: service.answer() or proxy.snapshot().services[0].bytes_down)
                assert await client.reader.readexactly(2) == b"hi"
            assert port_of(proxy, "SSH") == port
            assert proxy.snapshot().hint is DeviceHint.V1
        finally:
            await proxy.aclose()


async def test_a_device_that_is_silent_in_both_versions_gets_the_wanted_one_back():
    async with OldService() as service:
        proxy = source(service)
        await proxy.start()
        try:
            for links in (2, 3):
                async with Client(port_of(proxy, "SSH")) as client:
                    client.writer.write(b"hello")
                    await ready(proxy, service, links)
            assert service.asked == [Version.V3, Version.V1, Version.V3]
            assert proxy.snapshot().hint is DeviceHint.UNHEARD
        finally:
            await proxy.aclose()


async def test_a_service_that_refuses_v1_costs_no_proxy():
    class Strict(OldService):
        def _upgrade(self, request):
            made = super()._upgrade(request)
            self.version = Version.V3
            if request.headers["Sec-WebSocket-Protocol"] == Version.V1.subprotocol:
                return None  # 404
            return made

    async with Strict() as service:
        proxy = source(service)
        await proxy.start()
        try:
            async with Client(port_of(proxy, "SSH")) as client:
                client.writer.write(b"hello")
                await ready(proxy, service, 3)
            assert service.asked == [Version.V3, Version.V1, Version.V3]
        finally:
            await proxy.aclose()


async def test_nothing_is_tried_where_nothing_was_asked():
    async with OldService() as service:
        proxy = source(service)
        await proxy.start()
        try:
            async with Client(port_of(proxy, "SSH")):
                await asyncio.sleep(0.3)
            assert proxy.snapshot().hint is DeviceHint.NONE
            assert service.asked == [Version.V3]
        finally:
            await proxy.aclose()


def test_starts_that_a_v1_device_cannot_have_understood_end():
    from peerdeck.protocol.tunnel import SourceTunnel
    from peerdeck.protocol.tunnel_events import ConnectionClosed, DataReceived

    tunnel = SourceTunnel(5)
    tunnel.link_up()
    tunnel.receive(SERVICE_IDS)
    first, second = tunnel.open("SSH"), tunnel.open("SSH")
    closed, data = tunnel.receive(encode(Message(MessageType.DATA, 5, payload=b"x")))
    assert isinstance(closed, ConnectionClosed)
    assert closed.connection == second
    assert not closed.orderly
    assert data == DataReceived(first, b"x")
    assert tunnel.connections == (first,)
