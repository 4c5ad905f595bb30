"""One try at a channel as viewer: a signaling link and a peer connection, until it fails."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from peerdeck.core.ice import IceServer
from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.core.peer_log import PeerLog
from peerdeck.engine.errors import (
    AnswerUnusable,
    NoAnswer,
    OfferTooLarge,
    PeerFailed,
    PeerFailure,
)
from peerdeck.engine.ice_servers import check_forced, chosen
from peerdeck.engine.peer import Peer, PeerEvents, TrackSource
from peerdeck.engine.pulse import LOST_AFTER_S, Pulse
from peerdeck.engine.signaling_diary import SignalingDiary
from peerdeck.engine.signaling_link import SignalingLink
from peerdeck.engine.tasks import TaskSet
from peerdeck.protocol.sdp import take_candidates
from peerdeck.protocol.signaling import (
    MAX_PAYLOAD_CHARACTERS,
    Kind,
    PayloadTooLarge,
    ProtocolError,
    SessionDescription,
    SignalingMessage,
    StatusResponse,
    TrickledCandidate,
    candidate_message,
    description_message,
    payload_characters,
    read_candidate,
    read_description,
)

_log = logging.getLogger(__name__)

_MAX_CANDIDATES = 256
_CLOSE_TIMEOUT_S = 0.7


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. open_s: for the signaling socket, its URL included."""

    open_s: float = 30.0
    answer_s: float = 10.0
    connect_s: float = 20.0
    lost_after_s: float = LOST_AFTER_S


