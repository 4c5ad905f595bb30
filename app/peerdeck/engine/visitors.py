"""The viewers of our master: those that are there, and the logs of those that were."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from peerdeck.core.glance import glance
from peerdeck.core.peer_log import MESSAGE_BYTES_KEPT, Event, PeerLog, SessionLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.engine.errors import ChannelNotOpen, PeerError, TooManyViewers
from peerdeck.engine.peer import Peer
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.visitor import Visitor, VisitorEvents
from peerdeck.protocol.signaling import StatusResponse, TrickledCandidate

T = TypeVar("T")
MAX_VIEWERS = 10  # what the service allows on a channel, unless it was told otherwise
_MAX_LOGS = 60  # of peers; those that are gone the longest go first
_MAX_GENERATIONS = 8  # peers of one client id in one table
_MAX_EARLY = 64  # clients whose candidates came before their offer, and candidates of each
_CLOSE_S = 1.5


@dataclass(frozen=True, slots=True)
class VisitEvents:
    """On the loop; quick callables. visited: (client id, what, why). changed: anything to be seen.

    what: "came", "connected", "left", "lost", "replaced" or "refused".
    """

    visited: Callable[[str, str, PeerError | None], None] = lambda *_: None
    changed: Callable[[], None] = lambda: None


class Visitors:
    """make: (offer, recipient, log, what its peer tells, generation) → somebody who answers it.

    refused: offers that came while max_viewers were there. clock: POSIX seconds.
    """

    def __init__(
        self,
        log: SessionLog,
        events: VisitEvents,
        *,
        make: Callable[[str, str, PeerLog, VisitorEvents, int], Visitor],
        clock: Callable[[], float],
        max_viewers: int = MAX_VIEWERS,
    ) -> None:
        self.refused = 0
        self.telemetry = ""  # the last text of any viewer
        self.messages = 0  # of all that were ever there
        self._frame_watchers: dict[str, Callable[[], None]] = {}
        self._sound_watchers: dict[str, Callable[[bytes], None]] = {}
        self._log = log
        self._events = events
        self._make = make
        self._clock = clock
        self._max_viewers = max_viewers
        self._tasks = TaskSet("visitors")
        self._serving: set[asyncio.Task[None]] = set()
        self._there: dict[str, Visitor] = {}
        self._early: OrderedDict[str, deque[TrickledCandidate]] = OrderedDict()
        self._generations: dict[str, int] = {}
        self._last: dict[str, StatsReport] = {}

    # -- coming and going ------------------------------------------------------------------------

    def offered(self, name: str, recipient: str, sdp: str) -> None:
        """A new offer of the same client replaces its peer; the same offer again does not."""
        former = self._there.get(name)
        if former is not None and former.offer == sdp:
            return
        if former is None and len(self._there) >= self._max_viewers:
            self._refuse(name)
            return
        log = self._log_of(name)
        # Every peer has columns of its own; one that comes again and again takes the first anew.
        generation = (self._generations.get(name, -1) + 1) % _MAX_GENERATIONS
        self._generations[name] = generation
        self._last.pop(name, None)
        events = VisitorEvents(
            lambda: self._frame_came(name),
            self._events.changed,
            self._message_received,
        )
        visitor = self._make(sdp, recipient, log, events, generation)
        self._there[name] = visitor
        if former is not None:
            former.leave()
        visitor.peer.on_sound = self._sound_watchers.get(name)
        for candidate in self._early.pop(name, ()):
            visitor.peer.add(candidate)
        task = self._tasks.start(name, self._entertain(name, visitor))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self.tell(name, "session", "viewer came")
        self._events.visited(name, "came", None)
        self._events.changed()

    def candidate(self, name: str, candidate: TrickledCandidate) -> None:
        """Candidates can come before their offer."""
        visitor = self._there.get(name)
        if visitor is not None:
            visitor.peer.add(candidate)
            return
        self._early.setdefault(name, deque(maxlen=_MAX_EARLY)).append(candidate)
        while len(self._early) > _MAX_EARLY:
            self._early.popitem(last=False)

    def status(self, status: StatusResponse) -> bool:
        """Whether it was about one of the answers."""
        for visitor in self._there.values():
            if visitor.answer_id == status.correlation_id:
                visitor.refused(status)
                return True
        return False

    def dismiss(self, name: str) -> None:
        """Ends one viewer's connection. Idempotent."""
        if name in self._there:
            self._there[name].leave()

    async def aclose(self) -> None:
        """Idempotent; every viewer is told, all at once."""
        for visitor in tuple(self._there.values()):
            visitor.leave()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_CLOSE_S)
        await self._tasks.aclose()

    def tell(self, name: str, kind: str, what: str, detail: str = "", tone: str = "") -> None:
        """Writes an event into a viewer's log."""
        event = Event(self._clock(), kind, what, detail, tone)
        self._log_of(name).events.append(event)

    # -- those who are there ---------------------------------------------------------------------

    @property
    def peers(self) -> Mapping[str, Peer]:
        """By client id, in order of their coming; a copy."""
        return {name: visitor.peer for name, visitor in self._there.items()}

    @property
    def connected(self) -> int:
        return sum(visitor.connected for visitor in self._there.values())

    def send(self, data: str | bytes, name: str = "") -> None:
        """To one viewer, or to all that have a data channel. Raises ChannelNotOpen."""
        if name:
            if name not in self._there:
                raise ChannelNotOpen(f"viewer {name} is gone")
            self._there[name].peer.send(data)
            return
        open_ones = [
            peer
            for peer in self.peers.values()
            if any(channel.readyState == "open" for channel in peer.channels)
        ]
        for peer in open_ones:
            peer.send(data)
        if not open_ones:
            raise ChannelNotOpen("no viewer has a data channel open")

    def sample(self) -> dict[str, PeerStats]:
        """Appends a report of each to its log; the figures by client id."""
        return {name: self._sample(name) for name in self._there}

    def picture(self, width: int, height: int, name: str = "") -> Picture | None:
        """What a viewer sends; of the first that sends any where none is named."""
        for key, peer in self.peers.items():
            if key == name or (not name and peer.frames):
                return peer.picture(width, height)
        return None

    def watch_frames(self, on_frame: Callable[[], None] | None, name: str = "") -> None:
        """After each frame of a viewer, now or when it comes again; "" for any of them."""
        _keep(self._frame_watchers, name, on_frame)

    def watch_sound(self, on_sound: Callable[[bytes], None] | None, name: str = "") -> None:
        """What a viewer says; "" for the one that has been there the longest."""
        name = name or next(iter(self._there), "")
        _keep(self._sound_watchers, name, on_sound)
        if name in self._there:
            self._there[name].peer.on_sound = on_sound

    # -- one of them -----------------------------------------------------------------------------

    def _frame_came(self, name: str) -> None:
        for watched in (name, ""):
            if watched in self._frame_watchers:
                self._frame_watchers[watched]()

    def _message_received(self, message: str | bytes) -> None:
        self.messages += 1
        if isinstance(message, str):
            self.telemetry = message[:MESSAGE_BYTES_KEPT]
        self._events.changed()

    def _sample(self, name: str) -> PeerStats:
        report = self._there[name].peer.report(self._clock())
        self._log_of(name).table.append(report)
        figures = glance(self._last.get(name), report)
        self._last[name] = report
        return figures

    def _refuse(self, name: str) -> None:
        self.refused += 1
        problem = TooManyViewers(self._max_viewers)
        self.tell(name, "session", "offer left unanswered", str(problem), "bad")
        self._events.visited(name, "refused", problem)
        self._events.changed()

    async def _entertain(self, name: str, visitor: Visitor) -> None:
        problem: PeerError | None = None
        try:
            problem = await visitor.run(lambda: self._connected(name))
        finally:
            what = "left" if problem is None else "lost"
            if self._there.get(name) is visitor:
                self._sample(name)
                del self._there[name]
            else:
                what = "replaced"
            detail = "" if problem is None else str(problem)
            self.tell(name, "session", f"viewer {what}", detail, "" if problem is None else "bad")
            self._events.visited(name, what, problem)
            self._events.changed()
            await visitor.aclose()

    def _connected(self, name: str) -> None:
        self._events.visited(name, "connected", None)
        self._events.changed()

    def _log_of(self, name: str) -> PeerLog:
        """The oldest of those who are gone are forgotten."""
        found = self._log.peers.get(name)
        if found is None:
            for old in tuple(self._log.peers):
                if len(self._log.peers) < _MAX_LOGS:
                    break
                if old not in self._there:
                    del self._log.peers[old]
                    self._generations.pop(old, None)
                    self._last.pop(old, None)
            found = self._log.peer(name)
        return found


def _keep(watchers: dict[str, T], name: str, watcher: T | None) -> None:
    if watcher is None:
        watchers.pop(name, None)
    else:
        watchers[name] = watcher
