"""What the tests of the tunnels page share: hands, and a desk with terminal and browser."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget
from tests.gui.page_fakes import tunnel

from peerdeck.core.errors import UserError
from peerdeck.gui.pages.tunnels import TunnelsPage

Run = Callable[[Callable[[TunnelsPage], Awaitable[None]]], None]
PUMP, GATE = tunnel("pump-07", number=1), tunnel("gate-12", number=2, services=("SSH",))
REFUSED = UserError("A quota of the account is used up.", "Close a tunnel.", detail="HTTP 400")


class Desk:
    """Terminal and browser that remember; `there`: whether they can be started."""

    def __init__(self) -> None:
        self.there = True
        self.commands: list[list[str]] = []
        self.urls: list[str] = []

    def terminal(self, command: list[str]) -> bool:
        self.commands.append(command)
        return self.there

    def browser(self, url: str) -> bool:
        self.urls.append(url)
        return self.there


async def settled(page: TunnelsPage) -> None:
    """Until none of the page's tasks runs any more."""
    rest = asyncio.Event()
    page.tasks.finished.connect(lambda _: rest.set())
    while page.tasks.names:
        rest.clear()
        await rest.wait()


def find(page: QWidget, name: str, kind: type[QObject] = QWidget) -> Any:
    found = page.findChild(kind, name)
    assert found is not None, name
    return found


def click(page: QWidget, name: str) -> None:
    found = page.findChildren(QAbstractButton, name)
    for one in found:  # what has just been put into a layout is shown by a posted event
        QCoreApplication.sendPostedEvents(one, 0)
    button = next((one for one in found if one.isVisible()), None)
    assert button is not None, name
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def fill(page: QWidget, **fields: str) -> None:
    for name, text in fields.items():
        edit = find(page, f"tunnels.form.{name}", QLineEdit)
        edit.clear()
        QTest.keyClicks(edit, text)
