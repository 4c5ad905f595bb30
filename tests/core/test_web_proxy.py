"""Which web proxy the environment asks for."""

import pytest

from peerdeck.core.errors import FieldError
from peerdeck.core.web_proxy import parse_web_proxy, web_proxy_for

AWS = "wss://data.tunneling.iot.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "scheme", "address"),
    [
        ("http://proxy.corp:8080", "http", "proxy.corp:8080"),
        ("proxy.corp", "http", "proxy.corp:3128"),
        ("proxy.corp:81", "http", "proxy.corp:81"),
        ("https://[::1]", "https", "[::1]:3128"),
        ("socks5://10.0.0.1", "socks5", "10.0.0.1:1080"),
        ("socks5h://u:p@10.0.0.1:9/", "socks5", "10.0.0.1:9"),
    ],
)
def test_forms_and_default_ports(text, scheme, address):
    proxy = parse_web_proxy(text)
    assert (proxy.scheme, proxy.address) == (scheme, address)


def test_credentials_are_kept_as_they_are_and_never_seen():
    proxy = parse_web_proxy("http://ana:s%40fe@proxy:1")
    assert proxy.url().reveal() == "http://ana:s%40fe@proxy:1"
    assert "s%40fe" not in repr(proxy)
    assert parse_web_proxy("http://ana@proxy:1").url().reveal() == "http://ana:@proxy:1"


@pytest.mark.parametrize("text", ["ftp://proxy", "http://", "http://u:geheim@:1", "http://p:99999"])
def test_a_broken_one_names_the_variable_and_not_its_value(text):
    with pytest.raises(FieldError, match="HTTPS_PROXY") as caught:
        web_proxy_for(AWS, {"HTTPS_PROXY": text})
    assert "geheim" not in str(caught.value)


def test_lower_case_comes_first_then_all_proxy():
    def chosen(**environment: str) -> str | None:
        proxy = web_proxy_for(AWS, environment)
        return proxy.host if proxy else None

    assert chosen() is None
    assert chosen(HTTPS_PROXY="upper", https_proxy="lower") == "lower"
    assert chosen(HTTPS_PROXY="upper", https_proxy="") is None, "set to nothing: switched off"
    assert chosen(ALL_PROXY="socks5://all") == "all"
    assert chosen(HTTP_PROXY="http") is None
    plain = web_proxy_for("ws://host.test", {"HTTP_PROXY": "http", "HTTPS_PROXY": "https"})
    assert plain is not None
    assert plain.host == "http"


@pytest.mark.parametrize(
    ("no_proxy", "exempt"),
    [
        ("*", True),
        ("amazonaws.com", True),
        (".amazonaws.com", True),
        ("*.amazonaws.com", True),
        ("other.com, AMAZONAWS.com", True),
        ("amazonaws.com:443", True),
        ("amazonaws.com:444", False),
        ("zonaws.com", False),
        ("", False),
    ],
)
def test_no_proxy_names_hosts_and_their_subdomains(no_proxy, exempt):
    environment = {"HTTPS_PROXY": "proxy:1", "NO_PROXY": no_proxy}
    assert (web_proxy_for(AWS, environment) is None) == exempt


def test_no_proxy_takes_addresses_and_networks():
    environment = {"HTTPS_PROXY": "proxy:1", "no_proxy": "10.0.0.0/8,fd00::1,[fd00::2]:8443"}
    assert web_proxy_for("wss://10.1.2.3", environment) is None
    assert web_proxy_for("wss://11.1.2.3", environment) is not None
    assert web_proxy_for("wss://[fd00::1]", environment) is None
    assert web_proxy_for("wss://[fd00::2]:8443", environment) is None
    assert web_proxy_for("wss://[fd00::2]", environment) is not None


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_needs_no_proxy(host):
    assert web_proxy_for(f"wss://{host}:8443", {"HTTPS_PROXY": "proxy:1"}) is None
