"""Sessions of the console's services over a local cloud in this process, and who disturbs them."""

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from tests.services.conftest import DictKeyring, InProcessDemo
from tests.waiting import until
from yarl import URL

from peerdeck.core.join import JoinOptions
from peerdeck.core.session import Phase, Session
from peerdeck.localcloud.camera.service import SignedChannelAccess
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.protocol.signaling import (
    Kind,
    SessionDescription,
    SignalingMessage,
    decode,
    description_message,
    encode,
    read_description,
)
from peerdeck.services.status import Status
from peerdeck.storage.secrets import SecretStore
from peerdeck.storage.settings import SettingsFile
from peerdeck.wiring import Console, build_console

BOUND_S = 20.0
FIRST_FRAME = "First frame"


@contextlib.asynccontextmanager
async def console_at(cloud: LocalCloud, home: Path) -> AsyncIterator[Console]:
    """Signed in to `cloud`, with its channels listed."""

    async def start_demo() -> InProcessDemo:
        return InProcessDemo(cloud)

    console = build_console(
        environment={},
        start_demo=start_demo,
        secrets=SecretStore(backend=DictKeyring()),
        settings_file=SettingsFile(home / "settings.json"),
    )
    try:
        await console.load(demo=True)
        await until(console.channels.state, lambda s: s.status is Status.READY)
        yield console
    finally:
        async with asyncio.timeout(5):
            await console.aclose()


class Joined:
    """One session of a console; waits on what its snapshots say."""

    def __init__(self, console: Console, arn: str, options: JoinOptions | None = None) -> None:
        self._sessions = console.sessions
        self.id = console.sessions.join(arn, options or JoinOptions())

    @property
    def now(self) -> Session:
        return next(s for s in self._sessions.state.value if s.id == self.id)

    async def until(self, condition: Callable[[Session], object]) -> Session:
        await until(self._sessions.state, lambda _: condition(self.now))
        return self.now

    async def reached(self, step: str) -> Session:
        """AssertionError where the session ends before."""
        session = await self.until(lambda s: step in names(s) or not s.is_live)
        assert step in names(session), session.problem
        return session

    async def failed(self) -> Session:
        """AssertionError where it goes on well."""
        session = await self.until(lambda s: s.phase in {Phase.FAILED, Phase.LEFT})
        assert session.phase is Phase.FAILED
        assert session.problem is not None
        return session

    async def leave(self) -> None:
        """Leaves, and takes it out of the list."""
        async with asyncio.timeout(3):
            await self._sessions.leave(self.id)
        self._sessions.dismiss(self.id)


def names(session: Session) -> set[str]:
    return {step.name for step in session.steps}


@dataclass(frozen=True)
class Held:
    """What a process holds. tasks: names; memory_mib: resident, of this process alone."""

    tasks: int
    threads: int
    descriptors: int
    memory_mib: float
    things: dict[str, int] = field(default_factory=dict)


def held(*kinds: str) -> Held:
    """kinds: names of classes, whose living instances are counted."""
    gc.collect()
    alive = [type(thing).__name__ for thing in gc.get_objects()] if kinds else []
    return Held(
        tasks=sum(not task.done() for task in asyncio.all_tasks()),
        threads=threading.active_count(),
        descriptors=psutil.Process().num_fds(),
        memory_mib=psutil.Process().memory_info().rss / 2**20,
        things={kind: alive.count(kind) for kind in kinds},
    )


class RogueMaster:
    """A channel's master that does what a test says, through the real signaling service."""

    def __init__(self, cloud: LocalCloud, region: str, arn: str) -> None:
        keys = cloud.device_credentials
        self._access = SignedChannelAccess(
            channel_arn=arn,
            region=region,
            endpoints=cloud.endpoints,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
        )
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._peers: list[RTCPeerConnection] = []

    @contextlib.asynccontextmanager
    async def online(self) -> AsyncIterator["RogueMaster"]:
        try:
            url = URL(await self._access.signaling_url(), encoded=True)
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
                self._socket = socket
                yield self
        finally:
            for peer in self._peers:
                await peer.close()
            await self._access.aclose()

    async def offer(self) -> SignalingMessage:
        """The next one."""
        assert self._socket is not None
        async with asyncio.timeout(BOUND_S):
            async for frame in self._socket:
                message = decode(frame.data)
                if message is not None and message.kind is Kind.SDP_OFFER:
                    return message
        raise AssertionError("the socket was closed")

    async def say(self, text: str) -> None:
        """A frame as it stands."""
        assert self._socket is not None
        await self._socket.send_str(text)

    async def answer(self, offer: SignalingMessage, sdp: str) -> None:
        message = description_message(SessionDescription("answer", sdp), recipient=offer.sender)
        await self.say(encode(message))

    async def serve(
        self, offer: SignalingMessage, tamper: Callable[[str], str] = lambda sdp: sdp
    ) -> "Served":
        """A true answer to data and audio, candidates and all, changed by `tamper`."""
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        served = Served(peer)
        sdp = read_description(offer).sdp
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        await self.answer(offer, tamper(peer.localDescription.sdp))
        return served


class Served:
    """The rogue's end of a connection. channel: set once the viewer's data channel is there."""

    def __init__(self, peer: RTCPeerConnection) -> None:
        self.peer = peer
        self.opened = asyncio.Event()
        self.channels: list[RTCDataChannel] = []
        self.received: asyncio.Queue[Any] = asyncio.Queue()
        peer.on("datachannel", self._open)

    def _open(self, channel: RTCDataChannel) -> None:
        self.channels.append(channel)
        channel.on("message", self.received.put_nowait)
        self.opened.set()

    async def channel(self) -> RTCDataChannel:
        async with asyncio.timeout(BOUND_S):
            await self.opened.wait()
        return self.channels[0]

    def vanish(self) -> None:
        """As if its power was cut: nothing is said, nothing answered."""
        for protocol in self._sockets():
            protocol.transport.abort()

    def _sockets(self) -> Iterator[Any]:
        for transceiver in (*self.peer.getTransceivers(), *filter(None, [self.peer.sctp])):
            dtls = getattr(transceiver, "transport", None) or transceiver.receiver.transport
            yield from dtls.transport.iceGatherer._connection._protocols
