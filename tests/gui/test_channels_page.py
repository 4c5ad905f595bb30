"""Channels: found, looked into and joined by real clicks."""

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QPushButton, QToolButton, QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from peerdeck.core.channel import Channel
from peerdeck.core.errors import UserError
from peerdeck.core.ice import IceProbe, IceRequest, IceServer, ProbeVerdict
from peerdeck.gui.pages.channels import ChannelsPage
from peerdeck.gui.widgets.labels import StatusLabel
from peerdeck.services.status import Status

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]
REFUSED = UserError("Could not list the channels.", "Check the network.", detail="HTTP 503")
NAMES = ("front-door", "gate", "warehouse-2")


def arn_of(name: str) -> str:
    return f"arn:aws:kinesisvideo:eu-west-1:123456789012:channel/{name}/1700000000000"


def channels(*names: str) -> tuple[Channel, ...]:
    return tuple(Channel(n, arn_of(n), "ACTIVE", created_at=1_700_000_000.0) for n in names)


def publish(service: Any, **fields: Any) -> None:
    service.state.publish(replace(service.state.value, **fields))


@pytest.fixture
def page(console: SimpleNamespace, qtbot: QtBot) -> Iterator[ChannelsPage]:
    made = ChannelsPage(console)
    made.resize(940, 560)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.following.end()
    made.close()
    made.deleteLater()


@pytest.fixture
def full(page: ChannelsPage, console: SimpleNamespace) -> ChannelsPage:
    publish(
        console.channels,
        status=Status.READY,
        channels=channels(*NAMES),
        loaded_at=time.time() - 180,
    )
    return page


def find(page: QWidget, name: str, kind: type[QObject] = QWidget) -> Any:
    found = page.findChild(kind, name)
    assert found is not None, name
    return found


def click(page: QWidget, name: str, qtbot: QtBot) -> None:
    widget = find(page, name)
    assert widget.isVisible(), name
    assert widget.isEnabled(), name
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_list_shows_rows_under_a_filter_as_one_types(full: ChannelsPage, qtbot: QtBot) -> None:
    qtbot.keyClicks(find(full, "channels.filter"), "WARE")
    assert [row.name for row in full.model.shown] == ["warehouse-2"]
    assert full.count.text() == "1 of 3"


def test_ages_tick_while_they_are_seen(full: ChannelsPage, qtbot: QtBot) -> None:
    assert full.table.ticking.isActive()
    with qtbot.waitSignal(full.model.dataChanged) as heard:
        full.table.ticking.timeout.emit()
    assert heard.args is not None
    header = Qt.Orientation.Horizontal
    assert full.model.headerData(heard.args[0].column(), header) == "Created"
    full.hide()
    assert not full.table.ticking.isActive()


def test_filter_without_a_match_offers_to_clear_it(full: ChannelsPage, qtbot: QtBot) -> None:
    find(full, "channels.filter", QLineEdit).setText("zebra")
    assert "No channel matches “zebra”" in full.pane.message.text
    click(full, "channels.pane.message.clear", qtbot)
    assert full.pane.state == "ready"
    assert full.model.rowCount() == 3


