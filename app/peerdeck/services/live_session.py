"""One session of the service, from the click until it is dismissed."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from peerdeck.core.channel import Role
from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.session import STEPS, Peer, Phase, Session
from peerdeck.core.stats import PeerStats
from peerdeck.services.engines import Engine
from peerdeck.services.explain import explained
from peerdeck.services.journal import JournalService

_log = logging.getLogger(__name__)
HISTORY_S = 300
LEAVE_S = 2.0
FOLLOW_S = 0.04  # a join takes ten steps in a tenth of a second; who shows them must not delay it


class LiveSession:
    """`session` is the snapshot, `log` what pages read; `engine` is there once it was made.

    changed: called after each change of the snapshot.
    """

    def __init__(
        self,
        session: Session,
        log: SessionLog,
        journal: JournalService,
        changed: Callable[[], None],
    ) -> None:
        self.session = session
        self.log = log
        self.engine: Engine | None = None
        self.task: asyncio.Task[None] | None = None
        self.history: deque[PeerStats] = deque(maxlen=HISTORY_S)
        self._frame_watchers: dict[str, Callable[[], None] | None] = {}
        self._sound_watchers: dict[str, Callable[[bytes], None] | None] = {}
        self._journal = journal
        self._changed = changed
        self._stats: Mapping[str, PeerStats] = {}
        self._joined = False  # and told
        self._due: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return self.session.channel

    @property
    def role(self) -> str:
        return "master" if self.session.options.role is Role.MASTER else "viewer"

    async def run(self, live: Callable[[], Awaitable[None]]) -> None:
        """`live` makes the engine, `serve()`s it and runs it; what it raises is told here."""
        from peerdeck.services.explain_peer import EXPLAINED, explain_peer

        problem: UserError | None = None
        try:
            with explained(f"join {self.name}"):
                await live()
        except UserError as error:
            problem = error
        except EXPLAINED as error:
            problem = explain_peer(error, self.name)
        except Exception:  # noqa: BLE001  a bug of ours must not leave a session joining for ever
            _log.exception("session on %s failed", self.name)
            problem = UserError("The session failed by a fault of Peerdeck's own.", "Join again.")
        self._follow()
        if problem is not None:
            self._record_failure(problem)
            self.change(phase=Phase.FAILED, problem=problem, signaling="closed")
        elif self.session.is_live:
            self.change(phase=Phase.LEFT, signaling="closed")

    def serve(self, engine: Engine) -> None:
        """From now on `engine` is what runs."""
        self.engine = engine
        for peer_id, on_frame in self._frame_watchers.items():
            engine.watch_frames(on_frame, peer_id)
        for peer_id, on_sound in self._sound_watchers.items():
            engine.watch_sound(on_sound, peer_id)
        self._follow()

    async def sample(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.session.options.sample_s)
            if self.engine is not None and self.engine.connected:
                self._stats = self.engine.sample()
                if self.role == "viewer":
                    self.history.extend(self._stats.values())
                self._follow()

    async def leave(self) -> None:
        """Idempotent; at most LEAVE_S."""
        if not self.session.is_live:
            return
        self._follow()
        self.change(phase=Phase.LEAVING)
        if self.engine is not None:
            await self.engine.leave()
        if self.task is not None:
            if self.engine is not None:
                # It is about to end by itself, and closes what was sent in order.
                await asyncio.wait([self.task], timeout=LEAVE_S / 2)
            self.task.cancel()
            await asyncio.wait([self.task], timeout=LEAVE_S)
        self.change(phase=Phase.LEFT, signaling="closed")
        self._journal.record("session", f"Left {self.name}")

    def watch_frames(self, on_frame: Callable[[], None] | None, peer_id: str) -> None:
        self._frame_watchers[peer_id] = on_frame
        if self.engine is not None:
            self.engine.watch_frames(on_frame, peer_id)

    def watch_sound(self, on_sound: Callable[[bytes], None] | None, peer_id: str) -> None:
        self._sound_watchers[peer_id] = on_sound
        if self.engine is not None:
            self.engine.watch_sound(on_sound, peer_id)

    def follow(self) -> None:
        """The engine reached something.

        Shown FOLLOW_S later, with all that came until then; another phase at once.
        """
        engine = self.engine
        if engine is None or not self.session.is_live:
            return
        if self._phase(engine) is not self.session.phase:
            self._follow()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(FOLLOW_S, self._follow)

    def _follow(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        engine = self.engine
        if engine is None or not self.session.is_live:
            return
        peers = tuple(self._peers(engine))
        self.change(
            phase=self._phase(engine),
            client_id=engine.client_id or self.session.client_id,
            steps=engine.steps,
            signaling=engine.signaling,
            telemetry=engine.telemetry,
            messages=engine.messages,
            rebuilds=engine.rebuilds,
            peers=peers,
            stats=peers[0].stats if peers and self.role == "viewer" else None,
        )
        self._record_join()

    def change(self, **fields: object) -> None:
        self.session = replace(self.session, **fields)  # type: ignore[arg-type]
        self._changed()

    def _phase(self, engine: Engine) -> Phase:
        if engine.rebuilding:
            return Phase.REBUILDING
        return Phase.CONNECTED if engine.connected else self.session.phase

    def _peers(self, engine: Engine) -> list[Peer]:
        return [
            Peer(
                id=peer_id,
                state=peer.state,
                since=peer.since,
                stats=self._stats.get(peer_id),
                messages=peer.messages,
                has_picture=peer.frames > 0,
            )
            for peer_id, peer in engine.peers.items()
        ]

    def _record_failure(self, problem: UserError) -> None:
        what = f"Session on {self.name}" if self._joined else f"Join {self.name} as {self.role}"
        detail = "\n".join(
            filter(None, (problem.remedy, problem.detail, _steps_text(self.session)))
        )
        self._journal.record("session", what, ok=False, result=problem.title, detail=detail)

    def _record_join(self) -> None:
        """Once: with the first frame, or where none is wanted, with the connection.

        A master is there as soon as viewers can find it.
        """
        last = STEPS[-1] if self.session.options.receive_video else "DTLS connected"
        if self.role == "master":
            last = "Signaling open"
        first = next((s for s in self.session.steps if s.name == last), None)
        if first is None or self._joined:
            return
        self._joined = True
        result = f"first frame {first.detail}" if last == STEPS[-1] else "connected"
        if self.role == "master":
            result = "online"
        self._journal.record(
            "session",
            f"Join {self.name} as {self.role}",
            took_ms=first.at_ms,
            result=result.strip(),
            detail=_steps_text(self.session),
        )


def _steps_text(session: Session) -> str:
    return "\n".join(f"{s.at_ms:8.0f} ms  {s.name}  {s.detail}" for s in session.steps)
