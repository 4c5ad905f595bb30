"""ICE servers whose credentials are renewed before they end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from peerdeck.core.ice import IceServer, refresh_at

_log = logging.getLogger(__name__)
_RETRY_S = 5.0
_LONGEST_S = 86_400.0


class FreshIce:
    """`first()`, then keep `keep_fresh()` going; `now` are the servers to use.

    fetch: asks the service; whatever it raises goes to the caller of `first()`, and means another
    try later. clock: POSIX seconds. renewals: how often they were fetched since the first time.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Sequence[IceServer]]], clock: Callable[[], float]
    ) -> None:
        self.now: tuple[IceServer, ...] = ()
        self.renewals = 0
        self._fetch = fetch
        self._clock = clock
        self._wanted = asyncio.Event()

    async def first(self) -> tuple[IceServer, ...]:
        self.now = tuple(await self._fetch())
        return self.now

    def renew(self) -> None:
        """At once: the service said that the present ones are of no use (RECONNECT_ICE_SERVER)."""
        self._wanted.set()

    async def keep_fresh(self) -> None:
        """Until cancelled."""
        failed = False
        while True:
            due = refresh_at(self.now)
            wait_s = _LONGEST_S if due is None else max(0.0, due - self._clock())
            try:
                async with asyncio.timeout(max(_RETRY_S, wait_s) if failed else wait_s):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            failed = not await self._renewed()

    async def _renewed(self) -> bool:
        try:
            await self.first()
        # fetch is the caller's and may fail in ways of its own; viewers go on meanwhile.
        except Exception as error:  # noqa: BLE001
            _log.info("ICE servers not renewed: %s", type(error).__name__)
            return False
        self.renewals += 1
        return True
