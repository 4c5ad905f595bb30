"""Messages of the signaling WebSocket, as JSON text frames.

Source: Kinesis Video Streams WebRTC developer guide, "WebSocket APIs" (ConnectAsMaster,
ConnectAsViewer, SendSdpOffer …). A payload travels as base64 of JSON; here it is that JSON as text.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

# "MessagePayload: maximum length 10000", counted after base64.
MAX_PAYLOAD_CHARACTERS = 10_000
_CANDIDATE_PREFIX = "candidate:"


class ProtocolError(Exception):
    """The peer sent something that breaks a rule; the text names what."""


class PayloadTooLarge(Exception):
    """Our message would break the service's payload limit; it would vanish without a word.

    size, limit: characters after base64.
    """

    def __init__(self, size: int, limit: int = MAX_PAYLOAD_CHARACTERS) -> None:
        super().__init__(f"payload has {size} characters after base64, {limit} are allowed")
        self.size = size
        self.limit = limit


class Kind(StrEnum):
    SDP_OFFER = "SDP_OFFER"
    SDP_ANSWER = "SDP_ANSWER"
    ICE_CANDIDATE = "ICE_CANDIDATE"
    GO_AWAY = "GO_AWAY"
    RECONNECT_ICE_SERVER = "RECONNECT_ICE_SERVER"
    STATUS_RESPONSE = "STATUS_RESPONSE"


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """What the service says of the message with this correlation id. status_code: "400" …"""

    correlation_id: str = ""
    error_type: str = ""
    status_code: str = ""
    description: str = ""

    @property
    def is_error(self) -> bool:
        return bool(self.error_type) or not self.status_code.startswith("2")


@dataclass(frozen=True, slots=True)
class SignalingMessage:
    """One message in either direction.

    payload: JSON text. sender: a viewer's client id at the master, "" at a viewer. recipient: set
    by a master only. correlation_id: errors are reported only for messages that carry one.
    """

    kind: Kind
    payload: str = ""
    sender: str = ""
    recipient: str = ""
    correlation_id: str = ""
    status: StatusResponse | None = None


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """type: "offer" or "answer"."""

    type: str
    sdp: str


@dataclass(frozen=True, slots=True)
class TrickledCandidate:
    """An RTCIceCandidateInit. candidate: without `candidate:` in front; "" ends the candidates."""

    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None


def payload_characters(payload: str) -> int:
    """Length of `payload` on the wire, after base64."""
    return 4 * ((len(payload.encode()) + 2) // 3)


def encode(message: SignalingMessage) -> str:
    """The text frame a client sends. Raises PayloadTooLarge."""
    size = payload_characters(message.payload)
    if size > MAX_PAYLOAD_CHARACTERS:
        raise PayloadTooLarge(size)
    frame = {
        "action": message.kind.value,
        "messagePayload": base64.b64encode(message.payload.encode()).decode("ascii"),
    }
    if message.recipient:
        frame["recipientClientId"] = message.recipient
    if message.correlation_id:
        frame["correlationId"] = message.correlation_id
    return msgspec.json.encode(frame).decode()


def decode(text: str) -> SignalingMessage | None:
    """The message in a text frame of either direction; None for an empty frame, which occur.

    Key casing does not matter: the C SDK sends `MessagePayload`. Raises ProtocolError.
    """
    if not text.strip():
        return None
    fields = _fields(text, "message")
    name = _text(fields, "messagetype") or _text(fields, "action")
    try:
        kind = Kind(name)
    except ValueError as error:
        raise ProtocolError(f"unknown message type {name[:40]!r}") from error
    status = fields.get("statusresponse")
    return SignalingMessage(
        kind=kind,
        payload=_payload(_text(fields, "messagepayload")),
        sender=_text(fields, "senderclientid"),
        recipient=_text(fields, "recipientclientid"),
        correlation_id=_text(fields, "correlationid"),
        status=None if status is None else _status(status),
    )


def description_message(
    description: SessionDescription, *, recipient: str = "", correlation_id: str = ""
) -> SignalingMessage:
    """SDP_OFFER or SDP_ANSWER."""
    kind = Kind.SDP_OFFER if description.type == "offer" else Kind.SDP_ANSWER
    payload = msgspec.json.encode({"type": description.type, "sdp": description.sdp}).decode()
    return SignalingMessage(kind, payload, recipient=recipient, correlation_id=correlation_id)


def candidate_message(
    candidate: TrickledCandidate, *, recipient: str = "", correlation_id: str = ""
) -> SignalingMessage:
    line = f"{_CANDIDATE_PREFIX}{candidate.candidate}" if candidate.candidate else ""
    payload = msgspec.json.encode(
        {
            "candidate": line,
            "sdpMid": candidate.sdp_mid,
            "sdpMLineIndex": candidate.sdp_m_line_index,
        }
    ).decode()
    return SignalingMessage(
        Kind.ICE_CANDIDATE, payload, recipient=recipient, correlation_id=correlation_id
    )


def read_description(message: SignalingMessage) -> SessionDescription:
    """The payload of SDP_OFFER or SDP_ANSWER. Raises ProtocolError."""
    fields = _fields(message.payload, "payload")
    description = SessionDescription(_text(fields, "type"), _text(fields, "sdp"))
    if description.type not in {"offer", "answer"} or not description.sdp:
        raise ProtocolError(f"{message.kind} without type and sdp")
    return description


def read_candidate(message: SignalingMessage) -> TrickledCandidate:
    """The payload of ICE_CANDIDATE; RFC 8838 §13's end-of-candidates has an empty candidate.

    Raises ProtocolError.
    """
    fields = _fields(message.payload, "payload")
    line = _text(fields, "candidate").strip().removeprefix("a=").removeprefix(_CANDIDATE_PREFIX)
    if line and len(line.split()) < 8:
        raise ProtocolError("candidate has fewer than 8 fields")
    index = fields.get("sdpmlineindex")
    if index is not None and not (isinstance(index, int) and 0 <= index < 65536):
        raise ProtocolError("sdpMLineIndex is not a small number")
    return TrickledCandidate(line, _text(fields, "sdpmid") or None, index)


def _fields(text: str, what: str) -> dict[str, Any]:
    """A JSON object with its keys in lower case."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ProtocolError(f"{what} is not JSON") from error
    return _lowered(value, what)


def _lowered(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not a JSON object")
    return {str(key).lower(): item for key, item in value.items()}


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ProtocolError(f"{key} is not a text")
    return value


def _payload(encoded: str) -> str:
    packed = "".join(encoded.split())
    packed += "=" * (-len(packed) % 4)  # some senders leave the padding out
    try:
        return base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("messagePayload is not base64 of a text") from error


def _status(value: object) -> StatusResponse:
    fields = _lowered(value, "statusResponse")
    code = fields.get("statuscode")
    return StatusResponse(
        correlation_id=_text(fields, "correlationid"),
        error_type=_text(fields, "errortype"),
        status_code=str(code) if isinstance(code, int) else _text(fields, "statuscode"),
        description=_text(fields, "description"),
    )
