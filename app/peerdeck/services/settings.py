"""What the console remembers; written behind the user's back, never in their way."""

import asyncio
import dataclasses
import logging
from typing import Any, Protocol

from peerdeck.core.observable import Observable
from peerdeck.core.settings import Settings
from peerdeck.engine.tasks import TaskSet

_log = logging.getLogger(__name__)
WRITE_DELAY_S = 0.5


class SettingsStore(Protocol):
    """Where settings stay between starts; both calls block."""

    def load(self) -> Settings: ...

    def save(self, settings: Settings) -> None: ...


class SettingsService:
    """`state` is what pages read; `change()` is remembered within half a second, or at the end."""

    def __init__(self, store: SettingsStore) -> None:
        self._store = store
        self._tasks = TaskSet("settings")
        self._unsaved = False
        self.state = Observable(Settings())

    async def load(self) -> None:
        self.state.publish(await asyncio.to_thread(self._store.load))

    def change(self, **fields: Any) -> None:
        """Replaces fields of Settings by name."""
        changed = dataclasses.replace(self.state.value, **fields)
        if changed == self.state.value:
            return
        self.state.publish(changed)
        if not self._unsaved:
            self._unsaved = True
            self._tasks.start("write", self._write_soon())

    async def _write_soon(self) -> None:
        await asyncio.sleep(WRITE_DELAY_S)
        await self._write()

    async def _write(self) -> None:
        self._unsaved = False
        try:
            await asyncio.to_thread(self._store.save, self.state.value)
        except OSError as error:
            _log.warning("settings could not be written: %s", error)

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._unsaved:
            await self._write()
