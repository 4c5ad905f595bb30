"""Peer sessions: joined, measured, left, joined again, refused."""

import json

import pytest
from tests.waiting import until

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.session import STEPS, Phase
from peerdeck.services.status import Status
from peerdeck.wiring import devices_of


async def arn_of(console, name: str) -> str:
    await until(console.channels.state, lambda s: s.status is Status.READY)
    (channel,) = [c for c in console.channels.state.value.channels if c.name == name]
    return channel.arn


def first_frame(session):
    return next((step for step in session.steps if step.name == STEPS[-1]), None)


def only(sessions):
    return sessions[0] if len(sessions) == 1 else None


@pytest.fixture
async def arn(devices, console) -> str:
    return await arn_of(console, "front-door")


async def test_join_shows_picture_telemetry_and_figures(console, arn):
    session_id = console.sessions.join(arn)
    assert only(console.sessions.state.value).phase is Phase.JOINING
    (session,) = await until(
        console.sessions.state,
        lambda s: (
            s[0].stats
            and s[0].stats.fps
            and s[0].stats.rtt_ms
            and s[0].stats.bitrate_in_bps
            and s[0].telemetry
        ),
    )
    assert session.phase is Phase.CONNECTED
    assert {step.name for step in session.steps} == set(STEPS)
    times = [step.at_ms for step in session.steps]
    assert times == sorted(times)
    assert "clock" in json.loads(session.telemetry)
    stats = session.stats
    assert (stats.width, stats.height) == (1280, 720)
    assert stats.bitrate_in_bps > 50_000
    assert stats.packets_received > 20
    assert stats.packets_per_s > 20
    assert stats.codec
    assert stats.pair.protocol == "udp"
    assert console.sessions.history(session_id)[-1] == stats
    picture = console.sessions.picture(session_id, 640, 640)
    assert (picture.width, picture.height) == (640, 360)
    assert len({bytes(picture.data[i : i + 4]) for i in range(0, len(picture.data), 4001)}) > 5
    await console.sessions.leave(session_id)


async def test_journal_tells_the_join_when_it_happens_and_how_long_it_took(console, arn):
    session_id = console.sessions.join(arn)
    await until(console.sessions.state, lambda s: first_frame(s[0]))
    entry = console.journal.entries.value[-1]
    assert (entry.what, entry.ok) == ("Join front-door as viewer", True)
    assert entry.took_ms == first_frame(console.sessions.state.value[0]).at_ms
    assert "Answer received" in entry.detail
    await console.sessions.leave(session_id)
    assert console.journal.entries.value[-1].what == "Left front-door"


async def test_camera_that_goes_ends_the_session_with_a_reason(console, cloud):
    async with devices_of(cloud):
        console.sessions.join(await arn_of(console, "front-door"))
        await until(console.sessions.state, lambda s: s[0].phase is Phase.CONNECTED)
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.FAILED)
    assert "camera" in session.problem.title
    assert "Join again" in session.problem.remedy
    assert not console.journal.entries.value[-1].ok


async def test_bug_in_the_engine_is_a_calm_failure(console, arn, monkeypatch, caplog):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("peerdeck.engine.viewer.ViewerSession", broken)
    console.sessions.join(arn)
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.FAILED)
    assert "fault of Peerdeck" in session.problem.title
    assert "a bug" in caplog.text


async def test_leave_then_join_again(console, arn):
    first = console.sessions.join(arn)
    await until(console.sessions.state, lambda s: first_frame(s[0]))
    await console.sessions.leave(first)
    assert only(console.sessions.state.value).phase is Phase.LEFT
    second = console.sessions.rejoin(first)
    assert second != first
    (session,) = await until(console.sessions.state, lambda s: first_frame(s[0]))
    assert session.phase is Phase.CONNECTED
    await console.sessions.leave(second)
    console.sessions.dismiss(second)
    assert console.sessions.state.value == ()


async def test_text_comes_back_over_the_data_channel(console, arn):
    session_id = console.sessions.join(arn)
    await until(
        console.sessions.state,
        lambda s: "Data channel open" in {step.name for step in s[0].steps},
    )
    console.sessions.send_text(session_id, "hello camera")
    await until(console.sessions.state, lambda s: "hello camera" in s[0].telemetry)
    await console.sessions.leave(session_id)
    with pytest.raises(UserError, match="over"):
        console.sessions.send_text(session_id, "too late")


async def test_channel_without_master_is_said_so(console, monkeypatch):
    monkeypatch.setattr("peerdeck.services.engines.ANSWER_TIMEOUT_S", 1.0)
    console.sessions.join(await arn_of(console, "lobby"))
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.FAILED)
    assert "No camera answered on lobby" in session.problem.title
    assert "master" in session.problem.remedy
    assert {"Signaling open", "Offer sent"} <= {step.name for step in session.steps}


async def test_refused_upgrade_shows_the_services_words(console, arn, cloud):
    cloud.state.keys.clear()
    console.sessions.join(arn)
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.FAILED)
    assert session.problem.detail
    assert session.problem.remedy


async def test_deleted_channel_is_explained(console, arn):
    console.sessions.join(arn.replace("front-door", "gone"))
    (session,) = await until(console.sessions.state, lambda s: s[0].phase is Phase.FAILED)
    assert "does not know it" in session.problem.title


async def test_wrong_arn_changes_nothing(console):
    with pytest.raises(FieldError, match="Channel ARN"):
        console.sessions.join("front-door")
    assert console.sessions.state.value == ()


async def test_two_sessions_side_by_side_leave_alone(console, arn):
    first, second = console.sessions.join(arn), console.sessions.join(arn)
    await until(
        console.sessions.state,
        lambda s: len(s) == 2 and all(x.stats and x.stats.frames_decoded for x in s),
    )
    await console.sessions.leave(first)
    left, live = console.sessions.state.value
    assert (left.phase, live.phase) == (Phase.LEFT, Phase.CONNECTED)
    await console.sessions.leave(second)
