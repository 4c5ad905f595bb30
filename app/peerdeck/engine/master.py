"""Joins a channel as its master: answers the offers of many viewers at once."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from peerdeck.core.ice import IceServer
from peerdeck.core.join import JoinOptions
from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.session import OWN_PICTURE, Step
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.engine.errors import MediaUnusable, PeerError, ThrownOut
from peerdeck.engine.fresh_ice import FreshIce
from peerdeck.engine.ice_servers import check_forced, chosen
from peerdeck.engine.media.sources import MediaSources
from peerdeck.engine.peer import Peer, PeerEvents
from peerdeck.engine.pulse import LOST_AFTER_S
from peerdeck.engine.send_rate import SendRate
from peerdeck.engine.signaling_diary import SignalingDiary
from peerdeck.engine.signaling_link import SignalingLink, SocketEnd
from peerdeck.engine.storage_peer import STORAGE, StoragePeer
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.visitor import CONNECT_TIMEOUT_S, Visitor, VisitorEvents
from peerdeck.engine.visitors import MAX_VIEWERS, VisitEvents, Visitors
from peerdeck.protocol.signaling import (
    Kind,
    ProtocolError,
    SignalingMessage,
    read_candidate,
    read_description,
)

_UNHEARD = VisitEvents()
_SOON_S = 60.0
# Close codes of a service in trouble of its own (RFC 6455 §7.4.1), and 1006: there was none.
_NO_FRAME = 1006
_NOT_THROWN_OUT = frozenset({1001, _NO_FRAME, 1011, 1012, 1013})
_CLOSINGS, _CUTS = 2, 3  # within _SOON_S of each other, and of their sockets' opening


class MasterSession:
    """`run()` once, `leave()` any time; the attributes are read any time, on the loop.

    open_signaling: returns a freshly signed WSS URL. fetch_ice: fresh ICE servers, best first.
    options.role is MASTER. log: filled as things happen. sources: what every viewer gets; the
    session closes them. events.changed is told of steps and signaling, too. steps count from
    `started` on `clock`; wall_clock: POSIX seconds, for the log. join_storage: to be set before
    `run()` where the channel stores its media; asks the storage peer to offer.
    """

    # As a viewer's session has them. A viewer that lost its path comes again by itself.
    client_id = ""
    rebuilds = 0
    rebuilding = False

    def __init__(
        self,
        *,
        open_signaling: Callable[[], Awaitable[str]],
        fetch_ice: Callable[[], Awaitable[Sequence[IceServer]]],
        options: JoinOptions,
        log: SessionLog,
        events: VisitEvents = _UNHEARD,
        sources: MediaSources | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        started: float | None = None,
        tls: ssl.SSLContext | None = None,
        max_viewers: int = MAX_VIEWERS,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self.log = log
        self.steps: tuple[Step, ...] = ()
        self.join_storage: Callable[[], Awaitable[None]] | None = None
        self.connected = False  # with the channel: the master is online
        self._options, self._sources, self._tls = options, sources, tls
        self._events = events
        self._clock, self._wall_clock = clock, wall_clock
        self._started = clock() if started is None else started
        self._connect_timeout_s, self._lost_after_s = connect_timeout_s, lost_after_s
        self._tasks = TaskSet("master")
        self._rate = SendRate(clock)
        self._ice = FreshIce(fetch_ice, wall_clock)
        self._storage: StoragePeer | None = None
        self._visitors = Visitors(
            log,
            VisitEvents(self._visited, events.changed),
            make=self._visitor,
            clock=wall_clock,
            max_viewers=max_viewers,
        )
        self._link = SignalingLink(
            open_signaling,
            on_message=self._received,
            on_state=events.changed,
            clock=clock,
            tls=tls,
            diary=SignalingDiary(log.signaling, wall_clock),
            name="master",
            on_drop=self._dropped,
        )
        self._ends: deque[float] = deque(maxlen=_CUTS)
        self._outcome: asyncio.Future[None] | None = None
        self._left = False
        self._ended = asyncio.Event()

    # -- what the owner does ---------------------------------------------------------------------

    async def run(self) -> None:
        """Serves viewers until `leave()`.

        Raises SignalingRefused, SignalingUnreachable, ThrownOut, TurnUriUnusable, or what the
        callables raise.
        """
        if self._left:
            return
        check_forced(self._options)
        self._outcome = asyncio.get_running_loop().create_future()
        try:
            self._start("serve", self._serve())
            await self._outcome
        finally:
            await self._close()

    async def leave(self) -> None:
        """Idempotent; at most two seconds. Viewers are told."""
        self._left = True
        if self._outcome is None:
            return
        self._finish(None)
        await self._ended.wait()

    def reach(self, name: str, detail: str = "", *, at: float | None = None) -> None:
        """Adds a step of core.session.STEPS; the first time counts. at: on `clock`, else now."""
        if all(step.name != name for step in self.steps):
            at_ms = 1000 * ((self._clock() if at is None else at) - self._started)
            self.steps += (Step(name, at_ms, detail),)
            self.log.steps = self.steps
            self._events.changed()

    def send(self, data: str | bytes, peer_id: str = "") -> None:
        """To one viewer, or to all that have a data channel. Raises ChannelNotOpen."""
        self._visitors.send(data, peer_id)

    def dismiss(self, peer_id: str) -> None:
        """Ends one viewer's connection. Idempotent."""
        self._visitors.dismiss(peer_id)

    def watch_frames(self, on_frame: Callable[[], None] | None, peer_id: str = "") -> None:
        """After each frame of a viewer; "" for any of them, OWN_PICTURE for what we send."""
        if peer_id == OWN_PICTURE:
            if self._sources is not None:
                self._sources.watch_picture(on_frame)
            return
        self._visitors.watch_frames(on_frame, peer_id)

    def watch_sound(self, on_sound: Callable[[bytes], None] | None, peer_id: str = "") -> None:
        """What a viewer says, 16-bit stereo at 48 kHz; "" for the one that came first."""
        self._visitors.watch_sound(on_sound, peer_id)

    def source_failed(self, kind: str, problem: MediaUnusable) -> None:
        """Writes into every live viewer's log that its picture or sound has ended."""
        for name in self.peers:
            self._visitors.tell(name, "media", f"{kind} source ended", str(problem), "bad")
        self._events.changed()

    # -- what the owner reads --------------------------------------------------------------------

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Live ones by client id, in order of their coming; a copy."""
        return self._visitors.peers

    @property
    def refused(self) -> int:
        """Offers that came while as many viewers were there as may be."""
        return self._visitors.refused

    @property
    def messages(self) -> int:
        """Of all viewers that were ever there."""
        return self._visitors.messages

    @property
    def telemetry(self) -> str:
        """The last text of any viewer."""
        return self._visitors.telemetry

    @property
    def signaling(self) -> str:
        """ "open", "reconnecting" or "closed"."""
        return self._link.state

    def sample(self) -> dict[str, PeerStats]:
        """Appends a report of every live viewer to its log; the figures by client id."""
        return self._visitors.sample()

    def picture(self, width: int, height: int, peer_id: str = "") -> Picture | None:
        """What a viewer sends, of the first that sends any where none is named; or OWN_PICTURE,
        while that is watched."""
        if peer_id == OWN_PICTURE:
            return None if self._sources is None else self._sources.picture(width, height)
        return self._visitors.picture(width, height, peer_id)

    # -- serving ---------------------------------------------------------------------------------

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._link.open(), name="master/open")
            group.create_task(self._first_ice(), name="master/ice")
        self.connected = True
        self.reach("Signaling open")
        self._start("ice", self._ice.keep_fresh())
        if self.join_storage is not None:
            self._storage = StoragePeer(self.join_storage, self._storage_failed)
            self._start("storage", self._storage.keep_joined())
        await self._link.run()

    async def _first_ice(self) -> None:
        servers = await self._ice.first()
        self.reach("ICE configuration", f"{sum(len(server.uris) for server in servers)} URIs")

    def _visitor(
        self,
        offer: str,
        recipient: str,
        log: PeerLog,
        told: VisitorEvents,
        generation: int,
    ) -> Visitor:
        def peer(events: PeerEvents) -> Peer:
            return Peer(
                self._options,
                chosen(self._ice.now, self._options),
                log,
                events,
                tls=self._tls,
                sources=self._sources,
                clock=self._wall_clock,
                generation=generation,
            )

        return Visitor(
            offer,
            recipient,
            peer,
            told,
            send=self._send,
            clock=self._clock,
            trickle=self._options.trickle,
            connect_timeout_s=self._connect_timeout_s,
            lost_after_s=self._lost_after_s,
        )

    async def _send(self, message: SignalingMessage) -> None:
        await self._rate.turn(message.kind)
        await self._link.send(message)

    def _received(self, message: SignalingMessage) -> None:
        name = message.sender or STORAGE
        try:
            if message.kind is Kind.SDP_OFFER:
                self._visitors.offered(name, message.sender, read_description(message).sdp)
            elif message.kind is Kind.ICE_CANDIDATE:
                self._visitors.candidate(name, read_candidate(message))
        except ProtocolError as error:
            self._visitors.tell(name, "signaling", "message ignored", str(error), "warn")
        if message.status is not None and message.status.is_error:
            self._visitors.status(message.status)
        elif message.kind is Kind.RECONNECT_ICE_SERVER:
            self._ice.renew()

    def _visited(self, name: str, what: str, why: PeerError | None) -> None:
        if self._storage is not None and name == STORAGE:
            self._storage.visited(what)
        self._events.visited(name, what, why)

    def _storage_failed(self, why: str) -> None:
        self._visitors.tell(STORAGE, "session", "storage did not join", why, "bad")
        self._events.changed()

    def _dropped(self, end: SocketEnd) -> None:
        """Raises ThrownOut: the newest master wins, and fighting would throw viewers about.

        The service does not say so in a documented way. A close frame that does not speak of
        trouble means it; so do a few ends in a row of sockets that had just been opened, since
        a network that is gone does not let them open.
        """
        if end.code not in _NOT_THROWN_OUT:
            raise ThrownOut(end.reason)
        if end.age_s < _SOON_S:
            self._ends.append(self._clock())
            recent = sum(self._clock() - at < _SOON_S for at in self._ends)
            if recent >= (_CUTS if end.code == _NO_FRAME else _CLOSINGS):
                raise ThrownOut(end.reason)

    # -- ending ----------------------------------------------------------------------------------

    def _start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(name, self._guarded(coroutine))

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except ExceptionGroup as group:
            self._finish(group.exceptions[0])
        # Not swallowed: whatever it is, run() raises it.
        except Exception as error:  # noqa: BLE001
            self._finish(error)

    def _finish(self, error: Exception | None) -> None:
        if self._outcome is None or self._outcome.done():
            return
        if error is None:
            self._outcome.set_result(None)
        else:
            self._outcome.set_exception(error)

    async def _close(self) -> None:
        self._left = True
        try:
            await self._tasks.aclose()
            closing: list[Awaitable[None]] = [self._visitors.aclose(), self._link.aclose()]
            await asyncio.gather(*closing)
            if self._sources is not None:
                await self._sources.aclose()
        finally:
            self.connected = False
            self._ended.set()
            self._events.changed()
