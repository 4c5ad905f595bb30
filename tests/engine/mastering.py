"""Our master on the local cloud's live channel, and plain viewers: aiortc and a WebSocket."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from aiortc.sdp import candidate_from_sdp
from tests.localcloud.signaling_client import Door
from yarl import URL

from peerdeck.core.channel import Role
from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import JoinOptions, Source
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.secret import Secret
from peerdeck.engine.errors import PeerError
from peerdeck.engine.master import MasterSession
from peerdeck.engine.media.sources import MediaSources
from peerdeck.engine.visitors import VisitEvents
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.protocol.signaling import (
    Kind,
    SessionDescription,
    TrickledCandidate,
    candidate_message,
    decode,
    description_message,
    encode,
    read_candidate,
    read_description,
)

BOUND_S = 15.0
OPTIONS = JoinOptions(role=Role.MASTER, video=Source.GENERATED, audio=Source.GENERATED)


class Mastering:
    """A session in a running task. visits: (client id, what, why), as they were told."""

    def __init__(self, cloud: LocalCloud, door: Door, options: JoinOptions, **more: Any) -> None:
        self.visits: list[tuple[str, str, PeerError | None]] = []
        self.fetched = 0
        self.ttl_s = 300
        self.log = SessionLog()
        self.changed = asyncio.Event()
        self._cloud, self._door = cloud, door
        self.sources = MediaSources(
            video=options.video, audio=options.audio, name="lab", size=(320, 180), fps=20
        )
        self.session = MasterSession(
            open_signaling=more.pop("open_signaling", self._url),
            fetch_ice=more.pop("fetch_ice", self.ice_servers),
            options=options,
            log=self.log,
            events=VisitEvents(self._visited, self.changed.set),
            sources=self.sources,
            **more,
        )
        self.session.watch_frames(self.changed.set)
        self.task = asyncio.get_running_loop().create_task(self.session.run(), name="test/master")
        self.task.add_done_callback(lambda _: self.changed.set())

    async def until(self, condition: Callable[[MasterSession], object]) -> None:
        """What `run()` raises, if it ends before; TimeoutError after BOUND_S."""
        async with asyncio.timeout(BOUND_S):
            while not condition(self.session):
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the session ended")
                self.changed.clear()
                await self.changed.wait()

    async def online(self) -> "Mastering":
        await self.until(lambda s: s.connected)
        return self

    def visits_of(self, client_id: str) -> list[str]:
        return [what for who, what, _ in self.visits if who == client_id]

    def events_of(self, client_id: str) -> list[tuple[str, str]]:
        return [(event.name, event.detail) for event in self.log.peers[client_id].events]

    async def failure(self) -> BaseException:
        async with asyncio.timeout(BOUND_S):
            await asyncio.wait([self.task])
        error = self.task.exception()
        assert error is not None
        return error

    async def leave(self) -> None:
        await self.session.leave()
        await asyncio.gather(self.task, return_exceptions=True)

    async def at_rest(self) -> None:
        """Returns when those who left are done with, and nothing is drawn any more."""
        async with asyncio.timeout(BOUND_S):
            if self.session._visitors._serving:
                await asyncio.wait(self.session._visitors._serving)
            for feed in self.sources.feeds.values():
                if feed.running:
                    await feed._ended.wait()

    async def ice_servers(self) -> tuple[IceServer, ...]:
        self.fetched += 1
        self.changed.set()
        ttl_s = self.ttl_s
        username, password = self._cloud.turn.issue()
        turn = IceUri.parse(f"turn:127.0.0.1:{self._cloud.turn.port}?transport=udp")
        stun = IceUri.parse(self._cloud.endpoints.stun)
        expires_at = self._cloud.state.clock() + ttl_s
        return (
            IceServer((stun,)),
            IceServer((turn,), username, Secret(password), expires_at, ttl_s),
        )

    async def _url(self) -> str:
        return self._door.url(Role.MASTER)

    def _visited(self, client_id: str, what: str, why: PeerError | None) -> None:
        self.visits.append((client_id, what, why))
        self.changed.set()


class Guest:
    """A viewer that knows nothing of the console. sends: tracks of its own."""

    def __init__(
        self,
        door: Door,
        session: aiohttp.ClientSession,
        *,
        client_id: str = "",
        codec: str = "",
        sends: tuple[MediaStreamTrack, ...] = (),
        sections: tuple[str, ...] = ("video", "audio"),
        data: bool = True,
    ) -> None:
        self.client_id = client_id or f"guest-{uuid4().hex[:6]}"
        self.connection = RTCPeerConnection(RTCConfiguration([]))
        self.texts: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.statuses: list[Any] = []
        self.answer = ""
        self.candidates = 0
        self._door, self._session = door, session
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self._make_sections(sections, sends, codec)
        self.channel = self.connection.createDataChannel("kvsDataChannel") if data else None
        if self.channel is not None:
            self.channel.on("message", self.texts.put_nowait)
        self.connection.on("track", lambda track: self.tracks.setdefault(track.kind, track))
        self.connection.on("connectionstatechange", self._changed)

    def _make_sections(
        self, sections: tuple[str, ...], sends: tuple[MediaStreamTrack, ...], codec: str
    ) -> None:
        own = {track.kind: track for track in sends}
        for kind in sections:
            direction = "sendrecv" if kind in own else "recvonly"
            made = self.connection.addTransceiver(own.get(kind, kind), direction=direction)
            if kind == "video" and codec:
                known = RTCRtpReceiver.getCapabilities("video")
                assert known is not None
                wanted = [c for c in known.codecs if c.mimeType == f"video/{codec}"]
                made.setCodecPreferences(wanted)

    async def open(self) -> None:
        url = URL(self._door.url(Role.VIEWER, self.client_id), encoded=True)
        self._socket = await self._session.ws_connect(url)
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="test/guest")

    async def offer(self, *, early: bool = False) -> None:
        """early: one candidate of its own before the offer, and none in it."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        if early:
            lines = sdp.splitlines()
            found = [line for line in lines if line.startswith("a=candidate:")]
            sdp = "\r\n".join(n for n in lines if n not in found and "end-of-cand" not in n)
            sdp += "\r\n"
            for line in dict.fromkeys(found):
                text = line.removeprefix("a=candidate:")
                await self.send(candidate_message(TrickledCandidate(text, "0", 0)))
        await self.send_offer(sdp)

    async def send_offer(self, sdp: str) -> None:
        await self.send(description_message(SessionDescription("offer", sdp), correlation_id="o"))

    async def send(self, message: Any) -> None:
        assert self._socket is not None
        await self._socket.send_str(encode(message))

    async def join(self, **how: Any) -> "Guest":
        await self.open()
        await self.offer(**how)
        async with asyncio.timeout(BOUND_S):
            await self.connected.wait()
        return self

    async def frames(self, kind: str, count: int) -> list[Any]:
        async with asyncio.timeout(BOUND_S):
            return [await self.tracks[kind].recv() for _ in range(count)]

    async def watches(self, condition: Callable[[], object]) -> None:
        """Frames go on coming until then."""
        async with asyncio.timeout(BOUND_S):
            while not condition():
                await self.tracks["video"].recv()

    async def text(self) -> str | bytes:
        async with asyncio.timeout(BOUND_S):
            return await self.texts.get()

    def vanish(self) -> None:
        """Without a word: its sockets are gone."""
        ice = self.connection.getTransceivers()[0].receiver.transport.transport.iceGatherer
        for protocol in ice._connection._protocols:
            protocol.transport.abort()

    async def leave(self) -> None:
        await self.connection.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    def _changed(self) -> None:
        if self.connection.connectionState == "connected":
            self.connected.set()
        elif self.connection.connectionState in {"closed", "failed"}:
            self.closed.set()

    async def _read(self) -> None:
        assert self._socket is not None
        async for frame in self._socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            message = decode(frame.data)
            if message is None:
                continue
            if message.kind is Kind.SDP_ANSWER:
                self.answer = read_description(message).sdp
                await self.connection.setRemoteDescription(
                    RTCSessionDescription(self.answer, "answer")
                )
            elif message.kind is Kind.ICE_CANDIDATE:
                self.candidates += 1
                trickled = read_candidate(message)
                if trickled.candidate:
                    candidate = candidate_from_sdp(trickled.candidate)
                    candidate.sdpMid = trickled.sdp_mid or "0"
                    await self.connection.addIceCandidate(candidate)
            elif message.status is not None:
                self.statuses.append(json.loads(frame.data))
