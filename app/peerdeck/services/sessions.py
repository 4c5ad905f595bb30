"""Peer sessions: joined, measured, left; several side by side."""

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Sequence

from peerdeck.core.channel import CHANNEL_ARN, Role, region_of
from peerdeck.core.endpoints import EndpointChoice
from peerdeck.core.errors import UserError
from peerdeck.core.join import JoinOptions
from peerdeck.core.observable import Observable
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.session import Phase, Recording, Session
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.account import AccountService
from peerdeck.services.channel_access import ChannelAccess
from peerdeck.services.engines import Joining, ViewerEngine
from peerdeck.services.ice import IceService
from peerdeck.services.journal import JournalService
from peerdeck.services.live_session import LiveSession
from peerdeck.services.master_engine import MasterEngine

PREPARE_AFTER_S = 0.3  # a channel that is only passed by is not asked about
_AS_USUAL = JoinOptions()


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
        self._access: ChannelAccess = ice.access
        self._tasks = TaskSet("sessions")
        self._preparing: asyncio.Task[None] | None = None
        self._live: dict[str, LiveSession] = {}
        self.state: Observable[tuple[Session, ...]] = Observable(())

    # -- joining and leaving ---------------------------------------------------------------------

    def join(self, channel_arn: str, options: JoinOptions = _AS_USUAL) -> str:
        """Joins a channel and returns the session's id at once; the rest is in `state`.

        Raises FieldError for a text that is no channel ARN, and for options that cannot be.
        """
        started = self._monotonic()
        CHANNEL_ARN.check(channel_arn)
        options.check()
        session = Session(
            id=secrets.token_hex(4),
            channel=channel_arn.split("/")[1],
            channel_arn=channel_arn,
            client_id="" if options.role is Role.MASTER else _client_id(options),
            phase=Phase.JOINING,
            started_at=self._clock(),
            options=options,
        )
        log = SessionLog(session.channel, session.started_at, _facts(session))
        live = LiveSession(session, log, self._journal, self._publish)
        self._live[session.id] = live
        live.task = self._tasks.start(session.id, live.run(lambda: self._stay(live, started)))
        self._publish()
        return session.id

    def prepare(self, channel_arn: str) -> None:
        """The user seems about to join: what a join needs is fetched and tried ahead."""
        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = self._tasks.start("prepare", self._prepare(channel_arn))

    async def leave(self, session_id: str) -> None:
        """Leaves cleanly; the session stays in the list as LEFT. Idempotent."""
        live = self._live.get(session_id)
        if live is not None:
            await live.leave()

    def rejoin(self, session_id: str) -> str:
        """Takes the place of a session that is over, with its options; returns the new id."""
        session = self._live[session_id].session
        self.dismiss(session_id)
        return self.join(session.channel_arn, session.options)

    def dismiss(self, session_id: str) -> None:
        """Removes a session that is over from the list."""
        live = self._live.get(session_id)
        if live is not None and not live.session.is_live:
            del self._live[session_id]
            self._publish()

    # -- what pages read -------------------------------------------------------------------------

    def log(self, session_id: str) -> SessionLog:
        """All that is known of a session, live; an empty log for an unknown id."""
        live = self._live.get(session_id)
        return live.log if live is not None else SessionLog()

    def show_recording(self, session_id: str, recording: Recording | None) -> None:
        """Told by whoever writes the file."""
        live = self._live.get(session_id)
        if live is not None:
            live.change(recording=recording)

    def history(self, session_id: str) -> Sequence[PeerStats]:
        """The last samples of a viewer's session; a live view that must not be kept."""
        live = self._live.get(session_id)
        return live.history if live else ()

    def picture(
        self, session_id: str, width: int, height: int, peer_id: str = ""
    ) -> Picture | None:
        """The newest frame, scaled to fit into width × height physical pixels."""
        live = self._live.get(session_id)
        if live is None or live.engine is None:
            return None
        return live.engine.picture(width, height, peer_id)

    def watch_frames(
        self, session_id: str, on_frame: Callable[[], None] | None, peer_id: str = ""
    ) -> None:
        """Calls `on_frame` after each decoded frame; None ends it."""
        live = self._live.get(session_id)
        if live is not None:
            live.watch_frames(on_frame, peer_id)

    def watch_sound(
        self, session_id: str, on_pcm: Callable[[bytes], None] | None, peer_id: str = ""
    ) -> None:
        """Interleaved signed 16-bit little-endian samples, 48 kHz stereo; None ends it."""
        live = self._live.get(session_id)
        if live is not None:
            live.watch_sound(on_pcm, peer_id)

    def send(self, session_id: str, data: str | bytes, peer_id: str = "") -> None:
        """Over the data channel; "" at a master: to every viewer. UserError where not open."""
        from peerdeck.services.explain_peer import EXPLAINED, explain_peer

        live = self._live.get(session_id)
        if live is None or live.engine is None or not live.session.is_live:
            raise UserError("The session is over.", "Join again to send.")
        try:
            live.engine.send(data, peer_id)
        except EXPLAINED as error:
            raise explain_peer(error, live.session.channel) from error

    def send_text(self, session_id: str, text: str) -> None:
        self.send(session_id, text)

    async def devices(self, kind: str) -> tuple[tuple[str, str], ...]:
        """Cameras ("video") or microphones ("audio") here: (name for the options, words).

        The one that "" stands for comes first.
        """
        return await asyncio.to_thread(_devices, kind)

    # -- inside ----------------------------------------------------------------------------------

    async def _stay(self, live: LiveSession, started: float) -> None:
        """Joins, and stays until the session is over."""
        with self._account.in_use():
            await self._stay_with(live, started)

    async def _stay_with(self, live: LiveSession, started: float) -> None:
        if "peerdeck.engine.viewer" not in sys.modules:
            await asyncio.to_thread(_import_engine)
        joining = await self._joining(live, started)
        engine = self._engine(joining)
        live.serve(engine.session)
        beside = [
            self._tasks.start(f"{live.session.id} sampling", live.sample()),
            self._tasks.start(f"{live.session.id} ice", engine.keep_fresh()),
        ]
        try:
            await engine.check()
            await engine.session.run()
        except Exception:
            self._access.forget(joining.client, joining.arn, endpoints=True)  # they may be why
            raise
        finally:
            for task in beside:
                task.cancel()
            await engine.session.leave()
            if engine.sources is not None:
                await engine.sources.aclose()

    def _engine(self, joining: Joining) -> ViewerEngine | MasterEngine:
        if joining.options.role is Role.MASTER:
            return MasterEngine(joining, self._journal)
        return ViewerEngine(joining)

    async def _joining(self, live: LiveSession, started: float) -> Joining:
        session = live.session
        options = session.options
        first = iter([session.client_id])
        client = self._account.kinesis_video_in(
            region_of(session.channel_arn),
            EndpointChoice(options.endpoint, options.dual_stack, options.fips),
        )
        # Asked while the authorities are read and the session is made.
        asking = self._access.begin(client, session.channel_arn, options.role)
        self._tasks.start(f"{session.id} endpoints", asking)
        return Joining(
            arn=session.channel_arn,
            name=session.channel,
            options=options,
            log=live.log,
            client=client,
            access=self._access,
            tls=await self._account.trust(),
            new_client_id=lambda: next(first, "") or _client_id(options),
            on_change=live.follow,
            started=started,
            monotonic=self._monotonic,
            clock=self._clock,
        )

    async def _prepare(self, channel_arn: str) -> None:
        await asyncio.sleep(PREPARE_AFTER_S)
        with contextlib.suppress(UserError):
            client = self._account.kinesis_video_in(region_of(channel_arn))
            tls = await self._account.trust()
            await asyncio.to_thread(_import_engine)
            await self._access.prepare(client, channel_arn, Role.VIEWER, tls)

    def _publish(self) -> None:
        self.state.publish(tuple(live.session for live in self._live.values()))

    async def aclose(self) -> None:
        """Leaves every session, all at once."""
        await asyncio.gather(*(self.leave(session_id) for session_id in tuple(self._live)))
        await self._tasks.aclose()


def _client_id(options: JoinOptions) -> str:
    """The newest connection with a ClientId throws the one before out: never reuse a random one."""
    return options.client_id or f"peerdeck-{secrets.token_hex(6)}"


def _facts(session: Session) -> dict[str, str]:
    options = session.options
    facts = {
        "Channel": session.channel,
        "Channel ARN": session.channel_arn,
        "Role": options.role.value.capitalize(),
        "Client ID": session.client_id,
        "Path": str(options.policy) if options.policy != _AS_USUAL.policy else "",
        "TURN URI": options.ice_uri,
        "Endpoint": options.endpoint,
    }
    return {name: value for name, value in facts.items() if value}


def _import_engine() -> None:
    """A quarter of a second that neither the click nor the loop need wait for."""
    import peerdeck.engine.viewer  # noqa: F401


def _devices(kind: str) -> tuple[tuple[str, str], ...]:
    from peerdeck.engine.media.devices import devices

    return tuple((device.name, device.words) for device in devices(kind))
