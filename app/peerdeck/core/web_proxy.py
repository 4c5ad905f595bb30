"""The web proxy between this machine and the internet, as the environment names it."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from peerdeck.core.errors import FieldError
from peerdeck.core.secret import Secret

# Default ports: the reference local proxy's for HTTP, RFC 1928's for SOCKS.
_SCHEMES = {"http": 3128, "https": 3128, "socks5": 1080, "socks5h": 1080}
_VARIABLES = {"wss": ("https_proxy", "all_proxy"), "ws": ("http_proxy", "all_proxy")}


@dataclass(frozen=True, slots=True)
class WebProxy:
    """scheme: http or https (both speak CONNECT) or socks5, which resolves names itself.

    credentials: user:password as in a URL, percent-encoded, or empty.
    """

    scheme: str
    host: str
    port: int
    credentials: Secret = Secret("")

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self) -> Secret:
        """With the credentials: for the library that connects through it, and for nobody else."""
        login = f"{self.credentials.reveal()}@" if self.credentials else ""
        return Secret(f"{self.scheme}://{login}{self.address}")


def parse_web_proxy(text: str, name: str = "Web proxy") -> WebProxy:
    """`[http|https|socks5|socks5h://][user:password@]host[:port]`; raises FieldError.

    The error names the variable, not its value, which may hold a password.
    """
    rule = "must look like http://user:password@host:3128 or socks5://host:1080."
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise FieldError(name, "…", rule) from error
    if parts.scheme not in _SCHEMES or not parts.hostname or not text.isascii():
        raise FieldError(name, "…", rule)
    login = parts.netloc.rpartition("@")[0]
    if login and ":" not in login:
        login += ":"
    scheme = "socks5" if parts.scheme == "socks5h" else parts.scheme
    return WebProxy(scheme, parts.hostname, port or _SCHEMES[parts.scheme], Secret(login))


def web_proxy_for(url: str, environment: Mapping[str, str]) -> WebProxy | None:
    """The proxy that a WebSocket to `url` goes through, or None.

    HTTPS_PROXY for wss and HTTP_PROXY for ws, then ALL_PROXY; lower case comes first, as in curl
    and in the reference local proxy. Neither NO_PROXY's hosts nor this machine itself take it.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    if is_this_machine(host) or _is_exempt(host, port, _variable(environment, "no_proxy")[1]):
        return None
    for variable in _VARIABLES.get(parts.scheme, ()):
        name, text = _variable(environment, variable)
        if text:
            return parse_web_proxy(text, name)
    return None


def is_this_machine(host: str) -> bool:
    """Names and addresses that never leave it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Name and value of the spelling that is set; lower case first."""
    spelling = name if name in environment else name.upper()
    return spelling, environment.get(spelling, "").strip()


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """NO_PROXY: "*", host names with their subdomains, addresses and networks, each with a port
    or without."""
    for entry in no_proxy.lower().replace(",", " ").split():
        if entry == "*" or _matches(entry, host):
            return True
        name, _, number = entry.rpartition(":")
        if number == str(port) and _matches(name.strip("[]"), host):
            return True
    return False


def _matches(entry: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        domain = entry.removeprefix("*").lstrip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
