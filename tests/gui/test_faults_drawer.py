"""The drawer behind the DEMO chip: faults are asked for, shown as they are, and ended."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QToolButton
from pytestqt.qtbot import QtBot

from peerdeck.core.errors import UserError
from peerdeck.gui.pages.base import Page
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.fault_row import named
from peerdeck.gui.widgets.switch import Switch
from peerdeck.gui.window import MainWindow, Place
from peerdeck.services.faults import Fault, FaultsState, Parameter
from peerdeck.services.status import Status

LEFT = Qt.MouseButton.LeftButton
OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
LOSS = (
    Parameter("direction", "Which way.", "downstream", choices=("upstream", "downstream")),
    Parameter("loss_percent", "Share of packets lost.", 10, 0, 100),
)


def fault(name: str, group: str, title: str, **fields: Any) -> Fault:
    parameters = fields.pop("parameters", ())
    plain: dict[str, Any] = {
        "description": f"{title} happens.",
        "end": "Ends when it is switched off.",
        "momentary": False,
        "duration_s": None,
        "on": False,
        "left_s": None,
        "happened": 0,
        "values": {parameter.name: parameter.default for parameter in parameters},
    }
    return Fault(name=name, group=group, title=title, parameters=parameters, **(plain | fields))


SILENT = fault("turn-silent", "STUN and TURN", "TURN is silent")
PATH = fault("relay-path", "STUN and TURN", "Bad path", parameters=LOSS)
AWAY = fault("go-away", "Signaling", "GO_AWAY", momentary=True)


class FakeFaults:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        from peerdeck.core.observable import Observable

        self.state = Observable(FaultsState(Status.READY, (AWAY, SILENT, PATH)))
        self.calls: list[tuple[Any, ...]] = []
        self.error: UserError | None = None

    async def _noted(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    async def refresh(self) -> None:
        await self._noted("refresh")

    async def switch_on(self, name: str, values: Any, duration_s: float | None) -> None:
        await self._noted("on", name, values, duration_s)

    async def switch_off(self, name: str) -> None:
        await self._noted("off", name)

    async def clear(self) -> None:
        await self._noted("clear")

    def show(self, *faults: Fault, **ends_at: float) -> None:
        self.state.publish(
            FaultsState(
                Status.READY, faults, {name.replace("_", "-"): at for name, at in ends_at.items()}
            )
        )


@pytest.fixture
def faults(console: SimpleNamespace) -> FakeFaults:
    console.faults = FakeFaults()
    account = console.account.state
    account.publish(replace(account.value, demo=True))
    return console.faults


@pytest.fixture
def run(
    console: SimpleNamespace, faults: FakeFaults, qtbot: QtBot, on_loop: OnLoop
) -> Callable[[Callable[[MainWindow], Awaitable[None]]], None]:
    """Runs a test's body with a window whose drawer is open; `settle` lets its tasks end."""

    def go(body: Callable[[MainWindow], Awaitable[None]]) -> None:
        async def whole() -> None:
            window = MainWindow(console, (Place("channels", "Plain", Page),))
            window.show()
            window.activateWindow()
            try:
                qtbot.mouseClick(window.top.demo, LEFT)
                await settle(window)
                await body(window)
            finally:
                await window.aclose()
                window.close()
                window.deleteLater()

        on_loop(whole)

    return go


async def settle(window: MainWindow) -> None:
    for owner in (window.tasks, window.drawer.tasks if window.drawer else window.tasks):
        if tasks := tuple(owner._tasks.values()):
            await asyncio.wait(tasks)
    await asyncio.sleep(0)  # what is told of their end


def part(window: MainWindow, kind: Any, name: str) -> Any:
    found = window.findChild(kind, name)
    assert found is not None
    return found


def test_chip_opens_and_puts_away(run, faults: FakeFaults, qtbot: QtBot) -> None:
    async def body(window: MainWindow) -> None:
        drawer = window.drawer
        assert drawer is not None
        assert drawer.isVisible()
        assert faults.calls == [("refresh",)]
        assert drawer.geometry().right() == window.rect().right()
        qtbot.keyClick(drawer, Qt.Key.Key_Escape)
        assert not drawer.isVisible()
        qtbot.mouseClick(window.top.demo, LEFT)
        await settle(window)
        assert drawer.isVisible()
        account = window._console.account.state
        account.publish(replace(account.value, demo=False))
        assert not drawer.isVisible()

    run(body)


