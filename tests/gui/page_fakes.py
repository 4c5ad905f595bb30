"""Sessions and tunnels for the pages: they remember what was asked and do it in memory."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tests.gui.session_logs import START, made_log, report

from peerdeck.core.errors import UserError
from peerdeck.core.join import JoinOptions
from peerdeck.core.observable import Observable
from peerdeck.core.peer_log import DataMessage, Direction, SessionLog
from peerdeck.core.session import STEPS, Phase, Recording, Session, Step
from peerdeck.core.stats import CandidatePair, PeerStats, Picture
from peerdeck.core.tunnel import (
    ConnectionState,
    LinkEvent,
    LinkState,
    LiveConnection,
    Mode,
    ServicePort,
    TokenState,
    Tunnel,
    TunnelLink,
    TunnelRequest,
)
from peerdeck.services.links import Link
from peerdeck.services.recordings import OpenRecording
from peerdeck.services.status import Status
from peerdeck.services.tunnels import TunnelsState

NOW = 1_700_000_000.0
TIMES = (31.0, 78.0, 142.0, 151.0, 196.0, 199.0, 247.0, 268.0, 281.0, 402.0)
PAIR = CandidatePair("relay", "203.0.113.17:49160", "host", "192.168.1.20:51234", "udp")
TELEMETRY = (
    '{"device": "front-door", "uptime_s": 86412, "temperature_c": 41.5, "battery": '
    '{"volts": 12.61, "charging": true}, "motion": false, "position": [52.5, 13.4]}'
)


def arn(name: str) -> str:
    return f"arn:aws:kinesisvideo:eu-west-1:123456789012:channel/{name}/1700000000000"


def steps(count: int = len(STEPS)) -> tuple[Step, ...]:
    details = {"Channel endpoint": "wss://v-a1b2c3d4.kinesisvideo.eu-west-1.amazonaws.com"}
    return tuple(
        Step(name, at, details.get(name, ""))
        for name, at in list(zip(STEPS, TIMES, strict=True))[:count]
    )


def sample(second: int, **fields: Any) -> PeerStats:
    wave = math.sin(second / 9)
    values: dict[str, Any] = {
        "at_s": float(second),
        "bitrate_in_bps": 1_850_000 + 250_000 * wave,
        "bitrate_out_bps": 42_000 + 3000 * wave,
        "rtt_ms": 48 + 6 * wave,
        "jitter_ms": 4.2 + wave,
        "loss_percent": 0.0 if second % 40 else 1.2,
        "fps": 30 + round(wave),
        "width": 1280,
        "height": 720,
        "codec": "VP8",
        "pair": PAIR,
    }
    return PeerStats(**{**values, **fields})


def session(name: str, phase: Phase = Phase.CONNECTED, **fields: Any) -> Session:
    values: dict[str, Any] = {
        "id": f"id-{name}",
        "channel": name,
        "channel_arn": arn(name),
        "client_id": "peerdeck-0123456789ab",
        "phase": phase,
        "started_at": NOW,
    }
    if phase is Phase.CONNECTED:
        values |= {
            "steps": steps(),
            "stats": sample(300),
            "telemetry": TELEMETRY,
            "messages": 1204,
            "signaling": "open",
        }
    return Session(**{**values, **fields})


class Camera:
    """Moving colour bars as pixels, scaled to fit; a new picture object for each frame."""

    def __init__(self, width: int = 1280, height: int = 720) -> None:
        self.size = (width, height)
        self.frame = 0
        self._cached: tuple[tuple[int, int, int], Picture] | None = None
        self.asked: list[tuple[int, int]] = []

    def picture(self, width: int, height: int) -> Picture:
        self.asked.append((width, height))
        key = (width, height, self.frame)
        if self._cached is None or self._cached[0] != key:
            scale = min(width / self.size[0], height / self.size[1])
            w, h = max(1, int(self.size[0] * scale)), max(1, int(self.size[1] * scale))
            across = ((np.arange(w) * 255 // w + self.frame * 4) % 256).astype(np.uint8)
            down = (np.arange(h) * 160 // h).astype(np.uint8)
            pixels = np.full((h, w, 4), 255, np.uint8)
            pixels[:, :, 0] = 200 - across // 2
            pixels[:, :, 1] = across[None, :] // 3 + down[:, None] // 2
            pixels[:, :, 2] = down[:, None]
            self._cached = (key, Picture(w, h, 4 * w, pixels.tobytes()))
        return self._cached[1]


class FakeSessions:
    """As SessionsService; `error` is what the next command raises."""

    def __init__(self, *sessions: Session) -> None:
        self.state: Observable[tuple[Session, ...]] = Observable(sessions)
        self.calls: list[tuple[str, Any]] = []
        self.error: Exception | None = None
        self.camera = Camera()
        self.watched: dict[str, Callable[[], None]] = {}
        self.watched_peers: dict[str, str] = {}
        self.heard: dict[str, Callable[[bytes], None]] = {}
        self.logs: dict[str, SessionLog] = {}
        self.seconds = 300

    def set(self, *sessions: Session) -> None:
        self.state.publish(sessions)

    def change(self, session_id: str, **fields: Any) -> None:
        self.state.publish(
            tuple(replace(s, **fields) if s.id == session_id else s for s in self.state.value)
        )

    def log(self, session_id: str) -> SessionLog:
        if session_id not in self.logs:
            name = session_id.removeprefix("id-").removeprefix("new-")
            self.logs[session_id] = made_log(self.seconds, title=name)
        return self.logs[session_id]

    def grow(self, session_id: str, peer_id: str = "master", **video: Any) -> None:
        """Another second of statistics; `video` are members of the received video."""
        table = self.log(session_id).peer(peer_id).table
        second = len(table) + 1
        last = table.times[-1] if len(table) else NOW
        made = report(last + 1, second)
        objects = {**made.objects, "IT1V": {**made.objects["IT1V"], **video}}
        table.append(replace(made, objects=objects))
        now = next(s for s in self.state.value if s.id == session_id)
        self.change(session_id, stats=replace(now.stats or sample(0), at_s=last + 1))

    def say(self, session_id: str, *data: bytes, text: bool = True) -> None:
        """The other side says something over the data channel."""
        messages = self.log(session_id).peer("master").messages
        for one in data:
            messages.append(
                DataMessage(NOW + len(messages), Direction.RECEIVED, "kvs", one, len(one), text)
            )
        self.change(session_id, messages=len(messages))

    def join(self, channel_arn: str, options: JoinOptions = JoinOptions()) -> str:
        self.calls.append(("join", channel_arn))
        name = channel_arn.split("/")[1]
        made = session(name, Phase.JOINING, id=f"new-{name}", options=options)
        self.set(*self.state.value, made)
        return made.id

    async def leave(self, session_id: str) -> None:
        self.calls.append(("leave", session_id))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.change(session_id, phase=Phase.LEFT, signaling="closed")

    def rejoin(self, session_id: str) -> str:
        self.calls.append(("rejoin", session_id))
        old = next(s for s in self.state.value if s.id == session_id)
        self.set(*(s for s in self.state.value if s.id != session_id))
        return self.join(old.channel_arn)

    def dismiss(self, session_id: str) -> None:
        self.calls.append(("dismiss", session_id))
        self.set(*(s for s in self.state.value if s.id != session_id))

    def picture(
        self, session_id: str, width: int, height: int, peer_id: str = ""
    ) -> Picture | None:
        return self.camera.picture(width, height)

    def watch_frames(
        self, session_id: str, on_frame: Callable[[], None] | None, peer_id: str = ""
    ) -> None:
        if on_frame is None:
            self.watched.pop(session_id, None)
        else:
            self.watched[session_id] = on_frame
            self.watched_peers[session_id] = peer_id

    def watch_sound(
        self, session_id: str, on_pcm: Callable[[bytes], None] | None, peer_id: str = ""
    ) -> None:
        if on_pcm is None:
            self.heard.pop(session_id, None)
        else:
            self.heard[session_id] = on_pcm

    def frame(self) -> None:
        """The camera has sent another one."""
        self.camera.frame += 1
        for on_frame in tuple(self.watched.values()):
            on_frame()

    def send(self, session_id: str, data: str | bytes, peer_id: str = "") -> None:
        self.calls.append(("send", (data, peer_id)))
        if isinstance(self.error, UserError):
            raise self.error


def recording(name: str = "front-door", seconds: int = 300, **fields: Any) -> OpenRecording:
    """A recording that is open."""
    log = made_log(seconds, title=name)
    values = {
        "id": f"recording-{name}",
        "title": name,
        "path": f"/films/{name}.prec",
        "kind": "recording",
        "starts_at": START,
        "ends_at": START + seconds - 1,
        "log": log,
    }
    return OpenRecording(**{**values, **fields})


class FakeRecordings:
    """As RecordingsService; opens `found` by the name of the file."""

    def __init__(self, sessions: FakeSessions | None = None) -> None:
        self.state: Observable[tuple[OpenRecording, ...]] = Observable(())
        self.calls: list[tuple[str, Any]] = []
        self.error: Exception | None = None
        self._sessions = sessions

    async def start(self, session_id: str, path: Path | None = None) -> Path:
        self.calls.append(("start", session_id))
        if self.error is not None:
            raise self.error
        made = Recording("/films/new.prec", NOW, 1_200_000)
        if self._sessions is not None:
            self._sessions.change(session_id, recording=made)
        return Path(made.path)

    async def stop(self, session_id: str) -> Path | None:
        self.calls.append(("stop", session_id))
        if self._sessions is not None:
            self._sessions.change(session_id, recording=None)
        return Path("/films/new.prec")

    async def open(self, path: Path) -> tuple[str, ...]:
        self.calls.append(("open", path))
        if self.error is not None:
            raise self.error
        found = recording(path.stem)
        others = tuple(r for r in self.state.value if r.id != found.id)
        self.state.publish((*others, found))
        return (found.id,)

    def close(self, recording_id: str) -> None:
        self.calls.append(("close", recording_id))
        self.state.publish(tuple(r for r in self.state.value if r.id != recording_id))

    async def export_internals(self, log: SessionLog, path: Path) -> None:
        self.calls.append(("export_internals", (log, path)))

    async def export_csv(
        self, log: SessionLog, path: Path, members: Sequence[Any], peer_id: str = ""
    ) -> None:
        self.calls.append(("export_csv", (log, path, len(members), peer_id)))


def tunnel(thing: str, *, number: int = 1, now: float = NOW, **fields: Any) -> Tunnel:
    tunnel_id = f"0b5f1c3e-7d2a-4f6b-9c1d-{number:012d}"
    values: dict[str, Any] = {
        "id": tunnel_id,
        "arn": f"arn:aws:iot:eu-west-1:123456789012:tunnel/{tunnel_id}",
        "status": "OPEN",
        "thing": thing,
        "services": ("SSH", "HTTP"),
        "created_at": now - 3600,
        "lifetime_min": 720,
        "source_connected": False,
        "destination_connected": True,
    }
    return Tunnel(**{**values, **fields})


def link(state: LinkState = LinkState.READY, **fields: Any) -> Link:
    history = tuple(
        (
            18_000 + 9000 * math.sin(second / 11),
            max(0.0, 900_000 * math.sin(second / 17) + 500_000),
        )
        for second in range(240)
    )
    services = (
        ServicePort("SSH", "127.0.0.1", 40022, 1, 3, 84_120, 1_204_551),
        ServicePort("HTTP", "127.0.0.1", 40080, 4, 61, 912_000, 48_211_000),
    )
    up, down = history[-1]
    shown = TunnelLink(
        state,
        services,
        "0a1b2c3d4e5f-channel-77",
        connections=CONNECTIONS,
        history=EVENTS,
    )
    values = {
        "link": shown,
        "rate_up": up,
        "rate_down": down,
        "history": history,
        "connection_rates": {63: (1200.0, 812_000.0), 61: (0.0, 96_000.0)},
    }
    return Link(**{**values, **fields})


CONNECTIONS = (
    LiveConnection(64, "HTTP", "127.0.0.1:51310", NOW - 1, 0, 0, ConnectionState.HELD),
    LiveConnection(63, "HTTP", "127.0.0.1:51304", NOW - 8, 2_100, 6_211_000),
    LiveConnection(62, "HTTP", "127.0.0.1:51288", NOW - 70, 900, 41_000, ConnectionState.ENDING),
    LiveConnection(61, "HTTP", "127.0.0.1:51280", NOW - 95, 18_200, 9_911_000),
    LiveConnection(3, "SSH", "127.0.0.1:50022", NOW - 4100, 84_120, 1_204_551),
)
EVENTS = (
    LinkEvent(NOW - 4200, LinkState.CONNECTING),
    LinkEvent(NOW - 4199, LinkState.READY),
    LinkEvent(NOW - 900, LinkState.RECONNECTING, "nothing was heard from the service for 60 s"),
    LinkEvent(NOW - 893, LinkState.READY),
)


class FakeTunnels:
    """As TunnelsService; `error` is what the next command raises, `gate` holds commands back."""

    def __init__(self, *tunnels: Tunnel, links: Mapping[str, Link] | None = None) -> None:
        self.state = Observable(
            TunnelsState(
                status=Status.READY, tunnels=tunnels, links=dict(links or {}), loaded_at=NOW
            )
        )
        self.calls: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.tokens: dict[Mode, TokenState | None] = dict.fromkeys(Mode, TokenState.UNUSED)

    def publish(self, **fields: Any) -> None:
        self.state.publish(replace(self.state.value, **fields))

    async def _do(self, *call: Any) -> None:
        self.calls.append(call)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error

    async def refresh(self) -> None:
        await self._do("refresh")

    async def open(self, request: TunnelRequest) -> str:
        await self._do("open", request)
        made = tunnel(request.thing, number=99, services=request.services)
        self.publish(tunnels=(made, *self.state.value.tunnels))
        return made.id

    async def connect(self, tunnel_id: str, ports: Mapping[str, int] | None = None) -> None:
        await self._do("connect", tunnel_id, dict(ports or {}))
        self.publish(links={**self.state.value.links, tunnel_id: link()})

    async def disconnect(self, tunnel_id: str) -> None:
        await self._do("disconnect", tunnel_id)
        self.publish(links={k: v for k, v in self.state.value.links.items() if k != tunnel_id})

    async def rotate(self, tunnel_id: str, modes: tuple[Mode, ...]) -> None:
        await self._do("rotate", tunnel_id, modes)

    async def close(self, tunnel_id: str, *, delete: bool) -> None:
        await self._do("close", tunnel_id, delete)
        rows = self.state.value.tunnels
        if delete:
            self.publish(tunnels=tuple(t for t in rows if t.id != tunnel_id))
        else:
            self.publish(
                tunnels=tuple(replace(t, status="CLOSED") if t.id == tunnel_id else t for t in rows)
            )

    async def token_state(self, tunnel_id: str, mode: Mode) -> TokenState | None:
        return self.tokens[mode]
