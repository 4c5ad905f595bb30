"""Signaling messages: dialogues over text frames."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdeck.protocol.signaling import (
    MAX_PAYLOAD_CHARACTERS,
    Kind,
    PayloadTooLarge,
    ProtocolError,
    SessionDescription,
    SignalingMessage,
    StatusResponse,
    TrickledCandidate,
    candidate_message,
    decode,
    description_message,
    encode,
    payload_characters,
    read_candidate,
    read_description,
)

LINE = "842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0"


def packed(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_an_offer_is_sent_as_the_service_documents_it():
    message = description_message(SessionDescription("offer", "v=0\r\n"), correlation_id="c-1")

    assert json.loads(encode(message)) == {
        "action": "SDP_OFFER",
        "messagePayload": base64.b64encode(b'{"type":"offer","sdp":"v=0\\r\\n"}').decode(),
        "correlationId": "c-1",
    }


def test_a_master_names_the_recipient():
    message = description_message(SessionDescription("answer", "v=0"), recipient="viewer-1")
    frame = json.loads(encode(message))

    assert frame["action"] == "SDP_ANSWER"
    assert frame["recipientClientId"] == "viewer-1"
    assert "correlationId" not in frame


def test_an_answer_arrives_without_a_sender_and_is_read():
    frame = {"messageType": "SDP_ANSWER", "messagePayload": packed({"type": "answer", "sdp": "x"})}
    message = decode(json.dumps(frame))

    assert message is not None
    assert message.kind is Kind.SDP_ANSWER
    assert read_description(message) == SessionDescription("answer", "x")


@pytest.mark.parametrize(
    "change", [str, str.capitalize, str.upper, lambda key: key[0].upper() + key[1:]]
)
def test_key_casing_does_not_matter(change):
    payload = {"candidate": f"candidate:{LINE}", "sdpMid": "0", "sdpMLineIndex": 0}
    frame = {
        change("messageType"): "ICE_CANDIDATE",
        change("messagePayload"): packed({change(key): value for key, value in payload.items()}),
        change("senderClientId"): "viewer-1",
    }
    message = decode(json.dumps(frame))

    assert message is not None
    assert message.sender == "viewer-1"
    assert read_candidate(message) == TrickledCandidate(LINE, "0", 0)


@pytest.mark.parametrize("frame", ["", "  ", "\r\n"])
def test_empty_frames_are_no_message(frame):
    assert decode(frame) is None


def test_go_away_needs_no_payload():
    assert decode('{"messageType":"GO_AWAY"}') == SignalingMessage(Kind.GO_AWAY)
    assert decode('{"messageType":"RECONNECT_ICE_SERVER","messagePayload":""}') == SignalingMessage(
        Kind.RECONNECT_ICE_SERVER
    )


@pytest.mark.parametrize("code", ["400", 400])
def test_a_status_response_carries_the_services_words(code):
    frame = {
        "messageType": "STATUS_RESPONSE",
        "statusResponse": {
            "correlationId": "c-1",
            "errorType": "InvalidArgumentException",
            "statusCode": code,
            "description": "The payload is too large.",
        },
    }
    message = decode(json.dumps(frame))

    assert message is not None
    assert message.status == StatusResponse(
        "c-1", "InvalidArgumentException", "400", "The payload is too large."
    )
    assert message.status.is_error


def test_a_status_of_200_is_no_error():
    assert not StatusResponse("c-1", "", "200", "").is_error


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "unknown message type"),
        ('{"messageType":"NEWS"}', "NEWS"),
        ('{"messageType":7}', "messagetype is not a text"),
        ('{"messageType":"SDP_ANSWER","messagePayload":"%%%"}', "base64"),
        ('{"messageType":"SDP_ANSWER","messagePayload":"//79"}', "base64"),
        ('{"messageType":"STATUS_RESPONSE","statusResponse":[]}', "statusResponse"),
    ],
)
def test_a_broken_frame_is_named(frame, named):
    with pytest.raises(ProtocolError, match=named):
        decode(frame)


@pytest.mark.parametrize(
    "payload", ["", "null", '{"type":"answer"}', '{"type":"hello","sdp":"x"}', '{"sdp":"x"}']
)
def test_a_description_needs_type_and_sdp(payload):
    with pytest.raises(ProtocolError):
        read_description(SignalingMessage(Kind.SDP_ANSWER, payload))


@pytest.mark.parametrize("prefix", ["candidate:", "a=candidate:", "", " candidate:"])
def test_the_prefix_of_a_candidate_is_stripped(prefix):
    payload = json.dumps({"candidate": prefix + LINE, "sdpMid": "0"})
    assert read_candidate(SignalingMessage(Kind.ICE_CANDIDATE, payload)).candidate == LINE


@pytest.mark.parametrize("payload", ['{"candidate":"","sdpMid":"0"}', '{"candidate":null}', "{}"])
def test_an_empty_candidate_ends_the_candidates(payload):
    assert read_candidate(SignalingMessage(Kind.ICE_CANDIDATE, payload)).candidate == ""


@pytest.mark.parametrize(
    "payload",
    ['{"candidate":"candidate:1 1 udp"}', '{"sdpMLineIndex":-1}', '{"sdpMLineIndex":"0"}', "[]"],
)
def test_a_broken_candidate_is_refused(payload):
    with pytest.raises(ProtocolError):
        read_candidate(SignalingMessage(Kind.ICE_CANDIDATE, payload))


def test_a_sent_candidate_has_its_prefix_and_the_last_one_is_empty():
    sent = candidate_message(TrickledCandidate(LINE, "0", 0))
    assert json.loads(sent.payload)["candidate"] == f"candidate:{LINE}"
    assert json.loads(candidate_message(TrickledCandidate("", "0", 0)).payload)["candidate"] == ""


def test_the_payload_limit_counts_characters_after_base64():
    fits = "x" * (MAX_PAYLOAD_CHARACTERS // 4 * 3)
    encode(SignalingMessage(Kind.SDP_OFFER, fits))
    with pytest.raises(PayloadTooLarge) as caught:
        encode(SignalingMessage(Kind.SDP_OFFER, fits + "x"))
    assert (caught.value.size, caught.value.limit) == (10_004, 10_000)


def test_missing_padding_and_line_breaks_in_a_payload_are_forgiven():
    encoded = base64.b64encode(b'{"type":"answer","sdp":"xy"}').decode().rstrip("=")
    frame = {"messageType": "SDP_ANSWER", "messagePayload": encoded[:10] + "\n" + encoded[10:]}
    message = decode(json.dumps(frame))
    assert message is not None
    assert read_description(message).sdp == "xy"


@given(st.text(max_size=2000))
def test_the_size_of_a_payload_is_known_before_it_is_encoded(payload):
    frame = json.loads(encode(SignalingMessage(Kind.SDP_OFFER, payload)))
    assert len(frame["messagePayload"]) == payload_characters(payload)


@given(
    st.sampled_from([Kind.SDP_OFFER, Kind.SDP_ANSWER, Kind.ICE_CANDIDATE]),
    st.text(max_size=2000),
    st.text(max_size=50),
    st.text(max_size=50),
)
def test_what_is_encoded_is_decoded_again(kind, payload, recipient, correlation_id):
    message = SignalingMessage(kind, payload, recipient=recipient, correlation_id=correlation_id)
    assert decode(encode(message)) == message


@given(st.text())
def test_any_text_is_a_message_nothing_or_a_protocol_error(text):
    try:
        message = decode(text)
    except ProtocolError:
        return
    assert message is None or isinstance(message, SignalingMessage)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(json.dumps)
)
def test_any_payload_is_a_candidate_or_a_protocol_error(payload):
    try:
        read_candidate(SignalingMessage(Kind.ICE_CANDIDATE, payload))
    except ProtocolError:
        return
