"""The two sides of a tunnel: a source starts connections, a destination waits for them."""

from peerdeck.protocol.frames import MAX_STREAM_ID, Message, MessageType
from peerdeck.protocol.tunnel_events import (
    Connection,
    ConnectionClosed,
    ConnectionStarted,
    Event,
    Version,
)
from peerdeck.protocol.tunnel_side import PeerFault, Stream, Tunnel, TunnelMisuse

__all__ = ["DestinationTunnel", "SourceTunnel", "Tunnel", "TunnelMisuse"]


class SourceTunnel(Tunnel):
    """first_stream_id: random, 1 to 2³¹-1: no stream of an earlier run must be taken for ours."""

    def __init__(
        self, first_stream_id: int, *, version: Version = Version.V3, unnamed: str = ""
    ) -> None:
        super().__init__(version=version, unnamed=unnamed)
        if not 1 <= first_stream_id <= MAX_STREAM_ID:
            raise TunnelMisuse(f"{first_stream_id} is no stream id")
        self.peer_version: Version | None = None  # known once the peer has sent something
        self._first_stream_id = first_stream_id
        self._stream_ids: dict[str, int] = {}

    def open(self, service: str) -> Connection | None:
        """Starts a connection; DATA may follow at once, for there is no answer to a start.

        None: the peer's version allows one connection per service, and there is one already.
        Raises TunnelMisuse where the service is not (yet) available.
        """
        if service not in (self.services or ()):
            raise TunnelMisuse(f"{service!r} is not a service of this tunnel")
        stream = self._streams.get(service)
        if stream is None or not stream.open:
            # A fresh stream for the first of a row of connections: it works even where the
            # destination was restarted meanwhile and knows nothing of the former stream.
            form = min(self.version, self.peer_version or self.version)
            stream = self._streams[service] = Stream(self._next_stream_id(service), form)
            connection = self._open(service, stream, 1)
            self._send(MessageType.STREAM_START, connection, form)
            return connection
        if stream.form is not Version.V3:
            return None
        stream.last_connection_id += 1
        connection = self._open(service, stream, stream.last_connection_id)
        self._send(MessageType.CONNECTION_START, connection, stream.form)
        return connection

    def _next_stream_id(self, service: str) -> int:
        last = self._stream_ids.get(service)
        stream_id = self._first_stream_id if last is None else last % MAX_STREAM_ID + 1
        self._stream_ids[service] = stream_id
        return stream_id

    def _peer_writes(self, service: str, stream: Stream, message: Message) -> list[Event]:
        """An older peer is answered in its own form from its first message on.

        It has read our start, whose newer fields it skipped; "all the subsequent messages should
        not contain connection ID". Of a start of any but the first connection it knows nothing.
        """
        form = self.version
        if not message.service_id and service:
            form = Version.V1
        elif not message.connection_id:
            form = min(form, Version.V2)
        self.peer_version = form
        if form >= stream.form:
            return []
        stream.form = form
        others = [connection_id for connection_id in stream.open if connection_id != 1]
        for connection_id in others:
            del stream.open[connection_id]
        if stream.open:
            self._open(service, stream, 1)
        reason = f"the device speaks V{form.value}: one connection at a time"
        return [
            ConnectionClosed(Connection(service, stream.stream_id, connection_id), False, reason)
            for connection_id in others
        ]

    def _stream_start(self, service: str, message: Message) -> list[Event]:
        # "Source mode tunnel clients SHOULD treat receiving StreamStart as an error and close the
        # active data stream and WebSocket connection."
        raise PeerFault("STREAM_START came to a source")

    def _connection_start(self, service: str, message: Message) -> list[Event]:
        # "… as an error and close the active connection for the given connection ID"
        connection = Connection(service, message.stream_id, message.connection_id or 1)
        if not self.is_open(connection):
            return []
        self.reset(connection)
        return [ConnectionClosed(connection, False, "CONNECTION_START came to a source")]


class DestinationTunnel(Tunnel):
    """Waits for starts. An older source is answered in its own form, stream by stream."""

    def _stream_start(self, service: str, message: Message) -> list[Event]:
        # Every STREAM_START replaces, one with the same id too: a source that was restarted may
        # begin with the same number again and must not be spliced into an old session.
        events = self._end_stream(service, reason="a new stream replaced it")
        form = self.version
        if not message.service_id:
            form = Version.V1
        elif not message.connection_id:
            form = min(form, Version.V2)
        stream = self._streams[service] = Stream(message.stream_id, form)
        return [*events, ConnectionStarted(self._open(service, stream, message.connection_id or 1))]

    def _connection_start(self, service: str, message: Message) -> list[Event]:
        stream = self._streams.get(service)
        connection = Connection(service, message.stream_id, message.connection_id or 1)
        if stream is None:
            # We know nothing of that stream, say after a restart: "anything that makes it
            # impossible to process a data stream's data" is answered by a STREAM_RESET.
            self._reset_stream(service, message.stream_id, self.version)
            return []
        if stream.stream_id != message.stream_id:
            return []  # stale
        if stream.form is not Version.V3:  # "ConnectionStart … should be treated as error"
            self._reset_stream(service, stream.stream_id, stream.form)
            return self._end_stream(service, orderly=False, reason="the source mixed versions")
        if connection.connection_id in stream.open:
            self.reset(connection)  # "an error and send ConnectionReset for the given connection"
            return [ConnectionClosed(connection, False, "its connection id was started twice")]
        return [ConnectionStarted(self._open(service, stream, connection.connection_id))]

    def _unknown_service(self, message: Message) -> list[Event]:
        if message.type in {MessageType.STREAM_START, MessageType.CONNECTION_START}:
            self._reset_stream(message.service_id, message.stream_id, self.version)
        return []
