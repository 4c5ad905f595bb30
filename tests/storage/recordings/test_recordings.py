"""What is recorded comes back; whatever is cut or broken costs only itself."""

import errno
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.recordings.recorded import add_second, plain, recording, restored, session

from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import DataMessage, Direction, Event, SessionLog, SignalingEntry
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.storage.recordings import records, unpacking, writer
from peerdeck.storage.recordings import tail as tail_module
from peerdeck.storage.recordings.reader import read
from peerdeck.storage.recordings.tail import Tail
from peerdeck.storage.recordings.writer import RecordingFile

VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
    st.text(max_size=3),
)
OBJECTS = st.dictionaries(
    st.sampled_from(["IT01", "OT02", "CP3"]),
    st.dictionaries(st.sampled_from(["type", "bytes", "state"]), VALUES, min_size=1),
    max_size=3,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "front-door.prec"


@pytest.mark.parametrize("peers", [1, 3])
def test_everything_of_a_session_comes_back(path, peers):
    log = session(peers)
    found = restored(log, path)
    assert plain(found.log) == plain(log)
    assert (found.created_at, found.ended_at, found.damaged) == (5.0, 1_795_195_200.0, False)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), OBJECTS, st.booleans()), max_size=20))
@settings(max_examples=150, deadline=None)
def test_reports_come_back_however_they_are_split_into_writes(rows):
    log = SessionLog("x")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.prec")
        file, tail = RecordingFile(path), Tail(log, from_beginning=True)
        for second, (peer, objects, writes) in enumerate(rows):
            log.peer(peer).table.append(StatsReport(100.0 + second, objects))
            if writes:
                file.write(tail.take())
        file.write(tail.take())
        file.close(1.0)
        found = read(path)
    assert plain(found.log) == plain(log)
    for name, peer in log.peers.items():
        table = found.log.peers[name].table
        assert list(table.times) == list(peer.table.times)
        for member in peer.table.members():
            assert list(map(repr, table.column(member))) == list(
                map(repr, peer.table.column(member))
            )
            assert table.value_type(member) is peer.table.value_type(member)
        assert {k: v for k, v in table.texts().items() if v} == peer.table.texts()


def grown(path: Path, seconds: int = 12) -> list[tuple[int, dict[str, object]]]:
    """A recording of one write per second; its size after each, and what the log held then."""
    log, states = session(), []
    file, tail = RecordingFile(path), Tail(log, from_beginning=True)
    for second in range(3, 3 + seconds):
        file.write(tail.take())
        states.append((file.size, plain(log)))
        add_second(log, "master", second)
    file.close()
    return states


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A recording's file, and what it held at which size."""
    path = tmp_path_factory.mktemp("whole") / "whole.prec"
    return path, grown(path)


@given(st.integers(0, 1 << 20))
@settings(max_examples=300, deadline=None)
def test_cut_anywhere_loses_at_most_the_write_that_was_cut(whole, place):
    data, states = whole[0].read_bytes(), whole[1]
    length = records.HEADER.size + place % (len(data) + 1 - records.HEADER.size)
    path = whole[0].with_name("cut.prec")
    path.write_bytes(data[:length])
    found = read(path)
    held = plain(found.log)["peers"].get("master", {"reports": [], "events": [], "messages": []})
    written = [state for size, state in states if size <= length]
    for part in ("reports", "events", "messages"):
        whole_part = states[-1][1]["peers"]["master"][part]
        got = held[part]
        assert got == whole_part[: len(got)]
        if written:
            assert len(got) >= len(written[-1]["peers"]["master"][part])
    assert found.ended_at is None
    assert not found.damaged


