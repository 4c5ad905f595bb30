"""What the two sides of a tunnel share: streams, connections, and which message is allowed when.

`receive()` takes bytes and returns events, commands raise only for misuse, `data_to_send()` hands
over what is to be sent before anything else. One machine lives as long as its proxy: it survives
the loss of its link (`link_lost()`, `link_up()`), its connections do not.

Source: V3 protocol guide, "Protocol behavior model", "Message type reference", "Backward
compatibility"; V2 and V1 guides for what those versions lack.
"""

from peerdeck.protocol.frames import (
    MAX_PAYLOAD,
    Buffer,
    MalformedMessage,
    Message,
    MessageStream,
    MessageType,
    data_fields,
    data_header,
    data_shape,
    decode,
    encode,
    payload_in,
)
from peerdeck.protocol.tunnel_events import (
    Connection,
    ConnectionClosed,
    DataReceived,
    Event,
    Failed,
    ServicesAvailable,
    Version,
)

_BULK = 8192


class TunnelMisuse(RuntimeError):
    """The caller broke a rule of this class; a bug on our side."""


class PeerFault(Exception):
    """The other side broke a rule; becomes `Failed`."""


class Stream:
    """A service's current stream. open: connection id → fields of its DATA messages."""

    __slots__ = ("form", "last_connection_id", "open", "stream_id")

    def __init__(self, stream_id: int, form: Version) -> None:
        self.stream_id = stream_id
        self.form = form
        self.last_connection_id = 1
        self.open: dict[int, bytes] = {}


class Tunnel:
    """What source and destination share. version: the subprotocol that the service agreed to.

    unnamed: what the one service of a V1 tunnel is called here; on the wire it has no name.
    """

    def __init__(self, *, version: Version = Version.V3, unnamed: str = "") -> None:
        self.version = version
        self._unnamed = unnamed
        self.services: tuple[str, ...] | None = None
        self.failure: str | None = None
        self._incoming = MessageStream()
        self._outgoing: list[bytes] = []
        self._streams: dict[str, Stream] = {}
        self._broken: dict[str, int] = {}  # streams that the loss of a link ended, by service
        # Bulk, and the words of a terminal, come in rows that differ in their payload alone.
        self._previous: Connection | None = None
        self._last_received: tuple[Connection, tuple[bytes, bytes]] | None = None
        self._last_header: tuple[Connection, bytes] | None = None  # of a payload of MAX_PAYLOAD

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
        return self._announce((self._unnamed,)) if self.version is Version.V1 else []

    def link_lost(self) -> list[Event]:
        """The WebSocket is gone: "the active stream should be considered invalid and closed"."""
        self._forget_last()
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
                message = whole[2:]
                last = self._last_received
                if last is not None and (payload := payload_in(message, last[1])) is not None:
                    events.append(DataReceived(last[0], payload))
                else:
                    events += self._handle(decode(message), message)
        except (PeerFault, MalformedMessage) as fault:
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
        if payload_size == MAX_PAYLOAD and (last := self._last_header) and last[0] == connection:
            return last[1]
        stream = self._streams.get(connection.service)
        if stream is None or stream.stream_id != connection.stream_id:
            raise TunnelMisuse(f"{connection} is not open")
        fields = stream.open.get(connection.connection_id)
        if fields is None:
            raise TunnelMisuse(f"{connection} is not open")
        header = data_header(fields, payload_size)
        if payload_size == MAX_PAYLOAD:
            self._last_header = connection, header
        return header

    def _forget_last(self) -> None:
        self._last_received = self._last_header = self._previous = None

    def reset(self, connection: Connection) -> None:
        """Our end of the connection is over. One that is not open (any more) is ignored."""
        if not self.is_open(connection):
            return
        self._forget_last()
        stream = self._streams[connection.service]
        del stream.open[connection.connection_id]
        if stream.form is Version.V3:
            self._send(MessageType.CONNECTION_RESET, connection, stream.form)
        else:  # V1 and V2 have one connection per stream and no CONNECTION_RESET
            self._end_stream(connection.service)
            self._send(MessageType.STREAM_RESET, connection, stream.form)

    def reset_all(self) -> None:
        """We are leaving: every stream of ours ends."""
        self._forget_last()
        for service, stream in tuple(self._streams.items()):
            self._end_stream(service)
            self._reset_stream(service, stream.stream_id, stream.form)

    # What came in

    def _handle(self, message: Message, whole: memoryview) -> list[Event]:
        kind = message.type
        if kind != MessageType.DATA:
            self._forget_last()
        if self.version is not Version.V3:  # fields of newer versions are unknown to older ones
            named = message.service_id if self.version is Version.V2 else ""
            message = message._replace(service_id=named, connection_id=0)
        if kind == MessageType.SERVICE_IDS and self.version is not Version.V1:
            return self._announce(message.available_service_ids or ("",))
        if kind == MessageType.SESSION_RESET:
            return self._end_session()
        if not MessageType.DATA <= kind <= MessageType.CONNECTION_RESET:
            if message.ignorable:
                return []
            raise PeerFault(f"message type {kind} is unknown and not ignorable")
        if self.services is None:
            raise PeerFault(f"{MessageType(kind).name} came before SERVICE_IDS")
        if message.stream_id == 0:
            raise PeerFault(f"{MessageType(kind).name} has stream id 0")
        service = self._service_of(message)
        if service is None:
            return self._unknown_service(message)
        if kind == MessageType.DATA:
            return self._data(service, message, whole)
        return self._handle_in_stream(kind, service, message)

    def _handle_in_stream(self, kind: int, service: str, message: Message) -> list[Event]:
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

    def _data(self, service: str, message: Message, whole: memoryview) -> list[Event]:
        stream = self._streams.get(service)
        if stream is None or stream.stream_id != message.stream_id:
            return []  # stale
        connection_id = message.connection_id or 1  # 0 is how a V2 peer's message reads
        closed = self._peer_writes(service, stream, message)
        if connection_id not in stream.open or not message.payload:
            return closed
        connection = Connection(service, stream.stream_id, connection_id)
        if len(message.payload) >= _BULK or self._previous == connection:
            self._last_received = connection, data_shape(message, whole)
        self._previous = connection
        return [*closed, DataReceived(connection, message.payload)]

    def _peer_writes(self, service: str, stream: Stream, message: Message) -> list[Event]:
        """Notices that the peer speaks an older version than we do (source only)."""
        return []

    def _stream_start(self, service: str, message: Message) -> list[Event]:
        raise NotImplementedError

    def _connection_start(self, service: str, message: Message) -> list[Event]:
        raise NotImplementedError

    def _connection_reset(self, service: str, stream: Stream, message: Message) -> list[Event]:
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

    def _open(self, service: str, stream: Stream, connection_id: int) -> Connection:
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
