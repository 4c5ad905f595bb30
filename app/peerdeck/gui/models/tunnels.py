"""Tunnels as rows: what AWS says of them, and what goes through our own proxy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peerdeck.core.quantities import countdown_text, rate_text
from peerdeck.core.tunnel import LinkState, Tunnel
from peerdeck.gui.models.rows import Column
from peerdeck.gui.widgets.countdown import urgency

if TYPE_CHECKING:
    from peerdeck.services.links import Link

# An end that near is announced, too: a lifetime cannot be extended.
TUNNEL_SOON_S: Final = 600
_LIVE: Final = {LinkState.READY, LinkState.RECONNECTING}


@dataclass(frozen=True, slots=True)
class TunnelRow:
    """state: of our own proxy, None without one. Rates in bytes per second."""

    tunnel: Tunnel
    state: LinkState | None = None
    rate_up: float = 0.0
    rate_down: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.tunnel.status == "OPEN"

    @property
    def source(self) -> bool | None:
        """Our own proxy is known to be there before AWS says so."""
        return True if self.state is LinkState.READY else self.tunnel.source_connected


def tunnel_rows(tunnels: Sequence[Tunnel], links: "Mapping[str, Link]") -> list[TunnelRow]:
    rows = []
    for tunnel in tunnels:
        link = links.get(tunnel.id)
        if link is None:
            rows.append(TunnelRow(tunnel))
        else:
            rows.append(TunnelRow(tunnel, link.link.state, link.rate_up, link.rate_down))
    return rows


def thing_text(tunnel: Tunnel) -> str:
    """The thing, or the id of a tunnel that was opened without one."""
    return tunnel.thing or tunnel.id


def _dot(row: TunnelRow, connected: bool | None) -> tuple[str, str] | None:
    if connected is None:
        return None
    if not row.is_open:
        return ("ring", "faint")
    return ("dot", "ok") if connected else ("ring", "muted")


def _connected_words(who: str, connected: bool | None) -> str:
    if connected is None:
        return f"{who}: not known yet"
    return f"{who} is {'connected' if connected else 'not connected'}"


def _dim(row: TunnelRow) -> str:
    return "" if row.is_open else "faint"


def _rate(row: TunnelRow, rate: float) -> str:
    return rate_text(rate) if row.state in _LIVE else ""


def tunnel_columns(clock: Callable[[], float]) -> tuple[Column[TunnelRow], ...]:
    """clock: POSIX seconds."""
    return (
        Column(
            "Thing",
            lambda row: thing_text(row.tunnel),
            tooltip=lambda row: row.tunnel.description or row.tunnel.id,
            tone=_dim,
            elide="middle",
            width=0,
        ),
        Column("Services", _services, tooltip=_services, tone=_dim, width=82),
        _side_column("Source", "Source", lambda row: row.source, 62),
        _side_column("Dest.", "Destination", lambda row: row.tunnel.destination_connected, 50),
        _time_column(clock),
        _rate_column("↓", "Out of the tunnel, to this machine", lambda row: row.rate_down),
        _rate_column("↑", "From this machine, into the tunnel", lambda row: row.rate_up),
    )


def _services(row: TunnelRow) -> str:
    return ", ".join(row.tunnel.services)


def _side_column(
    title: str, side: str, is_connected: Callable[[TunnelRow], bool | None], width: int
) -> Column[TunnelRow]:
    return Column(
        title,
        lambda row: "–" if is_connected(row) is None else "",
        key=lambda row: str(is_connected(row)),
        icon=lambda row: _dot(row, is_connected(row)),
        tooltip=lambda row: _connected_words(side, is_connected(row)),
        tone=_dim,
        width=width,
        searched=False,
    )


def _time_column(clock: Callable[[], float]) -> Column[TunnelRow]:
    def left_s(row: TunnelRow) -> float:
        return row.tunnel.ends_at - clock()

    def left_text(row: TunnelRow) -> str:
        if not row.is_open:
            return "closed"
        left = left_s(row)
        return countdown_text(left) if left > 0 else "ending"

    def left_share(row: TunnelRow) -> float | None:
        if not row.is_open:
            return None
        return min(1.0, max(0.0, left_s(row) / (60 * row.tunnel.lifetime_min)))

    return Column(
        "Time left",
        left_text,
        key=lambda row: (row.is_open, left_s(row)),
        tone=lambda row: urgency(left_s(row), TUNNEL_SOON_S) if row.is_open else "faint",
        bar=left_share,
        font="figures",
        width=76,
        live=True,
        searched=False,
    )


def _rate_column(title: str, tooltip: str, rate: Callable[[TunnelRow], float]) -> Column[TunnelRow]:
    return Column(
        title,
        lambda row: _rate(row, rate(row)),
        key=rate,
        tooltip=lambda row: tooltip,
        align="right",
        font="figures",
        width=72,
        searched=False,
    )
