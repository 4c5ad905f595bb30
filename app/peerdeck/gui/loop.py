"""The one event loop: asyncio on Qt's."""

import asyncio
import logging

import PySide6.QtWidgets  # noqa: F401 - qasync takes whichever binding was imported before it
import qasync  # type: ignore[import-untyped]
from PySide6.QtWidgets import QApplication


def make_loop(app: QApplication) -> asyncio.AbstractEventLoop:
    """For `asyncio.Runner(loop_factory=...)`, which closes it: an open one aborts the process."""
    # At DEBUG qasync writes its threads' callbacks with their arguments: signed URLs among them.
    logging.getLogger("qasync").setLevel(logging.INFO)
    loop: asyncio.AbstractEventLoop = qasync.QEventLoop(app)
    return loop