USUAL_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a try needs and shares with those before and after it.

    open_signaling: a freshly signed WSS URL for a client id. ice_servers: best first, asked while
    signaling opens. tls: whom signaling and TURN over TLS trust, None for the system's authorities.
    clock: monotonic seconds, wall: POSIX seconds. is_transient: whether what the two callables
    raised may pass by itself.
    """

    options: JoinOptions
    open_signaling: Callable[[str], Awaitable[str]]
    ice_servers: Callable[[str], Awaitable[Sequence[IceServer]]]
    log: PeerLog
    diary: SignalingDiary
    clock: Callable[[], float]
    wall: Callable[[], float]
    tls: ssl.SSLContext | None = None
    sources: TrackSource | None = None
    is_transient: Callable[[Exception], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class AttemptEvents:
    """What a try tells, on the loop; quick callables.

    reached: (name of core.session.STEPS, detail). ice_servers_stale: the service asked for new
    ones (RECONNECT_ICE_SERVER). failed: what `run()` is about to raise, as soon as it is known;
    closing takes a moment where a server does not answer.
    """

    reached: Callable[[str, str], None]
    changed: Callable[[], None]
    ice_servers_stale: Callable[[], None] = field(default=lambda: None)
    failed: Callable[[Exception], None] = field(default=lambda _: None)


class Attempt:
    """`run()` once. peer: from the beginning; connected: ICE and DTLS are up, and not lost."""

    def __init__(
        self,
        client_id: str,
        around: Surroundings,
        events: AttemptEvents,
        limits: Limits,
        *,
        generation: int = 0,
    ) -> None:
        """Raises TurnUriUnusable."""
        check_forced(around.options)
        self.client_id = client_id
        self.was_connected = False
        self.pulse: Pulse | None = None
        self._around = around
        self._events = events
        self._limits = limits
        self._is_rebuild = generation > 0
        self._tasks = TaskSet(f"viewer-{client_id}")
        self.link = SignalingLink(
            lambda: around.open_signaling(client_id),
            on_message=self._received,
            on_state=events.changed,
            clock=around.clock,
            tls=around.tls,
            diary=around.diary,
            name=client_id,
        )
        loop = asyncio.get_running_loop()
        self._promise: asyncio.Future[Sequence[IceServer]] = loop.create_future()
        self._failed: asyncio.Future[None] = loop.create_future()
        self._answer: asyncio.Future[SignalingMessage] = loop.create_future()
        self._own: asyncio.Queue[TrickledCandidate] = asyncio.Queue(_MAX_CANDIDATES)
        self._offer_id = uuid4().hex
        self._begun = around.clock()
        self.peer = Peer(
            around.options,
            () if around.options.policy is PathPolicy.HOST else self._promise,
            around.log,
            self._peer_events(),
            tls=around.tls,
            sources=around.sources,
            clock=around.wall,
            generation=generation,
        )

    @property
    def connected(self) -> bool:
        return self.was_connected and not self._failed.done()

    async def run(self) -> None:
        """Until cancelled.

        Raises SignalingRefused, SignalingUnreachable, any PeerError, or what open_signaling and
        ice_servers raise.
        """
        try:
            if self._around.options.policy is not PathPolicy.HOST:
                self._start("ice-servers", self._fetch_servers())
            self._start("join", self._join())
            await self._failed
        finally:
            await self._close()

    # -- joining ---------------------------------------------------------------------------------

    async def _join(self) -> None:
        offering = self._tasks.start("offer", self._offer())
        try:
            async with asyncio.timeout(self._limits.open_s):
                await self.link.open()
        except TimeoutError:
            raise NoAnswer(self._limits.open_s) from None
        self._events.reached("Signaling open", "")
        self._start("signaling", self.link.run())
        sdp, problem = await offering
        if problem is not None:
            raise problem
        await self._send_offer(sdp)
        self._start("own-candidates", self._send_candidates())
        await self.peer.accept(await self._wait_for_answer())
        if self.peer.has_remote_candidates:
            self._events.reached("First remote candidate", "in the answer")
        await self._wait_for_connection()
        if self.peer.internals is not None:
            self.pulse = Pulse(
                self.peer.internals,
                lost_after_s=self._limits.lost_after_s,
                clock=self._around.clock,
            )
            self._start("pulse", self.pulse.watch())

    async def _offer(self) -> tuple[str, Exception | None]:
        """A task of its own, whose failure is told by `_join` alone."""
        try:
            return await self.peer.offer(), None
        # Not swallowed: _join raises it.
        except Exception as error:  # noqa: BLE001
            return "", error

    async def _fetch_servers(self) -> None:
        """A way back may be there without them; the first join had better say what is wrong."""
        around = self._around
        servers: Sequence[IceServer] = ()
        try:
            servers = chosen(await around.ice_servers(self.client_id), around.options)
        # Of the caller's kinds, which only it can tell apart.
        except Exception as error:
            may_go_on = self._is_rebuild and around.options.policy is not PathPolicy.RELAY
            if not (may_go_on and around.is_transient(error)):
                raise
            _log.info("no ICE servers for a rebuild: %s", type(error).__name__)
        finally:
            if not self._promise.done():
                self._promise.set_result(servers)

    async def _send_offer(self, sdp: str) -> None:
        """On a machine with many addresses its candidates follow where they are too many."""
        message = self._offer_message(sdp)
        fits = payload_characters(message.payload) <= MAX_PAYLOAD_CHARACTERS
        if not fits and self._around.options.trickle:
            sdp, candidates, _ = take_candidates(sdp)
            message = self._offer_message(sdp)
            for text in candidates:
                self._candidate_found(TrickledCandidate(text, "0", 0))
        try:
            await self.link.send(message)
        except PayloadTooLarge as error:
            raise OfferTooLarge(error.size, error.limit) from error
        self._events.reached("Offer sent", f"{payload_characters(message.payload)} characters")

    def _offer_message(self, sdp: str) -> SignalingMessage:
        return description_message(SessionDescription("offer", sdp), correlation_id=self._offer_id)

    async def _wait_for_answer(self) -> str:
        try:
            async with asyncio.timeout(self._limits.answer_s):
                answer = await self._answer
        except TimeoutError:
            raise NoAnswer(self._limits.answer_s) from None
        self._events.reached("Answer received", "")
        try:
            return read_description(answer).sdp
        except ProtocolError as error:
            raise AnswerUnusable(str(error)) from error

    async def _wait_for_connection(self) -> None:
        """aioice waits for more remote candidates without end; many masters never end theirs."""
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self.peer.established.wait()
        except TimeoutError:
            raise self.peer.failure() from None

    async def _send_candidates(self) -> None:
        """After the offer: most masters drop a candidate of a viewer they do not know."""
        while True:
            message = candidate_message(await self._own.get(), correlation_id=uuid4().hex)
            await self.link.send(message)

    # -- signaling -------------------------------------------------------------------------------

    def _received(self, message: SignalingMessage) -> None:
        if message.kind is Kind.SDP_ANSWER:
            if not self._answer.done():
                self._answer.set_result(message)
        elif message.kind is Kind.ICE_CANDIDATE:
            self._candidate_received(message)
        elif message.kind is Kind.STATUS_RESPONSE:
            self._status_received(message)
        elif message.kind is Kind.RECONNECT_ICE_SERVER:
            self._events.ice_servers_stale()

    def _candidate_received(self, message: SignalingMessage) -> None:
        try:
            candidate = read_candidate(message)
        except ProtocolError as error:
            _log.warning("remote candidate ignored: %s", error)
            return
        if candidate.candidate:
            self._events.reached("First remote candidate", candidate.candidate.split()[7])
        self.peer.add(candidate)

    def _status_received(self, message: SignalingMessage) -> None:
        status = message.status
        if status is None or not status.is_error:
            return
        if status.correlation_id == self._offer_id:
            self._fail(_refused(status, self._around.clock() - self._begun))
        else:
            _log.info("signaling: %s %s", status.error_type, status.description)

    # -- peer connection -------------------------------------------------------------------------

    def _peer_events(self) -> PeerEvents:
        return PeerEvents(
            candidate_found=self._candidate_found,
            ice_completed=self._ice_completed,
            connection_changed=self._connection_changed,
            frame_came=self._frame_came,
            channel_opened=lambda: self._events.reached("Data channel open", ""),
            message_received=lambda _: self._events.changed(),
            failed=self._fail,
        )

    def _candidate_found(self, candidate: TrickledCandidate) -> None:
        if self._own.full():
            _log.warning("candidate dropped: %d are waiting", self._own.qsize())
        else:
            self._own.put_nowait(candidate)

    def _ice_completed(self) -> None:
        pair = self.peer.internals.selected_pair() if self.peer.internals is not None else None
        self._events.reached("ICE connected", pair.path if pair is not None else "")

    def _connection_changed(self, state: str) -> None:
        if state == "connected":
            self.was_connected = True
            self._events.reached("DTLS connected", "")
            self._events.changed()
        elif state == "failed":
            self._fail(self.peer.failure())
        elif state == "closed":
            self._fail(PeerFailed(PeerFailure.CLOSED, "the master ended the session"))

    def _frame_came(self) -> None:
        if self.peer.frames == 1:
            video = self.peer.video
            self._events.reached("First frame", f"{video.width}×{video.height}")

    # -- ending ----------------------------------------------------------------------------------

    def _start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(name, self._guarded(coroutine))

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        # Not swallowed: whatever it is, run() raises it.
        except Exception as error:  # noqa: BLE001
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
            self._events.failed(error)

    async def _close(self) -> None:
        """To the end, even where who waits is cancelled: sockets would stay."""
        closing = asyncio.get_running_loop().create_task(
            self._close_all(), name=f"viewer-{self.client_id}/close"
        )
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _close_all(self) -> None:
        await self._tasks.aclose()
        for future in (self._promise, self._answer, self._failed):
            future.cancel()
        await asyncio.gather(self.link.aclose(), self.peer.close(_CLOSE_TIMEOUT_S))


def _refused(status: StatusResponse, waited_s: float) -> NoAnswer:
    return NoAnswer(
        waited_s,
        status_code=status.status_code,
        error_type=status.error_type,
        description=status.description,
    )
