"""Connections to a name that may have many addresses, or to a unix socket."""

import asyncio
import errno
import functools
import os
import socket
from collections.abc import Sequence

import aiohappyeyeballs

from peerdeck.core.tunnel import Target
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.sockets import Address

_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK}
_ATTEMPT_DELAY_S = 0.25  # RFC 8305 §8, "Connection Attempt Delay"


class Attempt:
    """A connection to an address that needs no resolver; begun at once, whole or not yet.

    On this machine it is whole when connect() returns: then no turn of the loop is needed. Raises
    OSError. `finish()` or `close()` it.
    """

    def __init__(self, address: Address) -> None:
        family, kind, protocol, _, self._where = address
        self.socket = socket.socket(family, kind, protocol)
        try:
            self.socket.setblocking(False)
            code = self.socket.connect_ex(self._where)
            if code in _UNDER_WAY:
                code = self.socket.connect_ex(self._where)
            self.is_whole = code not in _UNDER_WAY
            if code not in {0, errno.EISCONN} | _UNDER_WAY:
                raise OSError(code, os.strerror(code))
        except BaseException:
            self.socket.close()
            raise

    async def finish(self) -> socket.socket:
        try:
            if not self.is_whole:
                await asyncio.get_running_loop().sock_connect(self.socket, self._where)
        except BaseException:
            self.socket.close()
            raise
        return self.socket


def begin_dial(target: Target) -> Attempt | None:
    """None: the target is a name or a unix socket. Raises OSError."""
    if isinstance(target, str):
        return None
    addresses = _numeric(*target)
    return Attempt(addresses[0]) if addresses else None


async def dial(host: str, port: int, bind: str = "") -> socket.socket:
    """A connected non-blocking socket over whichever address answers first (RFC 8305).

    bind: our own address. Raises OSError. The caller owns the socket, and the deadline.
    """
    addresses = await _addresses(host, port)
    if len(addresses) == 1 and not bind:
        return await Attempt(addresses[0]).finish()
    return await aiohappyeyeballs.start_connection(
        addresses,
        local_addr_infos=await _addresses(bind, 0) if bind else None,
        happy_eyeballs_delay=_ATTEMPT_DELAY_S,
        interleave=1,
    )


async def _addresses(host: str, port: int) -> Sequence[Address]:
    if numeric := _numeric(host, port):
        return numeric
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@functools.lru_cache(maxsize=64)
def _numeric(host: str, port: int) -> Sequence[Address]:
    """An address needs no resolver, hence no thread. () for a name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return ()


async def dial_target(
    target: Target, limits: Limits, bind: str = "", begun: Attempt | None = None
) -> socket.socket:
    """A connection to a destination's target, within limits.dial_s for each attempt.

    Raises OSError (TimeoutError is one). bind: of a TCP target only. begun: the first attempt.
    """
    for _ in range(limits.dial_attempts - 1):
        try:
            return await _dial_once(target, limits.dial_s, bind, begun)
        except OSError:
            begun = None
            await asyncio.sleep(limits.dial_delay_s)
    return await _dial_once(target, limits.dial_s, bind, begun)


async def _dial_once(
    target: Target, deadline_s: float, bind: str, begun: Attempt | None
) -> socket.socket:
    async with asyncio.timeout(deadline_s):
        if begun is not None:
            return await begun.finish()
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
