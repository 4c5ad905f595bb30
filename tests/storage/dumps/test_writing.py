"""What is exported is what Chromium would have written, and comes back as it was."""

import csv
import gzip
import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.dumps.test_reading import CHROMIUM
from tests.storage.recordings.recorded import plain, restored, session

from peerdeck.core.peer_log import Description, Event, PeerLog, SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats_table import StatsTable
from peerdeck.storage.dumps import internals, series
from peerdeck.storage.dumps.reading import read

PROGRAM = "Peerdeck 0.1.0"
AT = 1_795_195_098.125
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=3),
)
OBJECTS = st.dictionaries(
    st.sampled_from(["IT01V1", "OT-02", "CP3"]),
    st.dictionaries(st.sampled_from(["bytes", "state", "some"]), VALUES, max_size=3).map(
        lambda members: {"type": "transport", **members}
    ),
    max_size=3,
)


def exported(log: SessionLog, path):
    internals.write(log, path, program=PROGRAM)
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def javascript(text):
    """As JSON.parse() gives it: every number a double."""
    return json.loads(text, parse_int=float)


def dumped(log: SessionLog):
    return json.loads(b"".join(internals.parts(log, program=PROGRAM)))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Chromium's dump, and ours of what we read from it."""
    path = tmp_path_factory.mktemp("export") / "dump.json.gz"
    theirs = json.loads(gzip.decompress(CHROMIUM.read_bytes()))
    return theirs, exported(read(CHROMIUM)[1], path)


def test_keys_of_the_dump_and_of_its_connections_are_chromiums(pair):
    theirs, ours = pair
    assert ours.keys() == theirs.keys()
    assert isinstance(ours["getUserMedia"], list)
    assert isinstance(ours["timestamp"], int)
    assert ours["UserAgentData"].keys() == theirs["UserAgentData"].keys()
    assert ours["PeerConnections"].keys() == theirs["PeerConnections"].keys()
    for name, connection in theirs["PeerConnections"].items():
        mine = ours["PeerConnections"][name]
        assert mine.keys() == connection.keys()
        assert {key: type(value) for key, value in mine.items()} == {
            key: type(value) for key, value in connection.items()
        }
        assert mine["url"] == connection["url"]
        assert mine["rtcConfiguration"] == connection["rtcConfiguration"]


def test_every_series_is_as_chromium_wrote_it(pair):
    """But for derived ones, texts that Chromium took for numbers, and when the other end measured,
    which our reports leave out."""
    theirs, ours = pair
    compared = 0
    for name, connection in theirs["PeerConnections"].items():
        mine = ours["PeerConnections"][name]["stats"]
        stats = {key: value for key, value in connection["stats"].items() if "[" not in key}
        assert {key for key in mine if "[" not in key} == stats.keys()
        for key, series_ in stats.items():
            found, remote = mine[key], series_["statsType"].startswith("remote-")
            remote = remote and series_["statsType"].endswith("-rtp")
            assert found.keys() == series_.keys()
            assert found["statsType"] == series_["statsType"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["startTime"])
            if not remote:
                assert found["startTime"] == series_["startTime"], key
                assert found["endTime"] == series_["endTime"], key
            values, chromiums = javascript(found["values"]), javascript(series_["values"])
            assert len(values) == len(chromiums)
            if key.endswith(("-mid", "-foundation")):
                assert values == [str(int(value)) for value in chromiums]
            elif key.endswith("-timestamp"):
                assert remote or values == pytest.approx(chromiums, abs=0.001)
            else:
                assert values == chromiums
                compared += 1
    assert compared == 500


