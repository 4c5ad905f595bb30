"""What happened, for the Journal page and for support."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """at: POSIX seconds. kind: "channels", "ice", "session", "tunnel", "account".

    took_ms: None for an event.

    ok: whether it succeeded. detail: monospace lines beneath; never a secret.
    """

    at: float
    kind: str
    what: str
    ok: bool = True
    took_ms: float | None = None
    result: str = ""
    detail: str = ""
