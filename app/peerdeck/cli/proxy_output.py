"""What `peerdeck proxy` says while it runs."""

import json
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from peerdeck.core.errors import UserError
from peerdeck.core.quantities import bytes_text, rate_text
from peerdeck.core.tunnel import (
    ConnectionEvent,
    DeviceHint,
    LinkState,
    ServicePort,
    TunnelLink,
)
from peerdeck.services.device_hints import advice
from peerdeck.services.proxying import Told

_ERRORS, _WARNINGS, _USUAL, _DEBUG = 2, 3, 4, 5
_WORDS = {
    LinkState.CONNECTING: "Connecting…",
    LinkState.READY: "Connected.",
    LinkState.RECONNECTING: "The link is down, trying again",
    LinkState.FAILED: "Lost.",
    LinkState.CLOSED: "Stopped.",
}


def address(port: ServicePort) -> str:
    return f"[{port.host}]:{port.port}" if ":" in port.host else f"{port.host}:{port.port}"


class JsonEvents:
    """One JSON object per line. Never holds a token."""

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._clock = clock
        self._last: tuple[LinkState, str] | None = None
        self._hint = DeviceHint.NONE

    def tell(self, told: Told) -> None:
        if isinstance(told, ConnectionEvent):
            self._write(_connection(told))
            return
        if self._last != (told.state, told.reason):
            self._last = (told.state, told.reason)
            self._write(_link(told))
        if self._hint != told.hint:
            self._hint = told.hint
            self._write(_device(told))

    def warn(self, text: str) -> None:
        self._write({"event": "warning", "message": text})

    def fail(self, error: UserError, status: int) -> None:
        self._write(
            {
                "event": "error",
                "message": error.title,
                "remedy": error.remedy,
                "detail": error.detail,
                "exit_status": status,
            }
        )

    def tick(self, link: TunnelLink) -> None:
        """Events tell enough, but of what has shown amid a connection."""
        if self._hint != link.hint:
            self.tell(link)

    def _write(self, event: dict[str, Any]) -> None:
        self._stream.write(json.dumps({"at": round(self._clock(), 3), **event}) + "\n")
        self._stream.flush()


def _link(link: TunnelLink) -> dict[str, Any]:
    event: dict[str, Any] = {"event": "state", "state": link.state.value}
    if link.reason:
        event["reason"] = link.reason
    if link.channel_id:
        event["channel_id"] = link.channel_id
    if link.services:
        event["reconnects"] = link.reconnects
        event["services"] = [
            {"service": s.service, "host": s.host, "port": s.port}
            if s.port
            else {"service": s.service}
            for s in link.services
        ]
    return event


def _device(link: TunnelLink) -> dict[str, Any]:
    """hint: a word of DeviceHint, "" where the device does as it should."""
    said = advice(link)
    if said is None:
        return {"event": "device", "hint": "", "message": "The device answers."}
    return {
        "event": "device",
        "hint": link.hint.value,
        "message": said.title,
        "remedy": said.remedy,
    }


def _connection(told: ConnectionEvent) -> dict[str, Any]:
    row = told.connection
    event: dict[str, Any] = {
        "event": "connection_closed" if told.closed else "connection_opened",
        "connection": row.number,
        "service": row.service,
        "client": row.client,
    }
    if told.closed:
        event |= {"bytes_up": row.bytes_up, "bytes_down": row.bytes_down, "broken": told.broken}
    if told.problem:
        event["problem"] = told.problem
    return event


class Lines:
    """Words for people on standard error: lines, and on a terminal one that is kept up to date.

    verbose: as the reference's -v.
    """

    def __init__(
        self, stream: IO[str], verbose: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._verbose = verbose
        self._clock = clock
        self._live = stream.isatty() and verbose >= _USUAL
        self._shown = False
        self._last: tuple[LinkState, str] | None = None
        self._hint = DeviceHint.NONE
        self._before = (clock(), 0, 0)

    def tell(self, told: Told) -> None:
        if isinstance(told, ConnectionEvent):
            self._connection(told)
            return
        if self._last != (told.state, told.reason):
            self._last = (told.state, told.reason)
            reason = f": {told.reason}" if told.reason else ""
            self._say(_USUAL, _WORDS.get(told.state, told.state.value) + reason)
            if told.state is LinkState.READY:
                for service in told.services:
                    if service.port:
                        name = service.service or "The tunnel"
                        self._say(_USUAL, f"{name} is on {address(service)}")
        self._device(told)

    def _device(self, link: TunnelLink) -> None:
        if self._hint == link.hint:
            return
        self._hint = link.hint
        said = advice(link)
        if said is None:
            self._say(_USUAL, "The device answers.")
        else:
            self._say(_USUAL if said.tone == "info" else _WARNINGS, f"{said.title} {said.remedy}")

    def warn(self, text: str) -> None:
        self._say(_WARNINGS, text)

    def fail(self, error: UserError, status: int) -> None:
        self._say(_ERRORS, str(error))
        if error.detail:
            self._say(_ERRORS, f"  {error.detail}")

    def tick(self, link: TunnelLink) -> None:
        """Once a second: on a terminal the line is written anew."""
        self._device(link)
        if not self._live or link.state is not LinkState.READY:
            return
        now = self._clock()
        up = sum(s.bytes_up for s in link.services)
        down = sum(s.bytes_down for s in link.services)
        at, up_before, down_before = self._before
        self._before = (now, up, down)
        span = max(now - at, 0.001)
        count = sum(s.connections for s in link.services)
        line = (
            f"{count} connection{'' if count == 1 else 's'} · "
            f"↓ {bytes_text(down)} ({rate_text((down - down_before) / span)}) "
            f"↑ {bytes_text(up)} ({rate_text((up - up_before) / span)})"
        )
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()
        self._shown = True

    def _connection(self, told: ConnectionEvent) -> None:
        row = told.connection
        where = f"{row.service or 'tunnel'} {row.client}".strip()
        if told.problem:
            self._say(_WARNINGS, f"{row.service or 'The target'} cannot be reached: {told.problem}")
        elif told.closed:
            how = "broke" if told.broken else "closed"
            amounts = f"↓ {bytes_text(row.bytes_down)} ↑ {bytes_text(row.bytes_up)}"
            self._say(_DEBUG, f"#{row.number} {where} {how}, {amounts}")
        else:
            self._say(_DEBUG, f"#{row.number} {where} opened")

    def _say(self, level: int, text: str) -> None:
        if self._verbose < level:
            return
        clear = "\r\x1b[K" if self._shown else ""
        self._shown = False
        self._stream.write(f"{clear}peerdeck: {text}\n")
        self._stream.flush()


def standard_output(*, as_json: bool, verbose: int, stdio: bool) -> JsonEvents | Lines:
    """JSON to standard output, unless that carries a connection; words to standard error."""
    if as_json:
        return JsonEvents(sys.stderr if stdio else sys.stdout)
    return Lines(sys.stderr, verbose)
