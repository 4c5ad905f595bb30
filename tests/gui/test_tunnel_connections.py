"""What goes through a tunnel, connection by connection, and what its link went through."""

from dataclasses import replace
from types import SimpleNamespace

from PySide6.QtCore import QCoreApplication
from pytestqt.modeltest import ModelTester
from tests.gui.page_fakes import CONNECTIONS, NOW, FakeTunnels, link
from tests.gui.tunnel_desk import GATE, PUMP, Run, click, settled

from peerdeck.core.settings import Settings
from peerdeck.core.tunnel import DeviceHint, LinkState, Mode, TokenState
from peerdeck.gui.models.connections import (
    AGE,
    BOTH,
    CLIENT,
    SERVICE,
    connection_columns,
    connection_rows,
    duration_text,
)
from peerdeck.gui.models.rows import RowsModel
from peerdeck.gui.pages.tunnels import TunnelsPage
from peerdeck.services.links import Link


def test_model_keeps_its_promises(themed: None, qtmodeltester: ModelTester) -> None:
    model = RowsModel(connection_columns(lambda: NOW), lambda row: str(row.connection.number))
    qtmodeltester.check(model, force_py=True)
    for rows in (CONNECTIONS, CONNECTIONS[2:], (), CONNECTIONS[:1]):
        model.set_rows(connection_rows(rows, {}))


def test_every_connection_tells_client_service_age_bytes_and_rate(
    run: Run, tunnels: FakeTunnels
) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        model = page.detail.connections.rows
        place = model.place_of("63")
        assert model.data(model.index(place, BOTH)) == "HTTP :51304"
        texts = [model.data(model.index(place, column)) for column in range(1, 7)]
        assert texts == [":51304", "HTTP", "8 s", "6.2 MB", "2.1 kB", "813 kB/s"]
        tip = model.columns[0].tooltip
        assert tip is not None
        assert tip(model.row_at(place)) == "127.0.0.1:51304, open, 8 s old"
        assert tip(model.row_at(model.place_of("64"))) == (
            "127.0.0.1:51310, waits until the link is back, 1 s old"
        )
        assert page.detail.connections.table.isVisibleTo(page)
        assert not page.detail.connections.empty.isVisibleTo(page)

    run(body)


def test_more_connections_than_are_listed_are_counted(run: Run, tunnels: FakeTunnels) -> None:
    shown = link()
    crowd = replace(shown.link.services[0], connections=5000)
    tunnels.publish(links={PUMP.id: replace(shown, link=replace(shown.link, services=(crowd,)))})

    async def body(page: TunnelsPage) -> None:
        header = page.detail.connections.header
        assert header is not None
        assert header.remark.text() == "5 newest of 5,000"

    run(body)


def test_a_tunnel_that_nobody_uses_says_so(run: Run, tunnels: FakeTunnels) -> None:
    shown = link()
    quiet = replace(
        shown.link,
        connections=(),
        services=tuple(replace(s, connections=0) for s in shown.link.services),
    )
    tunnels.publish(links={PUMP.id: replace(shown, link=quiet)})

    async def body(page: TunnelsPage) -> None:
        card = page.detail.connections
        assert card.empty.isVisibleTo(page)
        assert not card.table.isVisibleTo(page)
        page.table.select_id(GATE.id)
        assert not card.isVisibleTo(page), "not connected here"

    run(body)


