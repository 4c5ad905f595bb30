"""Messages of data channels, counted where aiortc takes and gives them."""

from collections.abc import Iterator
from typing import Any

from aiortc import RTCDataChannel, RTCSctpTransport

from peerdeck.core.rtc_stats import Value

_KEPT = 256
# Payload protocol identifiers of messages that have bytes, and of those that have none
# (RFC 8831 §8): an empty message is sent as one byte.
_STRING, _BINARY, _STRING_EMPTY, _BINARY_EMPTY = 51, 53, 56, 57
_MESSAGES = {_STRING, _BINARY, _STRING_EMPTY, _BINARY_EMPTY}
_EMPTY = {_STRING_EMPTY, _BINARY_EMPTY}


class Channel:
    """Counts of one channel. opened: it was seen open."""

    __slots__ = ("bytes_received", "bytes_sent", "name", "opened", "received", "sent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.received = self.sent = self.bytes_received = self.bytes_sent = 0
        self.opened = False


class Channels:
    """Of one peer connection; `watch` as soon as there is an SCTP transport."""

    def __init__(self) -> None:
        self._sctp: RTCSctpTransport | None = None
        self._known: dict[RTCDataChannel, Channel] = {}
        self._closed = 0  # those that are no longer kept

    def watch(self, sctp: RTCSctpTransport | None) -> None:
        if sctp is None or self._sctp is not None:
            return
        self._sctp = sctp
        send, receive = sctp._data_channel_send, sctp._receive

        def sent(channel: RTCDataChannel, data: bytes | str) -> None:
            send(channel, data)
            counts = self._of(channel)
            counts.sent += 1
            counts.bytes_sent += len(data.encode() if isinstance(data, str) else data)

        async def received(stream_id: int, pp_id: int, data: bytes) -> None:
            channel = sctp._data_channels.get(stream_id)
            if channel is not None and pp_id in _MESSAGES:
                counts = self._of(channel)
                counts.received += 1
                counts.bytes_received += 0 if pp_id in _EMPTY else len(data)
            await receive(stream_id, pp_id, data)

        sctp._data_channel_send = sent  # type: ignore[method-assign]
        sctp._receive = received  # type: ignore[method-assign]

    def _of(self, channel: RTCDataChannel) -> Channel:
        found = self._known.get(channel)
        if found is None:
            found = self._known[channel] = Channel(f"D{len(self._known) + self._closed + 1}")
            if len(self._known) > _KEPT:
                self._forget()
        return found

    def _forget(self) -> None:
        """Counts of a channel that is closed, if there is one."""
        closed = next((c for c in self._known if c.readyState == "closed"), None)
        if closed is not None:
            del self._known[closed]
            self._closed += 1

    def objects(self) -> Iterator[tuple[str, dict[str, Value]]]:
        if self._sctp is not None:
            # Those that are not open yet have no stream, but are about to say that they open.
            waiting = [entry[0] for entry in self._sctp._data_channel_queue]
            for channel in [*self._sctp._data_channels.values(), *waiting]:
                self._of(channel)
        opened = closed = self._closed
        for channel, counts in self._known.items():
            state = channel.readyState
            counts.opened = counts.opened or state == "open" or bool(counts.received)
            opened += counts.opened
            closed += counts.opened and state == "closed"
            yield counts.name, _members(channel, counts, state)
        yield (
            "P",
            {"type": "peer-connection", "dataChannelsOpened": opened, "dataChannelsClosed": closed},
        )


def _members(channel: RTCDataChannel, counts: Channel, state: str) -> dict[str, Any]:
    members = {
        "type": "data-channel",
        "label": channel.label,
        "protocol": channel.protocol,
        "state": state,
        "messagesSent": counts.sent,
        "bytesSent": counts.bytes_sent,
        "messagesReceived": counts.received,
        "bytesReceived": counts.bytes_received,
    }
    if channel.id is not None:
        members["dataChannelIdentifier"] = channel.id
    return members
