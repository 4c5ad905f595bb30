"""Which connections there are, and which there were: for people, not for the hot path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from peerdeck.core.tunnel import ConnectionEvent, ConnectionState, LiveConnection, ServicePort
from peerdeck.engine.tunnel.local import LocalConnection

MOST_SHOWN = 200


@dataclass(slots=True)
class Traffic:
    """Counters of one service. up: into the tunnel. problem: why the last dial failed, or ""."""

    connections: int = 0
    connections_total: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    problem: str = ""


def service_rows(
    services: tuple[str, ...], traffic: Mapping[str, Traffic], host: str, ports: Mapping[str, int]
) -> tuple[ServicePort, ...]:
    """host: where `ports` listen."""
    rows = []
    for name in services:
        port, counted = ports.get(name, 0), traffic.get(name, Traffic())
        rows.append(
            ServicePort(
                service=name,
                host=host if port else "",
                port=port,
                connections=counted.connections,
                connections_total=counted.connections_total,
                bytes_up=counted.bytes_up,
                bytes_down=counted.bytes_down,
                problem=counted.problem,
            )
        )
    return tuple(rows)


class Ledger:
    """Numbers connections; on_connection hears of each one's opening and end.

    clock: POSIX seconds.
    """

    def __init__(
        self, clock: Callable[[], float], on_connection: Callable[[ConnectionEvent], None] | None
    ) -> None:
        self._clock = clock
        self._on_connection = on_connection
        self._last = 0
        self._here: dict[LocalConnection, tuple[int, float]] = {}

    def add(self, local: LocalConnection) -> None:
        self._last += 1
        self._here[local] = (self._last, self._clock())

    def opened(self, local: LocalConnection) -> None:
        """Its socket is there."""
        if self._on_connection is not None and local in self._here:
            self._on_connection(ConnectionEvent(self._row(local)))

    def closed(self, local: LocalConnection) -> None:
        """Idempotent."""
        if local not in self._here:
            return
        row = self._row(local)
        del self._here[local]
        if self._on_connection is not None:
            broken = local.is_broken or bool(local.problem)
            self._on_connection(ConnectionEvent(row, True, broken, local.problem))

    def rows(self) -> tuple[LiveConnection, ...]:
        """Newest first, at most MOST_SHOWN."""
        return tuple(self._row(local) for local in islice(reversed(self._here), MOST_SHOWN))

    def _row(self, local: LocalConnection) -> LiveConnection:
        number, opened_at = self._here[local]
        return LiveConnection(
            number,
            local.service,
            local.client,
            opened_at,
            local.sent,
            local.delivered,
            _state(local),
        )


def _state(local: LocalConnection) -> ConnectionState:
    if not local.is_connected:
        return ConnectionState.DIALING
    if local.is_ending:
        return ConnectionState.ENDING
    return ConnectionState.OPEN if local.identity is not None else ConnectionState.HELD
