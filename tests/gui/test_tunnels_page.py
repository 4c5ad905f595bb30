"""Tunnels: opened, connected, used, rotated and closed by real clicks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QSpinBox, QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from tests.gui.page_fakes import NOW, FakeTunnels, link, tunnel

from peerdeck.core.errors import UserError
from peerdeck.core.settings import Settings
from peerdeck.core.tunnel import LinkState, Mode, TunnelRequest
from peerdeck.gui.pages.service_uses import ServiceUses
from peerdeck.gui.pages.tunnels import TunnelsPage
from peerdeck.gui.widgets.tunnel_form import parse_services, parse_tags
from peerdeck.services.status import Status

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
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


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def tunnels(console: SimpleNamespace) -> FakeTunnels:
    console.tunnels = FakeTunnels(PUMP, GATE)
    return console.tunnels


Make = Callable[[], TunnelsPage]


@pytest.fixture
def make(console: SimpleNamespace, tunnels: FakeTunnels, desk: Desk) -> Iterator[Make]:
    made: list[TunnelsPage] = []

    def build() -> TunnelsPage:
        uses = ServiceUses(terminal=desk.terminal, browser=desk.browser)
        page = TunnelsPage(console, clock=lambda: NOW, uses=uses)
        page.resize(940, 560)
        page.show()
        made.append(page)
        return page

    yield build
    for page in made:
        page.following.end()
        page.close()
        page.deleteLater()


@pytest.fixture
def run(on_loop: OnLoop, make: Make) -> Callable[[Callable[[TunnelsPage], Awaitable[None]]], None]:
    """Runs a test's body with a page whose tasks have settled, and closes it."""

    def go(body: Callable[[TunnelsPage], Awaitable[None]]) -> None:
        async def whole() -> None:
            page = make()
            await settled(page)
            await body(page)
            await page.aclose()

        on_loop(whole)

    return go


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


Run = Callable[[Callable[[TunnelsPage], Awaitable[None]]], None]


def test_model_keeps_its_promises(
    run: Run, tunnels: FakeTunnels, qtmodeltester: ModelTester
) -> None:
    async def body(page: TunnelsPage) -> None:
        qtmodeltester.check(page.list.model, force_py=True)
        tunnels.publish(tunnels=(GATE, PUMP, tunnel("kiosk-3", number=3)))
        tunnels.publish(links={PUMP.id: link()})
        tunnels.publish(tunnels=(PUMP,))
        page.list.model.set_filter("pump")

    run(body)


