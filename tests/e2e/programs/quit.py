"""Closes the window in the middle of a session and a transfer; prints what is left as JSON."""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path

import psutil

from peerdeck.gui import app
from peerdeck.gui.tour import conductor, steps
from peerdeck.gui.tour.driver import Driver

report: dict[str, object] = {}


async def busy(window, console, folder, say) -> bool:
    """In place of the tour: a live session, a connected tunnel, bytes on their way through it."""
    driver = Driver(window, console, folder)
    for step in (steps.sign_in, steps.list_channels, steps.pick_camera, steps.join):
        await step(driver)
    await steps.open_tunnel(driver)
    await steps.connect_tunnel(driver)
    port = steps.tour_ports(driver)["HTTP"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large?mb=64 HTTP/1.0\r\n\r\n")
    report["got"] = len(await reader.readexactly(1_000_000))
    report["transfer"] = writer  # not closed: the other end must not depend on our good manners
    driver.close()
    return True


async def measured_close(window, console) -> None:
    own = {task for task in asyncio.all_tasks() if task is asyncio.current_task()}
    started = time.perf_counter()
    await close(window, console)
    report["close_s"] = time.perf_counter() - started
    report.pop("transfer").close()
    await asyncio.sleep(0)
    report["tasks"] = [repr(t) for t in asyncio.all_tasks() - own if not t.done()]
    report["children"] = len(psutil.Process().children(recursive=True))
    kinds = {"LISTEN", "ESTABLISHED"}
    report["sockets"] = [
        str(c) for c in psutil.Process().net_connections() if c.status in kinds or c.type == 2
    ]


close, app.close = app.close, measured_close
conductor.tour = busy
status = app.run(demo=True, tour=Path(sys.argv[1]))
others = [t for t in threading.enumerate() if t is not threading.main_thread()]
report["threads"] = [t.name for t in others]
sys.stdout.write(json.dumps(report) + "\n")
sys.exit(status)
