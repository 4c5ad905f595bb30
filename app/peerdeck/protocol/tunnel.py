"""Which message is allowed when: the state of one side of a tunnel, source or destination.

`receive()` takes bytes and returns events, commands raise only for misuse, `data_to_send()` hands
over what is to be sent before anything else. One machine lives as long as its proxy: it survives
the loss of its link (`link_lost()`, `link_up()`), its connections do not.

Source: V3 protocol guide, "Protocol behavior model", "Message type reference", "Backward
compatibility"; V2 and V1 guides for what those versions lack.
"""

from peerdeck.protocol.frames import (
    MAX_STREAM_ID,
    Buffer,
    MalformedMessage,
    Message,
    MessageStream,
    MessageType,
    data_fields,
    data_header,
    decode,
    encode,
)
from peerdeck.protocol.tunnel_events import (
    Connection,
    ConnectionClosed,
    ConnectionStarted,
    DataReceived,
    Event,
    Failed,
    ServicesAvailable,
    Version,
)


class TunnelMisuse(RuntimeError):
    """The caller broke a rule of this class; a bug on our side."""


class _PeerFault(Exception):
    """The other side broke a rule; becomes `Failed`."""


class _Stream:
    """A service's current stream. open: connection id → fields of its DATA messages."""

    __slots__ = ("form", "last_connection_id", "open", "stream_id")

    def __init__(self, stream_id: int, form: Version) -> None:
        self.stream_id = stream_id
        self.form = form
        self.last_connection_id = 1
        self.open: dict[int, bytes] = {}


