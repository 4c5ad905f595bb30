"""Sessions are written while they live; what goes wrong with the file harms none of them."""

import asyncio
import errno
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.services.test_sessions import arn_of
from tests.storage.recordings.recorded import add_second, plain
from tests.storage.recordings.recorded import session as a_log
from tests.waiting import until

from peerdeck.core.errors import UserError
from peerdeck.core.observable import Observable
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.session import STEPS, Phase, Recording, Session
from peerdeck.services import live_recording
from peerdeck.services.journal import JournalService
from peerdeck.services.recordings import RecordingsService
from peerdeck.storage.recordings.reader import read
from peerdeck.storage.recordings.writer import RecordingFile

DUMP = Path(__file__).parents[1] / "data" / "chromium-156-webrtc-internals.json.gz"


class Sessions:
    """What SessionsService is to a recorder, with one session."""

    def __init__(self) -> None:
        session = Session("one", "front-door", "arn", "peerdeck-1", Phase.CONNECTED, 5.0)
        self.state: Observable[tuple[Session, ...]] = Observable((session,))
        self.logs = {"one": a_log()}

    def log(self, session_id: str) -> SessionLog:
        return self.logs[session_id]

    def show_recording(self, session_id: str, recording: Recording | None) -> None:
        self.change(recording=recording)

    def change(self, **fields: object) -> None:
        self.state.publish(tuple(replace(s, **fields) for s in self.state.value))

    def add_second(self) -> None:
        log = self.logs["one"]
        add_second(log, "master", log.peer("master").table.appended)


@pytest.fixture
def sessions():
    return Sessions()


@pytest.fixture
def journal():
    return JournalService()


@pytest.fixture
async def recordings(sessions, journal, tmp_path, nothing_left):
    service = RecordingsService(
        sessions,
        journal,
        folder=tmp_path / "Documents" / "Peerdeck",
        clock=lambda: 1_795_195_200.0,
        write_s=0.01,
    )
    yield service
    await service.aclose()


def shown(sessions) -> Recording | None:
    return sessions.state.value[0].recording


async def grown(sessions, beyond: int = 0) -> Recording:
    """When the file has more bytes than before."""
    (found,) = await until(
        sessions.state, lambda s: s[0].recording and s[0].recording.size > beyond
    )
    return found.recording


async def test_recording_holds_all_from_the_beginning_until_it_is_stopped(
    recordings, sessions, journal
):
    path = await recordings.start("one")
    first = await grown(sessions, 100)
    assert first.path == str(path)
    assert first.problem is None
    sessions.add_second()
    await grown(sessions, first.size)
    sessions.add_second()
    assert await recordings.stop("one") == path
    assert shown(sessions) is None
    found = read(path)
    assert plain(found.log) == plain(sessions.logs["one"])
    assert found.ended_at == 1_795_195_200.0
    entry = journal.entries.value[-1]
    assert (entry.what, entry.ok, entry.result) == ("Record front-door", True, str(path))


async def test_file_is_named_by_channel_and_time_and_nothing_is_overwritten(recordings, tmp_path):
    first = await recordings.start("one")
    await recordings.stop("one")
    second = await recordings.start("one")
    await recordings.stop("one")
    assert first.parent == tmp_path / "Documents" / "Peerdeck"
    assert first.name.startswith("front-door 2026-11-2")
    assert first.suffix == ".prec"
    assert second.name == f"{first.stem} 2.prec"
    with pytest.raises(UserError, match="exists already"):
        await recordings.start("one", first)


async def test_second_start_is_the_same_recording(recordings, sessions):
    path = await recordings.start("one")
    assert await recordings.start("one") == path
    await recordings.stop("one")
    assert await recordings.stop("one") is None


@pytest.mark.parametrize("over", [Phase.LEFT, Phase.FAILED])
async def test_end_of_the_session_ends_the_recording_with_its_last_events(
    recordings, sessions, over
):
    path = await recordings.start("one")
    await grown(sessions, 100)
    sessions.change(phase=Phase.LEAVING)
    sessions.add_second()
    sessions.change(phase=over)
    await until(sessions.state, lambda s: s[0].recording is None)
    assert plain(read(path).log) == plain(sessions.logs["one"])
    assert read(path).ended_at is not None
    with pytest.raises(UserError, match="over"):
        await recordings.start("one")


