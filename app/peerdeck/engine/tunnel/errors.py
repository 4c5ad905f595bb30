"""Why a local proxy cannot run; the texts hold no secrets."""

from collections.abc import Mapping


class TunnelError(Exception):
    """Base of everything that TunnelProxy raises by itself."""


class TunnelRefused(TunnelError):
    """The service refused the WebSocket; final, a retry with the same tokens is pointless.

    status: HTTP, 400–499 (or a redirect, which is never followed: it would carry the token away).
    reason: the service's own words. headers: lower-case names; `channel-id` is what AWS support
    asks for.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}: {reason}")
        self.status = status
        self.reason = reason
        self.headers = dict(headers)

    @property
    def channel_id(self) -> str:
        return self.headers.get("channel-id", "")


class TunnelUnreachable(TunnelError):
    """Name, route, TCP, TLS or an HTTP 5xx failed; worth another try later."""


class TunnelUntrusted(TunnelUnreachable):
    """What answered has no certificate that we believe."""


class WebProxyFailed(TunnelUnreachable):
    """The web proxy on the way there does not let us through, or is no proxy.

    address: host:port. status: its HTTP status, or 0.
    """

    def __init__(self, address: str, why: str, status: int = 0) -> None:
        super().__init__(f"web proxy {address}: {why}")
        self.address = address
        self.status = status


class TunnelTakenOver(TunnelError):
    """Another proxy is connected with the same pair of tokens; to connect again would be a fight
    that breaks everybody's connections."""


class UnusableCertificates(TunnelError):
    """The additional certificate authorities cannot be read."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class UnusableServices(TunnelError):
    """The tunnel's services and the configured ports or targets do not go together."""


class PortInUse(TunnelError):
    """The local port of a service cannot be bound."""

    def __init__(self, port: int, service: str, why: str) -> None:
        super().__init__(f"port {port} for {service or 'the tunnel'} cannot be opened: {why}")
        self.port = port
        self.service = service
        self.why = why
