"""CPU and memory of the window: idle, and with one 720p30 viewer session, its page open.

Needs a display (packaging/dev bench starts one). `session.py` compares the same with a bare aiortc
receiver.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, median_of, options, report

IDLE_PERCENT = 1.0


async def cpu_percent(seconds: float) -> float:
    """Of this process without its children, in percent of one core."""
    process = psutil.Process()
    before, started = sum(process.cpu_times()[:2]), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - started)


def window(seconds: float, rounds: int) -> None:
    """Runs in a process of its own: prints idle and viewer percentages as JSON."""
    from peerdeck.gui import app
    from peerdeck.gui.tour import conductor, steps
    from peerdeck.gui.tour.driver import Driver

    measured: dict[str, object] = {"idle": [], "viewer": []}

    async def measure(window, console, folder, say) -> bool:
        driver = Driver(window, console, folder)
        for step in (steps.sign_in, steps.list_channels, steps.pick_camera):
            await step(driver)
        await asyncio.sleep(3)  # imports on threads and the first paint are not idleness
        for _ in range(rounds):
            measured["idle"].append(await cpu_percent(seconds))
        await steps.join(driver)
        await steps.statistics(driver)
        await driver.show_view("Plots")
        session = console.sessions.state.value[-1]
        for _ in range(rounds):
            measured["viewer"].append(await cpu_percent(seconds))
        stats = console.sessions.state.value[-1].stats
        measured["stream"] = f"{stats.width}x{stats.height} {stats.fps:.0f} fps {session.channel}"
        measured["memory_mib"] = psutil.Process().memory_info().rss / 2**20
        driver.close()
        return True

    conductor.tour = measure
    with tempfile.TemporaryDirectory() as folder:
        status = app.run(demo=True, tour=Path(folder))
    sys.stdout.write(json.dumps(measured) + "\n")
    sys.exit(status)


def child(what: str, seconds: float, rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as home:
        run = subprocess.run(
            [sys.executable, __file__, what, str(seconds), str(rounds)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home},
        )
    if run.returncode:
        sys.exit(f"{what} failed:\n{run.stdout}{run.stderr}")
    measured: dict[str, list[float]] = json.loads(run.stdout.splitlines()[-1])
    return measured


def main() -> int:
    chosen = options(__doc__)
    seconds, turns = (4.0, 1) if chosen.quick else (10.0, 3)
    idle, viewer, memory = [], [], []
    for _ in range(turns):
        shown = child("window", seconds, 1)
        idle += shown["idle"]
        viewer += shown["viewer"]
        memory.append(shown["memory_mib"])
    figures: list[Figure] = [
        median_of("idle window", idle, "% of a core", IDLE_PERCENT),
        median_of("one 720p30 viewer session, page open", viewer, "% of a core"),
        median_of("memory with one session", memory, "MiB"),
    ]
    return report(figures, chosen.json)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        window(float(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
