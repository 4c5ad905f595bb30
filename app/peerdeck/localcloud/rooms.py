"""Who is connected to a signaling channel, and what waits for those who are not.

Pure bookkeeping: a peer is anything that takes texts. Rules: Kinesis Video Streams WebRTC developer
guide, "WebSocket APIs" and "Service quotas".
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from peerdeck.core.channel import Channel, Role

MAX_VIEWERS = 10
MAX_WAITING = 100  # messages for one absent peer; the oldest goes first
MAX_ABSENT = 20  # absent viewers for whom messages wait


class Peer(Protocol):
    """A connected socket. Neither call blocks or raises."""

    role: Role
    client_id: str

    def deliver(self, text: str) -> None: ...

    def end(self, reason: str) -> None: ...


class Guest(Protocol):
    """Somebody of the service's own, without a socket: a storage peer, an Alexa device."""

    def hear(self, kind: str, payload: str) -> None: ...

    def end(self, reason: str) -> None: ...


class TooManyViewersError(Exception):
    """Ten viewers are connected and this is none of them."""


class NobodyThereError(Exception):
    """The message has no way to go; the text says why."""


@dataclass(slots=True)
class Room:
    """One channel's peers. A master's key is "", a viewer's its client id.

    callers: guests that sent an offer to the master, by the client id they gave. storage: those who
    store the media of the peer with that key; stores: the channel is for them alone.
    """

    channel: Channel
    clock: Callable[[], float]
    peers: dict[str, Peer] = field(default_factory=dict)
    waiting: dict[str, deque[tuple[float, str]]] = field(default_factory=dict)
    callers: dict[str, Guest] = field(default_factory=dict)
    storage: dict[str, Guest] = field(default_factory=dict)
    stores: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.peers or self.waiting or self.callers or self.storage)

    def join(self, peer: Peer) -> None:
        """The newest connection wins; what waited for the peer is delivered in order.

        Raises TooManyViewersError.
        """
        self._check_space(peer.client_id)
        older = self.peers.pop(peer.client_id, None)
        self.peers[peer.client_id] = peer
        if older is not None:
            older.end("Replaced by a newer connection")
        now = self.clock()
        for expires_at, text in self.waiting.pop(peer.client_id, ()):
            if now < expires_at:
                peer.deliver(text)

    def leave(self, peer: Peer) -> None:
        """Idempotent; a peer that was replaced does not take the newer one along."""
        if self.peers.get(peer.client_id) is peer:
            del self.peers[peer.client_id]

    def pass_on(self, sender: str, recipient: str, kind: str, payload: str) -> None:
        """A peer's message to where it belongs. sender, recipient: keys. Raises NobodyThereError.

        "If storage is enabled, direct peer-to-peer (master-viewer) connections no longer occur":
        the storage peer offers, and is answered without a recipient.
        """
        storage = self.storage.get(sender)
        if storage is not None and not recipient and kind != "SDP_OFFER":
            storage.hear(kind, payload)
        elif not sender and recipient in self.callers:
            self.callers[recipient].hear(kind, payload)
        elif self.stores:
            raise NobodyThereError(
                "The channel stores its media: only answers to the storage session are passed on."
            )
        elif not sender and not recipient:
            raise NobodyThereError("A master must name a valid recipientClientId.")
        else:
            self.send(recipient, delivery(kind, payload, sender))

    def end_all(self, reason: str) -> None:
        """Everyone leaves."""
        for guest in (*self.callers.values(), *self.storage.values()):
            guest.end(reason)
        for peer in tuple(self.peers.values()):
            peer.end(reason)

    def send(self, recipient: str, text: str) -> None:
        """To the peer, or kept for the channel's message TTL. recipient: "" for the master."""
        peer = self.peers.get(recipient)
        if peer is not None:
            peer.deliver(text)
            return
        self.forget()
        now = self.clock()
        if recipient not in self.waiting:
            while len(self.waiting) >= MAX_ABSENT:
                del self.waiting[next(iter(self.waiting))]
            self.waiting[recipient] = deque(maxlen=MAX_WAITING)
        self.waiting[recipient].append((now + self.channel.ttl_s, text))

    def forget(self) -> None:
        """Drops what waited longer than its TTL."""
        now = self.clock()
        for key, messages in tuple(self.waiting.items()):
            while messages and messages[0][0] <= now:
                messages.popleft()
            if not messages:
                del self.waiting[key]

    def _check_space(self, client_id: str) -> None:
        """client_id: "" for a master. Raises TooManyViewersError."""
        viewers = sum(1 for key in self.peers if key)
        if client_id and client_id not in self.peers and viewers >= MAX_VIEWERS:
            raise TooManyViewersError


def delivery(kind: str, payload: str = "", sender: str = "") -> str:
    """A message as the service delivers it; a master has no sender id."""
    message = {"messageType": kind, "messagePayload": payload}
    return json.dumps({"senderClientId": sender, **message} if sender else message)


def status_response(correlation_id: str, status: int, error: str, description: str) -> str:
    """The error report for a message that carried a correlation id."""
    status_fields = {
        "correlationId": correlation_id,
        "errorType": error,
        "statusCode": str(status),
        "description": description,
    }
    return json.dumps({"messageType": "STATUS_RESPONSE", "statusResponse": status_fields})
