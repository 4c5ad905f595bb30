"""Datagrams without a turn of the loop each."""

import asyncio
import socket

from tests.engine.pairing import Picture, lose, paired

from peerdeck.engine.aiortc_adapter.receiving import bursts


class Receiver(asyncio.DatagramProtocol):
    """turns: how often the loop itself read a datagram."""

    def __init__(self):
        self.got = []
        self.errors = []
        self.turns = 0
        self.all = asyncio.Event()

    def connection_made(self, transport):
        amid = False

        def received(data, address):
            self.got.append(data)
            if len(self.got) == 100:
                self.all.set()

        def from_loop(data, address):
            nonlocal amid
            self.turns += not amid
            amid, before = True, amid
            read_all(data, address)
            amid = before

        read_all = bursts(transport, received)
        self.datagram_received = from_loop

    def error_received(self, error):
        self.errors.append(error)


async def received_of(sent):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Receiver, ("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in sent:
            sender.sendto(data, transport.get_extra_info("sockname"))
        async with asyncio.timeout(5):
            await protocol.all.wait()
    transport.close()
    return protocol


async def test_what_waits_in_the_socket_is_read_in_few_turns_and_in_order():
    sent = [str(number).encode() for number in range(100)]
    protocol = await received_of(sent)
    assert protocol.got == sent
    assert protocol.turns == 4  # of 33 datagrams each


async def test_a_frames_last_packet_ends_a_turn_and_nothing_is_left_behind():
    first, last, report = b"\x80\x61" + bytes(20), b"\x80\xe1" + bytes(20), b"\x80\xc8" + bytes(20)
    sent = [first, first, first, last] * 24 + [report] * 4
    protocol = await received_of(sent)
    assert protocol.got == sent
    assert protocol.turns == 24 + 4


async def test_what_the_socket_reports_amid_a_turn_reaches_the_protocol():
    class Broken:
        def recvfrom(self, size):
            raise ConnectionRefusedError

    class Transport:
        _sock = Broken()

        def sendto(self, data, address):
            pass

        def is_closing(self):
            return False

        def get_protocol(self):
            return protocol

    protocol, got = Receiver(), []
    bursts(Transport(), lambda data, address: got.append(data))(b"x", None)
    assert got == [b"x"]
    assert [type(error) for error in protocol.errors] == [ConnectionRefusedError]


def test_streams_and_strange_transports_are_left_alone():
    def received(data, address):
        raise AssertionError

    assert bursts(object(), received) is received


async def test_media_does_not_pass_the_queue_and_data_does():
    async with paired([Picture()]) as (viewer, _):
        ice, queued = viewer.internals._ice, []
        put = ice.data_received
        ice.data_received = lambda data, component: (queued.append(data), put(data, component))
        before = viewer.one("transport")["packetsReceived"]
        await viewer.until(lambda: viewer.frames >= 15)
        media = [data for data in queued if 127 < data[0] < 192 and not 192 <= data[1] <= 208]
        assert not media
        viewer.channel.send("hello")
        await viewer.seen(lambda report: any(20 <= data[0] < 64 for data in queued))
        # Counted once, whichever way they came.
        pair = viewer.report().objects[viewer.one("transport")["selectedCandidatePairId"]]
        assert viewer.one("transport")["packetsReceived"] == pair["packetsReceived"] > before


async def test_sending_that_waits_is_carried_to_its_end():
    done = []

    def tamper(viewer, camera):
        receiver = viewer.connection.getTransceivers()[0].receiver
        send = receiver._send_rtcp_nack

        async def slow(ssrc, lost):
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            await send(ssrc, lost)
            done.append(lost)

        receiver._send_rtcp_nack = slow
        lose(10, viewer.internals)

    async with paired([Picture(640, 480)], before=tamper) as (viewer, camera):
        await viewer.until(lambda: len(done) >= 3)
        assert camera.one("outbound-rtp")["nackCount"] >= 3


async def test_media_that_cannot_be_unprotected_is_dropped():
    async with paired([Picture()]) as (viewer, _):
        await viewer.until(lambda: viewer.frames >= 2)
        packets = viewer.one("inbound-rtp")["packetsReceived"]
        pair = viewer.internals._ice._nominated[1]
        for data in (b"\x80", b"\x80\x61", bytes([0x80, 0x61]) + bytes(100)):
            pair.protocol.datagram_received(data, pair.remote_addr)
        assert viewer.one("inbound-rtp")["packetsReceived"] == packets
        await viewer.until(lambda: viewer.frames >= 5)