@given(st.integers(0, 1 << 20), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_broken_byte_never_breaks_the_reader(whole, place, flip):
    path = whole[0].with_name("flipped.prec")
    data = bytearray(whole[0].read_bytes())
    data[records.HEADER.size + place % (len(data) - records.HEADER.size)] ^= flip
    path.write_bytes(data)
    read(path)


def long_recording(path: Path) -> tuple[SessionLog, bytes]:
    """Some checks are in it, and a second peer after the last of them; its plain bytes."""
    log = session()
    file, tail = RecordingFile(path), Tail(log, from_beginning=True)
    for second in range(3, 320):
        file.write(tail.take())
        add_second(log, "master", second)
    add_second(log, "late", 320)
    file.write(tail.take())
    file.close(1.0)
    return log, zlib.decompress(path.read_bytes()[records.HEADER.size :], records.WINDOW_BITS)


def packed(plain_bytes: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, records.WINDOW_BITS)
    header = records.HEADER.pack(records.MAGIC, records.VERSION, 0, 0)
    return header + deflate.compress(plain_bytes) + deflate.flush()


def test_nothing_behind_a_failed_check_is_believed(path):
    log, data = long_recording(path)
    place = data.rindex(b'"media"')  # after the last check but one
    path.write_bytes(packed(data[:place] + b'"medi4"' + data[place + 7 :]))
    found = read(path)
    assert found.damaged
    reports = plain(found.log)["peers"]["master"]["reports"]
    assert reports == plain(log)["peers"]["master"]["reports"][: len(reports)]
    assert len(reports) > 200
    assert list(found.log.peers) == ["master"]
    assert "medi4" not in {event.kind for event in found.log.peer("master").events}


@pytest.mark.parametrize("broken", [1, 1_000])
def test_broken_bytes_cost_only_what_comes_after_the_check_before_them(path, broken):
    """One may inflate to something else, which the check finds; many do not inflate."""
    log, _ = long_recording(path)
    data = bytearray(path.read_bytes())
    place = len(data) * 9 // 10
    data[place : place + broken] = bytes(byte ^ 0xFF for byte in data[place : place + broken])
    path.write_bytes(data)
    found = read(path)
    assert found.damaged
    reports = plain(found.log)["peers"]["master"]["reports"]
    whole = plain(log)["peers"]["master"]["reports"]
    assert 192 <= len(reports) < len(whole)
    assert reports[:192] == whole[:192]


def test_bytes_that_inflate_to_very_many_come_in_portions(path, monkeypatch):
    monkeypatch.setattr(unpacking, "_MOST_AT_ONCE", 1_000)
    log, _ = long_recording(path)
    assert plain(read(path).log) == plain(log)


KILLED = """
import sys, time
from pathlib import Path
from tests.storage.recordings.recorded import session, add_second
from peerdeck.storage.recordings.tail import Tail
from peerdeck.storage.recordings.writer import RecordingFile
log = session()
file, tail = RecordingFile(Path(sys.argv[1])), Tail(log, from_beginning=True)
second = 3
while True:
    file.write(tail.take())
    print(second, flush=True)
    add_second(log, "master", second)
    second += 1
"""


def test_killed_writer_loses_nothing_that_it_said_it_wrote(path):
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": f"{root / 'app'}{os.pathsep}{root}"},
    )
    with process:
        said = 0
        while said < 50:
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split(b"\n")
        said = int(rest[-2]) if len(rest) > 1 else said
    found = read(path)
    assert len(found.log.peer("master").table) >= said
    assert found.ended_at is None


def test_recording_from_now_on_has_no_earlier_rows_but_texts_and_descriptions(path):
    log = session()
    file, tail = RecordingFile(path), Tail(log, from_beginning=False)
    add_second(log, "master", 3)
    file.write(tail.take())
    file.close(1.0)
    peer = read(path).log.peer("master")
    live = log.peer("master")
    assert len(peer.table) == 1
    assert peer.table.report() == live.table.report()
    assert list(peer.events) == list(live.events)[-1:]
    assert list(peer.messages) == list(live.messages)[-1:]
    assert list(peer.descriptions) == list(live.descriptions)


