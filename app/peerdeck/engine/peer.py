"""One bundled connection that receives video, audio and texts."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aioice.candidate import Candidate
from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from peerdeck.core.ice import IceServer
from peerdeck.engine.aiortc_adapter import PeerInternals
from peerdeck.engine.errors import AnswerUnusable, PeerFailed, PeerFailure
from peerdeck.engine.ice_servers import rtc_configuration
from peerdeck.engine.stats_sampler import StatsSampler
from peerdeck.engine.tasks import TaskSet
from peerdeck.protocol.signaling import TrickledCandidate

CHANNEL_LABEL = "kvsDataChannel"  # what the SDKs' samples call it
# What aiortc raises at an SDP or a candidate that it cannot read or does not want.
_UNUSABLE = (
    ValueError, AssertionError, LookupError, TypeError, AttributeError,
    InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """What a peer tells its owner, on the loop; quick callables.

    connection_changed: "connecting", "connected", "failed" or "closed".
    """

    candidate_found: Callable[[TrickledCandidate], None]
    ice_completed: Callable[[], None]
    connection_changed: Callable[[str], None]
    track_received: Callable[[MediaStreamTrack], None]
    channel_opened: Callable[[], None]
    text_received: Callable[[str | bytes], None]


class ReceivingPeer:
    """The offering end. established: set once, when ICE and DTLS are both connected."""

    def __init__(
        self,
        ice_servers: Sequence[IceServer],
        events: PeerEvents,
        *,
        relay_only: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.established = asyncio.Event()
        self._events = events
        self._connection = RTCPeerConnection(rtc_configuration(ice_servers, relay_only=relay_only))
        video = self._connection.addTransceiver("video", direction="recvonly")
        audio = self._connection.addTransceiver("audio", direction="recvonly")
        self.channel = self._connection.createDataChannel(CHANNEL_LABEL)
        self.internals = PeerInternals(self._connection)
        if tls is not None:
            self.internals.trust(tls)
        self.sampler = StatsSampler(self.internals, video, audio)
        self._listen()

    async def offer(self, tasks: TaskSet) -> str:
        """The SDP with the host candidates; the others follow through `candidate_found`."""
        self.internals.trickle(tasks, self._candidate_found)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return _trickled_offer(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Applies the answer. Raises AnswerUnusable."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except _UNUSABLE as error:
            raise AnswerUnusable(str(error) or type(error).__name__) from error

    async def add(self, candidate: TrickledCandidate) -> None:
        """After `accept`. May take seconds for a `.local` name. Raises AnswerUnusable."""
        if not candidate.candidate:
            await self._connection.addIceCandidate(None)
            return
        try:
            parsed = candidate_from_sdp(candidate.candidate)
            if parsed.component != 1:
                return  # RTCP of its own, which a bundled connection has not
            # Bundled: whatever section it names, there is one transport, and aiortc would silently
            # drop a candidate of any section but the first.
            parsed.sdpMid = "0"
            await self._connection.addIceCandidate(parsed)
        except _UNUSABLE as error:
            raise AnswerUnusable(f"candidate: {error}") from error

    def failure(self) -> PeerFailed:
        """Why there is no connection (any more), with the evidence."""
        if self.established.is_set():
            return PeerFailed(PeerFailure.LOST, "the path broke")
        if self._connection.iceConnectionState == "completed":
            pair = self.internals.selected_pair()
            return PeerFailed(PeerFailure.NO_DTLS, pair.path if pair is not None else "")
        own, theirs = self.internals.local_candidates, self.internals.remote_candidates
        return PeerFailed(
            PeerFailure.NO_PATH, f"own candidates: {_kinds(own)}; theirs: {_kinds(theirs)}"
        )

    async def close(self, timeout_s: float) -> None:
        """Idempotent."""
        await self.internals.close(timeout_s)

    def _listen(self) -> None:
        connection = self._connection
        connection.on("track", self._events.track_received)
        connection.on("datachannel", self._listen_to_channel)
        connection.on("iceconnectionstatechange", self._ice_changed)
        connection.on("connectionstatechange", self._connection_changed)
        self.channel.on("open", self._events.channel_opened)
        self._listen_to_channel(self.channel)

    def _listen_to_channel(self, channel: RTCDataChannel) -> None:
        """Some masters open a channel of their own."""
        channel.on("message", self._events.text_received)

    def _candidate_found(self, candidate: RTCIceCandidate | None) -> None:
        # The official SDK sends no end-of-candidates either: the C SDK takes it for a broken one.
        if candidate is not None and not self.established.is_set():
            self._events.candidate_found(TrickledCandidate(candidate_to_sdp(candidate), "0", 0))

    def _ice_changed(self) -> None:
        if self._connection.iceConnectionState == "completed":
            self._events.ice_completed()

    def _connection_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self.established.set()
        self._events.connection_changed(state)


def _trickled_offer(sdp: str) -> str:
    """Leaves out that candidates are complete, and their repetition in each bundled section.

    aiortc writes both; more will follow, and the payload is limited.
    """
    lines, sections = [], 0
    for line in sdp.splitlines():
        sections += line.startswith("m=")
        if line == "a=end-of-candidates" or (sections > 1 and line.startswith("a=candidate:")):
            continue
        lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _kinds(candidates: Iterable[Candidate]) -> str:
    counts = Counter(candidate.type for candidate in candidates)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
