"""Peer sessions: joined, measured once a second, left; several side by side."""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from peerdeck.cloud.kinesis_video import KinesisVideo
from peerdeck.core.channel import CHANNEL_ARN, Role, region_of
from peerdeck.core.errors import UserError
from peerdeck.core.ice import IceRequest
from peerdeck.core.observable import Observable
from peerdeck.core.session import STEPS, Phase, Session
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.account import AccountService
from peerdeck.services.explain import explained
from peerdeck.services.ice import IceService
from peerdeck.services.journal import JournalService

if TYPE_CHECKING:
    from peerdeck.engine.viewer import ViewerSession

_log = logging.getLogger(__name__)
HISTORY_S = 300
SAMPLE_S = 1.0
LEAVE_S = 2.0
ANSWER_TIMEOUT_S = 10.0


@dataclass(slots=True)
class _Live:
    """What belongs to one session beside its snapshot."""

    session: Session
    client: KinesisVideo
    viewer: "ViewerSession | None" = None
    task: asyncio.Task[None] | None = None
    history: deque[PeerStats] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    on_frame: Callable[[], None] | None = None
    joined: bool = False  # and recorded


def _steps_text(session: Session) -> str:
    return "\n".join(f"{s.at_ms:8.0f} ms  {s.name}  {s.detail}" for s in session.steps)


