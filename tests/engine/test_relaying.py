"""What is sent to a TURN server, and in which order."""

import asyncio

import pytest
from aioice.turn import TurnClientTcpProtocol, TurnClientUdpProtocol, TurnTransport

from peerdeck.engine.aiortc_adapter import relaying
from peerdeck.engine.aiortc_adapter.relaying import straight

PEER = ("192.0.2.7", 4000)


class Wire:
    """The socket to the server; binding a channel takes as long as the test wants."""

    def __init__(self, protocol_class):
        self.sent = []
        self.closing = False
        self.bound = asyncio.Event()
        self.binds = 0
        self.turn = protocol_class(("127.0.0.1", 3478), "", "", 600, 500)
        self.turn.transport = self
        self.turn.receiver = self
        self.turn.channel_bind = self.channel_bind
        self.transport = TurnTransport(self.turn)

    async def channel_bind(self, channel, address):
        self.binds += 1
        await self.bound.wait()

    def sendto(self, data):
        self.sent.append(data)

    write = sendto

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    def error_received(self, error):
        raise error

    async def settled(self):
        async with asyncio.timeout(5):
            await asyncio.gather(*self.transport._TurnTransport__send_tasks)


@pytest.fixture(params=[TurnClientUdpProtocol, TurnClientTcpProtocol])
async def wire(request):
    return Wire(request.param)


async def test_datagrams_keep_their_order_from_before_the_channel_is_bound(wire):
    send = straight(wire.transport)
    for number in range(3):
        send(f"{number}   ".encode(), PEER)
        await asyncio.sleep(0)
    assert not wire.sent
    wire.bound.set()
    await wire.settled()
    send(b"3   ", PEER)
    send(b"4   ", PEER)
    assert wire.sent == [b"\x40\x00\x00\x04" + f"{number}   ".encode() for number in range(5)]
    assert wire.binds == 1


async def test_nothing_overtakes_what_waits(wire):
    send = straight(wire.transport)
    wire.bound.set()
    send(b"0123", PEER)
    await wire.settled()
    other = asyncio.get_running_loop().create_task(asyncio.sleep(0), name="test/waits")
    wire.transport._TurnTransport__send_tasks.add(other)
    send(b"4567", PEER)
    assert len(wire.sent) == 1
    await wire.settled()
    assert len(wire.sent) == 2


async def test_a_bound_channel_needs_no_task(wire):
    send = straight(wire.transport)
    wire.bound.set()
    send(b"0123", PEER)
    await wire.settled()
    for _ in range(10):
        send(b"4567", PEER)
    assert len(wire.sent) == 11
    assert not wire.transport._TurnTransport__send_tasks


async def test_over_tcp_a_datagram_is_padded():
    wire = Wire(TurnClientTcpProtocol)
    send = straight(wire.transport)
    wire.bound.set()
    for _ in range(2):
        send(b"12345", PEER)
        await wire.settled()
    assert wire.sent == [b"\x40\x00\x00\x0512345\x00\x00\x00"] * 2


async def test_a_channel_that_is_due_is_renewed(wire, monkeypatch):
    send = straight(wire.transport)
    wire.bound.set()
    send(b"0123", PEER)
    await wire.settled()
    wire.turn.channel_refresh_at[0x4000] = 0
    send(b"4567", PEER)
    await wire.settled()
    assert (wire.binds, len(wire.sent)) == (2, 2)
    monkeypatch.setattr(relaying, "time", lambda: 1e12)
    send(b"89ab", PEER)
    await wire.settled()
    assert len(wire.sent) == 3


async def test_nothing_is_sent_once_it_is_closed(wire):
    send = straight(wire.transport)
    wire.bound.set()
    send(b"0123", PEER)
    await wire.settled()
    wire.closing = True
    send(b"4567", PEER)
    assert len(wire.sent) == 1
