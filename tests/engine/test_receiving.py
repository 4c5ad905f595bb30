"""Datagrams without a turn of the loop each."""

import asyncio
import socket

from tests.engine.pairing import Picture, paired

from peerdeck.engine.aiortc_adapter.receiving import bursts


class Receiver(asyncio.DatagramProtocol):
    def __init__(self):
        self.got = []
        self.turns = 0
        self.all = asyncio.Event()

    def connection_made(self, transport):
        def received(data, address):
            self.got.append(data)
            if len(self.got) == 100:
                self.all.set()

        read_all = bursts(transport, received)

        def counted(data, address):
            depth = len(self.got)
            read_all(data, address)
            self.turns += len(self.got) > depth + 1 or depth == 0

        self.datagram_received = counted


async def test_what_waits_in_the_socket_is_read_in_few_turns_and_in_order():
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Receiver, ("127.0.0.1", 0))
    sent = [str(number).encode() for number in range(100)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in sent:
            sender.sendto(data, transport.get_extra_info("sockname"))
        async with asyncio.timeout(5):
            await protocol.all.wait()
    assert protocol.got == sent
    assert protocol.turns <= 5
    transport.close()


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


async def test_handling_that_waits_is_carried_to_its_end():
    done = []

    def tamper(viewer, camera):
        dtls = viewer.internals._dtls
        handle = dtls._handle_rtp_data

        async def slow(data, arrival_time_ms):
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            await handle(data, arrival_time_ms=arrival_time_ms)
            done.append(data)

        dtls._handle_rtp_data = slow

    async with paired([Picture()], before=tamper) as (viewer, _):
        await viewer.until(lambda: viewer.frames >= 5)
        assert len(done) >= 5


async def test_media_that_cannot_be_unprotected_is_dropped():
    async with paired([Picture()]) as (viewer, _):
        await viewer.until(lambda: viewer.frames >= 2)
        packets = viewer.one("inbound-rtp")["packetsReceived"]
        pair = viewer.internals._ice._nominated[1]
        for data in (b"\x80", b"\x80\x61", bytes([0x80, 0x61]) + bytes(100)):
            pair.protocol.datagram_received(data, pair.remote_addr)
        assert viewer.one("inbound-rtp")["packetsReceived"] == packets
        await viewer.until(lambda: viewer.frames >= 5)