def test_model_keeps_qt_rules(full: ChannelsPage, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(full.model)


def test_choosing_a_row_shows_the_channel_and_selects_it_for_ice(
    full: ChannelsPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    place = full.table.visualRect(full.model.index(1, 0)).center()
    qtbot.mouseClick(full.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert full.card.name.text() == "gate"
    assert console.ice.calls[-1] == ("select", arn_of("gate"))
    assert find(full, "ice.arn", QLineEdit).text() == arn_of("gate")


def test_join_goes_to_the_session(
    full: ChannelsPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    full.table.select_id(arn_of("front-door"))
    with qtbot.waitSignal(full.navigate) as heard:
        click(full, "channel.join", qtbot)
    assert console.sessions.calls == [("join", arn_of("front-door"))]
    assert heard.args == ["sessions", "s1"]


def test_a_channel_that_is_not_active_cannot_be_joined(
    full: ChannelsPage, console: SimpleNamespace
) -> None:
    creating = replace(channels("new")[0], status="CREATING")
    publish(console.channels, channels=(creating,))
    full.table.select_id(arn_of("new"))
    join = find(full, "channel.join", QPushButton)
    assert not join.isEnabled()
    assert "must be active" in join.toolTip()


def test_refused_join_is_told_on_the_page(full: ChannelsPage, console: SimpleNamespace) -> None:
    console.sessions.error = UserError("There is no account yet.", "Choose a profile.")
    full.table.select_id(arn_of("gate"))
    find(full, "channel.join", QPushButton).click()
    assert "There is no account yet." in full.note.text


def test_control_c_and_button_copy_the_arn(full: ChannelsPage, qtbot: QtBot) -> None:
    full.table.select_id(arn_of("gate"))
    full.table.setFocus()
    qtbot.keyClick(full.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == arn_of("gate")
    QGuiApplication.clipboard().clear()
    click(full, "channel.copy_arn", qtbot)
    assert QGuiApplication.clipboard().text() == arn_of("gate")


def test_fetch_sends_all_four_fields(
    full: ChannelsPage, console: SimpleNamespace, qtbot: QtBot, on_loop: OnLoop
) -> None:
    full.table.select_id(arn_of("gate"))
    qtbot.keyClicks(find(full, "ice.client_id"), "viewer-1")
    qtbot.keyClicks(find(full, "ice.username"), "ops")

    async def body() -> None:
        click(full, "ice.fetch", qtbot)
        await full.tasks._tasks["fetch"]
        await full.aclose()

    on_loop(body)
    assert console.ice.calls[-1] == (
        "fetch",
        IceRequest(arn_of("gate"), client_id="viewer-1", service="TURN", username="ops"),
    )


@pytest.mark.parametrize(
    ("field", "text"),
    [("arn", "arn:x"), ("client_id", "a b"), ("service", "STUN"), ("username", "x" * 257)],
)
def test_a_broken_field_is_told_while_typing_and_never_sent(
    full: ChannelsPage, console: SimpleNamespace, qtbot: QtBot, field: str, text: str
) -> None:
    full.table.select_id(arn_of("gate"))
    edit = find(full, f"ice.{field}", QLineEdit)
    edit.clear()
    qtbot.keyClicks(edit, text)
    assert edit.property("problem") == "true"
    assert edit.accessibleDescription()
    click(full, "ice.fetch", qtbot)
    assert "fetch" not in [name for name, _ in console.ice.calls]
    assert edit.hasFocus()


def test_every_uri_has_a_row_with_verdict_and_credentials(
    full: ChannelsPage, console: SimpleNamespace, servers: tuple[IceServer, ...], qtbot: QtBot
) -> None:
    full.table.select_id(arn_of("gate"))
    publish(console.ice, channel_arn=arn_of("gate"), servers=servers, status=Status.READY)
    rows = full.ice.rows.rows
    assert [row._kind.text() for row in rows] == ["STUN UDP", "TURN UDP", "TURN DTLS", "TURN TLS"]
    uri = servers[1].uris[0].text
    probe = IceProbe(uri, ProbeVerdict.OK, 48.2, "203.0.113.7:1", "198.51.100.2:2")
    publish(console.ice, probes={uri: probe}, testing=True)
    assert [row.verdict.word for row in rows] == ["testing…", "works", "testing…", "testing…"]
    assert rows[1].rtt.text() == "48 ms"
    assert rows[1].seen.text() == "mapped 203.0.113.7:1  ·  relayed 198.51.100.2:2"
    assert rows[1].user.text() == servers[1].username
    assert "swordfish" not in rows[1].password.shown
    assert [row.password.isVisibleTo(row) for row in rows] == [False, True, True, True]
    assert rows is full.ice.rows.rows


def test_refusal_is_told_in_the_servers_words(
    full: ChannelsPage, console: SimpleNamespace, servers: tuple[IceServer, ...]
) -> None:
    uri = servers[1].uris[0].text
    probe = IceProbe(uri, ProbeVerdict.REFUSED, reason="401 Unauthorized")
    publish(console.ice, servers=servers, probes={uri: probe})
    row = full.ice.rows.rows[1]
    assert (row.verdict.word, row.verdict.tone, row.seen.text()) == (
        "refused",
        "bad",
        "401 Unauthorized",
    )


def test_time_to_live_counts_down_in_the_header(
    full: ChannelsPage, console: SimpleNamespace, servers: tuple[IceServer, ...]
) -> None:
    full.table.select_id(arn_of("gate"))
    publish(console.ice, servers=servers)
    assert full.ice._left.text().startswith("expires in 4:")
    publish(console.ice, servers=())
    assert full.ice._left.text() == ""


def test_json_for_rtcpeerconnection_is_copied_whole(
    full: ChannelsPage, console: SimpleNamespace, servers: tuple[IceServer, ...], qtbot: QtBot
) -> None:
    full.table.select_id(arn_of("gate"))
    assert not find(full, "ice.copy").isEnabled()
    publish(console.ice, servers=servers)
    find(full, "ice.copy", QPushButton).click()
    copied = json.loads(QGuiApplication.clipboard().text())
    assert copied[1]["credential"] == "swordfish-7"
    assert len(copied[1]["urls"]) == 3


def test_ice_failure_stays_until_the_next_success(
    full: ChannelsPage, console: SimpleNamespace, servers: tuple[IceServer, ...]
) -> None:
    full.table.select_id(arn_of("gate"))
    publish(console.ice, status=Status.FAILED, problem=REFUSED)
    assert full.ice.note.isVisible()
    publish(console.ice, status=Status.READY, problem=None, servers=servers)
    assert not full.ice.note.isVisible()


def test_loading_keeps_the_layout(page: ChannelsPage) -> None:
    assert page.pane.state == "loading"
    assert page.side.isVisible()


def test_empty_region_says_so_and_offers_another(
    page: ChannelsPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    publish(console.channels, status=Status.READY, loaded_at=time.time())
    assert "No signaling channels in eu-west-1." in page.pane.message.text
    with qtbot.waitSignal(page.navigate) as heard:
        click(page, "channels.pane.message.region", qtbot)
    assert heard.args == ["region", ""]


def test_failure_without_data_offers_retry(
    page: ChannelsPage, console: SimpleNamespace, qtbot: QtBot, on_loop: OnLoop
) -> None:
    publish(console.channels, status=Status.FAILED, problem=REFUSED)
    assert page.pane.state == "error"
    assert page.pane.message.keys == ("retry",)

    async def body() -> None:
        click(page, "channels.pane.message.retry", qtbot)
        await page.tasks._tasks["refresh"]
        await page.aclose()

    on_loop(body)
    assert console.channels.calls == [("refresh", None)]


def test_failure_with_data_keeps_it_and_tells_its_age(
    full: ChannelsPage, console: SimpleNamespace
) -> None:
    publish(console.channels, status=Status.FAILED, problem=REFUSED)
    assert full.pane.is_stale
    assert full.model.rowCount() == 3
    assert full.pane.stale.text == "As of 3 min ago. Could not list the channels."


def test_without_credentials_the_demo_is_offered(
    page: ChannelsPage, console: SimpleNamespace, qtbot: QtBot, on_loop: OnLoop
) -> None:
    problem = UserError("There are no usable AWS credentials.", "Sign in, or open the demo.")
    publish(console.account, status=Status.FAILED, problem=problem)
    publish(console.channels, status=Status.FAILED, problem=problem)
    assert page.pane.message.keys == ("demo", "retry")

    async def body() -> None:
        click(page, "channels.pane.message.demo", qtbot)
        await page.tasks._tasks["demo"]
        await page.aclose()

    on_loop(body)
    assert console.account.calls == [("use_demo", None)]


def test_a_list_that_has_just_come_shows_its_first_channel(full: ChannelsPage) -> None:
    assert full.table.selected_id == arn_of("front-door")
    assert full.card.name.text() == "front-door"


def test_typing_in_the_filter_does_not_change_the_chosen_channel(
    full: ChannelsPage, qtbot: QtBot
) -> None:
    qtbot.keyClicks(find(full, "channels.filter"), "ware")
    assert full.card.name.text() == "front-door"


def test_a_channel_that_vanished_gives_way_to_the_first(
    full: ChannelsPage, console: SimpleNamespace
) -> None:
    full.table.select_id(arn_of("gate"))
    publish(console.channels, channels=channels("front-door"))
    assert full.card.name.text() == "front-door"
    publish(console.channels, channels=())
    assert full.table.selected_id == ""
    assert full.side.currentIndex() == 0


def test_icon_buttons_have_names_for_screen_readers(full: ChannelsPage) -> None:
    for button in full.findChildren(QToolButton):
        assert button.accessibleName() or button.text() or button.parent() is full.filter, button
    for status in full.findChildren(StatusLabel):
        assert status.word or not status.isVisible()


def test_closing_ends_every_subscription(
    full: ChannelsPage, console: SimpleNamespace, on_loop: OnLoop
) -> None:
    on_loop(full.aclose)
    assert console.channels.state.subscribers == 0
    assert console.ice.state.subscribers == 0
