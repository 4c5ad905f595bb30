"""Connections to a name that may have many addresses, or to a unix socket."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence

import aiohappyeyeballs

from peerdeck.core.tunnel import Target
from peerdeck.engine.tunnel.limits import Limits

_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK}
_ATTEMPT_DELAY_S = 0.25  # RFC 8305 §8, "Connection Attempt Delay"


async def dial(host: str, port: int, bind: str = "") -> socket.socket:
    """A connected non-blocking socket over whichever address answers first (RFC 8305).

    bind: our own address. Raises OSError. The caller owns the socket, and the deadline.
    """
    addresses = await _addresses(host, port)
    if len(addresses) == 1 and not bind:
        return await _dial_one(addresses[0])
    return await aiohappyeyeballs.start_connection(
        addresses,
        local_addr_infos=await _addresses(bind, 0) if bind else None,
        happy_eyeballs_delay=_ATTEMPT_DELAY_S,
        interleave=1,
    )


async def _dial_one(address: aiohappyeyeballs.AddrInfoType) -> socket.socket:
    """On this machine a connection stands when connect() returns: no turn of the loop is needed."""
    family, kind, protocol, _, where = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        code = connection.connect_ex(where)
        if code in _UNDER_WAY:
            code = connection.connect_ex(where)
        if code in _UNDER_WAY:
            await asyncio.get_running_loop().sock_connect(connection, where)
        elif code not in {0, errno.EISCONN}:
            raise OSError(code, os.strerror(code))
    except BaseException:
        connection.close()
        raise
    return connection


async def _addresses(host: str, port: int) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    try:  # an address needs no resolver, hence no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def dial_target(target: Target, limits: Limits, bind: str = "") -> socket.socket:
    """A connection to a destination's target, within limits.dial_s for each attempt.

    Raises OSError (TimeoutError is one). bind: of a TCP target only.
    """
    for _ in range(limits.dial_attempts - 1):
        try:
            return await _dial_once(target, limits.dial_s, bind)
        except OSError:
            await asyncio.sleep(limits.dial_delay_s)
    return await _dial_once(target, limits.dial_s, bind)


async def _dial_once(target: Target, deadline_s: float, bind: str) -> socket.socket:
    async with asyncio.timeout(deadline_s):
        if isinstance(target, str):
            return await _dial_unix(target)
        return await dial(*target, bind)


async def _dial_unix(path: str) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no unix sockets")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def target_text(target: Target) -> str:
    """ "127.0.0.1:22", "[::1]:22" or "/run/app.sock"."""
    if isinstance(target, str):
        return target
    host, port = target
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def dial_problem(target: Target | None, error: OSError, deadline_s: float) -> str:
    """What to tell people: "127.0.0.1:22: Connection refused"."""
    if target is None:
        return "no target is configured for this service"
    words = os.strerror(error.errno) if error.errno else str(error)
    return f"{target_text(target)}: {words or f'no answer within {deadline_s:g} s'}"
