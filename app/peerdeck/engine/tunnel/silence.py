"""A device that never answers: the sign of one that speaks V1 only.

The AWS IoT Device Client, the Greengrass component and the console's terminal do; a V3 source waits
for them for ever, for the protocol has no answer to a start.
"""

import asyncio
from collections.abc import Callable

from peerdeck.core.tunnel import DeviceHint
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.protocol.tunnel import DestinationTunnel, SourceTunnel
from peerdeck.protocol.tunnel_events import Version

_OF_PEER = {Version.V1: DeviceHint.V1, Version.V2: DeviceHint.V2}


class Silence:
    """From the first bytes into a tunnel until the first answer. `over`: nothing to watch.

    on_silent is called after limits.silent_s, on_unheard after limits.unheard_s, on_heard with the
    first answer.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        on_silent: Callable[[], None],
        on_unheard: Callable[[], None],
        on_heard: Callable[[], None],
    ) -> None:
        self.over = True
        self._limits = limits
        self._on_silent = on_silent
        self._on_unheard = on_unheard
        self._on_heard = on_heard
        self._timers: list[asyncio.TimerHandle] = []

    def begin(self) -> None:
        """A new link: who is at its other end is not known yet."""
        self.end()
        self.over = False

    def asked(self) -> None:
        """Something was sent."""
        if self.over or self._timers:
            return
        loop, limits = asyncio.get_running_loop(), self._limits
        self._timers = [
            loop.call_later(limits.silent_s, self._on_silent),
            loop.call_later(limits.unheard_s, self._on_unheard),
        ]

    def heard(self) -> None:
        """Anything came."""
        if not self.over:
            self.end()
            self._on_heard()

    def end(self) -> None:
        self.over = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class VersionTrial:
    """Which version of the protocol is spoken, and what was noticed of the device.

    on_change is called when `hint` changes by what the device does, or does not.
    """

    def __init__(self, wanted: Version, on_change: Callable[[], None]) -> None:
        self.version = wanted
        self.hint = DeviceHint.NONE
        self._wanted = wanted
        self._tried_v1 = wanted is Version.V1
        self._on_change = on_change

    def silent(self, services: int) -> None:
        """The device has not answered for a while. services: how many the tunnel has."""
        if not self.hint:
            self.hint = DeviceHint.TRYING_V1 if self._may_try(services) else DeviceHint.SILENT
            self._on_change()

    def heard(self, machine: SourceTunnel | DestinationTunnel) -> None:
        """The device has answered."""
        before, self.hint = self.hint, DeviceHint.NONE
        if self.shown(machine) is not before:
            self._on_change()

    def shown(self, machine: SourceTunnel | DestinationTunnel) -> DeviceHint:
        """What there is to say now: in which version a device speaks may show later only."""
        if self.hint or not isinstance(machine, SourceTunnel) or machine.peer_version is None:
            return self.hint
        return _OF_PEER.get(machine.peer_version, DeviceHint.NONE)

    def unheard(self, services: int) -> bool:
        """Whether another version is to be tried now, on a new link.

        Safe, for nothing was delivered yet: one service is tried as V1, once, and back again.
        """
        if self._may_try(services):
            self._tried_v1, self.version, self.hint = True, Version.V1, DeviceHint.SWITCHED
            return True
        if self.version is not self._wanted:
            self.version, self.hint = self._wanted, DeviceHint.UNHEARD
            return True
        return False

    def _may_try(self, services: int) -> bool:
        return self.version is not Version.V1 and not self._tried_v1 and services == 1

    def give_up(self) -> bool:
        """Back to the wanted version; whether another one was being tried."""
        trying = self.version is not self._wanted
        self.version = self._wanted
        return trying
