"""One viewer at our master: from its offer until it is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from peerdeck.engine.errors import (
    AnswerNotDelivered,
    AnswerUnusable,
    PeerError,
    PeerFailed,
    PeerFailure,
)
from peerdeck.engine.peer import UNUSABLE, Peer, PeerEvents
from peerdeck.engine.pulse import LOST_AFTER_S, Pulse
from peerdeck.engine.tasks import TaskSet
from peerdeck.protocol.sdp import check_sections, sections, take_candidates
from peerdeck.protocol.signaling import (
    MAX_PAYLOAD_CHARACTERS,
    PayloadTooLarge,
    SessionDescription,
    SignalingMessage,
    StatusResponse,
    TrickledCandidate,
    candidate_message,
    description_message,
    payload_characters,
)

CONNECT_TIMEOUT_S = 30.0
_MAX_CANDIDATES = 256
_CLOSE_TIMEOUT_S = 0.7


@dataclass(frozen=True, slots=True)
class VisitorEvents:
    """What a viewer's peer tells, on the loop; quick callables. changed: anything to be seen."""

    frame_came: Callable[[], None]
    changed: Callable[[], None]
    message_received: Callable[[str | bytes], None]


class Visitor:
    """`run()` answers and stays while the viewer does; `leave()` ends it; `aclose()` afterwards.

    offer: the SDP that is being served. recipient: what the service calls the viewer; "" for the
    storage peer. make_peer: one that answers, and tells these events. send: a message to the
    service, in its turn. trickle: candidates may follow the answer. connected: ICE and DTLS are.
    """

    def __init__(
        self,
        offer: str,
        recipient: str,
        make_peer: Callable[[PeerEvents], Peer],
        events: VisitorEvents,
        *,
        send: Callable[[SignalingMessage], Awaitable[None]],
        clock: Callable[[], float],
        trickle: bool = True,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self.offer = offer
        self.connected = False
        self.answer_id = uuid4().hex
        self._recipient = recipient
        self._send = send
        self._clock = clock
        self._trickle = trickle
        self._connect_timeout_s = connect_timeout_s
        self._lost_after_s = lost_after_s
        self._own: asyncio.Queue[TrickledCandidate] = asyncio.Queue(_MAX_CANDIDATES)
        self._outcome: asyncio.Future[PeerError | None] = asyncio.get_running_loop().create_future()
        self._tasks = TaskSet(f"visitor-{recipient}")
        self.peer = make_peer(
            PeerEvents(
                candidate_found=self._candidate_found,
                connection_changed=self._connection_changed,
                frame_came=events.frame_came,
                channel_opened=events.changed,
                message_received=events.message_received,
                failed=self.leave,
            )
        )

    async def run(self, on_connected: Callable[[], None]) -> PeerError | None:
        """Why the viewer is gone; None where it left, or was left."""
        self._tasks.start("serve", self._serve(on_connected))
        try:
            return await self._outcome
        finally:
            self.connected = False
            await self._tasks.aclose()

    def leave(self, error: PeerError | None = None) -> None:
        """Makes `run()` end. Idempotent."""
        if not self._outcome.done():
            self._outcome.set_result(error)

    def refused(self, status: StatusResponse) -> None:
        """The service could not pass our answer on."""
        words = (status.status_code, status.error_type, status.description)
        self.leave(AnswerNotDelivered(" ".join(filter(None, words))))

    async def aclose(self) -> None:
        """Idempotent; at most 0.7 s."""
        self.leave()
        await self.peer.close(_CLOSE_TIMEOUT_S)

    def _candidate_found(self, candidate: TrickledCandidate) -> None:
        """One of our own; it follows the answer."""
        if not self._own.full():
            self._own.put_nowait(candidate)

    def _connection_changed(self, state: str) -> None:
        if state == "closed":
            self.leave()
        elif state == "failed":
            self.leave(self.peer.failure())

    async def _serve(self, on_connected: Callable[[], None]) -> None:
        try:
            await self._answer()
            self._tasks.start("own-candidates", self._send_candidates())
            await self._wait_for_connection()
            self.connected = True
            on_connected()
            internals = self.peer.internals
            if internals is not None:
                await Pulse(internals, lost_after_s=self._lost_after_s, clock=self._clock).watch()
        except PeerError as error:
            self.leave(error)
        except BaseException:
            # A bug, or the end of everything: whoever waits must not wait for ever.
            self.leave(PeerFailed(PeerFailure.CLOSED, "a fault of the console's own"))
            raise

    async def _answer(self) -> None:
        try:
            check_sections(self.offer)  # aiortc would neither say so nor close again
            sdp = await self.peer.answer(self.offer)
        except UNUSABLE as error:  # a stranger's SDP can be anything
            raise AnswerUnusable(str(error) or type(error).__name__) from error
        message = self._answer_message(sdp)
        if payload_characters(message.payload) > MAX_PAYLOAD_CHARACTERS and self._trickle:
            # On a machine with many addresses: they follow.
            sdp, candidates, _ = take_candidates(sdp)
            message = self._answer_message(sdp)
            mid = sections(sdp)[1][0].mid
            for text in candidates:
                self._candidate_found(TrickledCandidate(text, mid, 0))
        try:
            await self._send(message)
        except PayloadTooLarge as error:
            raise AnswerNotDelivered(str(error)) from error

    def _answer_message(self, sdp: str) -> SignalingMessage:
        return description_message(
            SessionDescription("answer", sdp),
            recipient=self._recipient,
            correlation_id=self.answer_id,
        )

    async def _wait_for_connection(self) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self.peer.established.wait()
        except TimeoutError:
            raise self.peer.failure() from None

    async def _send_candidates(self) -> None:
        while True:
            candidate = await self._own.get()
            await self._send(
                candidate_message(candidate, recipient=self._recipient, correlation_id=uuid4().hex)
            )
