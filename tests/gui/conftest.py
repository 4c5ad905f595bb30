"""The window's tests: offscreen, on a qasync loop, against services that only remember."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is imported

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from peerdeck.core.channel import Channel
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import JoinOptions
from peerdeck.core.observable import Observable
from peerdeck.core.region import Region
from peerdeck.core.secret import Secret
from peerdeck.core.settings import Settings
from peerdeck.gui.loop import make_loop
from peerdeck.gui.theme import theme
from peerdeck.services.account import AccountState
from peerdeck.services.channels import ChannelsState
from peerdeck.services.faults import FaultsState
from peerdeck.services.ice import IceState
from peerdeck.services.journal import JournalService
from peerdeck.services.status import Status
from peerdeck.services.tunnels import TunnelsState

NOW = 1_700_000_000.0
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform has no window manager to tell minimum sizes to, and says so."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints", extend=True))


REGIONS = (Region("eu-west-1", "Europe (Ireland)"), Region("us-east-1", "US East (N. Virginia)"))


def arn_of(name: str) -> str:
    return f"arn:aws:kinesisvideo:eu-west-1:123456789012:channel/{name}/1700000000000"


def channel(name: str, **fields: Any) -> Channel:
    return Channel(name, arn_of(name), **{"status": "ACTIVE", "created_at": NOW, **fields})


def ice_servers(ends_at: float) -> tuple[IceServer, ...]:
    """The region's STUN server and one set of TURN credentials for three URIs."""
    host = "3-120-1-2.t-1a2b3c4d.kinesisvideo.eu-west-1.amazonaws.com"
    uris = (
        f"turn:{host}:443?transport=udp",
        f"turns:{host}:443?transport=udp",
        f"turns:{host}:443?transport=tcp",
    )
    stun = IceUri.parse("stun:stun.kinesisvideo.eu-west-1.amazonaws.com:443")
    name = f"{int(ends_at)}:djE6YXJuOmF3czpraW5lc2lzdmlkZW86ZXUtd2VzdC0x"
    turn = IceServer(
        tuple(map(IceUri.parse, uris)), name, Secret("swordfish-7"), expires_at=ends_at, ttl_s=300
    )
    return (IceServer((stun,)), turn)


class Remembered:
    """`calls` of every command as (name, argument); commands change nothing by themselves."""

    def __init__(self, state: Any) -> None:
        self.state = Observable(state)
        self.calls: list[tuple[str, Any]] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def command(*arguments: Any, **named: Any) -> None:
            self.calls.append((name, arguments[0] if arguments else None))
            if self.error is not None:
                raise self.error

        return command


class FakeAccount(Remembered):
    def select_region(self, name: str) -> None:
        self.calls.append(("select_region", name))
        if "-" not in name:
            raise FieldError("Region", name, "must look like eu-west-1.")


class FakeIce(Remembered):
    def select(self, arn: str) -> None:
        self.calls.append(("select", arn))


class FakeSessions(Remembered):
    def join(self, arn: str, options: JoinOptions = JoinOptions()) -> str:
        self.calls.append(("join", arn))
        self.options = options
        if isinstance(self.error, UserError):
            raise self.error
        return "s1"

    def prepare(self, arn: str) -> None:
        self.prepared = arn


class FakeSettings:
    def __init__(self) -> None:
        self.state = Observable(Settings())

    def change(self, **fields: Any) -> None:
        from dataclasses import replace

        self.state.publish(replace(self.state.value, **fields))


def fake_console() -> SimpleNamespace:
    """Services with the attributes of the real ones, signed in, with an empty list of channels."""
    account = AccountState(
        status=Status.READY,
        profiles=("default", "support-readonly"),
        regions=REGIONS,
        region=REGIONS[0],
        identity=SimpleNamespace(  # type: ignore[arg-type]
            account="123456789012",
            arn="arn:aws:iam::123456789012:user/ops",
            method="shared-credentials-file",
            clock_offset_s=0.2,
        ),
    )
    return SimpleNamespace(
        account=FakeAccount(account),
        channels=Remembered(ChannelsState()),
        ice=FakeIce(IceState()),
        sessions=FakeSessions(()),
        recordings=Remembered(()),
        tunnels=Remembered(TunnelsState()),
        faults=Remembered(FaultsState()),
        journal=JournalService(),
        settings=FakeSettings(),
    )


@pytest.fixture
def console() -> SimpleNamespace:
    return fake_console()


@pytest.fixture(autouse=True)
def themed(qapp: QApplication) -> None:
    """The theme is installed once and every test begins in the dark one."""
    if theme()._app is None:
        theme().install(qapp, "dark")
    theme().choose("dark")


@pytest.fixture(autouse=True)
def no_leftovers(themed: None, qapp: QApplication) -> Iterator[None]:
    """No window, no running timer and no subscription outlives a test."""
    yield
    for widget in qapp.topLevelWidgets():
        widget.close()
        widget.deleteLater()
    qapp.sendPostedEvents(None, 0)
    qapp.processEvents()
    gc.collect()
    qapp.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    left = [w for w in qapp.topLevelWidgets() if w.isVisible()]
    assert not left, f"windows left: {left}"
    timers = [t for t in qapp.findChildren(QTimer) if t.isActive()]
    assert not timers, f"timers left: {timers}"


@pytest.fixture
def on_loop(qapp: QApplication) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Runs a coroutine function on a qasync loop; no task may be left when it returns."""

    def run(body: Callable[[], Awaitable[Any]]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(10):
                result = await body()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left: {left}"
            return result

        with asyncio.Runner(loop_factory=lambda: make_loop(qapp)) as runner:
            return runner.run(bounded())

    return run


@pytest.fixture
def servers() -> tuple[IceServer, ...]:
    """One STUN server and three TURN URIs under one password, with almost 5 minutes left."""
    return ice_servers(time.time() + 299)


@pytest.fixture
def tunnels(console: SimpleNamespace) -> Any:
    """Two open tunnels in the console; see page_fakes."""
    from tests.gui.page_fakes import FakeTunnels
    from tests.gui.tunnel_desk import GATE, PUMP

    console.tunnels = FakeTunnels(PUMP, GATE)
    return console.tunnels


@pytest.fixture
def desk() -> Any:
    """A terminal and a browser that only remember."""
    from tests.gui.tunnel_desk import Desk

    return Desk()


@pytest.fixture
def run(on_loop: Callable[..., Any], console: SimpleNamespace, tunnels: Any, desk: Any) -> Any:
    """Runs a test's body with a tunnels page whose tasks have settled, and closes it."""
    from tests.gui.tunnel_desk import settled

    from peerdeck.gui.pages.service_uses import ServiceUses
    from peerdeck.gui.pages.tunnels import TunnelsPage

    def go(body: Callable[[Any], Awaitable[None]]) -> None:
        async def whole() -> None:
            uses = ServiceUses(terminal=desk.terminal, browser=desk.browser)
            page = TunnelsPage(console, clock=lambda: NOW, uses=uses)
            page.resize(940, 560)
            page.show()
            await settled(page)
            try:
                await body(page)
            finally:
                await page.aclose()
                page.close()
                page.deleteLater()

        on_loop(whole)

    return go
