"""One bundled peer connection, offering (a viewer's) or answering (one of a master's)."""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

from peerdeck.core.channel import Role
from peerdeck.core.join import JoinOptions, PathPolicy, Source
from peerdeck.core.peer_log import MESSAGE_BYTES_KEPT, Direction, PeerLog
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.stats import Picture
from peerdeck.engine.aiortc_adapter import (
    GatheringRules,
    IceServers,
    PeerInternals,
    light_receivers,
)
from peerdeck.engine.candidates import Candidates, kinds_text
from peerdeck.engine.codecs import directions, prefer
from peerdeck.engine.errors import (
    AnswerUnusable,
    ChannelNotOpen,
    PeerError,
    PeerFailed,
    PeerFailure,
)
from peerdeck.engine.ice_servers import rtc_configuration
from peerdeck.engine.peer_diary import PeerDiary
from peerdeck.engine.sound_sink import SoundSink
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.video_sink import VideoSink
from peerdeck.protocol import sdp as sdp_text
from peerdeck.protocol.signaling import ProtocolError, TrickledCandidate

CHANNEL_LABEL = "kvsDataChannel"  # what the SDKs' samples call it
# What aiortc raises at an SDP or a candidate that it cannot read or does not want.
UNUSABLE = (
    ValueError, AssertionError, LookupError, TypeError, AttributeError,
    InvalidAccessError, InvalidStateError, OperationError, ProtocolError,
)  # fmt: skip


class TrackSource(Protocol):
    """What is sent: engine.media.MediaSources."""

    def attach(self, transceiver: RTCRtpTransceiver) -> bool: ...


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """What a peer tells its owner, on the loop; quick callables.

    candidate_found: to be sent to the other end. connection_changed: "connecting", "connected",
    "failed" or "closed". message_received: on any data channel. failed: no candidate was left.
    """

    candidate_found: Callable[[TrickledCandidate], None] = lambda _: None
    ice_completed: Callable[[], None] = lambda: None
    connection_changed: Callable[[str], None] = lambda _: None
    frame_came: Callable[[], None] = lambda: None
    channel_opened: Callable[[], None] = lambda: None
    message_received: Callable[[str | bytes], None] = lambda _: None
    failed: Callable[[PeerError], None] = lambda _: None


