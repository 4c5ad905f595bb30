"""Dialogues with one side of a tunnel: what came in, what it says of it, what it sends back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdeck.protocol.frames import Message, MessageStream, MessageType, decode, encode, join
from peerdeck.protocol.tunnel import DestinationTunnel, SourceTunnel, Tunnel, TunnelMisuse
from peerdeck.protocol.tunnel_events import (
    Connection,
    ConnectionClosed,
    ConnectionStarted,
    DataReceived,
    Failed,
    ServicesAvailable,
    Version,
)
from peerdeck.protocol.tunnel_services import ServiceMismatch, adopt_services

T = MessageType
DATA, START, RESET = T.DATA, T.STREAM_START, T.STREAM_RESET
CONNECT, HANG_UP = T.CONNECTION_START, T.CONNECTION_RESET
IDS = Message(T.SERVICE_IDS, available_service_ids=("SSH", "HTTP"))


def sent(tunnel: Tunnel) -> list[Message]:
    return [decode(whole[2:]) for whole in MessageStream().feed(tunnel.data_to_send())]


def hear(tunnel: Tunnel, *messages: Message) -> list:
    return tunnel.receive(join(messages))


def source(first: int = 40, ids: Message = IDS, **more) -> SourceTunnel:
    tunnel = SourceTunnel(first, **more)
    tunnel.link_up()
    hear(tunnel, ids)
    return tunnel


def destination(ids: Message = IDS, **more) -> DestinationTunnel:
    tunnel = DestinationTunnel(**more)
    tunnel.link_up()
    hear(tunnel, ids)
    return tunnel


def say(tunnel: Tunnel, connection: Connection, payload: bytes) -> Message:
    wire = tunnel.data_header(connection, len(payload)) + payload
    return decode(wire[2:])


class TestServices:
    def test_service_ids_open_the_tunnel(self):
        tunnel = SourceTunnel(1)
        assert tunnel.link_up() == []
        assert hear(tunnel, IDS) == [ServicesAvailable(("SSH", "HTTP"))]
        assert tunnel.services == ("SSH", "HTTP")

    def test_a_tunnel_without_services_has_the_unnamed_one(self):
        tunnel = source(ids=Message(T.SERVICE_IDS))
        assert tunnel.services == ("",)
        assert tunnel.open("") == Connection("", 40, 1)

    def test_a_second_list_is_ignored(self):
        assert hear(source(), Message(T.SERVICE_IDS, available_service_ids=("X",))) == []

    def test_a_start_before_service_ids_is_an_error(self):
        tunnel = DestinationTunnel()
        tunnel.link_up()
        assert hear(tunnel, Message(START, 1, "SSH", 1)) == [
            Failed("STREAM_START came before SERVICE_IDS")
        ]

    def test_opening_before_service_ids_is_misuse(self):
        tunnel = SourceTunnel(1)
        with pytest.raises(TunnelMisuse):
            tunnel.open("SSH")

    def test_opening_an_unknown_service_is_misuse(self):
        with pytest.raises(TunnelMisuse):
            source().open("FTP")

    @pytest.mark.parametrize("first", [0, -1, 2**31])
    def test_a_stream_id_starts_at_one(self, first):
        with pytest.raises(TunnelMisuse):
            SourceTunnel(first)


class TestAdoption:
    def test_a_bare_port_adopts_the_only_service(self):
        assert adopt_services({"": 22}, ("SSH",)) == {"SSH": 22}

    def test_a_bare_port_does_not_choose_among_several(self):
        with pytest.raises(ServiceMismatch, match="SSH, HTTP, not \\(unnamed\\)"):
            adopt_services({"": 22}, ("SSH", "HTTP"))

    def test_a_strange_name_is_refused(self):
        with pytest.raises(ServiceMismatch, match="the services SSH, not SSH3"):
            adopt_services({"SSH3": 22}, ("SSH",))

    def test_services_without_configuration_are_left_out(self):
        assert adopt_services({"SSH": 22}, ("SSH", "HTTP")) == {"SSH": 22}


class TestSource:
    def test_first_connection_starts_the_stream_and_later_ones_join_it(self):
        tunnel = source()
        assert tunnel.open("SSH") == Connection("SSH", 40, 1)
        assert tunnel.open("SSH") == Connection("SSH", 40, 2)
        assert sent(tunnel) == [Message(START, 40, "SSH", 1), Message(CONNECT, 40, "SSH", 2)]

    def test_services_count_separately(self):
        tunnel = source()
        assert tunnel.open("SSH") == Connection("SSH", 40, 1)
        assert tunnel.open("HTTP") == Connection("HTTP", 40, 1)

    def test_data_may_follow_at_once(self):
        tunnel = source()
        connection = tunnel.open("SSH")
        assert say(tunnel, connection, b"hi") == Message(DATA, 40, "SSH", 1, b"hi")

    def test_when_all_have_ended_the_next_one_starts_a_new_stream(self):
        tunnel = source()
        tunnel.reset(tunnel.open("SSH"))
        assert tunnel.open("SSH") == Connection("SSH", 41, 1)
        assert sent(tunnel) == [
            Message(START, 40, "SSH", 1),
            Message(HANG_UP, 40, "SSH", 1),
            Message(START, 41, "SSH", 1),
        ]

    def test_stream_ids_wrap_to_one(self):
        tunnel = source(2**31 - 1)
        tunnel.reset(tunnel.open("SSH"))
        assert tunnel.open("SSH").stream_id == 1

    def test_data_finds_its_connection(self):
        tunnel = source()
        first, second = tunnel.open("SSH"), tunnel.open("SSH")
        assert hear(
            tunnel, Message(DATA, 40, "SSH", 2, b"two"), Message(DATA, 40, "SSH", 1, b"one")
        ) == [DataReceived(second, b"two"), DataReceived(first, b"one")]

    @pytest.mark.parametrize(
        "stale",
        [
            Message(DATA, 39, "SSH", 1, b"x"),
            Message(DATA, 40, "SSH", 7, b"x"),
            Message(DATA, 40, "HTTP", 1, b"x"),
            Message(DATA, 40, "FTP", 1, b"x"),
            Message(RESET, 39, "SSH"),
            Message(RESET, 40, "HTTP"),
            Message(HANG_UP, 39, "SSH", 1),
            Message(HANG_UP, 40, "SSH", 7),
            Message(DATA, 40, "SSH", 1, b""),
            Message(99, ignorable=True),
            Message(T.UNKNOWN, ignorable=True),
        ],
    )
    def test_stale_empty_and_ignorable_messages_are_dropped(self, stale):
        tunnel = source()
        connection = tunnel.open("SSH")
        sent(tunnel)
        assert hear(tunnel, stale) == []
        assert tunnel.is_open(connection)
        assert sent(tunnel) == []

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (Message(99), "type 99 is unknown"),
            (Message(T.UNKNOWN, 1), "type 0 is unknown"),
            (Message(DATA, 0, "SSH", 1, b"x"), "DATA has stream id 0"),
            (Message(START, 1, "SSH", 1), "STREAM_START came to a source"),
        ],
    )
    def test_a_broken_rule_ends_everything(self, wrong, words):
        tunnel = source()
        connection = tunnel.open("SSH")
        events = hear(tunnel, Message(DATA, 40, "SSH", 1, b"before"), wrong, IDS)
        assert events[0] == DataReceived(connection, b"before")
        assert isinstance(events[1], Failed)
        assert words in events[1].reason
        assert tunnel.failure == events[1].reason
        assert hear(tunnel, Message(DATA, 40, "SSH", 1, b"after")) == []

    def test_bytes_that_are_no_message_end_everything(self):
        assert isinstance(source().receive(b"\0\1\xff")[0], Failed)

    def test_a_connection_start_closes_just_that_connection(self):
        tunnel = source()
        connection, other = tunnel.open("SSH"), tunnel.open("SSH")
        sent(tunnel)
        (event,) = hear(tunnel, Message(CONNECT, 40, "SSH", 1))
        assert (event.connection, event.orderly) == (connection, False)
        assert sent(tunnel) == [Message(HANG_UP, 40, "SSH", 1)]
        assert tunnel.is_open(other)
        assert hear(tunnel, Message(CONNECT, 40, "SSH", 9)) == []


class TestEnds:
    def test_connection_reset_ends_that_one_in_order(self):
        tunnel = source()
        first, second = tunnel.open("SSH"), tunnel.open("SSH")
        (event,) = hear(tunnel, Message(HANG_UP, 40, "SSH", 1))
        assert (event.connection, event.orderly) == (first, True)
        assert tunnel.connections == (second,)

    def test_stream_reset_ends_all_of_the_service(self):
        tunnel = source()
        gone = {tunnel.open("SSH"), tunnel.open("SSH")}
        stays = tunnel.open("HTTP")
        events = hear(tunnel, Message(RESET, 40, "SSH"))
        assert {event.connection for event in events} == gone
        assert all(event.orderly for event in events)
        assert tunnel.connections == (stays,)

    def test_session_reset_ends_everything_as_broken(self):
        tunnel = source()
        gone = {tunnel.open("SSH"), tunnel.open("HTTP")}
        events = hear(tunnel, Message(T.SESSION_RESET))
        assert {event.connection for event in events} == gone
        assert not any(event.orderly for event in events)
        assert tunnel.open("SSH") == Connection("SSH", 41, 1)

    def test_our_reset_is_sent_once(self):
        tunnel = source()
        connection = tunnel.open("SSH")
        tunnel.reset(connection)
        tunnel.reset(connection)
        assert sent(tunnel)[1:] == [Message(HANG_UP, 40, "SSH", 1)]
        assert hear(tunnel, Message(DATA, 40, "SSH", 1, b"late")) == []

    def test_sending_on_a_closed_connection_is_misuse(self):
        tunnel = source()
        connection = tunnel.open("SSH")
        tunnel.reset(connection)
        for wrong in (connection, Connection("HTTP", 1, 1), connection._replace(stream_id=1)):
            with pytest.raises(TunnelMisuse):
                tunnel.data_header(wrong, 1)

    def test_leaving_resets_every_stream(self):
        tunnel = source()
        tunnel.open("SSH")
        tunnel.open("HTTP")
        sent(tunnel)
        tunnel.reset_all()
        assert sent(tunnel) == [Message(RESET, 40, "SSH"), Message(RESET, 40, "HTTP")]
        assert tunnel.connections == ()


class TestDestination:
    def test_a_start_dials_and_early_data_follows(self):
        tunnel = destination()
        connection = Connection("SSH", 7, 1)
        assert hear(tunnel, Message(START, 7, "SSH", 1), Message(DATA, 7, "SSH", 1, b"hi")) == [
            ConnectionStarted(connection),
            DataReceived(connection, b"hi"),
        ]
        assert sent(tunnel) == []

    def test_connection_starts_join_the_stream(self):
        tunnel = destination()
        events = hear(tunnel, Message(START, 7, "SSH", 1), Message(CONNECT, 7, "SSH", 2))
        assert events[1] == ConnectionStarted(Connection("SSH", 7, 2))

    @pytest.mark.parametrize("stream_id", [8, 7])
    def test_every_stream_start_replaces_the_stream(self, stream_id):
        tunnel = destination()
        hear(tunnel, Message(START, 7, "SSH", 1), Message(CONNECT, 7, "SSH", 2))
        events = hear(tunnel, Message(START, stream_id, "SSH", 1))
        assert [(type(event), event.connection) for event in events] == [
            (ConnectionClosed, Connection("SSH", 7, 1)),
            (ConnectionClosed, Connection("SSH", 7, 2)),
            (ConnectionStarted, Connection("SSH", stream_id, 1)),
        ]

    def test_a_failed_dial_resets_that_connection_alone(self):
        tunnel = destination()
        hear(tunnel, Message(START, 7, "SSH", 1), Message(CONNECT, 7, "SSH", 2))
        tunnel.reset(Connection("SSH", 7, 2))
        assert sent(tunnel) == [Message(HANG_UP, 7, "SSH", 2)]
        assert tunnel.is_open(Connection("SSH", 7, 1))

    def test_a_connection_of_an_unknown_stream_is_told_so(self):
        tunnel = destination()
        assert hear(tunnel, Message(CONNECT, 7, "SSH", 2)) == []
        assert sent(tunnel) == [Message(RESET, 7, "SSH")]

    def test_a_connection_of_a_stale_stream_is_dropped(self):
        tunnel = destination()
        hear(tunnel, Message(START, 7, "SSH", 1))
        assert hear(tunnel, Message(CONNECT, 6, "SSH", 2)) == []
        assert sent(tunnel) == []

    def test_a_connection_id_in_use_is_reset(self):
        tunnel = destination()
        hear(tunnel, Message(START, 7, "SSH", 1))
        (event,) = hear(tunnel, Message(CONNECT, 7, "SSH", 1))
        assert (event.connection, event.orderly) == (Connection("SSH", 7, 1), False)
        assert sent(tunnel) == [Message(HANG_UP, 7, "SSH", 1)]

    def test_a_service_that_the_tunnel_lacks_is_reset(self):
        tunnel = destination()
        assert hear(tunnel, Message(START, 7, "FTP", 1)) == []
        assert sent(tunnel) == [Message(RESET, 7, "FTP")]


class TestLinkLoss:
    def test_every_connection_ends_as_broken_and_the_peer_is_told_later(self):
        tunnel = source()
        connection = tunnel.open("SSH")
        tunnel.receive(encode(Message(DATA, 40, "SSH", 1, b"cut"))[:5])
        (event,) = tunnel.link_lost()
        assert (event.connection, event.orderly) == (connection, False)
        assert tunnel.data_to_send() == b""
        with pytest.raises(TunnelMisuse):
            tunnel.open("SSH")
        tunnel.link_up()
        assert hear(tunnel, IDS) == [ServicesAvailable(("SSH", "HTTP"))]
        assert sent(tunnel) == [Message(RESET, 40, "SSH")]
        assert tunnel.open("SSH") == Connection("SSH", 41, 1)

    def test_a_service_that_is_gone_is_not_named_again(self):
        tunnel = source()
        tunnel.open("SSH")
        tunnel.link_lost()
        tunnel.link_up()
        hear(tunnel, Message(T.SERVICE_IDS, available_service_ids=("HTTP",)))
        assert sent(tunnel) == []

    def test_a_new_link_forgives_what_was_broken_on_the_old_one(self):
        tunnel = source()
        tunnel.receive(b"\0\0")
        assert tunnel.failure
        tunnel.link_lost()
        tunnel.link_up()
        assert tunnel.failure is None
        assert hear(tunnel, IDS) == [ServicesAvailable(("SSH", "HTTP"))]


ONE = Message(T.SERVICE_IDS, available_service_ids=("SSH",))


class TestOlderVersions:
    def test_v1_needs_no_service_ids(self):
        tunnel = SourceTunnel(5, version=Version.V1)
        assert tunnel.link_up() == [ServicesAvailable(("",))]
        connection = tunnel.open("")
        assert say(tunnel, connection, b"x") == Message(DATA, 5, payload=b"x")
        assert tunnel.open("") is None
        tunnel.reset(connection)
        assert sent(tunnel) == [Message(START, 5), Message(RESET, 5)]

    def test_v2_has_no_connection_ids(self):
        tunnel = source(5, version=Version.V2)
        connection = tunnel.open("SSH")
        assert say(tunnel, connection, b"x") == Message(DATA, 5, "SSH", 0, b"x")
        assert tunnel.open("SSH") is None
        assert tunnel.open("HTTP") == Connection("HTTP", 5, 1)
        tunnel.reset(connection)
        assert sent(tunnel)[-1] == Message(RESET, 5, "SSH")

    @pytest.mark.parametrize(
        ("version", "named", "numbered"), [(Version.V1, "", 0), (Version.V2, "SSH", 0)]
    )
    def test_an_older_destination_is_answered_in_its_form(self, version, named, numbered):
        tunnel = source(ids=ONE)
        connection = tunnel.open("SSH")
        assert tunnel.peer_version is None
        assert hear(tunnel, Message(DATA, 40, named, numbered, b"x")) == [
            DataReceived(connection, b"x")
        ]
        assert tunnel.peer_version is version
        assert say(tunnel, connection, b"y") == Message(DATA, 40, named, 0, b"y")
        assert tunnel.open("SSH") is None
        tunnel.reset(connection)
        assert sent(tunnel)[-1] == Message(RESET, 40, named)
        tunnel.open("SSH")
        assert sent(tunnel) == [Message(START, 41, named)]

    @pytest.mark.parametrize("named", ["", "SSH"])
    def test_an_older_source_is_answered_in_its_form(self, named):
        tunnel = destination(ONE)
        connection = Connection("SSH", 3, 1)
        assert hear(tunnel, Message(START, 3, named)) == [ConnectionStarted(connection)]
        assert say(tunnel, connection, b"x") == Message(DATA, 3, named, 0, b"x")
        tunnel.reset(connection)
        assert sent(tunnel) == [Message(RESET, 3, named)]

    def test_a_source_that_mixes_versions_loses_its_stream(self):
        tunnel = destination()
        hear(tunnel, Message(START, 3, "SSH"))
        (event,) = hear(tunnel, Message(CONNECT, 3, "SSH", 2))
        assert (event.connection, event.orderly) == (Connection("SSH", 3, 1), False)
        assert sent(tunnel) == [Message(RESET, 3, "SSH")]

    def test_an_unnamed_message_is_nobodys_where_there_are_several_services(self):
        tunnel = destination()
        assert hear(tunnel, Message(DATA, 3, payload=b"x")) == []


MESSAGES = st.builds(
    Message,
    type=st.sampled_from([*T, 99]),
    stream_id=st.integers(0, 3),
    service_id=st.sampled_from(["", "SSH", "HTTP", "FTP"]),
    connection_id=st.integers(0, 3),
    payload=st.binary(max_size=5),
    ignorable=st.booleans(),
    available_service_ids=st.just(("SSH", "HTTP")),
)


@given(st.lists(MESSAGES, max_size=40), st.booleans())
@settings(max_examples=300)
def test_arbitrary_messages_never_raise_and_events_stay_consistent(messages, is_source):
    """What is started is closed at most once, and data comes for open connections only."""
    tunnel = source(1) if is_source else destination()
    alive = {tunnel.open("SSH"), tunnel.open("HTTP")} if isinstance(tunnel, SourceTunnel) else set()
    sent(tunnel)
    for message in messages:
        for event in hear(tunnel, message):
            if isinstance(event, ConnectionStarted):
                assert event.connection not in alive
                alive.add(event.connection)
            elif isinstance(event, ConnectionClosed):
                alive.remove(event.connection)
            elif isinstance(event, DataReceived):
                assert event.connection in alive
        if tunnel.failure is None:
            assert set(tunnel.connections) == alive
        assert len(sent(tunnel)) <= 2


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(data):
    for tunnel in (source(), destination()):
        tunnel.receive(data)
        tunnel.receive(data)


@given(
    st.lists(
        st.tuples(st.sampled_from(("open", "up", "down", "end up", "end down")), st.integers(0, 5)),
        max_size=40,
    ),
    st.integers(1, 9),
)
@settings(max_examples=200)
def test_two_machines_back_to_back_agree(steps, cut):
    """Whatever is opened, sent and ended, in pieces of any size: both sides end up the same."""
    near, far = source(), destination()
    opened: list[Connection] = []
    heard: dict[tuple[str, Connection], bytes] = {}
    said: dict[tuple[str, Connection], bytes] = {}

    def carry(sender: Tunnel, receiver: Tunnel, wire: bytes) -> None:
        for start in range(0, len(wire), cut):
            for event in receiver.receive(wire[start : start + cut]):
                assert not isinstance(event, Failed)
                if isinstance(event, DataReceived):
                    key = ("down" if sender is far else "up", event.connection)
                    heard[key] = heard.get(key, b"") + bytes(event.payload)

    for number, (step, which) in enumerate(steps):
        if step == "open":
            opened.append(near.open("SSH" if which % 2 else "HTTP"))
            carry(near, far, near.data_to_send())
            continue
        if not opened:
            continue
        connection = opened[which % len(opened)]
        sender, receiver = (far, near) if "down" in step else (near, far)
        if not sender.is_open(connection):
            continue
        if step.startswith("end"):
            sender.reset(connection)
            carry(sender, receiver, sender.data_to_send())
        else:
            payload = b"%d." % number
            said[step, connection] = said.get((step, connection), b"") + payload
            carry(sender, receiver, sender.data_header(connection, len(payload)) + payload)
    assert heard == said
    assert set(near.connections) == set(far.connections)
