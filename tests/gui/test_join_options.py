"""Options of a join: chosen by real clicks, checked while one chooses, kept per channel."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot
from tests.gui.conftest import arn_of, channel

from peerdeck.core.channel import Role
from peerdeck.core.join import CandidateFilter, JoinOptions, PathPolicy, Source
from peerdeck.gui.models.join_options import (
    defaults_for,
    join_problems,
    options_from,
    options_text,
    told,
)
from peerdeck.gui.pages.channels import ChannelsPage
from peerdeck.gui.widgets.choices import choose_key
from peerdeck.gui.widgets.join_options import JoinOptionsPanel
from peerdeck.services.channels import ChannelsState
from peerdeck.services.status import Status

EVERYTHING = JoinOptions(
    role=Role.VIEWER,
    client_id="bench-7",
    receive_video=True,
    receive_audio=False,
    data_channel=False,
    video=Source.FILE,
    audio=Source.DEVICE,
    video_source="/films/street.mp4",
    audio_source="USB microphone",
    policy=PathPolicy.RELAY,
    send=CandidateFilter(frozenset({"relay"}), frozenset({"udp"}), frozenset({"IPv4"})),
    accept=CandidateFilter(frozenset({"host", "srflx"})),
    video_codec="H264",
    audio_codec="PCMU",
    trickle=False,
    ice_uri="turns:turn.example:443?transport=tcp",
    endpoint="https://vpce-1.example",
    dual_stack=True,
    fips=True,
    sample_s=0.2,
)
BROKEN = {
    "Client ID": {"client_id": "AWS_me"},
    "Video file": {"video": Source.FILE},
    "Send filter": {"send": CandidateFilter(kinds=frozenset())},
    "Accept filter": {"accept": CandidateFilter(families=frozenset())},
    "TURN URI": {"ice_uri": "stun:stun.example:443"},
    "Endpoint": {"endpoint": "ftp://nowhere"},
    "Media": {"receive_video": False, "receive_audio": False, "data_channel": False},
}


@pytest.fixture
def panel(qtbot: QtBot) -> JoinOptionsPanel:
    made = JoinOptionsPanel()
    qtbot.addWidget(made)
    made.resize(460, 900)
    made.show()
    return made


def test_panel_begins_with_what_one_click_chooses(panel: JoinOptionsPanel) -> None:
    assert panel.options() == JoinOptions()
    assert panel.problems == {}


def test_every_option_goes_in_and_comes_out(panel: JoinOptionsPanel) -> None:
    panel.show_options(EVERYTHING)
    assert panel.options() == EVERYTHING
    assert panel.problems == {}
    panel.show_options(JoinOptions())
    assert panel.options() == JoinOptions()


def test_options_survive_as_text_and_broken_text_is_one_click() -> None:
    assert options_from(options_text(EVERYTHING)) == EVERYTHING
    assert options_from("{") == JoinOptions()
    assert options_from('{"sample_s": 99}') == JoinOptions()


@pytest.mark.parametrize("field", BROKEN)
def test_a_broken_rule_is_told_under_its_field(panel: JoinOptionsPanel, field: str) -> None:
    panel.show_options(replace(JoinOptions(), **BROKEN[field]))
    panel._asked = True
    panel._check()
    assert list(panel.problems) == [field]


def test_every_broken_field_is_told_at_once() -> None:
    broken = replace(
        EVERYTHING, client_id="no good", ice_uri="nonsense", endpoint="ftp://x", video_source=""
    )
    assert set(join_problems(broken)) == {"Client ID", "TURN URI", "Endpoint", "Video file"}


def test_a_uri_that_the_policy_forbids_is_told_as_one_chooses(panel: JoinOptionsPanel) -> None:
    panel.fields.uri.setEditText("turn:turn.example:443")
    assert panel.problems == {}
    choose_key(panel.fields.policy, PathPolicy.HOST)
    assert "TURN URI" in panel.problems


def test_an_empty_path_is_wrong_only_when_one_wants_to_go_on(panel: JoinOptionsPanel) -> None:
    panel.fields.video.show_source(Source.FILE)
    assert panel.problems == {}
    QTest.mouseClick(panel.submit, Qt.MouseButton.LeftButton)
    assert list(panel.problems) == ["Video file"]


def test_a_master_has_no_client_id_and_shows_the_generated_picture(
    panel: JoinOptionsPanel, qtbot: QtBot
) -> None:
    panel.fields.client_id.setText("me")
    click(panel, "join.role.MASTER")
    assert panel.options() == defaults_for(Role.MASTER)
    assert not panel.fields.client_id.isEnabled()
    assert panel.submit.text() == "Join as master"
    click(panel, "join.role.VIEWER")
    assert panel.options().client_id == "me"
    assert panel.options().video is Source.NONE


def test_a_chosen_source_outlives_a_change_of_role(panel: JoinOptionsPanel) -> None:
    panel.fields.video.show_source(Source.FILE, "/films/street.mp4")
    click(panel, "join.role.MASTER")
    assert panel.options().video_source == "/films/street.mp4"


def test_fetched_uris_can_be_chosen_and_what_was_typed_stays(panel: JoinOptionsPanel) -> None:
    panel.fields.uri.setEditText("turn:mine.example:443")
    panel.show_uris(["turn:a.example:443", "turns:a.example:443"])
    assert panel.options().ice_uri == "turn:mine.example:443"
    panel.fields.uri.setCurrentIndex(2)
    assert panel.options().ice_uri == "turns:a.example:443"
    panel.fields.uri.setCurrentIndex(0)
    assert panel.options().ice_uri == ""


def test_reset_is_one_click_of_the_same_role(panel: JoinOptionsPanel) -> None:
    panel.show_options(replace(EVERYTHING, role=Role.MASTER, client_id=""))
    click(panel, "join.reset")
    assert panel.options() == defaults_for(Role.MASTER)


def test_what_differs_is_told_in_a_line() -> None:
    assert told(JoinOptions()) == ""
    assert told(defaults_for(Role.MASTER)) == ""
    line = told(EVERYTHING)
    for part in ("as bench-7", "relay only", "sends file video", "receives no audio", "no trickle"):
        assert part in line


# --- on the page -----------------------------------------------------------------------------


@pytest.fixture
def page(console: SimpleNamespace, qtbot: QtBot) -> Iterator[ChannelsPage]:
    rows = (channel("front-door"), channel("gate"))
    console.channels.state.publish(ChannelsState(status=Status.READY, channels=rows))
    made = ChannelsPage(console)
    qtbot.addWidget(made)
    made.resize(940, 640)
    made.show()
    qtbot.waitExposed(made)
    made.table.select_id(arn_of("front-door"))
    yield made
    made.following.end()


def click(parent: QWidget, name: str) -> None:
    found: Any = next((b for b in parent.findChildren(QAbstractButton, name) if b.isVisible()), 0)
    assert found, name
    assert found.isEnabled(), name
    QTest.mouseClick(found, Qt.MouseButton.LeftButton)


def test_one_click_joins_as_viewer_with_the_defaults(
    page: ChannelsPage, console: SimpleNamespace
) -> None:
    click(page, "channel.join")
    assert console.sessions.calls == [("join", arn_of("front-door"))]
    assert console.sessions.options == JoinOptions()


def test_a_chosen_channel_is_prepared_for_a_join(
    page: ChannelsPage, console: SimpleNamespace
) -> None:
    page.table.select_id(arn_of("gate"))
    assert console.sessions.prepared == arn_of("gate")


def test_nobody_becomes_master_without_being_asked(
    page: ChannelsPage, console: SimpleNamespace, qtbot: QtBot
) -> None:
    click(page, "channel.master")
    assert console.sessions.calls == []
    assert "front-door" in page.joining.confirm.question
    click(page, "join.confirm.keep")
    assert console.sessions.calls == []
    click(page, "channel.master")
    with qtbot.waitSignal(page.navigate) as went:
        click(page, "join.confirm.go")
    assert console.sessions.options == defaults_for(Role.MASTER)
    assert went.args == ["sessions", "s1"]


def test_options_are_joined_with_and_kept_for_their_channel_alone(
    page: ChannelsPage, console: SimpleNamespace
) -> None:
    click(page, "channel.options")
    panel = page.joining.panel
    assert panel.isVisible()
    choose_key(panel.fields.policy, PathPolicy.RELAY)
    click(page, "join.submit")
    assert console.sessions.options == JoinOptions(policy=PathPolicy.RELAY)
    assert not panel.isVisible()
    page.table.select_id(arn_of("gate"))
    assert panel.options() == JoinOptions()
    page.table.select_id(arn_of("front-door"))
    assert panel.options().policy is PathPolicy.RELAY
    assert list(console.settings.state.value.join_options) == [arn_of("front-door")]


def test_options_of_a_master_are_asked_about_too(
    page: ChannelsPage, console: SimpleNamespace
) -> None:
    click(page, "channel.options")
    click(page, "join.role.MASTER")
    click(page, "join.submit")
    assert console.sessions.calls == []
    click(page, "join.confirm.go")
    assert console.sessions.options.role is Role.MASTER


def test_escape_puts_the_options_away(page: ChannelsPage) -> None:
    click(page, "channel.options")
    QTest.keyClick(page.joining.panel, Qt.Key.Key_Escape)
    assert not page.joining.panel.isVisible()
    assert page.ice.isVisible()