def test_derived_series_are_those_of_chromium(pair):
    """Those that are drawn; not its dates, codec names, levels and deviations."""
    theirs, ours = pair
    left_out, compared = set(), 0
    for name, connection in theirs["PeerConnections"].items():
        mine = ours["PeerConnections"][name]["stats"]
        stats = {key: value for key, value in connection["stats"].items() if "[" in key}
        assert not [key for key in mine if "[" in key and key not in stats]
        for key, series_ in stats.items():
            if key not in mine:
                left_out.add(key[key.index("[") :])
                continue
            values, chromiums = javascript(mine[key]["values"]), javascript(series_["values"])
            tolerance = {"abs": 1} if "bits" in key else {"rel": 1e-5, "abs": 1e-9}
            assert [x for x in values if x is not None] == pytest.approx(chromiums, **tolerance), (
                key
            )
            assert mine[key]["statsType"] == series_["statsType"]
            compared += 1
    assert compared == 65
    assert left_out == {
        "[Audio_Level_in_RMS]",
        "[codec]",
        "[estimatedPlayoutTimestamp]",
        "[framesReceived-framesDecoded-framesDropped]",
        "[interFrameDelayStDev_in_ms]",
        "[lastPacketReceivedTimestamp]",
        "[lastPacketSentTimestamp]",
        "[remoteTimestamp]",
    }


def test_every_entry_of_the_update_log_has_chromiums_form(pair):
    theirs, ours = pair
    for name, connection in theirs["PeerConnections"].items():
        mine = ours["PeerConnections"][name]["updateLog"]
        assert all(entry.keys() == connection["updateLog"][0].keys() for entry in mine)
        assert all(isinstance(entry["value"], str) for entry in mine)
        chromiums = [
            entry
            for entry in connection["updateLog"]
            if entry["type"] not in {"createOfferOnSuccess", "createAnswerOnSuccess"}
        ]
        assert [entry["type"] for entry in mine] == [entry["type"] for entry in chromiums]
        for entry, other in zip(mine, chromiums, strict=True):
            assert entry["timestamp"] == pytest.approx(other["timestamp"], abs=0.001)
            if entry["type"].endswith(("statechange", "Description", "OnSuccess")):
                assert entry["value"] == other["value"]
            if "andidate" in entry["type"]:
                said = json.loads(entry["value"])
                assert said.keys() == json.loads(other["value"]).keys()
                assert said["candidate"] == json.loads(other["value"])["candidate"]


def test_munged_offer_is_written_as_created_then_as_set(tmp_path):
    log = SessionLog("front-door")
    log.peer("master").descriptions.append(Description(AT, "local", "offer", "v=2", "v=1"))
    entries = exported(log, tmp_path / "x.json")["PeerConnections"]["master"]["updateLog"]
    assert [entry["type"] for entry in entries] == ["createOfferOnSuccess", "setLocalDescription"]
    assert entries[1]["value"] == '{"type":"offer","sdp":"v=2"}'


def placed_by_analysers(stats):
    """Where webrtc-dump-importer and rtcstats put each value: the last ones of its object."""
    placed = {}
    for key, series_ in stats.items():
        name, _, member = key.rpartition("-")
        if member in {"type", "timestamp"} or "[" in key:
            continue
        times = json.loads(stats[f"{name}-timestamp"]["values"])
        values = json.loads(series_["values"])
        assert len(values) <= len(times)
        for at_ms, value in zip(times[len(times) - len(values) :], values, strict=True):
            if value is not None:
                placed[name, member, at_ms] = value
    return placed


def log_of(rows) -> SessionLog:
    table = StatsTable()
    for second, objects in enumerate(rows):
        table.append(StatsReport(AT + second, objects))
    return SessionLog("x", AT, {"Page": "x"}, peers={"master": PeerLog("master", table)})


@given(st.lists(OBJECTS, max_size=8))
@settings(max_examples=150, deadline=None)
def test_analysers_place_every_value_at_its_report_however_members_come_and_go(rows):
    dump = dumped(log_of(rows))
    expected = {
        (name, member, 1000 * (AT + second)): value
        for second, objects in enumerate(rows)
        for name, members in objects.items()
        for member, value in members.items()
        if member != "type"
    }
    placed = placed_by_analysers(dump["PeerConnections"]["master"]["stats"])
    assert placed == expected


