"""Trying an ICE URI in a test."""

import asyncio
import contextlib
import random
import socket
from typing import Any

import psutil

from peerdeck.core.ice import IceProbe, IceUri, ProbeVerdict
from peerdeck.core.secret import Secret
from peerdeck.engine.ice_probe import probe

PASSWORD = Secret("correct-horse")


def sockets_to(port: int) -> int:
    """This process's sockets that are connected to `port`."""
    connections = psutil.Process().net_connections("inet")
    return sum(1 for c in connections if c.raddr and c.raddr.port == port)


async def try_uri(text: str, **arguments: Any) -> IceProbe:
    uri = IceUri.parse(text)
    result = await probe(uri, **arguments)
    await asyncio.sleep(0)  # asyncio closes aborted sockets in the loop's next turn
    assert sockets_to(uri.port) == 0
    return result


def is_fine(result: IceProbe) -> bool:
    return (
        result.verdict is ProbeVerdict.OK
        and not result.reason
        and result.rtt_ms is not None
        and 0 < result.rtt_ms < 1000
        and result.mapped.startswith("127.0.0.1:")
    )


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def lasting_port() -> int:
    """Free over UDP and TCP, and below the ports that systems hand out by themselves.

    For servers that are told their port: a free ephemeral one may be somebody's a moment later.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
                sock.bind(("127.0.0.1", port))
            return port