def test_list_tells_ends_time_left_and_rates(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(links={PUMP.id: link(rate_up=20_000.0, rate_down=1_400_000.0)})

    async def body(page: TunnelsPage) -> None:
        model = page.list.model
        cells = [model.index(model.place_of(PUMP.id), column) for column in range(7)]
        texts = [model.data(cell) for cell in cells]
        assert texts[0] == "pump-07"
        assert texts[1] == "SSH, HTTP"
        assert texts[4] == "11:00:00"
        assert texts[5:] == ["1.4 MB/s", "20.0 kB/s"]
        tips = [model.data(cell, Qt.ItemDataRole.ToolTipRole) for cell in cells[2:4]]
        assert tips == ["Source is connected", "Destination is connected"]

    run(body)


def test_the_first_tunnel_is_chosen_and_keeps_chosen(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        assert page.table.selected_id == PUMP.id
        page.table.select_id(GATE.id)
        tunnels.publish(tunnels=(tunnel("a", number=9), PUMP, GATE))
        assert page.table.selected_id == GATE.id
        assert list(page.detail.cards) == ["SSH"]

    run(body)


def test_connect_takes_the_ports_that_were_typed(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        port = find(page, "tunnels.service.SSH.port", QSpinBox)
        port.selectAll()
        QTest.keyClicks(port, "2222")
        click(page, "tunnels.connect")
        await settled(page)
        assert tunnels.calls[-1] == ("connect", PUMP.id, {"SSH": 2222})
        assert page.detail.state.word == "Connected"
        assert not page.detail.connect_button.isVisible()
        assert page.detail.cards["SSH"].address == "127.0.0.1:40022"

    run(body)


def test_the_port_of_last_time_is_suggested(
    run: Run, console: SimpleNamespace, tunnels: FakeTunnels
) -> None:
    console.settings.state.publish(Settings(ports={"pump-07/HTTP": 8080}))

    async def body(page: TunnelsPage) -> None:
        assert page.detail.cards["HTTP"].port.value() == 8080
        assert page.detail.cards["SSH"].port.text() == "any free port"

    run(body)


def test_what_was_typed_for_a_tunnel_is_there_when_one_returns(run: Run) -> None:
    async def body(page: TunnelsPage) -> None:
        page.detail.cards["SSH"].port.setValue(2222)
        page.detail.cards["SSH"].user.setText("ana")
        page.table.select_id(GATE.id)
        assert page.detail.cards["SSH"].port.value() == 0
        page.table.select_id(PUMP.id)
        assert page.detail.cards["SSH"].port.value() == 2222
        assert page.detail.cards["SSH"].user.text() == "ana"

    run(body)


def test_connections_and_bytes_of_each_service_are_live(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        assert page.detail.cards["SSH"].traffic == "1 connection · ↓ 1.2 MB ↑ 84.1 kB"
        assert page.detail.cards["HTTP"].traffic == "4 connections · ↓ 48.2 MB ↑ 912 kB"

    run(body)


def test_ssh_opens_a_terminal_under_the_things_name(
    run: Run, tunnels: FakeTunnels, desk: Desk
) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        QTest.keyClicks(find(page, "tunnels.service.SSH.user", QLineEdit), "ana")
        click(page, "tunnels.service.SSH.ssh")
        expected = ["ssh", "-p", "40022", "-o", "HostKeyAlias=pump-07", "ana@127.0.0.1"]
        assert desk.commands == [expected]
        assert page.detail.note.isHidden()
        desk.there = False
        click(page, "tunnels.service.SSH.ssh")
        assert "No terminal program was found." in page.detail.note.text
        assert QGuiApplication.clipboard().text() == " ".join(expected)

    run(body)


def test_open_takes_http_to_the_browser(run: Run, tunnels: FakeTunnels, desk: Desk) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.service.HTTP.open")
        assert desk.urls == ["http://127.0.0.1:40080/"]
        click(page, "tunnels.service.HTTP.copy")
        assert QGuiApplication.clipboard().text() == "curl http://127.0.0.1:40080/"

    run(body)


def test_a_service_is_offered_only_what_fits_it(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(tunnels=(tunnel("kiosk-3", number=3, services=("SSH", "HTTP", "VNC")),))

    async def body(page: TunnelsPage) -> None:
        page.table.select_first()
        seen = {
            name: [verb for verb, button in card.buttons.items() if not button.isHidden()]
            for name, card in page.detail.cards.items()
        }
        assert seen == {
            "SSH": ["ssh", "copy"],
            "HTTP": ["open", "copy"],
            "VNC": ["ssh", "open", "copy"],
        }
        assert not page.detail.cards["VNC"].buttons["ssh"].isEnabled(), "not connected yet"

    run(body)


def test_buttons_wait_while_something_is_under_way(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        tunnels.gate = asyncio.Event()
        click(page, "tunnels.connect")
        assert not page.detail.connect_button.isEnabled()
        assert page.detail.state.word == "Connecting…"
        page.table.select_id(GATE.id)
        assert page.detail.connect_button.isEnabled(), "the other tunnel is free"
        page.table.select_id(PUMP.id)
        tunnels.gate.set()
        await settled(page)
        assert page.detail.disconnect_button.isEnabled()

    run(body)


def test_a_failure_stands_beside_its_tunnel_until_read(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        tunnels.error = REFUSED
        click(page, "tunnels.connect")
        await settled(page)
        note = page.detail.note
        assert note.isVisible()
        assert REFUSED.title in note.text
        assert not note._timer.isActive()
        assert page.back(), "Esc reads it"
        assert note.isHidden()

    run(body)


def test_a_tunnel_opened_elsewhere_is_one_click_away(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.tokens = {Mode.SOURCE: False, Mode.DESTINATION: False}

    async def body(page: TunnelsPage) -> None:
        assert page.detail.tokens.place_of(Mode.SOURCE) == "not on this machine"
        tunnels.error = UserError("The token is not on this machine.", "Rotate the tokens.")
        click(page, "tunnels.connect")
        await settled(page)
        tunnels.error = None
        page.detail.note.action_requested.emit()
        await settled(page)
        assert ("rotate", PUMP.id, (Mode.SOURCE,)) in tunnels.calls
        assert tunnels.calls[-1][0] == "connect"
        assert page.detail.state.word == "Connected"

    run(body)


def test_a_lost_tunnel_says_why_once(run: Run, tunnels: FakeTunnels) -> None:
    lost = link(LinkState.FAILED, problem=UserError("Taken over by another client.", "Rotate."))
    tunnels.publish(links={PUMP.id: lost})

    async def body(page: TunnelsPage) -> None:
        assert page.detail.state.word == "Lost"
        assert "Taken over" in page.detail.note.text
        page.detail.note.clear()
        tunnels.publish(links={PUMP.id: replace(lost, rate_up=1.0)})
        assert page.detail.note.isHidden()

    run(body)


@pytest.mark.parametrize(
    ("button", "modes"),
    [
        ("source", (Mode.SOURCE,)),
        ("destination", (Mode.DESTINATION,)),
        ("both", (Mode.SOURCE, Mode.DESTINATION)),
    ],
)
def test_rotation_asks_for_exactly_these_tokens(
    run: Run, tunnels: FakeTunnels, button: str, modes: tuple[Mode, ...]
) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, f"tunnels.rotate.{button}")
        await settled(page)
        assert ("rotate", PUMP.id, modes) in tunnels.calls
        assert page.detail.note.tone == "ok"

    run(body)


def test_tokens_in_memory_only_are_warned_of(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        assert page.detail.tokens.place_of(Mode.SOURCE) == "kept in the keyring"
        assert page.detail.tokens.warning == ""
        tunnels.publish(secrets_where="memory", warning="They are gone when Peerdeck ends.")
        assert page.detail.tokens.place_of(Mode.SOURCE) == "in memory only"
        assert page.detail.tokens.warning == "They are gone when Peerdeck ends."

    run(body)


def test_closing_asks_by_name_and_escape_keeps(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.close")
        assert page.detail.confirm.question == "Close tunnel pump-07?"
        assert page.detail.confirm.go.text() == "Close tunnel"
        QTest.keyClick(page.detail.confirm.keep, Qt.Key.Key_Escape)
        assert page.detail.confirm.isHidden()
        assert not any(call[0] == "close" for call in tunnels.calls)
        click(page, "tunnels.close")
        click(page, "tunnels.confirm.go")
        await settled(page)
        assert ("close", PUMP.id, False) in tunnels.calls
        assert page.note.text == "Tunnel pump-07 is closed."
        assert not page.detail.connect_button.isVisible()

    run(body)


def test_a_question_does_not_survive_a_change_of_tunnel(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.delete")
        page.table.select_id(GATE.id)
        assert page.detail.confirm.isHidden()

    run(body)


def test_a_deleted_tunnel_leaves_list_and_detail(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.delete")
        assert page.detail.confirm.question == "Delete tunnel pump-07?"
        click(page, "tunnels.confirm.go")
        await settled(page)
        assert page.list.model.place_of(PUMP.id) == -1
        assert not page.detail.isVisible()

    run(body)


def test_form_complains_while_typing_naming_field_value_and_rule(run: Run) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.open")
        fill(page, thing="pump 07", services="SSH, HTTP, VNC, X", tags="site", lifetime="900")
        fields = page.form.fields
        assert fields["thing"].message.startswith("Thing “pump 07”: may hold letters")
        assert fields["services"].message == "Services “SSH, HTTP, VNC, X”: a tunnel has at most 3."
        assert fields["tags"].message == "Tag “site”: must look like key=value."
        assert fields["lifetime"].message == "Lifetime “900”: must be 1 to 720 minutes."

    run(body)


def test_form_is_not_submitted_while_a_rule_is_broken(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.open")
        fill(page, thing="pump-07")
        click(page, "tunnels.form.submit")
        assert "at least one service" in page.form.fields["services"].message
        assert not page.tasks.is_running("open")

    run(body)


def test_an_opened_tunnel_is_chosen_and_the_form_is_empty_again(
    run: Run, tunnels: FakeTunnels
) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.open")
        fill(page, thing="kiosk-3", services="SSH, HTTP", tags="site=Porto", lifetime="30")
        QTest.keyClick(find(page, "tunnels.form.lifetime", QLineEdit), Qt.Key.Key_Return)
        await settled(page)
        request = TunnelRequest("kiosk-3", ("SSH", "HTTP"), "", {"site": "Porto"}, 30)
        assert ("open", request) in tunnels.calls
        assert page.table.selected_row().tunnel.thing == "kiosk-3"
        assert page.detail.isVisible()
        assert page.form.thing.text() == ""
        assert page.form.lifetime.text() == "720"

    run(body)


def test_a_refused_request_loses_nothing(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        click(page, "tunnels.open")
        fill(page, thing="kiosk-3", services="SSH", description="for Ana")
        tunnels.error = REFUSED
        click(page, "tunnels.form.submit")
        assert page.form.submit.text() == "Opening…"
        await settled(page)
        assert REFUSED.title in page.form.note.text
        assert page.form.description.text() == "for Ana"
        assert page.form.submit.isEnabled()
        QTest.keyClick(find(page, "tunnels.form.thing", QLineEdit), Qt.Key.Key_Escape)
        assert page.detail.isVisible()
        click(page, "tunnels.open")
        assert page.form.thing.text() == "kiosk-3", "the draft stays"

    run(body)


def test_every_state_of_the_list_is_told(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        tunnels.publish(tunnels=())
        assert page.list.pane.state == "empty"
        click(page, "tunnels.pane.message.open")
        assert page.form.isVisible()
        page.back()
        tunnels.publish(status=Status.LOADING, loaded_at=0.0)
        assert page.list.pane.state == "loading"
        tunnels.publish(status=Status.FAILED, problem=REFUSED)
        assert page.list.pane.state == "error"
        click(page, "tunnels.pane.message.retry")
        await settled(page)
        assert tunnels.calls[-1] == ("refresh",)
        tunnels.publish(tunnels=(PUMP,), loaded_at=NOW - 180)
        assert page.list.pane.is_stale
        assert page.list.pane.stale.text == f"As of 3 min ago. {REFUSED.title}"

    run(body)


def test_filter_finds_things_and_services(run: Run) -> None:
    async def body(page: TunnelsPage) -> None:
        QTest.keyClicks(page.list.filter, "http")
        assert [row.tunnel.thing for row in page.list.model.shown] == ["pump-07"]
        QTest.keyClicks(page.list.filter, "zzz")
        assert page.list.pane.state == "empty"
        click(page, "tunnels.pane.message.clear")
        assert page.list.model.rowCount() == 2

    run(body)


def test_time_left_ticks_only_while_it_is_seen(run: Run) -> None:
    async def body(page: TunnelsPage) -> None:
        assert page.list.timer.isActive()
        page.hide()
        assert not page.list.timer.isActive()

    run(body)


def test_page_fits_the_smallest_window(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        assert page.minimumSizeHint().width() <= 940
        assert not page.table.horizontalScrollBar().isVisible()
        scroll = page.detail._scroll
        assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()

    run(body)


def test_tabs_go_in_reading_order(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        names, widget = [], page.detail.disconnect_button.nextInFocusChain()
        while widget is not page.detail.disconnect_button and len(names) < 400:
            if (
                widget.objectName().startswith("tunnels.")
                and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            ):
                names.append(widget.objectName())
            widget = widget.nextInFocusChain()
        wanted = [
            "tunnels.service.SSH.user",
            "tunnels.service.SSH.ssh",
            "tunnels.service.SSH.copy",
            "tunnels.service.HTTP.open",
            "tunnels.service.HTTP.copy",
            "tunnels.rotate.source",
            "tunnels.close",
            "tunnels.delete",
        ]
        assert [name for name in names if name in wanted] == wanted

    run(body)


def test_services_and_tags_are_read_as_people_write_them() -> None:
    assert parse_services(" SSH ,HTTP,, ") == ("SSH", "HTTP")
    assert parse_tags("site=Porto, url=http://x=1") == {"site": "Porto", "url": "http://x=1"}


def test_nothing_is_left_when_the_page_ends(run: Run, tunnels: FakeTunnels, qtbot: QtBot) -> None:
    async def body(page: TunnelsPage) -> None:
        tunnels.gate = asyncio.Event()
        click(page, "tunnels.connect")
        await page.aclose()
        assert tunnels.state.subscribers == 0
        assert page.tasks.names == ()

    run(body)
