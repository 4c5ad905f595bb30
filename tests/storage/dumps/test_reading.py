"""Dumps of browsers open; what is no dump is named."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import Event
from peerdeck.storage.dumps import files
from peerdeck.storage.dumps.reading import INTERNALS, RTCSTATS, read

DATA = Path(__file__).parents[2] / "data"
CHROMIUM = DATA / "chromium-156-webrtc-internals.json.gz"
SAME_RUN = DATA / "chromium-156-rtcstats.jsonl.gz"


@pytest.fixture(scope="module")
def dump():
    return read(CHROMIUM)[1]


def written(path, value):
    path.write_text(json.dumps(value))
    return path


def test_dump_of_chromium_opens_with_all_connections(dump):
    assert read(CHROMIUM)[0] == INTERNALS
    assert dump.title == "127.0.0.1:39647"
    assert dump.facts["Page"] == "http://127.0.0.1:39647/"
    assert dump.facts["Browser"] == "Chromium 156.0.8078.79, Linux"
    assert "HeadlessChrome/156" in dump.facts["User agent"]
    assert list(dump.peers) == ["9-1", "9-2"]
    assert [len(peer.table) for peer in dump.peers.values()] == [8, 8]
    assert dump.started_at == pytest.approx(1_795_195_097.5546)


def test_every_report_is_what_the_same_run_wrote_report_by_report(dump):
    """Chromium's page keeps series, without saying where late and remote members belong; rtcstats
    keeps the reports themselves."""
    kind, judge = read(SAME_RUN)
    assert kind == RTCSTATS
    for name, peer in dump.peers.items():
        for row in range(8):
            assert peer.table.report(row).objects == judge.peers[name].table.report(row).objects
            assert peer.table.times[row] == pytest.approx(
                judge.peers[name].table.times[row], abs=0.01
            )


def test_both_dumps_tell_the_same_events(dump):
    judge = read(SAME_RUN)[1]
    assert list(judge.peers) == ["9-1", "9-2"]
    for name, peer in dump.peers.items():
        theirs = judge.peers[name]
        assert [(e.kind, e.name, e.tone) for e in peer.events] == [
            (e.kind, e.name, e.tone) for e in theirs.events
        ]
        assert [(d.side, d.type, d.sdp) for d in peer.descriptions] == [
            (d.side, d.type, d.sdp) for d in theirs.descriptions
        ]


def test_events_are_in_the_words_of_the_w3c(dump):
    events = dump.peers["9-1"].events
    found = {(event.kind, event.name, event.detail, event.tone) for event in events}
    assert ("peer", "iceconnectionstatechange", "connected", "ok") in found
    assert ("sdp", "setLocalDescription", "offer", "") in found
    assert ("data", "createDataChannel", "kvsDataChannel", "") in found
    candidates = [event for event in events if event.name == "icecandidate"]
    assert candidates[0].kind == "candidate"
    assert candidates[0].detail.startswith("3900783097 1 udp 2122194687 192.0.2.2 56240 typ host")
    assert [e.at_s for e in events] == sorted(e.at_s for e in events)


def test_plain_json_opens_as_gzip_does(dump, tmp_path):
    path = tmp_path / "dump.txt"
    path.write_bytes(gzip.decompress(CHROMIUM.read_bytes()))
    assert read(path)[1].peers["9-1"].table.report() == dump.peers["9-1"].table.report()


def connection(**more):
    return {"PeerConnections": {"1-1": {"stats": {}, "updateLog": [], "url": "u", **more}}}


def series(values, start, end, kind="inbound-rtp"):
    day = "2026-11-20T17:18:"
    return {
        "startTime": f"{day}{start}Z",
        "endTime": f"{day}{end}Z",
        "statsType": kind,
        "values": json.dumps(values),
    }


def test_old_dump_without_timestamps_is_spread_over_its_time(tmp_path):
    stats = {
        "IT01-packets": series([1, 2, 3, 4, 5], "10.000", "14.000"),
        "IT01-late": series([7, 8], "13.000", "14.000"),
    }
    table = read(written(tmp_path / "x.json", connection(stats=stats)))[1].peer("1-1").table
    assert [round(at_s % 60, 3) for at_s in table.times] == [10, 11, 12, 13, 14]
    assert list(table.column(("IT01", "packets"))) == [1, 2, 3, 4, 5]
    assert list(table.column(("IT01", "late")))[3:] == [7, 8]
    assert table.report(0).objects == {"IT01": {"packets": 1, "type": "inbound-rtp"}}


def test_old_forms_of_the_update_log_are_read(tmp_path):
    log = [
        {
            "time": "11/20/2026, 5:18:17 PM",
            "type": "createOfferOnSuccess",
            "value": "type: offer, sdp: v=0\r\na=1\r\n",
        },
        {
            "time": "11/20/2026, 5:18:18 PM",
            "type": "setLocalDescription",
            "value": "type: offer, sdp: v=0\r\na=2\r\n",
        },
        {
            "time": "nonsense",
            "type": "icecandidate",
            "value": "sdpMid: 0, sdpMLineIndex: 0, "
            "candidate: candidate:1 1 udp 2 192.0.2.1 9 typ host, url: stun:x",
        },
        {"time": "", "type": "iceconnectionstatechange", "value": "failed"},
    ]
    peer = read(written(tmp_path / "x.json", connection(updateLog=log)))[1].peer("1-1")
    (description,) = peer.descriptions
    assert (description.sdp, description.before) == ("v=0\r\na=2\r\n", "v=0\r\na=1\r\n")
    assert peer.events[-1] == Event(0.0, "peer", "iceconnectionstatechange", "failed", "bad")
    assert peer.events[-2].detail == "1 1 udp 2 192.0.2.1 9 typ host"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "Expected `object`"),
        ({}, "PeerConnections"),
        ({"PeerConnections": []}, "PeerConnections"),
        (connection(stats={"a-b": {"values": 1}}), "values"),
        (connection(stats={"a-b": series(1, "10.000", "11.000")}), "a-b"),
        (
            connection(stats={"a-b": {**series([1], "10.000", "11.000"), "startTime": "noon"}}),
            "a-b",
        ),
        (connection(stats={"a-timestamp": series(["x"], "10.000", "11.000")}), "a-timestamp"),
        (connection(updateLog=[{"value": 1}]), "type"),
    ],
)
def test_what_is_wrong_with_a_dump_is_named(tmp_path, value, words):
    with pytest.raises(UserError, match=r"x\.json is no dump of chrome") as caught:
        read(written(tmp_path / "x.json", value))
    assert words in caught.value.detail
    assert "chrome://webrtc-internals" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{}", "Line 4"),
        ("[]", "Line 4"),
        ('["getStats", "9-1", {"a": 1}, 5]', "Line 4"),
        ('[12, "9-1", {}, 5]', "compressed"),
        ('["getStats", "9-1", {}, "soon"]', "Line 4"),
    ],
)
def test_what_is_wrong_with_an_rtcstats_dump_is_named(tmp_path, line, words):
    path = tmp_path / "x.jsonl"
    path.write_text(
        f'RTCStatsDump\n{{"fileFormat":3}}\n["create",null,{{}},1795195097109]\n{line}\n'
    )
    with pytest.raises(UserError, match=r"x\.jsonl is no rtcstats dump") as caught:
        read(path)
    assert words in caught.value.detail


def test_gzip_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "x.json.gz"
    path.write_bytes(CHROMIUM.read_bytes()[:5_000])
    with pytest.raises(UserError, match=r"x\.json\.gz is not whole"):
        read(path)


def test_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(bytes(1 << 24)))
    with pytest.raises(UserError, match="more than 1 MiB"):
        read(path)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_json_in_place_of_a_value_opens_or_is_named(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    for dump in (
        value,
        connection(updateLog=[{"type": "setLocalDescription", "value": value, "timestamp": 1.0}]),
        connection(stats={"a-b": series(value, "10.000", "11.000")}),
        connection(stats={"a-b": series([value, 1], "10.000", "11.000")}),
        connection(rtcConfiguration=value, url="http://[a"),
        {**connection(), "UserAgentData": value},
        {**connection(), "UserAgentData": {"brands": value, "platform": value}},
    ):
        try:
            read(written(path, dump))
        except UserError:
            continue
