"""Joins a channel as viewer: one bundled connection that receives video, audio and texts."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from uuid import uuid4

from aiortc import MediaStreamTrack

from peerdeck.core.ice import IceServer
from peerdeck.core.session import Step
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.engine.errors import (
    AnswerUnusable,
    ChannelNotOpen,
    NoAnswer,
    OfferTooLarge,
    PeerFailed,
    PeerFailure,
)
from peerdeck.engine.peer import PeerEvents, ReceivingPeer
from peerdeck.engine.pulse import Pulse
from peerdeck.engine.signaling_link import SignalingLink
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.video_sink import VideoSink, discard
from peerdeck.protocol.signaling import (
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

ANSWER_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 20.0
LOST_AFTER_S = 5.0
_MAX_CANDIDATES = 256
_CLOSE_TIMEOUT_S = 0.7


class ViewerSession:
    """One join: `run()` once, `leave()` any time, the attributes are read any time.

    open_signaling: returns a freshly signed WSS URL whenever a socket is needed. ice_servers: best
    first, since aiortc uses only the first STUN and the first TURN URI. relay_only: no other path
    than through TURN. tls: whom signaling and TURN over TLS trust, None for the system's
    authorities. started: the click, on `clock`; steps count from it. on_change: steps, texts
    or signaling changed; on_frame: a frame came. Both are called on the loop and should be quick.
    """

    def __init__(
        self,
        *,
        client_id: str,
        open_signaling: Callable[[], Awaitable[str]],
        ice_servers: Sequence[IceServer],
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        started: float | None = None,
        relay_only: bool = False,
        tls: ssl.SSLContext | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self.client_id = client_id
        self.steps: tuple[Step, ...] = ()
        self.telemetry = ""
        self.messages = 0
        self.connected = False
        self.ice_servers_stale = False  # the service asked for new ones (RECONNECT_ICE_SERVER)
        self.on_frame: Callable[[], None] | None = None
        self._ice_servers = ice_servers
        self._relay_only = relay_only
        self._tls = tls
        self._on_change = on_change
        self._clock = clock
        self._started = clock() if started is None else started
        self._answer_timeout_s = answer_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._lost_after_s = lost_after_s
        self._tasks = TaskSet(f"viewer-{client_id}")
        self._link = SignalingLink(
            open_signaling, on_message=self._received, on_state=on_change, clock=clock, tls=tls
        )
        self._sink = VideoSink(self._frame_came)
        self._peer: ReceivingPeer | None = None
        self._theirs: asyncio.Queue[TrickledCandidate] = asyncio.Queue(_MAX_CANDIDATES)
        self._own: asyncio.Queue[TrickledCandidate] = asyncio.Queue(_MAX_CANDIDATES)
        self._offer_id = uuid4().hex
        self._outcome: asyncio.Future[None] | None = None
        self._answer: asyncio.Future[SignalingMessage] | None = None
        self._pulse: Pulse | None = None
        self._left = False
        self._ended = asyncio.Event()

    # -- what the owner does ---------------------------------------------------------------------

    async def run(self) -> None:
        """Joins and stays until `leave()`.

        Raises SignalingRefused, SignalingUnreachable, any PeerError, or what open_signaling raises.
        """
        if self._left:
            return
        loop = asyncio.get_running_loop()
        self._outcome, self._answer = loop.create_future(), loop.create_future()
        try:
            self._start("join", self._join())
            await self._outcome
        finally:
            await self._close()

    async def leave(self) -> None:
        """Idempotent; at most a second."""
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
            self._on_change()

    def send_text(self, text: str) -> None:
        """Raises ChannelNotOpen."""
        channel = self._peer.channel if self._peer is not None else None
        if channel is None or channel.readyState != "open":
            raise ChannelNotOpen("the data channel is not open")
        channel.send(text)

    # -- what the owner reads --------------------------------------------------------------------

    @property
    def signaling(self) -> str:
        """ "open", "reconnecting" or "closed"."""
        return self._link.state

    @property
    def frames(self) -> int:
        return self._sink.frames

    async def sample(self) -> PeerStats:
        """Figures since the last sample; an empty one before there is a connection."""
        now_s = self._clock()
        if self._peer is None:
            return PeerStats(at_s=now_s)
        rtt_s = self._pulse.rtt_s if self._pulse is not None else None
        return self._peer.sampler.sample(now_s, self._sink, rtt_s)

    def picture(self, width: int, height: int) -> Picture | None:
        """The newest frame, fitted into width×height pixels; the same while nothing is new."""
        return self._sink.picture(width, height)

    # -- joining ---------------------------------------------------------------------------------

    async def _join(self) -> None:
        peer = self._peer = ReceivingPeer(
            self._ice_servers, self._events(), relay_only=self._relay_only, tls=self._tls
        )
        offering = self._tasks.start("offer", peer.offer(self._tasks))
        await self._link.open()
        self.reach("Signaling open")
        self._start("signaling", self._link.run())
        await self._send_offer(await offering)
        self._start("own-candidates", self._send_candidates())
        await peer.accept(await self._wait_for_answer())
        if peer.internals.remote_candidates:
            self.reach("First remote candidate", "in the answer")
        self._start("their-candidates", self._add_candidates(peer))
        await self._wait_for_connection(peer)
        self._pulse = Pulse(peer.internals, lost_after_s=self._lost_after_s, clock=self._clock)
        self._start("pulse", self._pulse.measure())
        self._start("watch", self._pulse.watch())

    def _events(self) -> PeerEvents:
        return PeerEvents(
            candidate_found=lambda candidate: _keep(self._own, candidate),
            ice_completed=self._ice_completed,
            connection_changed=self._connection_changed,
            track_received=self._track_received,
            channel_opened=lambda: self.reach("Data channel open"),
            text_received=self._text_received,
        )

    async def _send_offer(self, sdp: str) -> None:
        message = description_message(
            SessionDescription("offer", sdp), correlation_id=self._offer_id
        )
        try:
            await self._link.send(message)
        except PayloadTooLarge as error:
            raise OfferTooLarge(error.size, error.limit) from error
        self.reach("Offer sent", f"{payload_characters(message.payload)} characters")

    async def _wait_for_answer(self) -> str:
        if self._answer is None:
            raise RuntimeError("run() makes it")
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                answer = await self._answer
        except TimeoutError:
            raise NoAnswer(self._answer_timeout_s) from None
        self.reach("Answer received")
        try:
            return read_description(answer).sdp
        except ProtocolError as error:
            raise AnswerUnusable(str(error)) from error

    async def _wait_for_connection(self, peer: ReceivingPeer) -> None:
        """aioice waits for more remote candidates without end; many masters never end theirs."""
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await peer.established.wait()
        except TimeoutError:
            raise peer.failure() from None

    async def _send_candidates(self) -> None:
        """After the offer: most masters drop a candidate of a viewer they do not know."""
        while True:
            message = candidate_message(await self._own.get(), correlation_id=uuid4().hex)
            await self._link.send(message)

    async def _add_candidates(self, peer: ReceivingPeer) -> None:
        """Those that came before the answer first."""
        while True:
            candidate = await self._theirs.get()
            self._tasks.start("their-candidate", _add(peer, candidate))
            await asyncio.sleep(0)  # in order: only `.local` names, which take time, are overtaken

    # -- signaling -------------------------------------------------------------------------------

    def _received(self, message: SignalingMessage) -> None:
        if message.kind is Kind.SDP_ANSWER:
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(message)
        elif message.kind is Kind.ICE_CANDIDATE:
            self._candidate_received(message)
        elif message.kind is Kind.STATUS_RESPONSE:
            self._status_received(message)
        elif message.kind is Kind.RECONNECT_ICE_SERVER:
            self.ice_servers_stale = True
            self._on_change()

    def _candidate_received(self, message: SignalingMessage) -> None:
        try:
            candidate = read_candidate(message)
        except ProtocolError as error:
            _log.warning("remote candidate ignored: %s", error)
            return
        if candidate.candidate:
            self.reach("First remote candidate", candidate.candidate.split()[7])
        _keep(self._theirs, candidate)

    def _status_received(self, message: SignalingMessage) -> None:
        status = message.status
        if status is None or not status.is_error:
            return
        if status.correlation_id == self._offer_id:
            self._finish(_refused(status, self._clock() - self._started))
        else:
            _log.info("signaling: %s %s", status.error_type, status.description)

    # -- connection ------------------------------------------------------------------------------

    def _ice_completed(self) -> None:
        pair = self._peer.internals.selected_pair() if self._peer is not None else None
        self.reach("ICE connected", pair.path if pair is not None else "")

    def _connection_changed(self, state: str) -> None:
        if state == "connected":
            self.connected = True
            self.reach("DTLS connected")
        elif state == "failed" and self._peer is not None:
            self._finish(self._peer.failure())
        elif state == "closed":
            self._finish(PeerFailed(PeerFailure.CLOSED, "the master ended the session"))

    def _track_received(self, track: MediaStreamTrack) -> None:
        drained = self._sink.drain(track) if track.kind == "video" else discard(track)
        self._start(f"{track.kind}-track", drained)

    def _text_received(self, message: str | bytes) -> None:
        self.messages += 1
        if isinstance(message, str):
            self.telemetry = message
        self._on_change()

    def _frame_came(self) -> None:
        if self._sink.frames == 1:
            self.reach("First frame", f"{self._sink.width}×{self._sink.height}")
        if self.on_frame is not None:
            self.on_frame()

    # -- ending ----------------------------------------------------------------------------------

    def _start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(name, self._guarded(coroutine))

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
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
            closing = [self._link.aclose()]
            if self._peer is not None:
                closing.append(self._peer.close(_CLOSE_TIMEOUT_S))
            await asyncio.gather(*closing)
        finally:
            self.connected = False
            self._ended.set()
            self._on_change()


def _keep(queue: asyncio.Queue[TrickledCandidate], candidate: TrickledCandidate) -> None:
    if queue.full():
        _log.warning("candidate dropped: %d are waiting", queue.qsize())
    else:
        queue.put_nowait(candidate)


def _refused(status: StatusResponse, waited_s: float) -> NoAnswer:
    return NoAnswer(
        waited_s,
        status_code=status.status_code,
        error_type=status.error_type,
        description=status.description,
    )


async def _add(peer: ReceivingPeer, candidate: TrickledCandidate) -> None:
    try:
        await peer.add(candidate)
    except AnswerUnusable as error:
        _log.warning("remote candidate ignored: %s", error)
