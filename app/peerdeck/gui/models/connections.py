"""The connections of a tunnel as rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from peerdeck.core.quantities import bytes_text, rate_text
from peerdeck.core.tunnel import ConnectionState, LiveConnection
from peerdeck.gui.models.rows import Column

_STATES: Final = {
    ConnectionState.DIALING: ("half", "info", "connecting to the target"),
    ConnectionState.HELD: ("half", "warn", "waits until the link is back"),
    ConnectionState.OPEN: ("dot", "ok", "open"),
    ConnectionState.ENDING: ("ring", "muted", "one side has finished"),
}


# Columns: the first one takes the place of the two beside it where there is no room for them.
BOTH, CLIENT, SERVICE, AGE = range(4)


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """rate_up, rate_down: bytes per second."""

    connection: LiveConnection
    rate_up: float = 0.0
    rate_down: float = 0.0

    @property
    def rate(self) -> float:
        return self.rate_up + self.rate_down


def connection_rows(
    connections: Sequence[LiveConnection], rates: Mapping[int, tuple[float, float]]
) -> list[ConnectionRow]:
    return [ConnectionRow(one, *rates.get(one.number, (0.0, 0.0))) for one in connections]


def duration_text(seconds: float) -> str:
    """5 → "5 s", 90 → "1 min", 7300 → "2 h"."""
    for limit, unit_s, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{max(0, int(seconds)) // unit_s} {unit}"
    return f"{int(seconds) // 86400} d"


def _port(client: str) -> str:
    """Every client is a program on this machine: its port is what tells them apart."""
    return f":{client.rpartition(':')[2]}" if client.startswith("127.0.0.1:") else client


def connection_columns(clock: Callable[[], float]) -> tuple[Column[ConnectionRow], ...]:
    """clock: POSIX seconds."""

    def client(text: Callable[[LiveConnection], str]) -> Column[ConnectionRow]:
        return Column(
            "Client",
            lambda row: text(row.connection),
            icon=lambda row: _STATES[row.connection.state][:2],
            tooltip=lambda row: _whole(row.connection, clock()),
            font="figures",
            elide="middle",
            width=0,
        )

    return (
        client(lambda one: f"{one.service} {_port(one.client)}"),
        client(lambda one: _port(one.client)),
        Column("Service", lambda row: row.connection.service, elide="middle", width=68),
        Column(
            "Age",
            lambda row: duration_text(clock() - row.connection.opened_at),
            key=lambda row: -row.connection.opened_at,
            align="right",
            font="figures",
            width=56,
            live=True,
        ),
        _amount("↓", "Out of the tunnel", lambda row: row.connection.bytes_down),
        _amount("↑", "Into the tunnel", lambda row: row.connection.bytes_up),
        Column(
            "Rate",
            lambda row: rate_text(row.rate) if row.rate else "–",
            key=lambda row: row.rate,
            tooltip=lambda row: f"↓ {rate_text(row.rate_down)} ↑ {rate_text(row.rate_up)}",
            tone=lambda row: "" if row.rate else "muted",
            align="right",
            font="figures",
            width=72,
        ),
    )


def _whole(one: LiveConnection, now: float) -> str:
    age = duration_text(now - one.opened_at)
    return f"{one.client}, {_STATES[one.state][2]}, {age} old"


def _amount(title: str, words: str, count: Callable[[ConnectionRow], int]) -> Column[ConnectionRow]:
    return Column(
        title,
        lambda row: bytes_text(count(row)),
        key=count,
        tooltip=lambda row: f"{words}: {count(row):,} bytes",
        align="right",
        font="figures",
        width=64,
    )
