"""Opaque page tokens: they hold the last key shown, and fit only the query that they came from."""

import hashlib
import hmac
import secrets

_MAC_BYTES = 16


class PageTokenError(ValueError):
    """Not a token of this query."""


class PageTokens:
    """Makes and reads tokens of hexadecimal digits, which both services' patterns allow.

    They are worthless after a restart.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, query: str, last_key: str) -> str:
        """query: operation, region and filters, in any text form that is the same next time."""
        return (self._mac(query, last_key.encode()) + last_key.encode()).hex()

    def read(self, query: str, token: str) -> str:
        """The last key shown; "" for "". Raises PageTokenError."""
        if not token:
            return ""
        try:
            data = bytes.fromhex(token)
        except ValueError as error:
            raise PageTokenError("not hexadecimal") from error
        mac, key = data[:_MAC_BYTES], data[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(query, key)):
            raise PageTokenError("made for another query")
        return key.decode()

    def _mac(self, query: str, key: bytes) -> bytes:
        message = query.encode() + b"\0" + key
        return hmac.digest(self._key, message, hashlib.sha256)[:_MAC_BYTES]
