"""A session as viewer: joins, stays, and joins again by itself when the path is lost."""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from peerdeck.core.glance import glance
from peerdeck.core.ice import IceServer
from peerdeck.core.join import JoinOptions
from peerdeck.core.peer_log import Event, SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.session import Step
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.engine.attempt import (
    USUAL_LIMITS,
    Attempt,
    AttemptEvents,
    Limits,
    Surroundings,
)
from peerdeck.engine.errors import (
    ChannelNotOpen,
    NoAnswer,
    NoCandidates,
    PeerFailed,
    PeerFailure,
)
from peerdeck.engine.peer import Peer, TrackSource
from peerdeck.engine.signaling import SignalingRefused, SignalingUnreachable
from peerdeck.engine.signaling_diary import SignalingDiary
from peerdeck.engine.tasks import TaskSet

PEER_ID = "master"
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 15.0
_MAX_REFUSALS = 3
# While the way back is sought, a network that is still down must not hold a try for long.
_REBUILD_LIMITS = Limits(open_s=5.0, answer_s=6.0, connect_s=8.0)


class ViewerSession:
    """One session: `run()` once, `leave()` any time, the attributes are read any time.

    new_client_id: one for each try. open_signaling: returns a freshly signed WSS URL for a client
    id whenever a socket is needed. ice_servers: best first, for a client id. is_transient: whether
    what those two raised may pass by itself. log: filled as things happen; its peer is "master".
    tls: whom signaling and TURN over TLS trust, None for the system's authorities. started: the
    click, on `clock` (monotonic); steps count from it. on_change: steps, messages, signaling or the
    connection changed; called on the loop, should be quick. on_ice_servers_stale: the service
    wants new ones used.
    """

    def __init__(
        self,
        *,
        options: JoinOptions,
        log: SessionLog,
        new_client_id: Callable[[], str],
        open_signaling: Callable[[str], Awaitable[str]],
        ice_servers: Callable[[str], Awaitable[Sequence[IceServer]]],
        on_change: Callable[[], None],
        on_ice_servers_stale: Callable[[], None] = lambda: None,
        is_transient: Callable[[Exception], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        started: float | None = None,
        tls: ssl.SSLContext | None = None,
        sources: TrackSource | None = None,
        limits: Limits = USUAL_LIMITS,
    ) -> None:
        self.client_id = ""
        self.rebuilds = 0
        self.rebuilding = False
        self._log = log
        self._peer_log = log.peer(PEER_ID)
        self._new_client_id = new_client_id
        self._on_change = on_change
        self._is_transient = is_transient
        self._clock = clock
        self._chance = chance
        self._started = clock() if started is None else started
        self._limits = limits
        self._around = Surroundings(
            options,
            open_signaling,
            ice_servers,
            self._peer_log,
            SignalingDiary(log.signaling, wall),
            clock,
            wall,
            tls,
            sources,
            is_transient,
        )
        self._events = AttemptEvents(self.reach, on_change, on_ice_servers_stale)
        self._attempt: Attempt | None = None
        self._attempts = 0
        self._messages = 0
        self._telemetry = ""
        self._on_frame: Callable[[], None] | None = None
        self._on_sound: Callable[[bytes], None] | None = None
        self._report: StatsReport | None = None
        self._tasks = TaskSet("viewer")
        self._outcome: asyncio.Future[None] | None = None
        self._left = False
        self._ended = asyncio.Event()

    # -- what the owner does ---------------------------------------------------------------------

    async def run(self) -> None:
        """Joins and stays until `leave()`; a path that is lost is sought again.

        Raises SignalingRefused, SignalingUnreachable, any PeerError, or what open_signaling and
        ice_servers raise: when the first try fails, or when what stands in the way will not pass.
        """
        if self._left:
            return
        self._outcome = asyncio.get_running_loop().create_future()
        try:
            self._tasks.start("session", self._live())
            await self._outcome
        finally:
            self._left = True
            try:
                await self._tasks.aclose()
            finally:
                self.rebuilding = False
                self._ended.set()
                self._on_change()

    async def leave(self) -> None:
        """Idempotent; at most a second."""
        self._left = True
        if self._outcome is None:
            return
        if not self._outcome.done():
            self._outcome.set_result(None)
        await self._ended.wait()

    def reach(self, name: str, detail: str = "", *, at: float | None = None) -> None:
        """Adds a step of core.session.STEPS; the first time counts. at: on `clock`, else now."""
        if all(step.name != name for step in self.steps):
            at_ms = 1000 * ((self._clock() if at is None else at) - self._started)
            self._log.steps += (Step(name, at_ms, detail),)
            self._on_change()

    def send(self, data: str | bytes, peer_id: str = PEER_ID) -> None:
        """Raises ChannelNotOpen."""
        peer = self.peer
        if peer is None or self._left:
            raise ChannelNotOpen("the data channel is not open")
        peer.send(data)

    def watch_frames(self, on_frame: Callable[[], None] | None, peer_id: str = "") -> None:
        """Calls `on_frame` after each decoded frame; None ends it."""
        self._on_frame = on_frame
        if self.peer is not None:
            self.peer.on_frame = on_frame

    def watch_sound(self, on_sound: Callable[[bytes], None] | None, peer_id: str = "") -> None:
        """Interleaved signed 16-bit samples, 48 kHz stereo; None ends it."""
        self._on_sound = on_sound
        if self.peer is not None:
            self.peer.on_sound = on_sound

    # -- what the owner reads --------------------------------------------------------------------

    @property
    def steps(self) -> tuple[Step, ...]:
        return self._log.steps

    @property
    def connected(self) -> bool:
        return self._attempt is not None and self._attempt.connected and not self._left

    @property
    def signaling(self) -> str:
        """ "open", "reconnecting" or "closed"."""
        return self._attempt.link.state if self._attempt is not None else "closed"

    @property
    def peer(self) -> Peer | None:
        return self._attempt.peer if self._attempt is not None else None

    @property
    def peers(self) -> Mapping[str, Peer]:
        return {} if self.peer is None else {PEER_ID: self.peer}

    @property
    def messages(self) -> int:
        return self._messages + (self.peer.messages if self.peer is not None else 0)

    @property
    def telemetry(self) -> str:
        """The last text that came."""
        return (self.peer.telemetry if self.peer is not None else "") or self._telemetry

    @property
    def frames(self) -> int:
        return self.peer.frames if self.peer is not None else 0

    def sample(self) -> Mapping[str, PeerStats]:
        """Appends a report to the peer's log; figures since the one before."""
        if self.peer is None:
            return {}
        report = self.peer.report(self._around.wall())
        self._peer_log.table.append(report)
        before, self._report = self._report, report
        return {PEER_ID: glance(before, report)}

    def picture(self, width: int, height: int, peer_id: str = "") -> Picture | None:
        """The newest frame, fitted into width×height pixels; the same while nothing is new."""
        return self.peer.picture(width, height) if self.peer is not None else None

    # -- living ----------------------------------------------------------------------------------

    async def _live(self) -> None:
        try:
            await self._try(self._limits)
        # Not swallowed: whatever it is, run() raises it, unless the session can help itself.
        except Exception as error:  # noqa: BLE001
            problem = error
        else:
            return
        while self._is_lost(problem):
            problem = await self._rebuild()
        self.rebuilding = False
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(problem)

    def _is_lost(self, problem: Exception) -> bool:
        """A path that was there and broke. A master that ended the session is believed."""
        return (
            self._attempt is not None
            and self._attempt.was_connected
            and isinstance(problem, PeerFailed)
            and problem.reason is PeerFailure.LOST
        )

    def _attempt_failed(self, problem: Exception) -> None:
        """Told at once: the lost try is still being closed."""
        if self._is_lost(problem) and not self._left:
            self._tell("path lost", str(problem), "bad")
            self.rebuilding = True
            self._on_change()

    async def _rebuild(self) -> Exception:
        """Tries until connected, and stays; what ended it, or what will not pass."""
        refusals, tries = 0, 0
        while True:
            limits = replace(_REBUILD_LIMITS, lost_after_s=self._limits.lost_after_s)
            try:
                await self._try(limits)
            except Exception as error:  # noqa: BLE001  see _live
                problem = error
            refusals = refusals + 1 if isinstance(problem, SignalingRefused) else 0
            if self._was_connected() or not self._may_pass(problem, refusals):
                return problem
            tries += 1
            delay_s = self._delay_s(tries)
            self._tell("try failed", f"{problem}; again in {delay_s:.1f} s", "warn")
            await asyncio.sleep(delay_s)

    def _delay_s(self, tries: int) -> float:
        """Exponential, ± half of it, so that many consoles do not come at once."""
        steady_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(tries - 1, 10))
        return steady_s * (0.5 + self._chance())

    def _may_pass(self, problem: Exception, refusals: int) -> bool:
        if isinstance(problem, SignalingRefused):
            return problem.status != 404 and refusals < _MAX_REFUSALS
        passing = SignalingUnreachable, NoAnswer, NoCandidates, PeerFailed, TimeoutError, OSError
        return isinstance(problem, passing) or self._is_transient(problem)

    def _was_connected(self) -> bool:
        return self._attempt is not None and self._attempt.was_connected

    async def _try(self, limits: Limits) -> None:
        if self.peer is not None:
            self._messages += self.peer.messages
            self._telemetry = self.peer.telemetry or self._telemetry
        self.client_id = self._new_client_id()
        self._attempt = Attempt(
            self.client_id, self._around, self._attempt_events(), limits, generation=self._attempts
        )
        self._attempts += 1
        self._report = None
        self._attempt.peer.on_frame, self._attempt.peer.on_sound = self._on_frame, self._on_sound
        self._on_change()
        await self._attempt.run()

    def _attempt_events(self) -> AttemptEvents:
        return replace(self._events, changed=self._changed, failed=self._attempt_failed)

    def _changed(self) -> None:
        if self.rebuilding and self._attempt is not None and self._attempt.connected:
            self.rebuilding = False
            self.rebuilds += 1
            self._log.rebuilds = self.rebuilds
            self._tell("path rebuilt", f"as {self.client_id}", "ok")
        self._on_change()

    def _tell(self, name: str, detail: str, tone: str) -> None:
        self._peer_log.events.append(Event(self._around.wall(), "session", name, detail, tone))
