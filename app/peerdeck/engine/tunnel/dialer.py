"""A destination's connections to their targets, each under way on its own."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from peerdeck.core.tunnel import Target
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.tunnel.dialing import (
    Attempt,
    begin_dial,
    dial_problem,
    dial_target,
    target_text,
)
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.local import LocalConnection
from peerdeck.engine.tunnel.sockets import attach, attach_at_once

_log = logging.getLogger(__name__)


class Dialer:
    """targets: by service. bind: our own address when dialing TCP, or "".

    on_failed is called once for a connection that comes to nothing; its `problem` tells why.
    """

    def __init__(
        self, limits: Limits, tasks: TaskSet, on_failed: Callable[[LocalConnection], None]
    ) -> None:
        self.targets: Mapping[str, Target] = {}
        self.bind = ""
        self._limits = limits
        self._tasks = tasks
        self._on_failed = on_failed
        self._under_way: dict[LocalConnection, asyncio.Task[None]] = {}

    def start(self, local: LocalConnection) -> None:
        """A target on this machine is there at once; any other one is waited for by a task."""
        begun: Attempt | None = None
        target = self.targets.get(local.service)
        if target is not None and not self.bind:
            with contextlib.suppress(OSError):  # the task finds out and tells
                begun = begin_dial(target)
        if begun is not None and begun.is_whole and attach_at_once(begun.socket, local):
            return
        task = self._tasks.start(f"dial {local.service}", self._dial(local, begun))
        self._under_way[local] = task
        task.add_done_callback(lambda _: self._over(local, begun))

    def made(self, local: LocalConnection) -> None:
        """Its socket is there."""
        if (target := self.targets.get(local.service)) is not None:
            local.client = target_text(target)

    def cancel(self, local: LocalConnection) -> None:
        if (task := self._under_way.get(local)) is not None:
            task.cancel()

    async def _dial(self, local: LocalConnection, begun: Attempt | None) -> None:
        target = self.targets.get(local.service)
        try:
            if target is None:
                raise OSError
            local.client = target_text(target)
            await attach(await dial_target(target, self._limits, self.bind, begun), local)
            self._under_way.pop(local, None)  # the socket's end is its own now
        except OSError as error:
            local.problem = dial_problem(target, error, self._limits.dial_s)
            _log.info("dial of %s failed: %s", local.service, local.problem)

    def _over(self, local: LocalConnection, begun: Attempt | None) -> None:
        if self._under_way.pop(local, None) is not None:
            if begun is not None:
                begun.socket.close()  # of a task that was cancelled before its first turn
            self._on_failed(local)