class SessionsService:
    """`state`: one snapshot per session in order of joining; left ones stay until dismissed."""

    def __init__(
        self,
        account: AccountService,
        ice: IceService,
        journal: JournalService,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._ice = ice
        self._journal = journal
        self._clock = clock
        self._monotonic = monotonic
        self._tasks = TaskSet("sessions")
        self._live: dict[str, _Live] = {}
        self.state: Observable[tuple[Session, ...]] = Observable(())

    def join(self, channel_arn: str) -> str:
        """Joins a channel as viewer and returns the session's id at once; the rest is in `state`.

        Raises FieldError for a text that is no channel ARN.
        """
        CHANNEL_ARN.check(channel_arn)
        region = region_of(channel_arn)
        session = Session(
            id=secrets.token_hex(4),
            channel=channel_arn.split("/")[1],
            channel_arn=channel_arn,
            # The newest connection with a ClientId throws the one before out: never reuse one.
            client_id=f"peerdeck-{secrets.token_hex(6)}",
            phase=Phase.JOINING,
            started_at=self._clock(),
        )
        live = _Live(session, self._account.kinesis_video_in(region))
        self._live[session.id] = live
        live.task = self._tasks.start(session.id, self._run(live))
        self._publish()
        return session.id

    async def leave(self, session_id: str) -> None:
        """Leaves cleanly; the session stays in the list as LEFT. Idempotent."""
        live = self._live.get(session_id)
        if live is None or not live.session.is_live:
            return
        self._change(live, phase=Phase.LEAVING)
        if live.viewer is not None:
            await live.viewer.leave()
        if live.task is not None:
            live.task.cancel()
            await asyncio.wait([live.task], timeout=LEAVE_S)
        self._change(live, phase=Phase.LEFT)
        self._journal.record("session", f"Left {live.session.channel}")

    def rejoin(self, session_id: str) -> str:
        """Takes the place of a session that is over; returns the new id."""
        arn = self._live[session_id].session.channel_arn
        self.dismiss(session_id)
        return self.join(arn)

    def dismiss(self, session_id: str) -> None:
        """Removes a session that is over from the list."""
        live = self._live.get(session_id)
        if live is not None and not live.session.is_live:
            del self._live[session_id]
            self._publish()

    def history(self, session_id: str) -> Sequence[PeerStats]:
        """The last 5 minutes, oldest first; a live view that must not be kept."""
        live = self._live.get(session_id)
        return live.history if live else ()

    def picture(self, session_id: str, width: int, height: int) -> Picture | None:
        """The newest frame, scaled to fit into width × height physical pixels."""
        live = self._live.get(session_id)
        if live is None or live.viewer is None:
            return None
        return live.viewer.picture(width, height)

    def watch_frames(self, session_id: str, on_frame: Callable[[], None] | None) -> None:
        """Calls `on_frame` after each decoded frame; None ends it."""
        live = self._live.get(session_id)
        if live is not None:
            live.on_frame = on_frame
            if live.viewer is not None:
                live.viewer.on_frame = on_frame

    def send_text(self, session_id: str, text: str) -> None:
        """Sends a text over the data channel; UserError where it is not open."""
        from peerdeck.services.explain_peer import EXPLAINED, explain_peer

        live = self._live.get(session_id)
        if live is None or live.viewer is None or not live.session.is_live:
            raise UserError("The session is over.", "Join again to send.")
        try:
            live.viewer.send_text(text)
        except EXPLAINED as error:
            raise explain_peer(error, live.session.channel) from error

    async def _run(self, live: _Live) -> None:
        from peerdeck.services.explain_peer import EXPLAINED, explain_peer

        name = live.session.channel
        problem: UserError | None = None
        try:
            await self._join(live)
        except UserError as error:
            problem = error
        except EXPLAINED as error:
            problem = explain_peer(error, name)
        except Exception:  # noqa: BLE001  a bug of ours must not leave a session joining for ever
            _log.exception("session on %s failed", name)
            problem = UserError("The session failed by a fault of Peerdeck's own.", "Join again.")
        if problem is not None:
            self._record_failure(live, problem)
            self._change(live, phase=Phase.FAILED, problem=problem, signaling="closed")
        elif live.session.is_live:
            self._change(live, phase=Phase.LEFT, signaling="closed")

    def _record_failure(self, live: _Live, problem: UserError) -> None:
        name = live.session.channel
        what = f"Session on {name}" if live.joined else f"Join {name} as viewer"
        detail = "\n".join(
            filter(None, (problem.remedy, problem.detail, _steps_text(live.session)))
        )
        self._journal.record("session", what, ok=False, result=problem.title, detail=detail)

    def _record_join(self, live: _Live) -> None:
        """Once, with the first frame."""
        first = next((s for s in live.session.steps if s.name == STEPS[-1]), None)
        if first is None or live.joined:
            return
        live.joined = True
        self._journal.record(
            "session",
            f"Join {live.session.channel} as viewer",
            took_ms=first.at_ms,
            result=f"first frame {first.detail}".strip(),
            detail=_steps_text(live.session),
        )

    async def _join(self, live: _Live) -> None:
        from peerdeck.engine.viewer import ViewerSession

        started = self._monotonic()
        session = live.session
        arn, client = session.channel_arn, live.client
        tls = await self._account.trust()
        with explained(f"join {session.channel}"):
            endpoints = await client.endpoints(arn, Role.VIEWER)
            endpoint_at = self._monotonic()
            request = IceRequest(arn, client_id=session.client_id)
            servers = (client.stun_server(), *await client.ice_servers(request, role=Role.VIEWER))
        viewer = ViewerSession(
            client_id=session.client_id,
            open_signaling=lambda: client.signaling_url(arn, Role.VIEWER, session.client_id),
            ice_servers=self._ice.best_first(servers),
            on_change=lambda: self._follow(live),
            clock=self._monotonic,
            started=started,
            tls=tls,
            answer_timeout_s=ANSWER_TIMEOUT_S,
        )
        live.viewer = viewer
        viewer.on_frame = live.on_frame
        viewer.reach("Channel endpoint", endpoints.wss, at=endpoint_at)
        viewer.reach("ICE configuration", f"{sum(len(s.uris) for s in servers)} URIs")
        sampling = self._tasks.start(f"{session.id} sampling", self._sample(live, viewer))
        try:
            with explained(f"join {session.channel}"):
                await viewer.run()
        finally:
            sampling.cancel()
            await viewer.leave()

    async def _sample(self, live: _Live, viewer: "ViewerSession") -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            if viewer.connected:
                stats = await viewer.sample()
                live.history.append(stats)
                self._change(live, stats=stats, telemetry=viewer.telemetry)

    def _follow(self, live: _Live) -> None:
        """The engine reached something."""
        viewer = live.viewer
        if viewer is None or not live.session.is_live:
            return
        self._change(
            live,
            phase=Phase.CONNECTED if viewer.connected else live.session.phase,
            steps=viewer.steps,
            signaling=viewer.signaling,
            telemetry=viewer.telemetry,
            messages=viewer.messages,
        )
        self._record_join(live)

    def _change(self, live: _Live, **fields: object) -> None:
        live.session = replace(live.session, **fields)  # type: ignore[arg-type]
        self._publish()

    def _publish(self) -> None:
        self.state.publish(tuple(live.session for live in self._live.values()))

    async def aclose(self) -> None:
        """Leaves every session, all at once."""
        await asyncio.gather(*(self.leave(session_id) for session_id in tuple(self._live)))
        await self._tasks.aclose()
