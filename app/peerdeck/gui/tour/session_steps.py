"""What the tour does with sessions beyond watching one: records, looks back, is the master."""

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTableView, QWidget

from peerdeck.core.channel import Role
from peerdeck.core.quantities import bitrate_text, bytes_text
from peerdeck.core.session import Phase, Session
from peerdeck.gui.tour.driver import Driver, StepFailed
from peerdeck.gui.widgets.time_slider import TimeTrack

ROWS = 2
EMPTY_CHANNEL = "roof-east"  # nobody is thrown out
BACK = 3  # samples


def _removed(path: Path) -> int:
    """The file's bytes; it was made for the tour alone. Blocks."""
    size = path.stat().st_size
    path.unlink()
    return size


def _newest(d: Driver) -> Session:
    session = d.console.sessions.state.value[-1]
    if session.problem is not None:
        raise StepFailed(str(session.problem))
    return session


async def record(d: Driver) -> str:
    """The file is opened by what the note offers, moved through, and removed."""
    session = _newest(d)
    before = len(d.console.sessions.log(session.id).peer("master").table)
    await d.click("sessions.record")
    table = d.console.sessions.log(session.id).peer("master").table
    await d.until(
        lambda: (
            len(table) >= before + ROWS
            and (recording := _newest(d).recording) is not None
            and recording.size > 0
        ),
        "the recording",
    )
    await d.click("sessions.record")
    await d.until(lambda: _newest(d).recording is None, "the end of the recording")
    await d.click("note.action")
    opened = await d.until(
        lambda: next(iter(d.console.recordings.state.value), None), "the recording in the window"
    )
    rows = len(opened.log.peer("master").table)
    size = await asyncio.to_thread(_removed, Path(opened.path))
    track = d.find(TimeTrack, "sessions.time")
    track.setFocus()
    for _ in range(BACK):
        QTest.keyClick(track, Qt.Key.Key_Left)
    await d.pause()
    if not opened.starts_at <= track.at_s < opened.ends_at:
        raise StepFailed(f"the slider stands at {track.at_s} of {opened.ends_at}")
    await d.picture("10-recording")
    await d.click("sessions.close")
    return f"{rows} samples in {bytes_text(size)}, opened, {BACK} samples back"


async def be_master(d: Driver) -> str:
    """Of a channel without a camera, with a viewer of our own."""
    await d.click("rail.channels")
    await d.pick_row("channels.table", EMPTY_CHANNEL)
    await d.click("channel.master")
    await d.click("join.confirm.go")
    master = await d.until(lambda: _is_master(d), "being the master")
    await d.click("sessions.viewers.pane.message.join")
    viewer = await d.until(lambda: _sees(d, master.id), "our own picture at our own viewer")
    page = d.window.page
    if page is None:
        raise StepFailed("the page of sessions is gone")
    page.open_item(master.id)

    def served() -> float | None:
        """Bits a second to the one viewer, as the table of viewers knows."""
        now = next(s for s in d.console.sessions.state.value if s.id == master.id)
        stats = now.peers[0].stats if now.peers else None
        return stats.bitrate_out_bps if stats is not None and stats.out_fps else None

    rate = await d.until(served, "the figures of the viewer")
    if d.find(QTableView, "sessions.viewers.table").model().rowCount() != 1:
        raise StepFailed("the table of viewers has no row")
    await d.picture("11-master")
    await d.click("sessions.grid")
    await d.pause()
    d.find(QWidget, f"sessions.tile.{viewer.id}")
    await d.picture("12-grid")
    await d.click("sessions.grid")
    took = next(s.at_ms for s in viewer.steps if s.name == "First frame")
    await _leave(d, viewer.id, master.id)
    return f"1 viewer after {took:.0f} ms, ↑ {bitrate_text(rate)}; side by side"


def _is_master(d: Driver) -> Session | None:
    session = _newest(d)
    is_master = session.options.role is Role.MASTER and session.phase is Phase.CONNECTED
    return session if is_master else None


def _sees(d: Driver, master_id: str) -> Session | None:
    session = _newest(d)
    framed = any(step.name == "First frame" for step in session.steps)
    return session if session.id != master_id and framed else None


async def _leave(d: Driver, *ids: str) -> None:
    """By their buttons, and the tabs go."""
    page = d.window.page
    for session_id in ids:
        if page is not None:
            page.open_item(session_id)
        await d.click("sessions.leave")
        await d.until(
            lambda key=session_id: all(  # type: ignore[misc]
                s.phase is Phase.LEFT for s in d.console.sessions.state.value if s.id == key
            ),
            "leaving",
        )
        await d.click("sessions.message.dismiss")
