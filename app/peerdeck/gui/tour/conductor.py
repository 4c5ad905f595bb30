"""Runs the steps in order and says what came of each."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.quantities import milliseconds_text
from peerdeck.gui.theme import theme
from peerdeck.gui.tour.driver import Driver, StepFailed
from peerdeck.gui.tour.steps import STEPS

if TYPE_CHECKING:
    from peerdeck.gui.window import MainWindow
    from peerdeck.wiring import Console

LIMIT_S = 60.0
PACE_S = 0.12
_PAGES = ("channels", "sessions", "tunnels")


async def tour(
    window: "MainWindow", console: "Console", folder: Path, say: Callable[[str], object]
) -> bool:
    """Whether every step happened. Pictures go to `folder`, which is made where it is not there."""
    driver = Driver(window, console, folder, pace_s=PACE_S)
    started = time.perf_counter()
    say(f"Tour of {len(STEPS)} steps; pictures in {folder}")
    try:
        async with asyncio.timeout(LIMIT_S):
            for number, (name, step) in enumerate(STEPS, 1):
                began = time.perf_counter()
                measured = await step(driver)
                took = milliseconds_text(1000 * (time.perf_counter() - began))
                say(f"  ✓ {number:2} {name:<24} {took:>7}   {measured}")
            await _other_theme(driver)
    except (StepFailed, FieldError, UserError) as problem:
        say(f"  ✗ {number:2} {name}: {problem}")
        await driver.picture("failed")
        return False
    except TimeoutError:
        say(f"  ✗ {number:2} {name}: the tour's {LIMIT_S:.0f} s are over")
        return False
    finally:
        driver.close()
    say(f"All {len(STEPS)} steps in {time.perf_counter() - started:.1f} s.")
    return True


async def _other_theme(driver: Driver) -> None:
    """The pages once more as they look in the other theme."""
    was = theme().choice
    name = "light" if theme().is_dark else "dark"
    theme().choose(name)
    try:
        for page in _PAGES:
            await driver.click(f"rail.{page}")
            await driver.picture(f"{page}-{name}")
    finally:
        theme().choose(was)
