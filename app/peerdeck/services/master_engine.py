"""How a master's engine is made, and what it tells the journal."""

import contextlib
from typing import TYPE_CHECKING

from peerdeck.cloud.errors import CloudError
from peerdeck.core.channel import Role
from peerdeck.core.errors import UserError
from peerdeck.core.ice import IceServer
from peerdeck.core.join import PathPolicy, Source
from peerdeck.services.engines import Joining, sources_of
from peerdeck.services.journal import JournalService

if TYPE_CHECKING:
    from peerdeck.engine.errors import MediaUnusable, PeerError
    from peerdeck.engine.master import MasterSession

_VISITS = {
    "connected": "Viewer {} watches {}",
    "left": "Viewer {} has left {}",
    "lost": "Viewer {} is gone from {}",
    "refused": "Viewer {} was not let in to {}",
}


class MasterEngine:
    """Makes a MasterSession and gives it what it asks for."""

    def __init__(self, joining: Joining, journal: JournalService) -> None:
        self._joining = joining
        self._journal = journal
        self._asked = False
        self.sources = sources_of(joining, self._source_ended)
        self.session = self._make()

    async def check(self) -> None:
        """Before joining: can what is to be sent be read, and does the channel want it?

        Raises MediaUnusable, UserError.
        """
        if self.sources is not None:
            await self.sources.check()
        joining, options = self._joining, self._joining.options
        # Whoever may not ask, or asks a server that does not know, joins an ordinary channel.
        with contextlib.suppress(CloudError):
            if await joining.client.stores_media(joining.arn):
                self.session.join_storage = self._join_storage
        stores = self.session.join_storage is not None
        if stores and Source.NONE in {options.video, options.audio}:
            raise UserError(
                f"{joining.name} stores its media, so its master must send video and sound.",
                "Choose both in the join options, or switch media storage off for the channel.",
            )

    async def keep_fresh(self) -> None:
        """Tries the ICE servers for viewers to come; the session renews them by itself."""
        joining = self._joining
        if joining.options.policy is not PathPolicy.HOST:
            with contextlib.suppress(CloudError):
                servers = await joining.access.ice_servers(joining.client, joining.arn, Role.MASTER)
                await joining.access.probe(servers, joining.tls)

    def _make(self) -> "MasterSession":
        from peerdeck.engine.master import MasterSession
        from peerdeck.engine.visitors import VisitEvents

        joining = self._joining
        return MasterSession(
            open_signaling=self._open_signaling,
            fetch_ice=self._ice_servers,
            options=joining.options,
            log=joining.log,
            events=VisitEvents(self._visited, joining.on_change),
            sources=self.sources,
            clock=joining.monotonic,
            wall_clock=joining.clock,
            started=joining.started,
            tls=joining.tls,
        )

    async def _open_signaling(self) -> str:
        joining = self._joining
        endpoints = await joining.access.endpoints(joining.client, joining.arn, Role.MASTER)
        self.session.reach("Channel endpoint", endpoints.wss)
        return await joining.client.signaling_url(joining.arn, Role.MASTER)

    async def _ice_servers(self) -> tuple[IceServer, ...]:
        """Fresh ones whenever they are asked for again."""
        joining, access = self._joining, self._joining.access
        if joining.options.policy is PathPolicy.HOST:
            return ()
        if self._asked:
            access.forget(joining.client, joining.arn)
        self._asked = True
        servers = await access.ice_servers(joining.client, joining.arn, Role.MASTER)
        return access.best_first(servers)

    async def _join_storage(self) -> None:
        await self._joining.client.join_storage_session(self._joining.arn)

    def _visited(self, client_id: str, what: str, why: "PeerError | None") -> None:
        words = _VISITS.get(what)
        if words is None:
            return
        from peerdeck.services.explain_viewer import explain_viewer

        name = self._joining.name
        problem = explain_viewer(why, name) if why is not None else None
        self._journal.record(
            "session",
            words.format(client_id, name),
            ok=problem is None,
            result=problem.title if problem is not None else "",
            detail=f"{problem.remedy}\n{problem.detail}".strip() if problem is not None else "",
        )

    def _source_ended(self, kind: str, error: "MediaUnusable") -> None:
        from peerdeck.services.explain_peer import explain_peer

        problem = explain_peer(error, self._joining.name)
        self._journal.record(
            "session",
            f"Send {kind} to {self._joining.name}",
            ok=False,
            result=problem.title,
            detail=f"{problem.remedy}\n{problem.detail}",
        )
        self.session.source_failed(kind, error)