def test_switch_asks_for_as_long_as_was_chosen_and_moves_when_it_is_so(
    run, faults: FakeFaults, qtbot: QtBot
) -> None:
    async def body(window: MainWindow) -> None:
        switch = part(window, Switch, "demo.fault.turn-silent")
        qtbot.mouseClick(switch, LEFT)
        await settle(window)
        assert faults.calls[-1] == ("on", "turn-silent", {}, 120.0)
        assert not switch.isChecked()
        faults.show(AWAY, replace(SILENT, on=True), PATH, turn_silent=4e9)
        assert switch.isChecked()
        assert "left" in window.drawer.rows["turn-silent"].left.text()
        assert window.top.demo.text() == "DEMO · 1 fault ▾"
        qtbot.mouseClick(switch, LEFT)
        await settle(window)
        assert faults.calls[-1] == ("off", "turn-silent")
        qtbot.mouseClick(part(window, QToolButton, "demo.faults.for.ever"), LEFT)
        faults.show(AWAY, SILENT, PATH)
        qtbot.mouseClick(switch, LEFT)
        await settle(window)
        assert faults.calls[-1] == ("on", "turn-silent", {}, None)
        faults.show(AWAY, replace(SILENT, on=True), PATH)
        assert window.drawer.rows["turn-silent"].remark.text() == "until switched off"

    run(body)


def test_values_go_along_and_change_a_fault_that_is_on(
    run, faults: FakeFaults, qtbot: QtBot
) -> None:
    async def body(window: MainWindow) -> None:
        loss = part(window, QLineEdit, "demo.fault.relay-path.loss_percent")
        way = part(window, QComboBox, "demo.fault.relay-path.direction")
        loss.setText("25")
        way.setCurrentText("upstream")
        qtbot.mouseClick(part(window, Switch, "demo.fault.relay-path"), LEFT)
        await settle(window)
        values = {"direction": "upstream", "loss_percent": 25.0}
        assert faults.calls[-1] == ("on", "relay-path", values, 120.0)
        faults.show(AWAY, SILENT, replace(PATH, on=True, values=values))
        loss.setText("50")
        loss.editingFinished.emit()
        await settle(window)
        assert faults.calls[-1] == ("on", "relay-path", values | {"loss_percent": 50.0}, 120.0)
        loss.setText("500")
        assert window.drawer.rows["relay-path"].values()["loss_percent"] == 100.0

    run(body)


def test_what_happens_in_a_moment_has_a_button_and_a_count(
    run, faults: FakeFaults, qtbot: QtBot
) -> None:
    async def body(window: MainWindow) -> None:
        qtbot.mouseClick(part(window, Button, "demo.fault.go-away"), LEFT)
        await settle(window)
        assert faults.calls[-1][:2] == ("on", "go-away")
        faults.show(replace(AWAY, happened=2), SILENT, PATH)
        assert window.drawer.rows["go-away"].remark.text() == "done 2×"

    run(body)


def test_one_button_ends_all_with_the_drawer_or_without(
    run, faults: FakeFaults, qtbot: QtBot
) -> None:
    async def body(window: MainWindow) -> None:
        assert not window.top.mend.isVisible()
        assert not window.drawer.mend.isEnabled()
        faults.show(AWAY, replace(SILENT, on=True), replace(PATH, on=True))
        assert window.top.demo.text() == "DEMO · 2 faults ▾"
        qtbot.mouseClick(window.drawer.mend, LEFT)
        await settle(window)
        assert faults.calls[-1] == ("clear",)
        window.drawer.put_away()
        faults.calls.clear()
        qtbot.mouseClick(window.top.mend, LEFT)
        await settle(window)
        assert faults.calls == [("clear",)]

    run(body)


def test_a_refusal_is_told_in_the_drawer(run, faults: FakeFaults, qtbot: QtBot) -> None:
    async def body(window: MainWindow) -> None:
        faults.error = UserError("The demo refused this.", "Choose other values.")
        qtbot.mouseClick(part(window, Switch, "demo.fault.turn-silent"), LEFT)
        await settle(window)
        await asyncio.sleep(0)
        assert "refused" in window.drawer.note.text

    run(body)


def test_every_part_fits_into_the_drawer(run, faults: FakeFaults) -> None:
    async def body(window: MainWindow) -> None:
        window.resize(1024, 640)
        rows = window.drawer.rows.values()
        assert all(row.minimumSizeHint().width() <= window.drawer.width() - 28 for row in rows)

    run(body)


def test_parameters_have_labels_and_units() -> None:
    names = ("loss_percent", "delay_ms", "ahead_s", "kilobytes_per_s", "whose")
    assert [named(name) for name in names] == [
        ("Loss", "%"),
        ("Delay", "ms"),
        ("Ahead", "s"),
        ("At most", "kB/s"),
        ("Whose", ""),
    ]
