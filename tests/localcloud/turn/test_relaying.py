"""What the TURN server relays, and what it does not."""

import pytest
from aioice import stun
from aioice.ice import get_host_addresses
from tests.localcloud.turn.dialogue import Address, Clock, Socket, User, relayed, signed, with_raw


async def test_send_and_data_indications_carry_a_conversation(user: User, peer: Socket) -> None:
    address = await relayed(user)
    await user.permit(peer.address)
    indication = user.message(
        stun.Method.SEND,
        {"XOR-PEER-ADDRESS": peer.address, "DATA": b"ping"},
        stun.Class.INDICATION,
    )
    user.send(bytes(indication))
    assert await peer.next() == (b"ping", address)
    peer.transport.sendto(b"pong", address)
    data = stun.parse_message((await user.socket.next())[0])
    assert data.message_method is stun.Method.DATA
    assert data.attributes == {"XOR-PEER-ADDRESS": peer.address, "DATA": b"pong"}


async def test_channel_data_carries_a_conversation(user: User, peer: Socket) -> None:
    address = await relayed(user)
    assert (await user.bind(0x4001, peer.address)).error_code is None
    user.send(b"\x40\x01\x00\x05hello" + b"pad")
    assert await peer.next() == (b"hello", address)
    peer.transport.sendto(b"world!", address)
    assert (await user.socket.next())[0] == b"\x40\x01\x00\x06world!"


@pytest.mark.parametrize("own", [*get_host_addresses(use_ipv4=True, use_ipv6=False)])
async def test_the_relay_reaches_the_machines_own_addresses(
    user: User, sockets: list[Socket], own: str
) -> None:
    sockets.append(peer := await Socket.open(own))
    address = await relayed(user)
    await user.bind(0x4000, peer.address)
    user.send(b"\x40\x00\x00\x02hi")
    assert await peer.next() == (b"hi", address)
    peer.transport.sendto(b"back", address)
    assert (await user.socket.next())[0] == b"\x40\x00\x00\x04back"


async def test_nothing_is_relayed_without_permission(user: User, peer: Socket) -> None:
    address = await relayed(user)
    attributes = {"XOR-PEER-ADDRESS": peer.address, "DATA": b"ping"}
    user.send(bytes(user.message(stun.Method.SEND, attributes, stun.Class.INDICATION)))
    user.send(b"\x40\x00\x00\x01x")
    peer.transport.sendto(b"pong", address)
    await user.is_answered()
    assert peer.heard.empty()


async def test_permissions_end_after_five_minutes(user: User, peer: Socket, clock: Clock) -> None:
    address = await relayed(user)
    await user.permit(peer.address)
    clock.now += 301
    peer.transport.sendto(b"late", address)
    await user.is_answered()
    await user.permit(peer.address)
    peer.transport.sendto(b"again", address)
    assert stun.parse_message((await user.socket.next())[0]).attributes["DATA"] == b"again"


async def test_channels_end_after_ten_minutes(user: User, peer: Socket, clock: Clock) -> None:
    address: Address = (await user.allocate(LIFETIME=3600)).attributes["XOR-RELAYED-ADDRESS"]
    await user.bind(0x4000, peer.address)
    clock.now += 599
    user.send(b"\x40\x00\x00\x01a")
    assert (await peer.next())[0] == b"a"
    clock.now += 2
    user.send(b"\x40\x00\x00\x01b")
    peer.transport.sendto(b"c", address)
    await user.is_answered()
    assert peer.heard.empty()


@pytest.mark.parametrize("host", ["8.8.8.8", "0.0.0.0", "224.0.0.1", "255.255.255.255"])
async def test_strangers_are_never_relayed_to(user: User, host: str) -> None:
    await user.allocate()
    assert (await user.permit((host, 9))).error_code == 403
    assert (await user.bind(0x4000, (host, 9))).error_code == 403


async def test_an_ipv6_peer_is_of_the_wrong_family(user: User) -> None:
    await user.allocate()
    assert (await user.permit(("::1", 9))).error_code == 443


async def test_all_peers_of_a_request_are_permitted_or_none(user: User, peer: Socket) -> None:
    address = await relayed(user)
    request = stun.Message(
        stun.Method.CREATE_PERMISSION,
        stun.Class.REQUEST,
        attributes={"XOR-PEER-ADDRESS": peer.address},
    )
    outside = stun.pack_xor_address(("8.8.8.8", 9), request.transaction_id)
    data = with_raw(request, 0x0012, outside)
    assert stun.parse_message(await user.answer_to(signed(user, data))).error_code == 403
    peer.transport.sendto(b"x", address)
    await user.is_answered()
    loopback = stun.pack_xor_address(("127.0.0.2", 9), request.transaction_id)
    data = with_raw(request, 0x0012, loopback)
    assert stun.parse_message(await user.answer_to(signed(user, data))).error_code is None
    peer.transport.sendto(b"y", address)
    assert stun.parse_message((await user.socket.next())[0]).attributes["DATA"] == b"y"


async def test_channel_and_peer_are_bound_one_to_one(user: User, peer: Socket) -> None:
    await user.allocate()
    assert (await user.bind(0x4000, peer.address)).error_code is None
    assert (await user.bind(0x4000, peer.address)).error_code is None
    assert (await user.bind(0x4001, peer.address)).error_code == 400
    assert (await user.bind(0x4000, ("127.0.0.1", 9))).error_code == 400
    assert (await user.bind(0x3FFF, ("127.0.0.1", 9))).error_code == 400
    assert (await user.bind(0x8000, ("127.0.0.1", 9))).error_code == 400


async def test_channels_and_permissions_are_bounded(user: User) -> None:
    await user.allocate()
    for i in range(64):
        assert (await user.bind(0x4000 + i, ("127.0.0.1", 1000 + i))).error_code is None
    assert (await user.bind(0x5000, ("127.0.0.1", 9))).error_code == 508
    for i in range(2, 65):
        assert (await user.permit((f"127.0.0.{i}", 9))).error_code is None
    assert (await user.permit(("127.0.1.1", 9))).error_code == 508
