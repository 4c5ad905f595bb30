"""The camera itself: a signaling socket as master, and a watcher for every viewer that offers."""

import asyncio
import logging
import math
import ssl
import time
from collections import OrderedDict
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import aiohttp
from yarl import URL

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.camera.live import LiveVideo
from peerdeck.localcloud.camera.scene import Scene
from peerdeck.localcloud.camera.service import (
    ChannelAccess,
    ServiceFailedError,
    SignedChannelAccess,
)
from peerdeck.localcloud.camera.watcher import UNUSABLE, Watcher
from peerdeck.protocol.signaling import (
    Kind,
    PayloadTooLarge,
    ProtocolError,
    SignalingMessage,
    decode,
    encode,
    read_candidate,
    read_description,
)

_log = logging.getLogger(__name__)

_PING_S = 30
_START_S = 5.0
_LONGEST_DELAY_S = 10.0
_MAX_WATCHERS = 50
_CLOSE_S = 2.0
_UNREACHABLE = (ServiceFailedError, aiohttp.ClientError, OSError, TimeoutError)


class DemoCamera:
    """A real aiortc master: moving picture with a clock burnt in, telemetry once a second.

    online: set while the signaling socket is open. Many viewers at once. Survives drops of its
    socket; viewers never notice. tls: whom it trusts; None means the system's authorities.
    """

    def __init__(
        self,
        *,
        channel_arn: str,
        region: str,
        endpoints: Endpoints,
        access_key: str,
        secret_key: Secret,
        width: int = 1280,
        height: int = 720,
        fps: int = 30,
        access: ChannelAccess | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls: ssl.SSLContext | bool = tls or True
        self.name = channel_arn.split("/")[-2] if channel_arn.count("/") >= 2 else "camera"
        self.online = asyncio.Event()
        self.watchers: dict[str, Watcher] = {}
        self.video = LiveVideo(Scene(self.name, width, height), fps)
        self._access: ChannelAccess = access or SignedChannelAccess(
            channel_arn=channel_arn,
            region=region,
            endpoints=endpoints,
            access_key=access_key,
            secret_key=secret_key,
            tls=tls,
        )
        self._started_at = time.monotonic()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._early: OrderedDict[str, Watcher] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Idempotent. Returns when the camera is online, or after 5 s while it goes on trying."""
        if self._main is not None:
            return
        self._started_at = time.monotonic()
        self._main = self._start(self._serve(), "signaling")
        self._start(self.video.run(), "video")
        try:
            async with asyncio.timeout(_START_S):
                await self.online.wait()
        except TimeoutError:
            _log.warning("camera %s is not online yet", self.name)

    async def aclose(self) -> None:
        """Idempotent, at most 2 s; viewers are told."""
        for watcher in tuple(self.watchers.values()):
            watcher.leave()
        serving = [t for t in self._tasks if t.get_name().endswith("/watcher")]
        if serving:
            await asyncio.wait(serving, timeout=_CLOSE_S / 2)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_S / 2)
        await self._access.aclose()

    def telemetry(self) -> dict[str, object]:
        """What a device would tell of itself."""
        uptime_s = time.monotonic() - self._started_at
        return {
            "uptime_s": round(uptime_s, 1),
            "temperature_c": round(41.5 + 2.5 * math.sin(uptime_s / 17), 1),
            "fps": round(self.video.measured_fps, 1),
            "viewers": sum(watcher.connected for watcher in self.watchers.values()),
            "clock": datetime.now().astimezone().isoformat(timespec="milliseconds"),
        }

    # -- signaling -------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Keeps a socket open until cancelled."""
        delay_s = 0.5
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    url = URL(await self._access.signaling_url(), encoded=True)
                    async with session.ws_connect(url, heartbeat=_PING_S, ssl=self._tls) as socket:
                        delay_s = 0.5
                        await self._read(socket)
                except _UNREACHABLE as error:
                    # The text of some aiohttp errors holds the signed URL.
                    _log.info("camera %s: %s", self.name, type(error).__name__)
                await asyncio.sleep(delay_s)
                delay_s = min(_LONGEST_DELAY_S, 2 * delay_s)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the socket closes or the service says that it will."""
        self._socket = socket
        self.online.set()
        try:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    continue
                try:
                    message = decode(frame.data)
                    if message is None:
                        continue
                    if message.kind is Kind.GO_AWAY:
                        return
                    await self._received(message)
                except ProtocolError as error:
                    _log.info("camera %s ignores a message: %s", self.name, error)
        finally:
            self.online.clear()
            self._socket = None

    async def _received(self, message: SignalingMessage) -> None:
        """A message without a sender is the service's own, or the storage peer's (ingestion)."""
        if not message.sender and message.kind not in {Kind.SDP_OFFER, Kind.ICE_CANDIDATE}:
            if message.status is not None:
                _log.info("camera %s: %s", self.name, message.status.description)
            return
        if message.kind is Kind.SDP_OFFER:
            self._offered(message.sender, read_description(message).sdp)
        elif message.kind is Kind.ICE_CANDIDATE:
            watcher = self.watchers.get(message.sender) or self._expected(message.sender)
            try:
                await watcher.add(read_candidate(message))
            except UNUSABLE as error:
                _log.info("camera %s ignores a candidate: %s", self.name, error)

    def _offered(self, client_id: str, sdp: str) -> None:
        """A new offer of the same client replaces its session; the same offer again does not."""
        former = self.watchers.get(client_id)
        if former is not None:
            if former.offer == sdp:
                return
            former.leave()
        elif len(self.watchers) >= _MAX_WATCHERS:
            _log.warning("camera %s has no room for another viewer", self.name)
            return
        watcher = self._early.pop(client_id, None) or self._watcher(client_id)
        self.watchers[client_id] = watcher
        self._start(self._watch(watcher, sdp), "watcher")

    def _expected(self, client_id: str) -> Watcher:
        """Candidates can come before their offer."""
        watcher = self._early.get(client_id)
        if watcher is None:
            watcher = self._early[client_id] = self._watcher(client_id)
            if len(self._early) > _MAX_WATCHERS:
                self._early.popitem(last=False)
        return watcher

    def _watcher(self, client_id: str) -> Watcher:
        return Watcher(client_id, self.video, send=self._send, telemetry=self.telemetry)

    async def _watch(self, watcher: Watcher, sdp: str) -> None:
        try:
            await watcher.run(sdp, await self._access.ice_servers())
        except UNUSABLE as error:
            _log.info("camera %s cannot answer %s: %s", self.name, watcher.client_id, error)
        except _UNREACHABLE as error:
            _log.info("camera %s: %s", self.name, type(error).__name__)
        finally:
            if self.watchers.get(watcher.client_id) is watcher:
                del self.watchers[watcher.client_id]

    async def _send(self, message: SignalingMessage) -> None:
        """A message without a socket is lost; the viewer asks again."""
        if self._socket is None:
            return
        try:
            await self._socket.send_str(encode(message))
        except (aiohttp.ClientError, ConnectionError) as error:
            _log.info("camera %s: message lost: %s", self.name, type(error).__name__)
        except PayloadTooLarge as error:
            _log.warning("camera %s: %s", self.name, error)

    def _start(self, coroutine: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        task = loop.create_task(coroutine, name=f"camera-{self.name}/{what}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
