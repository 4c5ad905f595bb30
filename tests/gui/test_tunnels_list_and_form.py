"""The list of tunnels and the form that opens one."""

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot
from tests.gui.page_fakes import NOW, FakeTunnels, link, tunnel
from tests.gui.tunnel_desk import GATE, PUMP, REFUSED, Run, click, fill, find, settled

from peerdeck.core.tunnel import TunnelRequest
from peerdeck.gui.pages.tunnels import TunnelsPage
from peerdeck.gui.widgets.tunnel_form import parse_services, parse_tags
from peerdeck.services.status import Status


def test_the_first_tunnel_is_chosen_and_keeps_chosen(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        assert page.table.selected_id == PUMP.id
        page.table.select_id(GATE.id)
        tunnels.publish(tunnels=(tunnel("a", number=9), PUMP, GATE))
        assert page.table.selected_id == GATE.id
        assert list(page.detail.cards) == ["SSH"]

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
        assert page.table.ticking.isActive()
        page.hide()
        assert not page.table.ticking.isActive()

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