@pytest.mark.parametrize("from_beginning", [True, False])
def test_outcome_that_comes_later_is_recorded(path, from_beginning):
    log = session()
    file, tail = RecordingFile(path), Tail(log, from_beginning=from_beginning)
    sent = SignalingEntry(6.0, Direction.SENT, "ICE_CANDIDATE", "", "c-2")
    log.signaling.append(sent)
    file.write(tail.take())
    log.signaling[-1] = replace(sent, outcome="400 InvalidArgumentException")
    log.signaling.append(SignalingEntry(7.0, Direction.RECEIVED, "STATUS_RESPONSE", "", "c-2"))
    file.write(tail.take())
    file.close(8.0)
    found = list(read(path).log.signaling)
    assert found == list(log.signaling)[-len(found) :]
    assert len(found) == (3 if from_beginning else 2)


def test_peer_that_left_and_came_again_is_recorded_both_times(path):
    log = session()
    file, tail = RecordingFile(path), Tail(log, from_beginning=True)
    file.write(tail.take())
    first = plain(log)["peers"]["master"]["reports"]
    del log.peers["master"]
    add_second(log, "master", 3)
    file.write(tail.take())
    file.close(8.0)
    second = plain(log)["peers"]["master"]["reports"]
    assert plain(read(path).log)["peers"]["master"]["reports"] == first + second


def test_many_peers_with_long_histories_are_taken_in_turns(path, monkeypatch):
    monkeypatch.setattr(tail_module, "_ROWS_AT_ONCE", 5)
    log = session(peers=4)
    file, tail = RecordingFile(path), Tail(log, from_beginning=True)
    turns = 0
    while not turns or tail.behind:
        batch = tail.take()
        assert sum(len(part.times) for part in batch.peers) <= 5
        file.write(batch)
        turns += 1
        add_second(log, "viewer-0", 2 + turns)
    file.write(tail.take())
    file.close(8.0)
    assert turns == 4
    assert plain(read(path).log) == plain(log)


def test_full_disk_leaves_what_was_there_and_says_so(path, monkeypatch):
    log = session()
    file, tail = RecordingFile(path), Tail(log, from_beginning=True)
    file.write(tail.take())
    before = plain(log)
    size = file.size

    class Full:
        def __init__(self, inner):
            self._inner = inner

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def write(self, data):
            if len(data) < 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self._inner.write(data[: len(data) // 2])

    monkeypatch.setattr(file, "_file", Full(file._file))
    for _ in range(50):
        add_second(log, "master", len(log.peer("master").table))
    with pytest.raises(OSError, match="No space"):
        file.write(tail.take())
    file.close(1.0)
    assert path.stat().st_size == size
    assert plain(read(path).log) == before


def test_existing_file_is_never_overwritten(path):
    path.write_bytes(b"a letter")
    with pytest.raises(FileExistsError):
        RecordingFile(path)
    assert path.read_bytes() == b"a letter"


def test_written_bytes_reach_the_disk_within_the_promised_time(path, monkeypatch):
    synced, now = [], [0.0]
    monkeypatch.setattr(writer.os, "fsync", lambda _: synced.append(now[0]))
    log = session()
    file, tail = RecordingFile(path, clock=lambda: now[0]), Tail(log, from_beginning=True)
    for second in range(3, 15):
        now[0] += 1
        add_second(log, "master", second)
        file.write(tail.take())
    assert synced == [5.0, 10.0]
    file.close(1.0)
    file.close(2.0)
    assert synced == [5.0, 10.0, 12.0]


def test_nothing_new_writes_nothing(path):
    file, tail = RecordingFile(path), Tail(session(), from_beginning=True)
    file.write(tail.take())
    size = file.size
    file.write(tail.take())
    assert file.size == size
    file.close()


def test_unknown_records_and_fields_are_passed_over(path):
    """As a later Peerdeck of the same format may write them."""
    event = b'[{"at_s":1.0,"kind":"peer","name":"x","colour":"blue"}]'
    body = b"".join(
        [
            records.record(77, b"\x00\x01 who knows"),
            records.record(records.Kind.PEER, records.PEER.pack(9) + b"master"),
            records.record(records.Kind.EVENTS, records.PEER.pack(9) + event),
        ]
    )
    deflate = zlib.compressobj(6, zlib.DEFLATED, records.WINDOW_BITS)
    header = records.HEADER.pack(records.MAGIC, records.VERSION, 0, 0)
    path.write_bytes(header + deflate.compress(body) + deflate.flush())
    found = read(path)
    assert list(found.log.peer("master").events) == [Event(1.0, "peer", "x")]
    assert not found.damaged


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "front-door.prec is no recording"),
        (b"PK\x03\x04" + bytes(40), "is no recording"),
        (records.MAGIC[:5], "ends before it begins"),
        (records.HEADER.pack(records.MAGIC, 7, 0, 0), "newer Peerdeck: it has format 7, .* 1"),
    ],
)
def test_foreign_file_is_named_with_what_to_do(path, data, words):
    path.write_bytes(data)
    with pytest.raises(UserError, match=words) as caught:
        read(path)
    assert caught.value.remedy