async def test_session_that_vanishes_ends_its_recording(recordings, sessions):
    path = await recordings.start("one")
    sessions.state.publish(())
    await recordings.stop("one")
    assert read(path).ended_at is not None


async def test_closing_writes_what_is_left(recordings, sessions):
    path = await recordings.start("one")
    sessions.add_second()
    await recordings.aclose()
    await recordings.aclose()
    assert plain(read(path).log) == plain(sessions.logs["one"])


async def test_failing_disk_stops_the_recording_and_says_so(
    recordings, sessions, journal, monkeypatch
):
    path = await recordings.start("one")
    size = (await grown(sessions, 100)).size

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RecordingFile, "_deflated", full)
    sessions.add_second()
    (session,) = await until(sessions.state, lambda s: s[0].recording and s[0].recording.problem)
    assert session.recording.problem.title == f"The disk is full, so {path.name} ends here."
    assert "Free some space" in session.recording.problem.remedy
    assert session.phase is Phase.CONNECTED
    assert path.stat().st_size == size
    assert read(path).log.title == "front-door"
    entry = journal.entries.value[-1]
    assert (entry.what, entry.ok) == ("Record front-door", False)
    monkeypatch.undo()
    again = await recordings.start("one")  # with the disk mended
    await recordings.stop("one")
    assert plain(read(again).log) == plain(sessions.logs["one"])


async def test_bug_in_the_writer_is_a_calm_problem(recordings, sessions, monkeypatch, caplog):
    await recordings.start("one")
    await grown(sessions, 100)
    monkeypatch.setattr(RecordingFile, "write", lambda *_: 1 / 0)
    (session,) = await until(sessions.state, lambda s: s[0].recording and s[0].recording.problem)
    assert "fault of Peerdeck" in session.recording.problem.title
    assert "ZeroDivisionError" in caplog.text


async def test_folder_that_cannot_be_made_is_said(sessions, journal, tmp_path):
    (tmp_path / "Documents").write_text("a file")
    service = RecordingsService(sessions, journal, folder=tmp_path / "Documents" / "Peerdeck")
    with pytest.raises(UserError, match="cannot be written"):
        await service.start("one")
    assert shown(sessions) is None
    await service.aclose()


async def test_slow_disk_never_holds_up_the_loop(recordings, sessions, monkeypatch):
    """The write waits on its thread; the loop turns meanwhile, and nothing is lost."""
    path = await recordings.start("one")
    await grown(sessions, 100)
    gate, blocked, real = threading.Event(), threading.Event(), RecordingFile.write

    def slow(self, batch):
        blocked.set()
        gate.wait(10)
        real(self, batch)

    monkeypatch.setattr(RecordingFile, "write", slow)
    sessions.add_second()
    await asyncio.to_thread(blocked.wait, 10)
    for _ in range(100):
        sessions.add_second()
        await asyncio.sleep(0)
    gate.set()
    await recordings.stop("one")
    assert plain(read(path).log) == plain(sessions.logs["one"])


async def test_long_recording_goes_on_in_another_file_without_a_gap(
    recordings, sessions, monkeypatch
):
    monkeypatch.setattr(live_recording, "MAX_RAW_BYTES", 5_000)
    path = await recordings.start("one")
    for _ in range(60):
        size = shown(sessions).size
        sessions.add_second()
        await grown(sessions, size)
    last = Path(shown(sessions).path)
    await recordings.stop("one")
    files = [
        path,
        *sorted(path.parent.glob(f"{path.stem} *"), key=lambda p: int(p.stem.split()[-1])),
    ]
    assert len(files) > 2
    assert files[-1] == last
    parts = [plain(read(file).log)["peers"]["master"] for file in files]
    whole = plain(sessions.logs["one"])["peers"]["master"]
    for kind in ("reports", "events", "messages"):
        assert [item for part in parts for item in part[kind]] == whole[kind]
    assert all(read(file).ended_at is not None for file in files)