def test_the_table_never_scrolls_sideways(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        table = page.detail.connections.table
        for width in (900, 940, 1180, 1600):
            page.resize(width, 560)
            QCoreApplication.processEvents()
            header = table.horizontalHeader()
            assert header.length() <= table.viewport().width(), width
            narrow = width < 1000
            assert table.isColumnHidden(BOTH) != narrow
            assert {table.isColumnHidden(c) for c in (CLIENT, SERVICE, AGE)} == {narrow}

    run(body)


def test_whether_new_connections_wait_is_remembered(
    run: Run, console: SimpleNamespace, tunnels: FakeTunnels
) -> None:
    tunnels.publish(links={PUMP.id: link()})
    console.settings.state.publish(Settings(hold_connections=True))

    async def body(page: TunnelsPage) -> None:
        assert page.detail.connections.hold.isChecked()
        page.detail.connections.hold.click()
        assert console.settings.state.value.hold_connections is False

    run(body)


def test_the_history_tells_when_the_link_was_lost_and_why(run: Run, tunnels: FakeTunnels) -> None:
    tunnels.publish(links={PUMP.id: link()})

    async def body(page: TunnelsPage) -> None:
        assert page.detail.history.texts == [
            "Connected",
            "Link lost for 7 s nothing was heard from the service for 60 s",
            "Connected for 54 min",
            "Connecting for 1 s",
        ]

    run(body)


def test_a_link_that_never_broke_has_no_history_to_show(run: Run, tunnels: FakeTunnels) -> None:
    shown = link()
    calm = replace(shown, link=replace(shown.link, history=shown.link.history[:2]))
    tunnels.publish(links={PUMP.id: calm})

    async def body(page: TunnelsPage) -> None:
        assert not page.detail.history.isVisibleTo(page)

    run(body)


def test_a_device_that_is_silent_or_old_is_told_with_what_to_do(
    run: Run, tunnels: FakeTunnels
) -> None:
    def noticed(hint: DeviceHint) -> dict[str, Link]:
        shown = link()
        return {PUMP.id: replace(shown, link=replace(shown.link, hint=hint))}

    async def body(page: TunnelsPage) -> None:
        detail = page.detail
        assert detail.device.isHidden()
        tunnels.publish(links=noticed(DeviceHint.SILENT))
        assert detail.state.word == "Connected, device silent"
        assert detail.state.tone == "warn"
        assert "has not answered" in detail.device.text
        assert "open a tunnel with one service" in detail.device.text
        detail.device.clear()
        tunnels.publish(links=noticed(DeviceHint.SILENT))
        assert detail.device.isHidden(), "it was read"
        tunnels.publish(links=noticed(DeviceHint.V1))
        assert detail.state.word == "Connected, one connection at a time"
        assert detail.state.tone == "ok"
        assert detail.device.tone == "info"
        page.table.select_id(GATE.id)
        assert detail.device.isHidden()
        page.table.select_id(PUMP.id)
        assert "version 1" in detail.device.text
        assert page.back(), "Esc has read it, too"
        assert detail.device.isHidden()
        tunnels.publish(links=noticed(DeviceHint.NONE))
        assert detail.state.word == "Connected"

    run(body)


def test_the_end_of_a_lifetime_is_said_once_at_each_warning(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        tunnels.publish(links={PUMP.id: link(ends_in_min=10)})
        assert "ends within 10 minutes" in page.detail.note.text
        page.detail.note.clear()
        tunnels.publish(links={PUMP.id: link(ends_in_min=10)})
        assert page.detail.note.isHidden()
        page.table.select_id(GATE.id)
        tunnels.publish(links={PUMP.id: link(ends_in_min=2)})
        assert "pump-07 ends within 2 minutes" in page.note.text
        assert page.detail.note.isHidden()

    run(body)


def test_a_token_is_used_once_the_tunnel_is_connected(run: Run, tunnels: FakeTunnels) -> None:
    async def body(page: TunnelsPage) -> None:
        assert page.detail.tokens.place_of(Mode.SOURCE) == "unused, kept in the keyring"
        tunnels.tokens = {Mode.SOURCE: TokenState.USED, Mode.DESTINATION: TokenState.ROTATED}
        click(page, "tunnels.connect")
        await settled(page)
        assert page.detail.tokens.place_of(Mode.SOURCE) == "used, kept in the keyring"
        assert page.detail.tokens.place_of(Mode.DESTINATION).startswith("rotated, unused")
        tunnels.publish(links={PUMP.id: link(LinkState.RECONNECTING)})
        assert page.detail.connections.isVisibleTo(page)

    run(body)


def test_durations_have_one_unit() -> None:
    values = (-1, 0, 59, 60, 3599, 7300, 86400 * 3)
    shown = ["0 s", "0 s", "59 s", "1 min", "59 min", "2 h", "3 d"]
    assert [duration_text(value) for value in values] == shown
