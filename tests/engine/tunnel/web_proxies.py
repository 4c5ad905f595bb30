"""Small real web proxies: HTTP CONNECT with Basic, SOCKS5 with user name and password."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Callable
from typing import Self

Address = tuple[str, int]


class WebProxy:
    """`routes`: where a name leads to; what it lacks is unreachable. `asked`: what was asked for.

    login: "user:password" that it insists on, or "".
    """

    def __init__(
        self,
        routes: dict[str, Address],
        *,
        login: str = "",
        socks: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.port = 0
        self._routes = routes
        self._login = login
        self._socks = socks
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            greet = self._greet_socks if self._socks else self._greet_http
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await greet(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _greet_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, where, _ = head.split(" ", 2)
        assert method == "CONNECT"
        self.asked.append(where)
        wanted = f"Proxy-Authorization: Basic {base64.b64encode(self._login.encode()).decode()}"
        if self._login and wanted not in head.split("\r\n"):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            await writer.drain()
            return
        route = self._routes.get(where.rpartition(":")[0])
        if route is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            await writer.drain()
            return
        await self._join(
            reader, writer, route, lambda: writer.write(b"HTTP/1.1 200 Established\r\n\r\n")
        )

    async def _greet_socks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = 2 if self._login else 0
        writer.write(bytes([5, method if method in methods else 255]))
        if method not in methods:
            await writer.drain()
            return
        if self._login:
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = user + b":" + password == self._login.encode()
            writer.write(bytes([1, 0 if right else 1]))
            if not right:
                await writer.drain()
                return
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "names are for the proxy to resolve"
        name = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2))
        self.asked.append(f"{name}:{port}")
        route = self._routes.get(name)
        if route is None:
            writer.write(bytes([5, 4, 0, 1, 0, 0, 0, 0, 0, 0]))
            await writer.drain()
            return
        await self._join(
            reader, writer, route, lambda: writer.write(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        )

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        route: Address,
        established: Callable[[], None],
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(*route)
        established()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, far_writer))
                group.create_task(_copy(far_reader, writer))
        finally:
            far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()
