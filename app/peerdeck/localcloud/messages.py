"""Frames that signaling clients send: JSON objects with an action, a payload and ids.

Rules: Kinesis Video Streams WebRTC developer guide, "WebSocket APIs" (SendSdpOffer and others).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peerdeck.core.channel import CLIENT_ID, Role

MAX_PAYLOAD = 10_000  # characters, after base64
_ACTIONS = ("SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE")
_PER_SECOND = {"SDP_OFFER": 5.0, "SDP_ANSWER": 5.0, "ICE_CANDIDATE": 20.0}
_BURST_S = 10.0  # the quotas are averages over this time
_PAYLOAD = re.compile(r"[a-zA-Z0-9+/=]+")
_CORRELATION_ID = re.compile(r"[a-zA-Z0-9_.-]{1,256}")


class MessageRefusedError(Exception):
    """A frame that is not passed on; reported only where it carried a correlation id."""

    def __init__(self, error: str, description: str, correlation_id: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.correlation_id = correlation_id


@dataclass(frozen=True, slots=True)
class Message:
    """recipient: "" where none was named, and always for a viewer's."""

    action: str
    payload: str
    recipient: str
    correlation_id: str


class SendAllowance:
    """Send quotas of one connection: 5 SDP messages and 20 candidates a second, with bursts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._filled_at = clock()
        self._left = {action: rate * _BURST_S for action, rate in _PER_SECOND.items()}

    def take(self, action: str) -> bool:
        now = self._clock()
        for name, rate in _PER_SECOND.items():
            grown = self._left[name] + rate * max(0.0, now - self._filled_at)
            self._left[name] = min(grown, rate * _BURST_S)
        self._filled_at = now
        if self._left[action] < 1:
            return False
        self._left[action] -= 1
        return True


def parse(data: str | bytes, role: Role) -> Message | None:
    """None for an empty frame. Raises MessageRefusedError."""
    if not data.strip():
        return None
    fields = _lowered(data)
    correlation_id = _correlation_id(fields)

    def refuse(description: str) -> MessageRefusedError:
        return MessageRefusedError("InvalidArgumentException", description, correlation_id)

    action, payload = fields.get("action"), fields.get("messagepayload")
    recipient = fields.get("recipientclientid") or ""
    if action not in _ACTIONS:
        raise refuse(f"The action must be one of {', '.join(_ACTIONS)}.")
    if not isinstance(payload, str) or not payload:
        raise refuse("The messagePayload must not be empty.")
    if len(payload) > MAX_PAYLOAD:
        raise refuse(
            f"The messagePayload has {len(payload)} characters; the limit is {MAX_PAYLOAD}."
        )
    if not _PAYLOAD.fullmatch(payload):
        raise refuse("The messagePayload must be base64-encoded.")
    if role is Role.VIEWER:  # whatever a viewer names, only the master hears it
        return Message(action, payload, "", correlation_id)
    if not isinstance(recipient, str):
        raise refuse("A master must name a valid recipientClientId.")
    if len(recipient) > CLIENT_ID.maximum:
        raise refuse("The recipientClientId is too long.")
    if recipient and not CLIENT_ID.pattern.fullmatch(recipient):
        raise refuse("A master must name a valid recipientClientId.")
    return Message(action, payload, recipient, correlation_id)


def _lowered(data: str | bytes) -> dict[str, Any]:
    """The frame's fields by lower-case name (both casings occur); {} for anything but an object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return {k.lower(): v for k, v in value.items()} if isinstance(value, dict) else {}


def _correlation_id(fields: Mapping[str, Any]) -> str:
    value = fields.get("correlationid")
    return value if isinstance(value, str) and _CORRELATION_ID.fullmatch(value) else ""
