"""A destination's connections to their targets, each under way on its own."""

import asyncio
import logging
from collections.abc import Callable, Mapping

import aiofastnet

from peerdeck.core.tunnel import Target
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.tunnel.dialing import dial_problem, dial_target, target_text
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.local import LocalConnection

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
        task = self._tasks.start(f"dial {local.service}", self._dial(local))
        self._under_way[local] = task
        task.add_done_callback(lambda _: self._over(local))

    def made(self, local: LocalConnection) -> None:
        """Its socket is there."""
        if self._under_way.pop(local, None) is not None:
            local.client = target_text(self.targets[local.service])

    def cancel(self, local: LocalConnection) -> None:
        if (task := self._under_way.get(local)) is not None:
            task.cancel()

    async def _dial(self, local: LocalConnection) -> None:
        target = self.targets.get(local.service)
        try:
            if target is None:
                raise OSError
            local.client = target_text(target)
            connection = await dial_target(target, self._limits, self.bind)
            loop = asyncio.get_running_loop()
            await aiofastnet.create_connection(loop, lambda: local, sock=connection)
            local.begin()
        except OSError as error:
            local.problem = dial_problem(target, error, self._limits.dial_s)
            _log.info("dial of %s failed: %s", local.service, local.problem)

    def _over(self, local: LocalConnection) -> None:
        if self._under_way.pop(local, None) is not None:  # made() did not come
            self._on_failed(local)
