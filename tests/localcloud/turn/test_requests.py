"""Requests to the TURN server over real sockets, and their answers."""

import struct
from typing import Any

import pytest
from aioice import stun
from tests.localcloud.turn.dialogue import (
    UDP,
    Clock,
    Socket,
    User,
    plain_allocate,
    relayed,
    signed,
    with_raw,
)

from peerdeck.localcloud.turn import TurnServer, requests


async def test_binding_tells_the_senders_address(server: TurnServer, peer: Socket) -> None:
    answer = await User(server, peer).ask(stun.Method.BINDING, {})
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == peer.address


async def test_allocation_names_relayed_and_mapped_address_and_lifetime(
    user: User, server: TurnServer
) -> None:
    answer = await user.allocate()
    assert answer.message_class is stun.Class.RESPONSE
    assert answer.attributes["XOR-RELAYED-ADDRESS"][0] == "127.0.0.1"
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == user.socket.address
    assert answer.attributes["LIFETIME"] == 600
    assert server.allocations == 1


async def test_lifetime_is_granted_within_bounds_and_zero_ends_it(
    user: User, server: TurnServer
) -> None:
    assert (await user.allocate(LIFETIME=10)).attributes["LIFETIME"] == 600
    for asked, granted in ((700, 700), (99_999, 3600), (1, 600)):
        answer = await user.ask(stun.Method.REFRESH, {"LIFETIME": asked})
        assert answer.attributes["LIFETIME"] == granted
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})).attributes["LIFETIME"] == 0
    assert server.allocations == 0
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})).error_code == 437


async def test_allocation_ends_with_its_lifetime(
    user: User, server: TurnServer, clock: Clock, peer: Socket
) -> None:
    address = await relayed(user)
    await user.permit(peer.address)
    clock.now += 599
    assert (await user.bind(0x4000, peer.address)).error_code is None
    clock.now += 2
    user.nonce = (await user.ask(stun.Method.REFRESH, {})).attributes["NONCE"]
    user.send(b"\x40\x00\x00\x01x")
    peer.transport.sendto(b"late", address)
    assert (await user.bind(0x4000, peer.address)).error_code == 437
    assert peer.heard.empty()
    assert server.allocations == 0


async def test_retransmitted_allocate_is_answered_identically(user: User) -> None:
    request = bytes(user.message(stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": UDP}))
    assert await user.answer_to(request) == await user.answer_to(request)
    assert (await user.allocate()).error_code == 437


@pytest.mark.parametrize("method", ["REFRESH", "CREATE_PERMISSION", "CHANNEL_BIND"])
async def test_requests_without_an_allocation_mismatch(user: User, method: str) -> None:
    answer = await user.ask(stun.Method[method], {"XOR-PEER-ADDRESS": ("127.0.0.1", 9)})
    assert answer.attributes["ERROR-CODE"] == (437, "Allocation Mismatch")


async def test_wrong_password_and_unknown_user_are_unauthorized(
    user: User, server: TurnServer
) -> None:
    name, password = server.issue()
    user.be(name, password + "x")
    assert (await user.allocate()).attributes["ERROR-CODE"] == (401, "Unauthorized")
    user.be("9999999999:mallory", password)
    assert (await user.allocate()).error_code == 401
    user.be("mallory", password)
    assert (await user.allocate()).error_code == 401


async def test_expired_credentials_are_refused_with_a_reason(
    user: User, server: TurnServer, clock: Clock
) -> None:
    user.be(*server.issue(ttl_s=30))
    clock.now += 31
    answer = await user.allocate()
    assert answer.attributes["ERROR-CODE"] == (401, "Credentials Expired")
    assert server.allocations == 0


async def test_a_session_outlives_its_credentials(
    user: User, server: TurnServer, clock: Clock
) -> None:
    user.be(*server.issue(ttl_s=300))
    await user.allocate()
    clock.now += 500
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 600})).error_code is None