class Tunnel:
    """What source and destination share. version: the subprotocol that the service agreed to."""

    def __init__(self, *, version: Version = Version.V3) -> None:
        self.version = version
        self.services: tuple[str, ...] | None = None
        self.failure: str | None = None
        self._incoming = MessageStream()
        self._outgoing: list[bytes] = []
        self._streams: dict[str, _Stream] = {}
        self._broken: dict[str, int] = {}  # streams that the loss of a link ended, by service

    @property
    def connections(self) -> tuple[Connection, ...]:
        return tuple(
            Connection(service, stream.stream_id, connection_id)
            for service, stream in self._streams.items()
            for connection_id in stream.open
        )

    def is_open(self, connection: Connection) -> bool:
        stream = self._streams.get(connection.service)
        return (
            stream is not None
            and stream.stream_id == connection.stream_id
            and connection.connection_id in stream.open
        )

    def link_up(self) -> list[Event]:
        """The WebSocket is open. V1 has no SERVICE_IDS: there the one service is usable at once."""
        self._incoming = MessageStream()
        self.failure = None
        return self._announce(("",)) if self.version is Version.V1 else []

    def link_lost(self) -> list[Event]:
        """The WebSocket is gone: "the active stream should be considered invalid and closed"."""
        self.services = None
        self._outgoing.clear()
        events: list[Event] = []
        for service, stream in tuple(self._streams.items()):
            self._broken[service] = stream.stream_id
            events += self._end_stream(service, orderly=False, reason="the tunnel connection broke")
        return events

    def receive(self, data: Buffer) -> list[Event]:
        """Bytes from the WebSocket, cut anywhere. `Failed` is the last event of a link."""
        events: list[Event] = []
        if self.failure is not None:
            return events
        try:
            for whole in self._incoming.feed(data):
                message = decode(whole[2:])
                events += self._handle(message)
        except (_PeerFault, MalformedMessage) as fault:
            self.failure = str(fault)
            events.append(Failed(self.failure))
        return events

    def data_to_send(self) -> bytes:
        """Control messages in order; send them before any later DATA."""
        if not self._outgoing:
            return b""
        out = b"".join(self._outgoing)
        self._outgoing.clear()
        return out

    def data_header(self, connection: Connection, payload_size: int) -> bytes:
        """What precedes a payload of 1 to 64512 bytes on the wire; raises TunnelMisuse."""
        stream = self._streams.get(connection.service)
        if stream is None or stream.stream_id != connection.stream_id:
            raise TunnelMisuse(f"{connection} is not open")
        fields = stream.open.get(connection.connection_id)
        if fields is None:
            raise TunnelMisuse(f"{connection} is not open")
        return data_header(fields, payload_size)

    def reset(self, connection: Connection) -> None:
        """Our end of the connection is over. One that is not open (any more) is ignored."""
        if not self.is_open(connection):
            return
        stream = self._streams[connection.service]
        del stream.open[connection.connection_id]
        if stream.form is Version.V3:
            self._send(MessageType.CONNECTION_RESET, connection, stream.form)
        else:  # V1 and V2 have one connection per stream and no CONNECTION_RESET
            self._end_stream(connection.service)
            self._send(MessageType.STREAM_RESET, connection, stream.form)

    def reset_all(self) -> None:
        """We are leaving: every stream of ours ends."""
        for service, stream in tuple(self._streams.items()):
            self._end_stream(service)
            self._reset_stream(service, stream.stream_id, stream.form)

    # What came in

    def _handle(self, message: Message) -> list[Event]:
        kind = message.type
        if kind == MessageType.SERVICE_IDS and self.version is not Version.V1:
            return self._announce(message.available_service_ids or ("",))
        if kind == MessageType.SESSION_RESET:
            return self._end_session()
        if not MessageType.DATA <= kind <= MessageType.CONNECTION_RESET:
            if message.ignorable:
                return []
            raise _PeerFault(f"message type {kind} is unknown and not ignorable")
        if self.services is None:
            raise _PeerFault(f"{MessageType(kind).name} came before SERVICE_IDS")
        if message.stream_id == 0:
            raise _PeerFault(f"{MessageType(kind).name} has stream id 0")
        service = self._service_of(message)
        if service is None:
            return self._unknown_service(message)
        return self._handle_in_stream(kind, service, message)

    def _handle_in_stream(self, kind: int, service: str, message: Message) -> list[Event]:
        if kind == MessageType.DATA:
            return self._data(service, message)
        if kind == MessageType.STREAM_START:
            return self._stream_start(service, message)
        if kind == MessageType.CONNECTION_START:
            return self._connection_start(service, message)
        stream = self._streams.get(service)
        if stream is None or stream.stream_id != message.stream_id:
            return []  # "is considered to be stale and will be discarded"
        if kind == MessageType.STREAM_RESET:
            return self._end_stream(service, reason="the other side reset the stream")
        return self._connection_reset(service, stream, message)

    def _data(self, service: str, message: Message) -> list[Event]:
        stream = self._streams.get(service)
        if stream is None or stream.stream_id != message.stream_id:
            return []  # stale
        connection_id = message.connection_id or 1  # 0 is how a V2 peer's message reads
        self._peer_writes(service, stream, message)
        if connection_id not in stream.open or not message.payload:
            return []
        connection = Connection(service, stream.stream_id, connection_id)
        return [DataReceived(connection, message.payload)]

    def _peer_writes(self, service: str, stream: _Stream, message: Message) -> None:
        """Notices that the peer speaks an older version than we do (source only)."""

    def _stream_start(self, service: str, message: Message) -> list[Event]:
        raise NotImplementedError

    def _connection_start(self, service: str, message: Message) -> list[Event]:
        raise NotImplementedError

    def _connection_reset(self, service: str, stream: _Stream, message: Message) -> list[Event]:
        connection_id = message.connection_id or 1
        if stream.open.pop(connection_id, None) is None:
            return []  # "it is safe to ignore a ConnectionReset message"
        connection = Connection(service, stream.stream_id, connection_id)
        return [ConnectionClosed(connection, True, "the other side closed the connection")]

    def _announce(self, services: tuple[str, ...]) -> list[Event]:
        if self.services is not None:
            return []
        self.services = services
        for service, stream_id in self._broken.items():
            if service in services:  # the peer may not have noticed that our link was gone
                self._reset_stream(service, stream_id, self.version)
        self._broken.clear()
        return [ServicesAvailable(services)]

    def _service_of(self, message: Message) -> str | None:
        """None: not a service of this tunnel. A V1 peer names none: then it is the only one."""
        services = self.services or ()
        if message.service_id in services:
            return message.service_id
        if not message.service_id and len(services) == 1:
            return services[0]
        return None

    def _unknown_service(self, message: Message) -> list[Event]:
        return []

    # What goes out

    def _send(self, kind: MessageType, connection: Connection, form: Version) -> None:
        message = Message(
            kind,
            connection.stream_id,
            connection.service if form >= Version.V2 else "",
            connection.connection_id if form >= Version.V3 else 0,
        )
        self._outgoing.append(encode(message))

    def _reset_stream(self, service: str, stream_id: int, form: Version) -> None:
        named = service if form >= Version.V2 else ""
        self._outgoing.append(encode(Message(MessageType.STREAM_RESET, stream_id, named)))

    def _open(self, service: str, stream: _Stream, connection_id: int) -> Connection:
        connection = Connection(service, stream.stream_id, connection_id)
        stream.open[connection_id] = data_fields(
            stream.stream_id,
            service if stream.form >= Version.V2 else "",
            connection_id if stream.form >= Version.V3 else 0,
        )
        return connection

    def _end_stream(self, service: str, *, orderly: bool = True, reason: str = "") -> list[Event]:
        stream = self._streams.pop(service, None)
        if stream is None:
            return []
        return [
            ConnectionClosed(Connection(service, stream.stream_id, connection_id), orderly, reason)
            for connection_id in stream.open
        ]

    def _end_session(self) -> list[Event]:
        events: list[Event] = []
        for service in tuple(self._streams):
            events += self._end_stream(
                service, orderly=False, reason="the tunnel service reset the session"
            )
        return events


class SourceTunnel(Tunnel):
    """first_stream_id: random, 1 to 2³¹-1: no stream of an earlier run must be taken for ours."""

    def __init__(self, first_stream_id: int, *, version: Version = Version.V3) -> None:
        super().__init__(version=version)
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
            stream = self._streams[service] = _Stream(self._next_stream_id(service), form)
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

    def _peer_writes(self, service: str, stream: _Stream, message: Message) -> None:
        """An older peer is answered in its own form from its first message on.

        It has read our start, whose newer fields it skipped; "all the subsequent messages should
        not contain connection ID".
        """
        form = self.version
        if not message.service_id and service:
            form = Version.V1
        elif not message.connection_id:
            form = min(form, Version.V2)
        self.peer_version = form
        if form < stream.form and set(stream.open) <= {1}:
            stream.form = form
            if stream.open:
                self._open(service, stream, 1)

    def _stream_start(self, service: str, message: Message) -> list[Event]:
        # "Source mode tunnel clients SHOULD treat receiving StreamStart as an error and close the
        # active data stream and WebSocket connection."
        raise _PeerFault("STREAM_START came to a source")

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
        stream = self._streams[service] = _Stream(message.stream_id, form)
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
