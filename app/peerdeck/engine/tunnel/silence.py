"""A device that never answers: the sign of one that speaks V1 only.

The AWS IoT Device Client, the Greengrass component and the console's terminal do; a V3 source waits
for them for ever, for the protocol has no answer to a start.
"""

import asyncio
from collections.abc import Callable

from peerdeck.engine.tunnel.limits import Limits
from peerdeck.protocol.tunnel import DestinationTunnel, SourceTunnel
from peerdeck.protocol.tunnel_events import Version

ONE_AT_A_TIME = "The device speaks version 1 of the tunnel protocol: one connection at a time."
SWITCHED = (
    "The device did not answer; it seems to speak version 1 of the tunnel protocol only. "
    "Connected as version 1, one connection at a time: please try again."
)
UNHEARD = "The device has not answered, neither in version 3 of the tunnel protocol nor in 1."


def silent_words(seconds: float) -> str:
    return (
        f"The device has not answered for {seconds:g} s. It is not connected, or it speaks version "
        "1 of the tunnel protocol only, as the AWS IoT Device Client and Greengrass do: connect as "
        "version 1 then."
    )


def heard_words(peer: Version | None, ours: Version) -> str:
    return ONE_AT_A_TIME if Version.V1 in {peer, ours} else ""


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
    """Which version of the protocol is spoken, and what there is to say about it.

    hint: for people, "" for nothing; on_change is called when it changes by what the device does.
    """

    def __init__(self, wanted: Version, on_change: Callable[[], None]) -> None:
        self.version = wanted
        self.hint = ""
        self._wanted = wanted
        self._tried_v1 = wanted is Version.V1
        self._on_change = on_change

    def silent(self, after_s: float) -> None:
        """The device has not answered for after_s seconds."""
        if not self.hint:
            self.hint = silent_words(after_s)
            self._on_change()

    def heard(self, machine: SourceTunnel | DestinationTunnel) -> None:
        if isinstance(machine, SourceTunnel):
            hint = heard_words(machine.peer_version, machine.version)
            if hint != self.hint:
                self.hint = hint
                self._on_change()

    def unheard(self, services: int) -> bool:
        """Whether another version is to be tried now, on a new link.

        Safe, for nothing was delivered yet: one service is tried as V1, once, and back again.
        """
        if self.version is not Version.V1 and not self._tried_v1 and services == 1:
            self._tried_v1, self.version, self.hint = True, Version.V1, SWITCHED
            return True
        if self.version is not self._wanted:
            self.version, self.hint = self._wanted, UNHEARD
            return True
        return False

    def give_up(self) -> bool:
        """Back to the wanted version; whether another one was being tried."""
        trying = self.version is not self._wanted
        self.version = self._wanted
        return trying
