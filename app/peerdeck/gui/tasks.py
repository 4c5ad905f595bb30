"""Coroutines that clicks start: each has a name, an owner and an end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal

from peerdeck.core.errors import UserError

_log = logging.getLogger(__name__)


class TaskOwner(QObject):
    """Owns the tasks of a page or window.

    started(str), finished(str): name of the task; finished comes after success, failure and
    cancellation alike, but not for a task that another one of its name replaced.
    failed(str, UserError): whatever was no UserError has been logged with its traceback and
    arrives as a calm one.
    """

    started = Signal(str)
    finished = Signal(str)
    failed = Signal(str, object)

    def __init__(self, owner: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._owner = owner
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._leaving: set[asyncio.Task[Any]] = set()
        self._closed = False

    def run(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Runs `coroutine` as task "owner/name", which replaces (cancels) one of the same name."""
        if self._closed:
            coroutine.close()
            return
        replaced = self._tasks.pop(name, None)
        if replaced is not None:
            self._leaving.add(replaced)
            replaced.cancel()
        loop = asyncio.get_running_loop()
        task = loop.create_task(coroutine, name=f"{self._owner}/{name}")
        self._tasks[name] = task
        self.started.emit(name)
        task.add_done_callback(lambda done: self._ended(name, done))

    def is_running(self, name: str) -> bool:
        return name in self._tasks

    def cancel(self, name: str) -> None:
        """Does nothing where no such task runs."""
        if (task := self._tasks.get(name)) is not None:
            task.cancel()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tasks)

    def _ended(self, name: str, task: asyncio.Task[Any]) -> None:
        self._leaving.discard(task)
        current = self._tasks.get(name) is task
        if current:
            del self._tasks[name]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, UserError):
            _log.error("task %s failed", task.get_name(), exc_info=error)
            error = UserError(
                "Something inside Peerdeck went wrong.",
                "Try again; if it happens again, report it with the log file.",
                detail=type(error).__name__,
            )
        if self._closed or not current:
            return
        if error is not None:
            self.failed.emit(name, error)
        self.finished.emit(name)

    async def aclose(self) -> None:
        """Cancels and awaits everything; idempotent. Later `run` calls do nothing."""
        self._closed = True
        tasks = [*self._tasks.values(), *self._leaving]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