def test_empty_recording_opens(path):
    RecordingFile(path).close()
    found = read(path)
    assert found.log.peers == {}
    assert not found.damaged


def test_bomb_is_not_unpacked_whole(path, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BYTES", 1 << 20)
    deflate = zlib.compressobj(9, zlib.DEFLATED, records.WINDOW_BITS)
    header = records.HEADER.pack(records.MAGIC, records.VERSION, 0, 0)
    path.write_bytes(header + deflate.compress(bytes(1 << 26)) + deflate.flush())
    assert read(path).damaged


def test_random_bytes_after_the_header_are_only_damage(path):
    for seed in range(50):
        noise = random.Random(seed).randbytes(2_000)
        path.write_bytes(records.HEADER.pack(records.MAGIC, records.VERSION, 0, 0) + noise)
        read(path)


def test_recorded_table_is_only_read(path):
    table = restored(session(), path).log.peer("master").table
    with pytest.raises(TypeError, match="only read"):
        table.append(StatsReport(1.0, {}))
    assert table.copy() is table


def test_long_histories_are_written_in_parts(path):
    log = SessionLog("x")
    peer = log.peer("master")
    for number in range(2_000):
        peer.messages.append(DataMessage(float(number), Direction.SENT, "kvs", b"%d" % number, 4))
        peer.table.append(StatsReport(float(number), {"a": {"type": "t", "n": number}}))
    found = restored(log, path).log.peer("master")
    assert [message.data for message in found.messages] == [b"%d" % n for n in range(2_000)]
    assert list(found.table.column(("a", "n"))) == list(range(2_000))
    assert recording(log, path.with_name("2.prec")).stat().st_size == path.stat().st_size


def test_documented_way_of_reading_gives_the_same_numbers(path):
    """With zlib, struct, json and numpy alone, by the words of resources/formats/recording.md."""
    log = session()
    recording(log, path)
    data = zlib.decompress(path.read_bytes()[16:], -15)
    columns, rows, position = [], b"", 0
    while position < len(data):
        kind, length = struct.unpack_from("<BI", data, position)
        body = data[position + 5 : position + 5 + length]
        if kind == 3:
            columns = json.loads(body[2:])
        elif kind == 4:
            rows += body[2:]
        position += 5 + length
    words = np.frombuffer(rows, "<u8").reshape(-1, 1 + len(columns))
    values = np.bitwise_xor.accumulate(words, axis=0).view("u1").reshape(-1, 8, 1 + len(columns))
    table = log.peer("master").table
    assert np.ascontiguousarray(values[:, :, 0]).view("<f8").ravel().tolist() == list(table.times)
    place = 1 + [column[:2] for column in columns].index(["IT01V1", "bytesReceived"])
    found = np.ascontiguousarray(values[:, :, place]).view("<f8").ravel().tolist()
    assert found == list(table.column(("IT01V1", "bytesReceived")))