class Peer:
    """`offer()` then `accept()`, or `answer()`; `add()` any time; `close()`.

    Which of them: options.role. log: filled as things happen, on `clock` (POSIX seconds).
    ice_servers: best first; may be a promise, then the offer does not wait for it. generation: how
    many peers of this log came before; their statistics keep ids of their own.

    established: set once, when ICE and DTLS are both connected. on_frame, on_sound: may be set any
    time. telemetry: the last text received, as much as is kept; messages: how many there were.
    """

    def __init__(
        self,
        options: JoinOptions,
        ice_servers: IceServers,
        log: PeerLog,
        events: PeerEvents,
        *,
        tls: ssl.SSLContext | None = None,
        sources: TrackSource | None = None,
        clock: Callable[[], float] = time.time,
        generation: int = 0,
    ) -> None:
        self.id = log.id
        self.since = clock()
        self.established = asyncio.Event()
        self.on_frame: Callable[[], None] | None = None
        self.telemetry = ""
        self.messages = 0
        self.channels: list[RTCDataChannel] = []
        self._options = options
        self._servers = ice_servers
        self._events = events
        self._sources = sources
        self._generation = generation
        self._offers = options.role is not Role.MASTER
        self._diary = PeerDiary(log, clock)
        self._tasks = TaskSet(f"peer-{log.id}")
        self._video = VideoSink(self._frame_came)
        self._sound = SoundSink()
        self._rules = GatheringRules(options.policy, options.send, not options.trickle, tls)
        self._connection = RTCPeerConnection(
            rtc_configuration(relay_only=options.policy is PathPolicy.RELAY, bundled=self._offers)
        )
        self.internals: PeerInternals | None = None
        self._candidates = Candidates(self._connection, options, self._diary, self._tasks)
        self._local = ""
        self._listen()
        if self._offers:
            self._make_sections()
            self._begin()

    # -- negotiation -----------------------------------------------------------------------------

    async def offer(self) -> str:
        """The SDP with the candidates there are so far, all of them where nothing is trickled.

        Raises NoCandidates.
        """
        created = await self._connection.createOffer()
        self._diary.tell("sdp", "createOffer")
        return await self._set_local(created)

    async def answer(self, offer: str) -> str:
        """Applies the offer; the SDP as `offer()` gives it. Raises AnswerUnusable, NoCandidates."""
        await self._set_remote("offer", offer, self._ordered(offer))
        for transceiver in self._connection.getTransceivers():
            sent = self._sources is not None and self._sources.attach(transceiver)
            transceiver.direction = directions(self._options, transceiver.kind, sends=sent)
        self._begin()
        created = await self._connection.createAnswer()
        self._diary.tell("sdp", "createAnswer")
        return await self._set_local(created)

    async def accept(self, answer: str) -> None:
        """Applies the answer, whatever of the offer it takes. Raises AnswerUnusable."""
        try:
            fitted = sdp_text.fit_answer(self._local, answer)
            refused = sdp_text.rejected(self._local, answer)
        except ProtocolError as error:
            raise AnswerUnusable(str(error)) from error
        for kind in refused:
            self._diary.tell("sdp", "rejected by the master", kind, "warn")
        if "application" in refused and self.internals is not None:
            self.internals.refuse_data(self.channels)
        await self._set_remote("answer", answer, self._ordered(fitted))

    def add(self, candidate: TrickledCandidate) -> None:
        """Any time: before there is a remote description it waits."""
        self._candidates.add(candidate)

    async def _set_local(self, created: RTCSessionDescription) -> str:
        self._diary.state("icegatheringstatechange", "gathering")
        try:
            await self._connection.setLocalDescription(created)
        except UNUSABLE as error:
            self._diary.tell("sdp", "setLocalDescriptionOnFailure", str(error), "bad")
            raise AnswerUnusable(str(error) or type(error).__name__) from error
        self._candidates.check_gathered()
        plain, _, _ = sdp_text.take_candidates(self._connection.localDescription.sdp)
        self._local = sdp_text.put_candidates(plain, self._candidates.own_so_far())
        self._diary.tell("sdp", "setLocalDescription", created.type)
        self._diary.description("local", created.type, self._local, created.sdp)
        return self._local

    async def _set_remote(self, type_: str, received: str, text: str) -> None:
        plain, theirs, complete = sdp_text.take_candidates(text)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(plain, type_))
        # RuntimeError: what becomes of a StopIteration, by which aiortc misses a line, on its way.
        except (*UNUSABLE, RuntimeError) as error:
            words = str(error) or type(error).__name__
            self._diary.tell("sdp", "setRemoteDescriptionOnFailure", words, "bad")
            self._diary.description("remote", type_, received, "")
            raise AnswerUnusable(words) from error
        self._diary.tell("sdp", "setRemoteDescription", type_)
        self._diary.description("remote", type_, plain, received)
        self._candidates.remote_is_set(plain, theirs, complete=complete)

    def _ordered(self, sdp: str) -> str:
        """Their sections with the wished codecs first: aiortc sends with the first in common."""
        try:
            sdp = sdp_text.prefer_codec(sdp, "video", self._options.video_codec)
            return sdp_text.prefer_codec(sdp, "audio", self._options.audio_codec)
        except ProtocolError as error:
            raise AnswerUnusable(str(error)) from error

    def _make_sections(self) -> None:
        options = self._options
        for kind, source, codec in (
            ("video", options.video, options.video_codec),
            ("audio", options.audio, options.audio_codec),
        ):
            sends = source is not Source.NONE and self._sources is not None
            direction = directions(options, kind, sends=sends)
            if direction != "inactive":
                with light_receivers():
                    transceiver = self._connection.addTransceiver(kind, direction=direction)
                prefer(transceiver, codec)
                if sends and self._sources is not None:
                    self._sources.attach(transceiver)
        if options.data_channel:
            self._listen_to_channel(self._connection.createDataChannel(CHANNEL_LABEL))

    def _begin(self) -> None:
        """Between the sections and the first packet."""
        internals = self.internals = PeerInternals(self._connection, self._video.prepare)
        internals.hear(self._sound.on_sound is not None)
        self._candidates.begin(internals, self._servers, self._rules, self._candidate_found)
        dtls = internals.dtls
        dtls.on("statechange", lambda: self._diary.state("dtlsstatechange", dtls.state))

    # -- what the owner reads --------------------------------------------------------------------

    @property
    def state(self) -> str:
        """RTCPeerConnectionState."""
        return self._connection.connectionState

    @property
    def has_remote_candidates(self) -> bool:
        return self.internals is not None and bool(self.internals.remote_candidates)

    @property
    def frames(self) -> int:
        return self._video.frames

    @property
    def video(self) -> VideoSink:
        return self._video

    @property
    def on_sound(self) -> Callable[[bytes], None] | None:
        return self._sound.on_sound

    @on_sound.setter
    def on_sound(self, heard: Callable[[bytes], None] | None) -> None:
        self._sound.on_sound = heard
        if self.internals is not None:
            self.internals.hear(heard is not None)

    def picture(self, width: int, height: int) -> Picture | None:
        """The newest frame, fitted into width×height pixels; the same while nothing is new."""
        return self._video.picture(width, height)

    def report(self, at_s: float) -> StatsReport:
        """at_s: POSIX seconds."""
        if self.internals is None:
            return StatsReport(at_s)
        self._diary.pair(self.internals.selected_pair())
        found = StatsReport(at_s, self.internals.stats())
        return renamed(found, f"~{self._generation + 1}") if self._generation else found

    def failure(self) -> PeerError:
        """Why there is no connection (any more), with the evidence."""
        if self.established.is_set():
            return PeerFailed(PeerFailure.LOST, "the path broke")
        pair = self.internals.selected_pair() if self.internals is not None else None
        if pair is not None:
            return PeerFailed(PeerFailure.NO_DTLS, pair.path)
        held_back = self._candidates.nothing_accepted()
        if held_back is not None:
            return held_back
        own = self.internals.local_candidates if self.internals is not None else ()
        theirs = self.internals.remote_candidates if self.internals is not None else ()
        return PeerFailed(
            PeerFailure.NO_PATH,
            f"own candidates: {kinds_text(own)}; theirs: {kinds_text(theirs)}",
        )

    # -- what the owner does ---------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """Over the first open data channel. Raises ChannelNotOpen."""
        channel = next((c for c in self.channels if c.readyState == "open"), None)
        if channel is None:
            raise ChannelNotOpen("the data channel is not open")
        channel.send(data)
        self._diary.message(Direction.SENT, channel.label, data)

    async def close(self, timeout_s: float) -> None:
        """Idempotent."""
        await self._tasks.aclose()
        if self.internals is not None:
            await self.internals.close(timeout_s)
        else:
            await self._connection.close()
        self._video.clear()

    # -- what aiortc tells -----------------------------------------------------------------------

    def _listen(self) -> None:
        connection, diary = self._connection, self._diary
        connection.on("track", self._track_received)
        connection.on("datachannel", self._channel_received)
        connection.on(
            "signalingstatechange",
            lambda: diary.state("signalingstatechange", connection.signalingState),
        )
        connection.on("iceconnectionstatechange", self._ice_changed)
        connection.on("connectionstatechange", self._connection_changed)

    def _channel_received(self, channel: RTCDataChannel) -> None:
        self._diary.tell("data", "datachannel", channel.label)
        self._listen_to_channel(channel)
        if channel.readyState == "open":
            self._events.channel_opened()

    def _listen_to_channel(self, channel: RTCDataChannel) -> None:
        """Some masters open a channel of their own."""
        self.channels.append(channel)

        def opened() -> None:
            self._diary.tell("data", "open", channel.label, "ok")
            self._events.channel_opened()

        def received(message: str | bytes) -> None:
            self.messages += 1
            if isinstance(message, str):
                self.telemetry = message[:MESSAGE_BYTES_KEPT]
            self._diary.message(Direction.RECEIVED, channel.label, message)
            self._events.message_received(message)

        channel.on("open", opened)
        channel.on("message", received)
        channel.on("close", lambda: self._diary.tell("data", "close", channel.label))

    def _track_received(self, track: MediaStreamTrack) -> None:
        self._diary.tell("media", "track", f"{track.kind} {track.id}")
        sink = self._video if track.kind == "video" else self._sound
        self._tasks.start(f"{track.kind}-track", sink.drain(track))

    def _frame_came(self) -> None:
        self._events.frame_came()
        if self.on_frame is not None:
            self.on_frame()

    def _candidate_found(self, candidate: TrickledCandidate | None) -> None:
        if candidate is None:
            self._diary.state("icegatheringstatechange", "complete")
            problem = self._candidates.nothing_found()
            if problem is not None and self._local:
                self._events.failed(problem)
        elif self._local and self._options.trickle and not self.established.is_set():
            self._events.candidate_found(candidate)

    def _ice_changed(self) -> None:
        state = self._connection.iceConnectionState
        self._diary.state("iceconnectionstatechange", state)
        if state == "completed":
            if self.internals is not None:
                self._diary.pair(self.internals.selected_pair())
            self._events.ice_completed()

    def _connection_changed(self) -> None:
        state = self._connection.connectionState
        self._diary.state("connectionstatechange", state)
        if state == "connected":
            self.established.set()
        self._events.connection_changed(state)


def renamed(report: StatsReport, suffix: str) -> StatsReport:
    """Every id with the suffix, and the members that name one."""
    objects = {}
    for name, members in report.objects.items():
        objects[name + suffix] = {
            member: f"{value}{suffix}"
            if member.endswith("Id") and value in report.objects
            else value
            for member, value in members.items()
        }
    return StatsReport(report.at_s, objects)
