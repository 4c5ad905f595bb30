"""Sessions as master: viewers of the same console watch them."""

import sys

import pytest
from tests.engine.media.clips import write_clip
from tests.services.test_sessions import arn_of
from tests.waiting import until

from peerdeck.core.channel import Role
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.join import JoinOptions, PathPolicy, Source
from peerdeck.core.peer_log import Direction
from peerdeck.core.session import Phase

MASTER = JoinOptions(role=Role.MASTER, video=Source.GENERATED, audio=Source.GENERATED)


@pytest.fixture
async def arn(console) -> str:
    """A channel without a camera."""
    return await arn_of(console, "lobby")


def of(sessions, session_id):
    return next((s for s in sessions if s.id == session_id), None)


async def reaches(console, session_id, condition):
    """The session as soon as the condition holds for it."""
    found = await until(
        console.sessions.state,
        lambda s: of(s, session_id) is not None and condition(of(s, session_id)),
    )
    return of(found, session_id)


async def online(console, arn, options=MASTER):
    session_id = console.sessions.join(arn, options)
    await reaches(console, session_id, lambda s: s.phase is not Phase.JOINING)
    return session_id


def told(console):
    return [(e.what, e.ok) for e in console.journal.entries.value if e.kind == "session"]


async def test_a_viewer_of_ours_watches_our_master(console, arn):
    master = await online(console, arn)
    viewer = console.sessions.join(arn)
    watching = await reaches(console, viewer, lambda s: s.stats and s.stats.frames_decoded > 10)
    assert (watching.stats.width, watching.stats.height) == (1280, 720)
    serving = await reaches(
        console, master, lambda s: s.peers and s.peers[0].stats and s.peers[0].stats.bitrate_out_bps
    )
    (peer,) = serving.peers
    assert (peer.id, peer.state) == (watching.client_id, "connected")
    assert (serving.phase, serving.signaling, serving.client_id) == (Phase.CONNECTED, "open", "")
    assert serving.stats is None  # figures are the viewers'
    assert {s.name for s in serving.steps} >= {"Channel endpoint", "Signaling open"}
    log = console.sessions.log(master)
    assert list(log.peers) == [watching.client_id]
    assert log.facts["Role"] == "Master"
    assert log.signaling
    assert log.peers[peer.id].descriptions

    console.sessions.send(master, "to all")
    await reaches(console, viewer, lambda s: s.telemetry == "to all")
    console.sessions.send(master, "to you", peer.id)
    await reaches(console, viewer, lambda s: s.telemetry == "to you")
    console.sessions.send(viewer, "back")
    await reaches(console, master, lambda s: s.telemetry == "back" and s.peers[0].messages == 1)

    await console.sessions.leave(viewer)
    gone = await reaches(console, master, lambda s: not s.peers)
    assert gone.phase is Phase.CONNECTED
    assert [m.direction for m in log.peers[peer.id].messages].count(Direction.SENT) == 2
    assert told(console)[0] == ("Join lobby as master", True)
    assert (f"Viewer {peer.id} watches lobby", True) in told(console)
    assert (f"Viewer {peer.id} has left lobby", True) in told(console)
    with pytest.raises(UserError, match="not open"):
        console.sessions.send(master, "nobody")
    await console.sessions.leave(master)
    assert of(console.sessions.state.value, master).phase is Phase.LEFT


async def test_what_a_viewer_sends_is_shown_and_heard(console, arn):
    master = await online(console, arn, JoinOptions(role=Role.MASTER))
    heard, framed = [], []
    viewer = console.sessions.join(
        arn, JoinOptions(video=Source.GENERATED, audio=Source.GENERATED, client_id="talker")
    )
    console.sessions.watch_sound(master, heard.append, "talker")
    console.sessions.watch_frames(master, lambda: framed.append(1), "talker")
    await reaches(console, master, lambda s: s.peers and s.peers[0].has_picture and heard)
    picture = console.sessions.picture(master, 320, 320, "talker")
    assert (picture.width, picture.height) == (320, 180)
    assert framed
    await console.sessions.leave(viewer)
    await console.sessions.leave(master)


async def test_a_second_master_throws_the_first_one_out_and_that_is_said(console, arn):
    first = await online(console, arn)
    second = await online(console, arn)
    session = await reaches(console, first, lambda s: s.phase is Phase.FAILED)
    assert "Another master" in session.problem.title
    assert "join again to take it back" in session.problem.remedy
    assert of(console.sessions.state.value, second).phase is Phase.CONNECTED
    assert ("Session on lobby", False) in told(console)
    await console.sessions.leave(second)


async def test_a_file_that_cannot_be_sent_is_named_before_anything_is_joined(
    console, arn, tmp_path
):
    path = tmp_path / "gone.mp4"
    options = JoinOptions(role=Role.MASTER, video=Source.FILE, video_source=str(path))
    session_id = console.sessions.join(arn, options)
    session = await reaches(console, session_id, lambda s: s.phase is Phase.FAILED)
    assert "no such file" in session.problem.title
    assert session.problem.detail == str(path)
    assert session.steps == ()


