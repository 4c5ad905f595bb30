import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceRequest, IceServer, IceUri, refresh_at, rtc_ice_servers_json
from peerdeck.core.secret import Secret

ARN = "arn:aws:kinesisvideo:eu-west-1:123456789012:channel/front-door/1700000000000"


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "name"),
    [
        ("stun:stun.kinesisvideo.eu-west-1.amazonaws.com:443", "stun", None, 443, "UDP"),
        ("turn:1-2-3-4.t.kinesisvideo.example:443?transport=udp", "turn", None, 443, "UDP"),
        ("turns:host:443?transport=tcp", "turns", "host", 443, "TLS"),
        ("turns:host:443?transport=udp", "turns", "host", 443, "DTLS"),
        ("turn:host?transport=tcp", "turn", "host", 3478, "TCP"),
        ("turns:host", "turns", "host", 5349, "TLS"),
        ("stun:[2001:db8::1]:3478", "stun", "2001:db8::1", 3478, "UDP"),
    ],
)
def test_uri_is_taken_apart(text, scheme, host, port, name):
    uri = IceUri.parse(text)
    assert (uri.scheme, uri.port, uri.transport_name) == (scheme, port, name)
    assert host is None or uri.host == host


@pytest.mark.parametrize(
    "text",
    ["", "http://x", "turn:", "turn:h:0", "turn:h:70000", "turn:h?transport=sctp", "turn:a b"],
)
def test_what_is_no_ice_uri_is_refused(text):
    with pytest.raises(FieldError, match="ICE URI"):
        IceUri.parse(text)


@given(st.text())
def test_any_text_is_a_uri_or_a_field_error(text):
    try:
        uri = IceUri.parse(text)
    except FieldError:
        return
    assert uri.port in range(1, 65536)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (IceRequest("nonsense"), "Channel ARN"),
        (IceRequest(ARN, client_id="a b"), "Client ID"),
        (IceRequest(ARN, service="STUN"), "Service"),
        (IceRequest(ARN, username="x" * 257), "User name"),
    ],
)
def test_request_names_the_first_broken_field(request_, field):
    with pytest.raises(FieldError) as caught:
        request_.check()
    assert caught.value.field == field


def test_optional_fields_may_be_left_out():
    request = IceRequest(ARN, service="")
    assert request.check() is request


def server(ttl_s: int, expires_at: float) -> IceServer:
    return IceServer((IceUri.parse("turn:h:443"),), "user", Secret("pass-word"), expires_at, ttl_s)


def test_refresh_is_30_s_before_the_first_end():
    assert refresh_at([server(300, 1300.0), server(300, 1200.0)]) == 1170.0


def test_refresh_of_a_short_life_is_at_its_half():
    assert refresh_at([server(30, 1030.0)]) == 1015.0


def test_plain_stun_is_never_refreshed():
    assert refresh_at([IceServer((IceUri.parse("stun:h:443"),))]) is None


def test_json_is_what_rtcpeerconnection_takes():
    stun = IceServer((IceUri.parse("stun:h:443"),))
    assert json.loads(rtc_ice_servers_json([stun, server(300, 1.0)])) == [
        {"urls": ["stun:h:443"]},
        {"urls": ["turn:h:443"], "username": "user", "credential": "pass-word"},
    ]


def test_password_does_not_show_in_repr():
    assert "pass-word" not in repr(server(300, 1.0))
