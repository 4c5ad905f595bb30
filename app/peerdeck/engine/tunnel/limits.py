"""Every bound and delay of a local proxy."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds (`*_s`), bytes (`*_bytes`), counts.

    ping_s, dead_after: a link that delivered nothing for dead_after pings is dead. backoff_*: full
    jitter, uniform in 0 … min(cap, base · 2ⁿ). link_buffer_bytes: the most that waits for the
    WebSocket, less where that is slow. small_bytes: what a connection may still add above it.
    window_bytes: the most that waits for one slow local socket; window_total_bytes is shared by
    all. held: connections that wait for a link.
    half_closed_s, half_closed: how long, and how many, connections whose client has finished
    sending still wait for answers. flush_s: how long a closed connection may deliver what it has.
    stall_s: after that a local socket that takes nothing is cut, where it holds up others.
    leisure_s: how much later that is done what nobody waits for. silent_s, unheard_s: from the
    first bytes into a tunnel without any answer to a hint, and to another try as V1.
    dial_attempts, dial_delay_s: for a target that refuses; bind_attempts, bind_delay_s: for a port
    that is taken. accept_rest_s: how long connections wait that cannot be accepted, for want of
    descriptors. attempts: how often in a row a lost link is tried again before the proxy gives up,
    None without end. held 0: connections that come while the link is down are refused.
    """

    connect_s: float = 15.0
    dial_s: float = 10.0
    dial_attempts: int = 1
    dial_delay_s: float = 1.0
    bind_attempts: int = 1
    bind_delay_s: float = 1.0
    accept_rest_s: float = 1.0
    attempts: int | None = None
    ping_s: float = 20.0
    dead_after: int = 3
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 120.0
    link_buffer_bytes: int = 64 * KIB
    small_bytes: int = 4 * KIB
    window_bytes: int = 512 * KIB
    window_least_bytes: int = 16 * KIB
    window_total_bytes: int = 8 * 1024 * KIB
    backlog: int = 1024
    held: int = 64
    half_closed_s: float = 10.0
    half_closed: int = 64
    flush_s: float = 30.0
    stall_s: float = 30.0
    leisure_s: float = 0.002
    silent_s: float = 5.0
    unheard_s: float = 15.0
    close_s: float = 0.5