async def test_recording_opens_again_with_its_span(recordings, sessions, journal):
    path = await recordings.start("one")
    await recordings.stop("one")
    (opened,) = await recordings.open(path)
    (found,) = recordings.state.value
    assert (found.id, found.title, found.kind, found.note) == (
        opened,
        "front-door",
        "recording",
        "",
    )
    assert (found.starts_at, found.ends_at) == sessions.logs["one"].span()
    assert plain(found.log) == plain(sessions.logs["one"])
    assert journal.entries.value[-1].what == f"Open {path.name}"
    recordings.close(opened)
    recordings.close(opened)
    assert recordings.state.value == ()


async def test_file_that_is_still_written_opens_and_is_read_anew(recordings, sessions):
    path = await recordings.start("one")
    first = await grown(sessions, 100)
    await recordings.open(path)
    assert "not ended in order" in recordings.state.value[0].note
    sessions.add_second()
    await grown(sessions, first.size)
    await recordings.open(path)
    (found,) = recordings.state.value
    assert len(found.log.peer("master").table) == 4
    await recordings.stop("one")


async def test_dump_of_chromium_opens_as_one_recording_with_two_peers(recordings):
    await recordings.open(DUMP)
    (found,) = recordings.state.value
    assert (found.kind, list(found.log.peers)) == ("webrtc-internals", ["9-1", "9-2"])
    assert found.ends_at - found.starts_at == pytest.approx(8.06, abs=0.01)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PRE", b"\x89PREC\r\n\x1a\x02\x00" + bytes(6), b"%PDF-1.7"]
)
async def test_file_that_cannot_be_opened_is_named(recordings, journal, tmp_path, content):
    path = tmp_path / "letter.prec"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"letter\.prec"):
        await recordings.open(path)
    assert recordings.state.value == ()
    assert not journal.entries.value[-1].ok


async def test_missing_file_is_named(recordings, tmp_path):
    with pytest.raises(UserError, match=r"gone\.prec cannot be read: No such file"):
        await recordings.open(tmp_path / "gone.prec")


async def test_exports_of_a_live_session(recordings, sessions, tmp_path):
    log = sessions.logs["one"]
    await recordings.export_internals(log, tmp_path / "x.json")
    dump = json.loads((tmp_path / "x.json").read_text())
    assert list(dump["PeerConnections"]) == ["master"]
    await recordings.export_csv(log, tmp_path / "x.csv", [("IT01V1", "bytesReceived")])
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[0] == "time,IT01V1 bytesReceived (bytes)"
    assert len(lines) == 4
    with pytest.raises(UserError, match="cannot be written"):
        await recordings.export_csv(log, tmp_path / "no" / "x.csv", [])
    with pytest.raises(UserError, match="no statistics yet"):
        await recordings.export_csv(SessionLog(), tmp_path / "x.csv", [])


async def test_real_session_is_recorded_and_opens_with_everything(console, devices, tmp_path):
    session_id = console.sessions.join(await arn_of(console, "front-door"))
    path = await console.recordings.start(session_id, tmp_path / "live.prec")
    await until(console.sessions.state, lambda s: s[0].stats and s[0].stats.fps and s[0].messages)
    log = console.sessions.log(session_id)
    await console.sessions.leave(session_id)
    await until(console.sessions.state, lambda s: s[0].recording is None)
    await console.recordings.open(path)
    (found,) = console.recordings.state.value
    assert plain(found.log) == plain(log)
    assert found.log.facts["Channel"] == "front-door"
    assert {step.name for step in found.log.steps} == set(STEPS)
    peer = found.log.peer("master")
    assert len(peer.table) >= 1
    assert any(
        kind == "inbound-rtp"
        for _, kind in peer.table.texts()[
            next(key for key in peer.table.texts() if key[1] == "type" and key[0].startswith("IT"))
        ]
    )
    assert {"SDP_OFFER", "SDP_ANSWER"} <= {entry.what for entry in found.log.signaling}
    assert peer.descriptions
    assert peer.messages


async def test_export_to_a_full_disk_says_that_nothing_was_written(
    recordings, sessions, tmp_path, monkeypatch
):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("peerdeck.storage.dumps.internals.write", full)
    with pytest.raises(UserError, match=r"x\.json was not written"):
        await recordings.export_internals(sessions.logs["one"], tmp_path / "x.json")
