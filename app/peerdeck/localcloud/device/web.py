"""HTTP server of a thing: `/` status page, `/status` JSON, `/large?mb=N` bytes."""

import contextlib

from aiohttp import web

from peerdeck.localcloud.device.page import status_page
from peerdeck.localcloud.device.thing import FIRMWARE, Thing

MAX_MB = 64
MB = 1_000_000
_CHUNK = bytes(range(256)) * 256  # 64 KiB, so that a reader can check what it got


class WebService:
    """`start()` returns the port on loopback."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        application = web.Application()
        application.router.add_get("/", self._page)
        application.router.add_get("/status", self._status)
        application.router.add_get("/large", self._large)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)

    async def start(self, host: str) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def aclose(self) -> None:
        await self._runner.cleanup()

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=status_page(self._thing), content_type="text/html")

    async def _status(self, _: web.Request) -> web.Response:
        thing = self._thing
        return web.json_response(
            {
                "thing": thing.name,
                "firmware": FIRMWARE,
                "time": thing.time_text,
                "uptime_s": round(thing.uptime_s, 1),
                "readings": [
                    {"name": r.name, "value": r.value, "unit": r.unit, "high": r.is_high}
                    for r in thing.readings()
                ],
            }
        )

    async def _large(self, request: web.Request) -> web.StreamResponse:
        """N million bytes, 1 to 64: what a firmware download looks like to a tunnel."""
        wanted = request.query.get("mb", "1")
        if not wanted.isdecimal() or not 1 <= int(wanted[:4]) <= MAX_MB:
            raise web.HTTPBadRequest(text=f"mb must be 1 to {MAX_MB}\n")
        size = int(wanted) * MB
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # whoever asked has gone: nobody to tell
            for start in range(0, size, len(_CHUNK)):
                await response.write(_CHUNK[: size - start])
            await response.write_eof()
        return response