async def test_nonce_goes_stale_and_the_next_one_works(user: User, clock: Clock) -> None:
    await user.allocate(LIFETIME=3600)
    clock.now += 601
    stale = await user.ask(stun.Method.REFRESH, {})
    assert stale.attributes["ERROR-CODE"] == (438, "Stale Nonce")
    user.nonce = stale.attributes["NONCE"]
    assert (await user.ask(stun.Method.REFRESH, {})).error_code is None


async def test_a_nonce_serves_one_client_only(user: User, server: TurnServer, peer: Socket) -> None:
    other = User(server, peer)
    other.realm, other.nonce = user.realm, user.nonce
    other.be(*server.issue())
    assert (await other.allocate()).error_code == 438


async def test_another_users_credentials_do_not_touch_an_allocation(
    user: User, server: TurnServer
) -> None:
    await user.allocate()
    user.be(*server.issue(label="other"))
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})).error_code == 441
    assert server.allocations == 1


async def test_signed_request_without_user_name_is_bad(user: User) -> None:
    request = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    request.attributes["REQUESTED-TRANSPORT"] = UDP
    request.add_message_integrity(b"k")
    answer = stun.parse_message(await user.answer_to(bytes(request)))
    assert answer.error_code == 400


@pytest.mark.parametrize(
    ("attributes", "code"),
    [({}, 400), ({"REQUESTED-TRANSPORT": 6 << 24}, 442)],
)
async def test_only_udp_is_relayed(user: User, attributes: dict[str, Any], code: int) -> None:
    assert (await user.ask(stun.Method.ALLOCATE, attributes)).error_code == code


async def test_unknown_comprehension_required_attributes_are_named(user: User) -> None:
    data = with_raw(plain_allocate(), 0x001A, b"")  # DONT-FRAGMENT
    answer = await user.answer_to(signed(user, data))
    parsed = stun.parse_message(answer)
    assert parsed.error_code == 420
    assert parsed.check_message_integrity(user.key or b"")
    assert struct.pack("!HHH", 0x000A, 2, 0x001A) in answer


async def test_unknown_optional_attributes_are_ignored(user: User) -> None:
    data = with_raw(plain_allocate(), 0x8099, b"abcd")
    assert stun.parse_message(await user.answer_to(signed(user, data))).error_code is None


async def test_even_port_and_ipv6_family(user: User) -> None:
    six = with_raw(plain_allocate(), 0x0017, b"\x02\0\0\0")
    assert stun.parse_message(await user.answer_to(signed(user, six))).error_code == 440
    reserve = with_raw(plain_allocate(), 0x0018, b"\x80\0\0\0")
    assert stun.parse_message(await user.answer_to(signed(user, reserve))).error_code == 508
    even = with_raw(plain_allocate(), 0x0018, b"\0\0\0\0")
    answer = stun.parse_message(await user.answer_to(signed(user, even)))
    assert answer.attributes["XOR-RELAYED-ADDRESS"][1] % 2 == 0


async def test_malformed_attributes_of_a_request_are_a_bad_request(user: User) -> None:
    data = with_raw(plain_allocate(), 0x000D, b"\0")  # LIFETIME of one byte
    data = stun.set_body_length(data + b"\0\0\0", len(data) + 3 - stun.HEADER_LENGTH)
    assert stun.parse_message(await user.answer_to(data)).error_code == 400


async def test_a_wrong_fingerprint_is_not_answered(user: User) -> None:
    request = plain_allocate()
    request.add_fingerprint()
    data = bytearray(bytes(request))
    data[-1] ^= 1
    user.send(bytes(data))
    await user.is_answered()


async def test_the_fifty_first_allocation_is_over_the_quota(
    user: User, server: TurnServer, sockets: list[Socket], clock: Clock
) -> None:
    credentials = server.issue()
    for _ in range(requests.MAX_ALLOCATIONS):
        sockets.append(await Socket.open())
        other = User(server, sockets[-1])
        await other.log_in(*credentials)
        assert (await other.allocate()).error_code is None
    assert (await user.allocate()).attributes["ERROR-CODE"] == (486, "Allocation Quota Reached")
    await other.ask(stun.Method.REFRESH, {"LIFETIME": 0})
    assert (await user.allocate()).error_code is None
