"""Each fault of the TURN server as a client meets it, and that it ends."""

import asyncio
import time

import pytest
from aioice import stun
from tests.localcloud.turn.dialogue import Socket, User, relayed

from peerdeck.localcloud.turn import TurnServer
from peerdeck.localcloud.turn.faults import MAX_HELD, Path

BINDING = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)


async def unanswered(user: User, data: bytes) -> bool:
    """Whether nothing comes back in 0.2 s, hundreds of times what an answer takes."""
    user.send(data)
    try:
        async with asyncio.timeout(0.2):
            await user.socket.heard.get()
    except TimeoutError:
        return True
    return False


async def linked(user: User, peer: Socket) -> tuple[str, int]:
    """The relayed address, with a channel 0x4000 to `peer`."""
    address = await relayed(user)
    await user.bind(0x4000, peer.address)
    return address


async def test_silent_stun_leaves_turn_alone(server: TurnServer, user: User) -> None:
    server.faults.silent_stun = True
    assert await unanswered(user, bytes(BINDING))
    assert (await user.allocate()).message_class is stun.Class.RESPONSE
    server.faults.silent_stun = False
    assert not await unanswered(user, bytes(BINDING))


async def test_silent_turn_leaves_stun_alone(server: TurnServer, user: User, peer: Socket) -> None:
    address = await linked(user, peer)
    server.faults.silent_turn = True
    refresh = bytes(user.message(stun.Method.REFRESH, {"LIFETIME": 600}))
    assert await unanswered(user, refresh)
    user.send(b"\x40\x00\x00\x01x")
    peer.transport.sendto(b"y", address)
    await user.is_answered()
    assert peer.heard.empty()
    server.faults.silent_turn = False
    assert not await unanswered(user, refresh)
    user.send(b"\x40\x00\x00\x01x")
    assert (await peer.next())[0] == b"x"


async def test_no_relay_is_a_508(server: TurnServer, user: User) -> None:
    server.faults.no_allocations = True
    assert (await user.allocate()).error_code == 508
    server.faults.no_allocations = False
    assert (await user.allocate()).error_code is None


async def test_forbidden_peers_are_a_403(server: TurnServer, user: User, peer: Socket) -> None:
    await relayed(user)
    server.faults.forbidden = True
    assert (await user.permit(peer.address)).error_code == 403
    assert (await user.bind(0x4000, peer.address)).error_code == 403
    server.faults.forbidden = False
    assert (await user.bind(0x4000, peer.address)).error_code is None


@pytest.mark.parametrize("way", ["to_peer", "to_client"])
async def test_loss_is_one_way(server: TurnServer, user: User, peer: Socket, way: str) -> None:
    address = await linked(user, peer)
    setattr(server.faults, way, Path(loss=1.0))
    user.send(b"\x40\x00\x00\x01x")
    peer.transport.sendto(b"y", address)
    hears, does_not = (user.socket, peer) if way == "to_peer" else (peer, user.socket)
    assert (await hears.next())[0].endswith(b"y" if way == "to_peer" else b"x")
    await user.is_answered()
    assert does_not.heard.empty()
    setattr(server.faults, way, None)
    user.send(b"\x40\x00\x00\x01x")
    assert (await peer.next())[0] == b"x"


async def test_part_of_the_packets_is_lost() -> None:
    came = []
    path = Path(loss=0.25, chance=iter((0.1, 0.9, 0.5, 0.24, 0.25, 0.9)).__next__)
    for number in range(4):
        path.carry(lambda number=number: came.append(number))
    assert came == [1, 2]


async def test_delay_holds_packets_back(server: TurnServer, user: User, peer: Socket) -> None:
    await linked(user, peer)
    server.faults.to_peer = Path(delay_s=0.2)
    sent_at = time.monotonic()
    user.send(b"\x40\x00\x00\x01x")
    assert (await peer.next())[0] == b"x"
    assert time.monotonic() - sent_at >= 0.19


async def test_what_outlives_its_allocation_is_dropped_in_silence(
    server: TurnServer, user: User, peer: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    await linked(user, peer)
    path = server.faults.to_peer = Path(delay_s=0.1)
    user.send(b"\x40\x00\x00\x01x")
    await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})
    let_go = asyncio.Event()
    path.carry(let_go.set)
    async with asyncio.timeout(2):
        await let_go.wait()
    assert peer.heard.empty()
    assert not caplog.records


async def test_jitter_reorders() -> None:
    came: asyncio.Queue[int] = asyncio.Queue()
    path = Path(jitter_s=0.1, chance=iter((0.9, 0.1)).__next__)
    for number in range(2):
        path.carry(lambda number=number: came.put_nowait(number))
    async with asyncio.timeout(2):
        assert [await came.get(), await came.get()] == [1, 0]


async def test_what_a_slow_path_holds_is_bounded_and_let_go() -> None:
    path = Path(delay_s=0.05)
    for _ in range(2):
        done = asyncio.Event()
        came: list[int] = []
        for number in range(MAX_HELD + 10):
            path.carry(lambda number=number, came=came: came.append(number))
        asyncio.get_running_loop().call_later(0.2, done.set)
        await done.wait()
        assert len(came) == MAX_HELD
