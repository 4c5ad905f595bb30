"""ICE servers whose credentials are renewed before they end."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence

from peerdeck.core.ice import IceServer, refresh_at

_log = logging.getLogger(__name__)
_RETRY_S = 5.0
_LOOK_S = 5.0


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
        """Until cancelled.

        Looked at often, on the wall's clock: the loop's stands still while a laptop sleeps.
        """
        retry_at = 0.0
        while True:
            due = max(refresh_at(self.now) or math.inf, retry_at)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_S, max(0.0, due - self._clock()))):
                    await self._wanted.wait()
            if self._wanted.is_set() or self._clock() >= due:
                self._wanted.clear()
                retry_at = 0.0 if await self._renewed() else self._clock() + _RETRY_S

    async def _renewed(self) -> bool:
        try:
            await self.first()
        # fetch is the caller's and may fail in ways of its own; viewers go on meanwhile.
        except Exception as error:  # noqa: BLE001
            _log.info("ICE servers not renewed: %s", type(error).__name__)
            return False
        self.renewals += 1
        return True
