"""Which of a channel's ICE servers a session asks."""

import pytest

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.core.secret import Secret
from peerdeck.engine.errors import TurnUriUnusable
from peerdeck.engine.ice_servers import check_forced, chosen, rtc_configuration


def server(*uris: str, username: str = "") -> IceServer:
    return IceServer(tuple(IceUri.parse(uri) for uri in uris), username, Secret("password"))


STUN = "stun:stun.example.com:443"
UDP = "turn:one.example.com:443?transport=udp"
TLS = "turns:one.example.com:443?transport=tcp"
OTHER = "turn:two.example.com:443?transport=udp"
SERVERS = (server(STUN), server(UDP, TLS, username="one"), server(OTHER, username="two"))


def uris(servers) -> list[str]:
    return [uri.text for found in servers for uri in found.uris]


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        (PathPolicy.ALL, [STUN, UDP, TLS, OTHER]),
        (PathPolicy.RELAY, [UDP, TLS, OTHER]),
        (PathPolicy.STUN, [STUN]),
        (PathPolicy.HOST, []),
    ],
)
def test_a_policy_leaves_what_it_needs_in_order(policy, left):
    assert uris(chosen(SERVERS, JoinOptions(policy=policy))) == left


def test_a_forced_uri_is_the_only_turn_server_with_its_own_credentials():
    found = chosen(SERVERS, JoinOptions(ice_uri=OTHER))
    assert uris(found) == [STUN, OTHER]
    assert found[1].username == "two"


def test_a_forced_uri_that_the_service_did_not_name_takes_the_first_credentials():
    found = chosen(SERVERS, JoinOptions(ice_uri="turn:three:3478", policy=PathPolicy.RELAY))
    assert uris(found) == ["turn:three:3478"]
    assert found[0].username == "one"


def test_a_forced_uri_without_any_credentials_is_said():
    with pytest.raises(TurnUriUnusable, match="no TURN credentials"):
        chosen([server(STUN)], JoinOptions(ice_uri=UDP))


@pytest.mark.parametrize(
    ("uri", "why"),
    [("turns:one.example.com:443?transport=udp", "DTLS"), ("turn:[2001:db8::7]:3478", "IPv6")],
)
def test_a_forced_uri_that_cannot_be_used_fails_before_anything_is_asked(uri, why):
    with pytest.raises(TurnUriUnusable, match=why):
        check_forced(JoinOptions(ice_uri=uri))


def test_aiortc_is_never_left_to_choose_servers_of_its_own():
    assert rtc_configuration().iceServers == []
