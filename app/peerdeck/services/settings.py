"""What the console remembers; written behind the user's back, never in their way."""

import asyncio
import dataclasses
import logging
from typing import Any, Protocol

from peerdeck.core.observable import Observable
from peerdeck.core.settings import Settings
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.journal import JournalService

_log = logging.getLogger(__name__)
WRITE_DELAY_S = 0.5


class SettingsStore(Protocol):
    """Where settings stay between starts; both calls block. problem: of the last load, or ""."""

    problem: str

    def load(self) -> Settings: ...

    def save(self, settings: Settings) -> None: ...


class SettingsService:
    """`state` is what pages read; `change()` is remembered within half a second, or at the end."""

    def __init__(self, store: SettingsStore, journal: JournalService) -> None:
        self._store = store
        self._journal = journal
        self._tasks = TaskSet("settings")
        self._unsaved = False
        self.state = Observable(Settings())

    async def load(self) -> None:
        self.state.publish(await asyncio.to_thread(self._store.load))
        if self._store.problem:
            self._journal.record("account", "Read settings", ok=False, result=self._store.problem)

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
        except (OSError, ValueError) as error:
            _log.warning("settings could not be written: %s", error)
            self._journal.record("account", "Write settings", ok=False, result=str(error))

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._unsaved:
            await self._write()
