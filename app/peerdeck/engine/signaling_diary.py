"""Writes down what goes over a session's signaling sockets."""

from collections import OrderedDict
from collections.abc import Callable, MutableSequence
from dataclasses import replace

from peerdeck.core.peer_log import Direction, SignalingEntry
from peerdeck.engine.signaling import SignalingRefused, SignalingUnreachable
from peerdeck.protocol.signaling import (
    Kind,
    ProtocolError,
    SignalingMessage,
    StatusResponse,
    payload_characters,
    read_candidate,
    read_description,
)

_UNANSWERED = 256  # messages whose outcome may still come


class SignalingDiary:
    """clock: POSIX seconds. Nothing of a signed URL is written."""

    def __init__(self, log: MutableSequence[SignalingEntry], clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._sent: OrderedDict[str, SignalingEntry] = OrderedDict()

    def opened(self, client_id: str = "") -> None:
        self._put(Direction.SENT, "open", text=f"as {client_id}" if client_id else "")

    def closed(self, why: str) -> None:
        self._put(Direction.RECEIVED, "closed", text=why)

    def failed(self, error: SignalingRefused | SignalingUnreachable) -> None:
        if isinstance(error, SignalingRefused):
            outcome = f"HTTP {error.status}"
            self._put(Direction.RECEIVED, "refused", text=error.body, outcome=outcome)
        else:
            self._put(Direction.RECEIVED, "refused", text=str(error), outcome="unreachable")

    def sent(self, message: SignalingMessage) -> None:
        entry = self._message(Direction.SENT, message, message.recipient)
        if message.correlation_id:
            self._sent[message.correlation_id] = entry
            while len(self._sent) > _UNANSWERED:
                self._sent.popitem(last=False)

    def received(self, message: SignalingMessage) -> None:
        status = message.status
        if status is None:
            self._message(Direction.RECEIVED, message, message.sender)
            return
        outcome = outcome_text(status)
        self._put(
            Direction.RECEIVED,
            message.kind.value,
            correlation_id=status.correlation_id,
            text=status.description,
            outcome=outcome,
        )
        self._note_outcome(status.correlation_id, outcome)

    def _note_outcome(self, correlation_id: str, outcome: str) -> None:
        entry = self._sent.pop(correlation_id, None)
        if entry is None:
            return
        for index in range(len(self._log) - 1, -1, -1):
            if self._log[index] is entry:
                self._log[index] = replace(entry, outcome=outcome)
                return

    def _message(
        self, direction: Direction, message: SignalingMessage, peer: str
    ) -> SignalingEntry:
        return self._put(
            direction,
            message.kind.value,
            peer=peer,
            correlation_id=message.correlation_id,
            text=_readable(message),
            size=payload_characters(message.payload),
        )

    def _put(
        self,
        direction: Direction,
        what: str,
        *,
        peer: str = "",
        correlation_id: str = "",
        text: str = "",
        size: int = 0,
        outcome: str = "",
    ) -> SignalingEntry:
        entry = SignalingEntry(
            self._clock(), direction, what, peer, correlation_id, text, size, outcome
        )
        self._log.append(entry)
        return entry


def outcome_text(status: StatusResponse) -> str:
    """ "400 InvalidArgumentException"."""
    return f"{status.status_code} {status.error_type}".strip()


def _readable(message: SignalingMessage) -> str:
    """SDP and candidate lines as they are, anything else as its JSON."""
    try:
        if message.kind in {Kind.SDP_OFFER, Kind.SDP_ANSWER}:
            return read_description(message).sdp.replace("\r\n", "\n")
        if message.kind is Kind.ICE_CANDIDATE:
            candidate = read_candidate(message)
            return f"candidate:{candidate.candidate}" if candidate.candidate else "end"
    except ProtocolError:
        pass
    return message.payload
