"""Starts the window: first something to look at, then everything else."""

import asyncio
import contextlib
import importlib
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from peerdeck import __version__
from peerdeck.gui.loop import make_loop
from peerdeck.gui.theme import theme

if TYPE_CHECKING:
    from peerdeck.gui.window import MainWindow
    from peerdeck.wiring import Console

_log = logging.getLogger(__name__)
CLOSE_S = 6.0


def make_app() -> QApplication:
    """The application, named and themed; the theme of the settings follows once they are read."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setApplicationName("peerdeck")
    app.setApplicationDisplayName("Peerdeck")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("peerdeck")
    # The loop ends when everything is closed, which is later than the window's end.
    app.setQuitOnLastWindowClosed(False)
    theme().install(app)
    return app


def run(*, demo: bool = False, tour: Path | None = None) -> int:
    """Returns the exit status when the window is closed. tour: where the pictures go."""
    app = make_app()
    with asyncio.Runner(loop_factory=lambda: make_loop(app)) as runner:
        return runner.run(_run(demo=demo, tour=tour))


async def _run(*, demo: bool, tour: Path | None) -> int:
    from peerdeck.wiring import build_console

    console = build_console()
    await console.settings.load()
    window = open_window(console)
    closed = asyncio.Event()
    window.closed.connect(closed.set)
    try:
        warm_up_after(window, "start")
        window.tasks.run("start", console.account.load(demo=demo))
        if tour is not None:
            from peerdeck.gui.tour.conductor import tour as drive

            return 0 if await drive(window, console, tour, _say) else 1
        _close_on_signals(window)
        await closed.wait()
    finally:
        await close(window, console)
    return 0


def _close_on_signals(window: "MainWindow") -> None:
    """Ctrl+C in the terminal and SIGTERM end the program as closing the window does."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # asyncio has none on Windows
            loop.add_signal_handler(number, window.close)


def warm_up_after(window: "MainWindow", name: str) -> None:
    """Once, when the window's task `name` is over, however it ended."""

    def begin(finished: str) -> None:
        if finished == name:
            window.tasks.run("warm up", _warm_up(window))

    window.tasks.finished.connect(begin)


async def _warm_up(window: "MainWindow") -> None:
    """While the user looks at the list, makes what the next clicks need."""
    from peerdeck.gui.widgets.plots.view import DRAWING
    from peerdeck.wiring import warm_up

    await asyncio.to_thread(warm_up)
    # On a thread too: it makes classes, but no Qt object that would belong to it.
    for module in (DRAWING, "peerdeck.gui.pages.sessions"):
        await asyncio.to_thread(importlib.import_module, module)
    # A join would wait for the page otherwise.
    window.make("sessions")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def open_window(console: "Console") -> "MainWindow":
    """The window as the user left it, on the screen."""
    from peerdeck.gui.window import MainWindow

    theme().choose(console.settings.state.value.theme)
    window = MainWindow(console)
    window.restore()
    window.show()
    return window


async def close(window: "MainWindow", console: "Console") -> None:
    """Everything, within CLOSE_S: sessions leave, proxies stop, settings are written."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await window.aclose()
            await console.aclose()
    except TimeoutError:
        _log.warning("not everything closed within %s s", CLOSE_S)
    window.hide()
    window.deleteLater()
