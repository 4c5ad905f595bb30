"""Long-term credentials that expire (RFC 8489 §9.2), without a table of users."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable

from peerdeck.localcloud.turn.wire import Address, Packet, StunError

NONCE_LIFETIME_S = 600.0
_MAX_LABEL = 256


class Credentials:
    """Issues user names "expiry:label" with the HMAC of the name as password, and checks requests.

    Expiry is in POSIX seconds of `clock`. The secret is new with every object, so nothing issued
    by an earlier server opens this one.
    """

    def __init__(self, realm: str, clock: Callable[[], float]) -> None:
        self._realm = realm
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def issue(self, ttl_s: int, label: str) -> tuple[str, str]:
        """User name and password. Raises ValueError for a label that no user name can hold."""
        label = label or secrets.token_hex(8)
        if len(label) > _MAX_LABEL or not label.isascii() or not label.isprintable():
            raise ValueError("a label is up to 256 printable ASCII characters")
        username = f"{int(self._clock() + ttl_s)}:{label}"
        return username, self._password(username)

    def nonce(self, client: Address) -> bytes:
        """A nonce for this client, good for NONCE_LIFETIME_S."""
        until = f"{int(self._clock() + NONCE_LIFETIME_S):x}"
        return f"{until}-{self._nonce_tag(until, client)}".encode()

    def challenge(self, client: Address) -> dict[str, str | bytes]:
        """What 401 and 438 carry, so that the client can try again."""
        return {"REALM": self._realm, "NONCE": self.nonce(client)}

    def key_of(self, packet: Packet, client: Address) -> tuple[str, bytes]:
        """User name and key of a request that its user signed; raises StunError (RFC 8489 §9.2.4).

        Does not look at expiry: see `expired`.
        """
        attributes = packet.attributes
        if "MESSAGE-INTEGRITY" not in attributes:
            raise StunError(401, "Unauthorized", challenge=True)
        if not {"USERNAME", "REALM", "NONCE"} <= attributes.keys():
            raise StunError(400, "Bad Request")
        if not self._is_fresh(attributes["NONCE"], client):
            raise StunError(438, "Stale Nonce", challenge=True)
        username = attributes["USERNAME"]
        text = f"{username}:{self._realm}:{self._password(username)}"
        key = hashlib.md5(text.encode(), usedforsecurity=False).digest()  # RFC 8489 §9.2.2
        if not packet.message.check_message_integrity(key):
            raise StunError(401, "Unauthorized", challenge=True)
        return username, key

    def expired(self, username: str) -> bool:
        """Whether a user name of ours has ended."""
        return float(username.partition(":")[0]) <= self._clock()

    def _password(self, username: str) -> str:
        digest = hmac.digest(self._secret, b"user" + username.encode(), "sha256")
        return base64.b64encode(digest[:20]).decode()

    def _nonce_tag(self, until: str, client: Address) -> str:
        text = f"nonce{until}|{client[0]}|{client[1]}"
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:24]

    def _is_fresh(self, nonce: bytes, client: Address) -> bool:
        until, _, tag = nonce.partition(b"-")
        expected = self._nonce_tag(until.decode("ascii", "replace"), client)
        if not hmac.compare_digest(tag, expected.encode()):
            return False
        return int(until, 16) > self._clock()  # the tag shows that we wrote it
