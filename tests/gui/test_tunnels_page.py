"""Tunnels: connected, used, rotated and closed by real clicks."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QSpinBox
from pytestqt.modeltest import ModelTester
from tests.gui.page_fakes import NOW, FakeTunnels, link, tunnel
from tests.gui.tunnel_desk import GATE, PUMP, REFUSED, Desk, Run, click, find, settled

from peerdeck.core.errors import UserError
from peerdeck.core.settings import Settings
from peerdeck.core.tunnel import LinkState, Mode
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.models.tunnels import tunnel_columns, tunnel_rows
from peerdeck.gui.pages.tunnels import TunnelsPage


def test_model_keeps_its_promises(themed: None, qtmodeltester: ModelTester) -> None:
    model = RowsModel(tunnel_columns(lambda: NOW), lambda row: row.tunnel.id)
    qtmodeltester.check(model, force_py=True)
    for rows in ((PUMP, GATE), (GATE, PUMP, tunnel("kiosk-3", number=3)), (PUMP,), ()):
        model.set_rows(tunnel_rows(rows, {PUMP.id: link()}))
    model.set_rows(tunnel_rows((PUMP, GATE), {}))
    model.set_filter("pump")


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


def test_a_port_that_another_tunnel_listens_on_is_not_suggested(
    run: Run, console: SimpleNamespace, tunnels: FakeTunnels
) -> None:
    console.settings.state.publish(Settings(ports={"gate-12/SSH": 40022}))

    async def body(page: TunnelsPage) -> None:
        tunnels.publish(links={PUMP.id: link()})
        page.table.select_id(GATE.id)
        assert page.detail.cards["SSH"].port.text() == "any free port"
        tunnels.publish(links={})
        page.table.select_id(PUMP.id)
        page.detail._drafts.clear()
        page.table.select_id(GATE.id)
        assert page.detail.cards["SSH"].port.value() == 40022

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
    tunnels.tokens = dict.fromkeys(Mode, None)

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
        assert page.detail.tokens.place_of(Mode.SOURCE) == "unused, kept in the keyring"
        assert page.detail.tokens.warning == ""
        tunnels.publish(secrets_where="memory", warning="They are gone when Peerdeck ends.")
        assert page.detail.tokens.place_of(Mode.SOURCE) == "unused, in memory only"
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
