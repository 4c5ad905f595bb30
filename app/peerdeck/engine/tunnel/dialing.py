"""TCP connections to a name that may have many addresses."""

import asyncio
import os
import socket

import aiohappyeyeballs

_ATTEMPT_DELAY_S = 0.25  # RFC 8305 §8, "Connection Attempt Delay"


async def dial(host: str, port: int) -> socket.socket:
    """A connected non-blocking socket over whichever address answers first (RFC 8305).

    Raises OSError. The caller owns the socket, and the deadline.
    """
    try:  # an address needs no resolver, hence no thread
        addresses = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(
        addresses, happy_eyeballs_delay=_ATTEMPT_DELAY_S, interleave=1
    )


def dial_problem(target: tuple[str, int] | None, error: OSError, deadline_s: float) -> str:
    """What to tell people: "127.0.0.1:22: Connection refused"."""
    if target is None:
        return "no target is configured for this service"
    words = os.strerror(error.errno) if error.errno else str(error)
    return f"{target[0]}:{target[1]}: {words or f'no answer within {deadline_s:g} s'}"
