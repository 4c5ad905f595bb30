"""The page that stands for other people's web applications, and the server that it comes from."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent
PAGES = HERE / "pages"
MODULES = HERE / "node_modules"
SDK = MODULES / "amazon-kinesis-video-streams-webrtc" / "dist" / "kvs-webrtc.min.js"
_BUNDLE_S = 30


async def aws_script(directory: Path) -> bytes:
    """The AWS SDK for JavaScript as one script for browsers. Raises RuntimeError."""
    bundle = directory / "aws.js"
    process = await asyncio.create_subprocess_exec(
        "node",
        MODULES / "esbuild" / "bin" / "esbuild",
        PAGES / "sdk.js",
        "--bundle",
        "--format=iife",
        "--global-name=AWS",
        "--log-level=error",
        f"--outfile={bundle}",
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_BUNDLE_S):
        _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(said.decode())
    return await asyncio.to_thread(bundle.read_bytes)


@contextlib.asynccontextmanager
async def served(script: bytes) -> AsyncIterator[str]:
    """URL of the page, on an origin of its own, as every web application's is."""
    application = web.Application()

    async def index(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGES / "index.html")

    async def aws(request: web.Request) -> web.Response:
        return web.Response(body=script, content_type="text/javascript")

    async def sdk(request: web.Request) -> web.FileResponse:
        return web.FileResponse(SDK)

    application.router.add_get("/", index)
    application.router.add_get("/aws.js", aws)
    application.router.add_get("/kvs-webrtc.js", sdk)
    application.router.add_static("/pages", PAGES)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
