"""TCP connections to a name that may have many addresses."""

import asyncio
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
