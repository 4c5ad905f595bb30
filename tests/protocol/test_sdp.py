"""Session descriptions made to fit."""

import pytest

from peerdeck.protocol.sdp import (
    check_sections,
    fit_answer,
    prefer_codec,
    put_candidates,
    rejected,
    sections,
    take_candidates,
)
from peerdeck.protocol.signaling import ProtocolError

TRANSPORT = "a=ice-ufrag:{0}\r\na=ice-pwd:{0}{0}\r\na=fingerprint:sha-256 {0}\r\na=setup:{1}\r\n"


def video(mid: int, *, port: int = 9, who: str = "them", setup: str = "active") -> str:
    return (
        f"m=video {port} UDP/TLS/RTP/SAVPF 97 98 99\r\nc=IN IP4 192.0.2.1\r\na=recvonly\r\n"
        f"a=mid:{mid}\r\na=rtcp-mux\r\na=rtpmap:97 VP8/90000\r\na=rtpmap:98 rtx/90000\r\n"
        "a=fmtp:98 apt=97\r\na=rtpmap:99 H264/90000\r\n" + TRANSPORT.format(who, setup)
    )


def data(mid: int, *, who: str = "them", setup: str = "active") -> str:
    return (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.0.2.1\r\n"
        f"a=mid:{mid}\r\na=sctp-port:5000\r\n" + TRANSPORT.format(who, setup)
    )


def description(*media: str, bundle: str = "0 1") -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {bundle}\r\n"
        + "".join(media)
    )


OFFER = description(video(0, who="us", setup="actpass"), data(1, who="us", setup="actpass"))


def test_a_complete_answer_stays_as_it_is_but_for_the_place_of_its_group():
    answer = description(video(0), data(1))
    assert sorted(fit_answer(OFFER, answer).split("\r\n")) == sorted(answer.split("\r\n"))


@pytest.mark.parametrize(
    "answer",
    [
        description("m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n", data(1), bundle="1"),
        description("m=video 0 UDP/TLS/RTP/SAVPF 0\r\n", data(1), bundle="1"),
        description(data(1), bundle="1"),
    ],
    ids=["with mid", "without mid", "left out"],
)
def test_a_rejected_section_becomes_an_inactive_one_over_an_accepted_transport(answer):
    session, media = sections(fit_answer(OFFER, answer))
    assert [section.mid for section in media] == ["0", "1"]
    assert "a=group:BUNDLE 0 1" in session
    refused = media[0]
    assert not refused.is_rejected
    assert "a=inactive" in refused.lines
    assert "a=recvonly" not in refused.lines
    assert "a=rtpmap:97 VP8/90000" in refused.lines
    assert "a=ice-ufrag:them" in refused.lines
    assert "a=ice-ufrag:us" not in refused.lines
    assert "a=setup:active" in refused.lines
    assert rejected(OFFER, answer) == ("video",)


def test_an_answer_that_accepts_nothing_is_no_answer():
    with pytest.raises(ProtocolError, match="nothing"):
        fit_answer(OFFER, description("m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"))
    with pytest.raises(ProtocolError, match="nothing"):
        fit_answer(OFFER, "nonsense")


def test_an_answer_without_mids_is_matched_by_place():
    answer = description(video(0).replace("a=mid:0\r\n", ""), data(1).replace("a=mid:1\r\n", ""))
    assert [s.mid for s in sections(fit_answer(OFFER, answer))[1]] == ["0", "1"]
    assert rejected(OFFER, answer) == ()


def test_candidates_are_taken_from_every_section_once():
    line = "1 1 udp 2130706431 192.0.2.1 5000 typ host"
    other = "2 1 udp 1694498815 203.0.113.7 5001 typ srflx"
    sdp = description(
        video(0) + f"a=candidate:{line}\r\n",
        data(1) + f"a=candidate:{line}\r\na=candidate:{other}\r\na=end-of-candidates\r\n",
    )
    plain, found, complete = take_candidates(sdp)
    assert plain == description(video(0), data(1))
    assert found == (line, other)
    assert complete
    assert take_candidates(plain) == (plain, (), False)


def test_candidates_are_put_into_the_first_section_and_no_address_stays_elsewhere():
    sdp = put_candidates(description(video(0, port=4444), data(1)), ["1 1 udp 1 192.0.2.9 1 typ x"])
    _, media = sections(sdp)
    assert media[0].lines[-1] == "a=candidate:1 1 udp 1 192.0.2.9 1 typ x"
    assert media[0].lines[0].startswith("m=video 9 ")
    assert "192.0.2.1" not in sdp


def test_a_wished_codec_comes_first_in_formats_and_maps():
    _, media = sections(prefer_codec(OFFER, "video", "H264"))
    assert media[0].formats == ["99", "97", "98"]
    maps = [line for line in media[0].lines if line.startswith("a=rtpmap:")]
    assert [line.split()[0] for line in maps] == ["a=rtpmap:99", "a=rtpmap:97", "a=rtpmap:98"]
    assert sorted(media[0].lines[1:]) == sorted(sections(OFFER)[1][0].lines[1:])


@pytest.mark.parametrize(("kind", "name"), [("video", ""), ("audio", "opus"), ("video", "AV1")])
def test_a_codec_that_is_not_there_changes_nothing(kind, name):
    assert prefer_codec(OFFER, kind, name) == OFFER


def test_an_unreadable_media_line_is_the_peers_fault():
    with pytest.raises(ProtocolError, match="media line"):
        sections("v=0\r\nm=video\r\n")


BUNDLED = "v=0\r\na=group:BUNDLE 0 1\r\nm=video 9 X 96\r\na=mid:0\r\nm=audio 9 X 97\r\na=mid:1\r\n"


def test_sections_that_can_be_told_apart_pass():
    check_sections(BUNDLED)
    check_sections("v=0\r\nm=video 9 X 96\r\n")  # the only one needs no name


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ("v=0\r\n", "no section"),
        ("", "no section"),
        (BUNDLED.replace("a=mid:1\r\n", ""), "mid of their own"),
        (BUNDLED.replace("a=mid:1", "a=mid:0"), "mid of their own"),
        (BUNDLED + "a=mid:2\r\n", "mid of their own"),
        (BUNDLED.replace("m=audio", "m=text"), "unknown kind 'text'"),
        (BUNDLED.replace("BUNDLE 0 1", "BUNDLE 0 2"), "not there: .*2"),
        (BUNDLED.replace("m=audio 9 X 97\r\na=mid:1\r\n", ""), "not there"),
        (BUNDLED.replace("a=group:BUNDLE 0 1\r\n", "").replace("mid:1", "mid:0"), "own"),
    ],
)
def test_sections_that_cannot_are_refused(spoiled, words):
    with pytest.raises(ProtocolError, match=words):
        check_sections(spoiled)
