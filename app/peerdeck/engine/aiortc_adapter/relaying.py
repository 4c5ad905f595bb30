"""Datagrams to a TURN server without a task each."""

from collections.abc import Callable
from struct import pack
from time import time
from typing import Any

from aioice.turn import TurnTransport

Send = Callable[[bytes, Any], None]


def straight(transport: TurnTransport) -> Send:
    """aioice makes a task of every datagram, since its channel might have to be bound first.

    Where it is bound, and nothing waits before it, the datagram is written at once. The channel's
    ten minutes are aioice's: it renews them with the next datagram that is due (RFC 8656 §12).
    """
    turn: Any = transport._TurnTransport__inner_protocol  # type: ignore[attr-defined]
    waiting: set[Any] = transport._TurnTransport__send_tasks  # type: ignore[attr-defined]

    def send(data: bytes, address: Any) -> None:
        channel = turn.peer_to_channel.get(address)
        if (
            channel is None
            or waiting
            or time() > turn.channel_refresh_at[channel]
            or transport._TurnTransport__close_task is not None  # type: ignore[attr-defined]
            or turn.transport.is_closing()
        ):
            transport.sendto(data, address)
        else:
            turn._send(pack("!HH", channel, len(data)) + data)

    return send
