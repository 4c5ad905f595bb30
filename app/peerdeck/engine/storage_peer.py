"""Keeps a master joined with the peer that stores its channel's media (WebRTC ingestion)."""

import asyncio
from collections.abc import Awaitable, Callable

# Who offers without a client id: the storage peer. "Storage session doesn't send a clientId".
STORAGE = "storage"
OFFER_WITHIN_S = 30.0
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0


class StoragePeer:
    """Roles are inverted: it is asked to join (JoinStorageSession), then it offers.

    join: asks; what it raises the first time goes to the caller of `keep_joined()`, later it means
    another try. failed: told of those.
    """

    def __init__(self, join: Callable[[], Awaitable[None]], failed: Callable[[str], None]) -> None:
        self._join = join
        self._failed = failed
        self._came = asyncio.Event()
        self._gone = asyncio.Event()

    def visited(self, what: str) -> None:
        """What became of it, in the words of VisitEvents."""
        if what == "came":
            self._came.set()
            self._gone.clear()
        elif what in {"left", "lost"}:
            self._gone.set()

    async def keep_joined(self) -> None:
        """Until cancelled: a session lasts an hour at most."""
        await self._join()
        delay_s = _FIRST_DELAY_S
        while True:
            if await self._stayed():
                delay_s = _FIRST_DELAY_S
            else:
                self._failed(f"no offer within {OFFER_WITHIN_S:.0f} s")
            await asyncio.sleep(delay_s)
            delay_s = min(_LONGEST_DELAY_S, 2 * delay_s)
            self._came.clear()
            try:
                await self._join()
            # join is the owner's and may fail in ways of its own; a later try may succeed.
            except Exception as error:  # noqa: BLE001
                self._failed(type(error).__name__)

    async def _stayed(self) -> bool:
        """Returns when it is gone again; False where it never came."""
        try:
            async with asyncio.timeout(OFFER_WITHIN_S):
                await self._came.wait()
        except TimeoutError:
            return False
        await self._gone.wait()
        return True