async def test_a_source_that_ends_by_itself_is_in_the_journal_and_in_the_viewers_log(
    console, arn, tmp_path
):
    path = write_clip(tmp_path / "a.mp4", seconds=0.3)
    options = JoinOptions(role=Role.MASTER, video=Source.FILE, video_source=str(path))
    master = await online(console, arn, options)
    viewer = console.sessions.join(arn)
    await reaches(console, viewer, lambda s: s.stats and s.stats.frames_decoded)
    path.unlink()
    await until(console.journal.entries, lambda e: any(x.what == "Send video to lobby" for x in e))
    (log,) = console.sessions.log(master).peers.values()
    assert "video source ended" in [event.name for event in log.events]
    await console.sessions.leave(viewer)
    await console.sessions.leave(master)


async def test_a_viewers_source_that_ends_by_itself_is_in_its_log(console, arn, tmp_path):
    master = await online(console, arn, JoinOptions(role=Role.MASTER))
    path = write_clip(tmp_path / "a.mp4", seconds=0.3)
    options = JoinOptions(video=Source.FILE, video_source=str(path))
    viewer = console.sessions.join(arn, options)
    await reaches(console, master, lambda s: s.peers and s.peers[0].has_picture)
    path.unlink()
    (log,) = console.sessions.log(viewer).peers.values()
    await reaches(
        console, viewer, lambda _: "video source ended" in [event.name for event in log.events]
    )
    await console.sessions.leave(viewer)
    await console.sessions.leave(master)


async def test_one_joins_own_endpoint_and_host_only_path(console, arn, cloud):
    options = JoinOptions(
        role=Role.MASTER,
        video=Source.GENERATED,
        endpoint=cloud.endpoints.kinesis_video,
        policy=PathPolicy.HOST,
    )
    master = await online(console, arn, options)
    viewer = console.sessions.join(arn)
    await reaches(console, viewer, lambda s: s.stats and s.stats.frames_decoded)
    serving = await reaches(console, master, lambda s: s.peers and s.peers[0].stats)
    assert serving.peers[0].stats.pair.local_kind == "host"
    assert console.sessions.log(master).facts["Endpoint"] == options.endpoint
    await console.sessions.leave(viewer)
    again = console.sessions.rejoin(await left(console, master))
    assert of(console.sessions.state.value, again).options == options
    await console.sessions.leave(again)


async def left(console, session_id):
    await console.sessions.leave(session_id)
    return session_id


async def test_a_wrong_endpoint_is_said_so(console, arn):
    options = JoinOptions(role=Role.MASTER, endpoint="http://127.0.0.1:9")
    session_id = console.sessions.join(arn, options)
    session = await reaches(console, session_id, lambda s: s.phase is Phase.FAILED)
    assert "cannot be reached" in session.problem.title
    with pytest.raises(FieldError, match="endpoint"):
        console.sessions.join(arn, JoinOptions(endpoint="ftp://x"))


async def test_a_master_that_is_left_ends_its_viewers(console, arn):
    master = await online(console, arn)
    viewer = console.sessions.join(arn)
    await reaches(console, viewer, lambda s: s.phase is Phase.CONNECTED)
    await console.sessions.leave(master)
    session = await reaches(console, viewer, lambda s: s.phase is not Phase.CONNECTED)
    assert session.phase in {Phase.FAILED, Phase.REBUILDING}
    await console.sessions.leave(viewer)


STREAM = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/yard/1700000000000"


async def test_a_channel_that_stores_its_media_gets_ours(console, arn, cloud):
    cloud.state.channels.store_in("eu-west-1", arn, STREAM)
    master = await online(console, arn)
    session = await reaches(
        console,
        master,
        lambda s: s.peers and s.peers[0].stats and (s.peers[0].stats.out_frames or 0) > 10,
    )
    (peer,) = session.peers
    assert peer.id == "storage"
    assert peer.stats.out_codec == "H264"
    (stored,) = cloud.signaling.storage_sessions(arn)
    assert stored.frames["audio"] > 0
    assert stored.frames["video"] > 0
    await console.sessions.leave(master)


async def test_a_storage_peer_that_goes_is_asked_again(console, arn, cloud, monkeypatch):
    monkeypatch.setattr("peerdeck.engine.storage_peer._FIRST_DELAY_S", 0.05)
    cloud.state.channels.store_in("eu-west-1", arn, STREAM)
    master = await online(console, arn)
    await reaches(console, master, lambda s: s.peers and s.peers[0].state == "connected")
    (stored,) = cloud.signaling.storage_sessions(arn)
    stored.end("for the test")
    await reaches(console, master, lambda s: not s.peers)
    await reaches(console, master, lambda s: s.peers and s.peers[0].state == "connected")
    assert cloud.signaling.storage_sessions(arn) != (stored,)
    await console.sessions.leave(master)


async def test_a_channel_that_stores_its_media_wants_both_of_them(console, arn, cloud):
    cloud.state.channels.store_in("eu-west-1", arn, STREAM)
    options = JoinOptions(role=Role.MASTER, video=Source.GENERATED)
    session_id = console.sessions.join(arn, options)
    session = await reaches(console, session_id, lambda s: s.phase is Phase.FAILED)
    assert "video and sound" in session.problem.title


async def test_devices_of_this_machine_are_listed(console, monkeypatch):
    class Listed:
        name, description, is_default, media_types = "/dev/video0", "Desk camera", True, ("video",)

    monkeypatch.setattr("av.enumerate_input_devices", lambda format_: [Listed])
    monkeypatch.setattr("peerdeck.engine.media.devices._VIDEO", {sys.platform: ("v4l2",)})
    assert await console.sessions.devices("video") == (("/dev/video0", "Desk camera"),)