@given(st.lists(OBJECTS.filter(bool), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_reports_come_back_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "round.json"
    log = log_of(rows)
    internals.write(log, path, program=PROGRAM)
    table = read(path)[1].peer("master").table
    found = [table.report(row) for row in range(len(table))]
    assert [report.objects for report in found] == rows
    assert [report.at_s for report in found] == pytest.approx(list(log.peer("master").table.times))


def test_all_that_the_format_holds_comes_back(tmp_path):
    log = session(peers=2)
    peer = log.peer("viewer-0")
    peer.descriptions.clear()
    peer.descriptions.append(Description(AT, "local", "offer", "v=0\r\n", "v=1"))
    peer.descriptions.append(Description(AT + 0.5, "remote", "answer", "v=3\r\n"))
    peer.events.clear()
    for number, (kind, name, detail, tone) in enumerate(
        [
            ("sdp", "setLocalDescription", "offer", ""),
            ("candidate", "icecandidate", "1 1 udp 2122194687 192.0.2.2 56240 typ host", ""),
            ("candidate", "addIceCandidate", "end of candidates", ""),
            ("candidate", "addIceCandidateOnFailure", "1 1 udp: no such section", "bad"),
            ("sdp", "setRemoteDescription", "answer", ""),
            ("peer", "iceconnectionstatechange", "failed", "bad"),
            ("media", "track", "video 403d819b", ""),
            ("data", "datachannel", "kvs", ""),
            ("peer", "odd", '{"not json', ""),
            ("peer", "odd", '"quoted"', ""),
        ]
    ):
        peer.events.append(Event(AT + number / 8, kind, name, detail, tone))
    path = tmp_path / "x.json.gz"
    internals.write(log, path, program=PROGRAM)
    found = read(path)[1]
    assert found.title == log.title
    assert list(found.peers) == list(log.peers)
    mine, back = plain(log)["peers"]["viewer-0"], plain(found)["peers"]["viewer-0"]
    assert back["descriptions"] == mine["descriptions"]
    assert back["events"] == mine["events"]
    assert [r.objects for r in back["reports"]] == [r.objects for r in mine["reports"]]


def test_a_recording_is_exported_as_the_live_log_is(tmp_path):
    log = session()
    live = dumped(log)
    recorded = dumped(restored(log, tmp_path / "x.prec").log)
    assert json.dumps(live, sort_keys=True) == json.dumps(recorded, sort_keys=True)


def test_failed_export_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text("before")
    monkeypatch.setattr(internals, "_encode", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        internals.write(session(), path, program=PROGRAM)
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["x.json"]


def csv_of(log, path, members):
    series.write(
        log.peer("master"),
        path,
        members,
        unit_of=lambda _, member: {"bytes": "bytes"}.get(member, ""),
    )
    return path.read_bytes()


def test_csv_has_iso_times_units_and_empty_cells(tmp_path):
    log = log_of(
        [
            {"IT01": {"type": "inbound-rtp", "bytes": 12, "fps": 29.5}},
            {"IT01": {"type": "inbound-rtp", "bytes": 13, "state": 'a "b", c', "on": True}},
            {},
        ]
    )
    members = [("IT01", "bytes"), ("IT01", "fps"), ("IT01", "state"), ("IT01", "on"), ("no", "x")]
    assert csv_of(log, tmp_path / "x.csv", members) == (
        b"time,IT01 bytes (bytes),IT01 fps,IT01 state,IT01 on,no x\r\n"
        b"2026-11-20T17:18:18.125Z,12,29.5,,,\r\n"
        b'2026-11-20T17:18:19.125Z,13,,"a ""b"", c",true,\r\n'
        b"2026-11-20T17:18:20.125Z,,,,,\r\n"
    )


@given(rows=st.lists(OBJECTS, max_size=6))
@settings(max_examples=100, deadline=None)
def test_csv_reads_back_with_any_values(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    log = log_of(rows)
    members = [("IT01V1", "bytes"), ("IT01V1", "state")]
    csv_of(log, path, members)
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert len(lines) == 1 + len(rows)
    for line, objects in zip(lines[1:], rows, strict=True):
        for cell, (name, member) in zip(line[1:], members, strict=True):
            value = objects.get(name, {}).get(member, "")
            if isinstance(value, float):
                assert math.isclose(float(cell), value)
            elif not isinstance(value, bool):
                assert cell in {
                    str(value),
                    str(float(value)) if value != "" and not isinstance(value, str) else cell,
                }
