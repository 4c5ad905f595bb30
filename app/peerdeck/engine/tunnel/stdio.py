"""One client on standard input and output, as ssh's ProxyCommand wants it."""

import asyncio
import contextlib
import os
import socket
import sys
import threading

_CHUNK = 64 * 1024


class StandardStreams:
    """Copies between two file descriptors and a socket for `TunnelProxy.attach`.

    Threads, because a descriptor may be a pipe, a file or a terminal, which no event loop takes
    alike. Both block in the system alone, hence backpressure as of pipes. The socket is the
    caller's; `delivered` is done when all that came out of it is written.
    """

    def __init__(self, read_from: int = 0, write_to: int = 1) -> None:
        self.socket, self._ours = socket.socketpair()
        self.socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self.delivered: asyncio.Future[None] = self._loop.create_future()
        if sys.platform == "win32":
            import msvcrt

            for descriptor in (read_from, write_to):
                msvcrt.setmode(descriptor, os.O_BINARY)
        for name, copy, descriptor in (
            ("stdin", self._copy_in, read_from),
            ("stdout", self._copy_out, write_to),
        ):
            # Daemons: nobody can end a read of a terminal but its user.
            threading.Thread(target=copy, args=(descriptor,), name=name, daemon=True).start()

    def close(self) -> None:
        """Idempotent; what is under way is cut."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _copy_in(self, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, _CHUNK):
                self._ours.sendall(data)
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_WR)

    def _copy_out(self, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            while data := self._ours.recv(_CHUNK):
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
        with contextlib.suppress(OSError):  # nobody reads what we write: the client has gone
            self._ours.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._told)

    def _told(self) -> None:
        if not self.delivered.done():
            self.delivered.set_result(None)
