"""ICE servers: what GetIceServerConfig asks and answers, and what became of trying them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from peerdeck.core.channel import CHANNEL_ARN
from peerdeck.core.errors import FieldError
from peerdeck.core.fields import TextRule
from peerdeck.core.secret import Secret

REFRESH_BEFORE_S = 30
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_NAME_WORDS = "may hold letters, digits, “_”, “.” and “-” only."
ICE_CLIENT_ID = TextRule("Client ID", _NAME, _NAME_WORDS)
ICE_USER_NAME = TextRule("User name", _NAME, _NAME_WORDS)
ICE_SERVICE = TextRule("Service", re.compile("TURN"), "must be TURN, the only service there is.")
_URI = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[^:?\[\]/@ ]+)(?::(?P<port>\d{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class IceUri:
    """A STUN or TURN URI (RFC 7064, RFC 7065), taken apart. transport is "udp" or "tcp"."""

    text: str
    scheme: str
    host: str
    port: int
    transport: str

    @classmethod
    def parse(cls, text: str) -> "IceUri":
        match = _URI.fullmatch(text)
        if match is None:
            raise FieldError("ICE URI", text, "must look like turn:host:443?transport=udp.")
        scheme = match["scheme"].lower()
        secure = scheme.endswith("s")
        port = int(match["port"] or (5349 if secure else 3478))
        if not 0 < port < 65536:
            raise FieldError("ICE URI", text, "has a port outside 1 to 65535.")
        transport = (match["transport"] or ("tcp" if secure else "udp")).lower()
        return cls(text, scheme, match["host"].strip("[]"), port, transport)

    @property
    def is_turn(self) -> bool:
        return self.scheme in {"turn", "turns"}

    @property
    def is_secure(self) -> bool:
        return self.scheme.endswith("s")

    @property
    def transport_name(self) -> str:
        """ "UDP", "TCP", "TLS" or "DTLS", as people call it."""
        if self.is_secure:
            return "TLS" if self.transport == "tcp" else "DTLS"
        return self.transport.upper()


@dataclass(frozen=True, slots=True)
class IceServer:
    """One set of credentials and the URIs that they open; expires_at 0 means never (plain STUN)."""

    uris: tuple[IceUri, ...]
    username: str = ""
    password: Secret = Secret("")
    expires_at: float = 0.0
    ttl_s: int = 0

    def seconds_left(self, now: float) -> float:
        """May be negative; infinite for a server without credentials."""
        return self.expires_at - now if self.expires_at else float("inf")


def refresh_at(servers: Sequence[IceServer]) -> float | None:
    """When new credentials should be fetched: 30 s before the first end, or None."""
    ends = [s.expires_at - min(REFRESH_BEFORE_S, s.ttl_s / 2) for s in servers if s.expires_at]
    return min(ends) if ends else None


def rtc_ice_servers_json(servers: Sequence[IceServer]) -> str:
    """The list as RTCPeerConnection's `iceServers` takes it.

    Holds the passwords: for the user's clipboard only.
    """
    rows: list[dict[str, object]] = []
    for server in servers:
        row: dict[str, object] = {"urls": [uri.text for uri in server.uris]}
        if server.username:
            row |= {"username": server.username, "credential": server.password.reveal()}
        rows.append(row)
    return json.dumps(rows, indent=2)


@dataclass(frozen=True, slots=True)
class IceRequest:
    """The four request fields of GetIceServerConfig; "" leaves one out."""

    channel_arn: str
    client_id: str = ""
    service: str = "TURN"
    username: str = ""

    def check(self) -> "IceRequest":
        """Returns itself, or raises the first FieldError."""
        CHANNEL_ARN.check(self.channel_arn)
        ICE_CLIENT_ID.check(self.client_id)
        ICE_SERVICE.check(self.service)
        ICE_USER_NAME.check(self.username)
        return self


class ProbeVerdict(StrEnum):
    OK = "ok"
    REFUSED = "refused"  # the server answered, with an error
    SILENT = "silent"  # nothing came back
    UNREACHABLE = "unreachable"  # name, route, connection or TLS failed
    UNSUPPORTED = "unsupported"  # this console cannot try it (DTLS)


@dataclass(frozen=True, slots=True)
class IceProbe:
    """What trying one URI showed.

    rtt_ms: one STUN exchange, without connection set-up. mapped: our address as the server sees it.
    relayed: the address of a TURN allocation (released again). reason: the exact refusal or fault.
    """

    uri: str
    verdict: ProbeVerdict
    rtt_ms: float | None = None
    mapped: str = ""
    relayed: str = ""
    reason: str = ""
