"""Channels: find one among thousands, see its ICE configuration, join it."""

import time
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from peerdeck.core.channel import Channel
from peerdeck.core.ice import IceRequest
from peerdeck.core.quantities import age_text
from peerdeck.gui.models.rows import Column, RowsModel
from peerdeck.gui.pages.base import Page
from peerdeck.gui.pages.ice_panel import IcePanel
from peerdeck.gui.pages.joining import Joining
from peerdeck.gui.theme import GAP_M
from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.cards import SectionHeader, scrolled
from peerdeck.gui.widgets.channel_card import (
    KINDS,
    ChannelCard,
    moment_text,
    status_tone,
    status_word,
)
from peerdeck.gui.widgets.fields import SearchField
from peerdeck.gui.widgets.labels import DOTS
from peerdeck.gui.widgets.state import Message, Skeleton, StatePane, panel
from peerdeck.gui.widgets.table import DataTable

if TYPE_CHECKING:
    from peerdeck.services.channels import ChannelsState
    from peerdeck.wiring import Console

_SEARCH_WIDTH: Final = 240
_TICK_MS: Final = 10_000  # ages of minutes and more, after the first
_KINDS: Final = {"SINGLE_MASTER": "1:n", "FULL_MESH": "mesh"}

COLUMNS: Final[tuple[Column[Channel], ...]] = (
    Column("Name", lambda c: c.name, tooltip=lambda c: c.arn, elide="middle", width=0),
    Column(
        "Status",
        lambda c: status_word(c.status),
        icon=lambda c: (DOTS[status_tone(c.status)], status_tone(c.status)),
        width=92,
    ),
    Column(
        "Type",
        lambda c: _KINDS.get(c.kind, c.kind),
        tooltip=lambda c: KINDS.get(c.kind, c.kind),
        width=60,
    ),
    Column(
        "TTL",
        lambda c: f"{c.ttl_s} s",
        key=lambda c: c.ttl_s,
        tooltip=lambda c: "How long a message waits for an absent peer",
        align="right",
        font="figures",
        width=56,
        searched=False,
    ),
    Column(
        "Created",
        lambda c: age_text(time.time() - c.created_at) if c.created_at else "–",
        key=lambda c: -c.created_at,
        tooltip=lambda c: moment_text(c.created_at),
        width=88,
        live=True,
        searched=False,
    ),
)


class ChannelsPage(Page):
    """The list at the left, the chosen channel at the right."""

    name = "channels"

    def __init__(self, console: "Console") -> None:
        super().__init__(console)
        self.model = RowsModel(COLUMNS, lambda channel: channel.arn, self)
        self.table = DataTable(self.model, sort_by=0, tick_ms=_TICK_MS)
        self.table.setObjectName("channels.table")
        self.pane = StatePane(self.table, "channels.pane")
        self.card = ChannelCard()
        self.ice = IcePanel()
        self.joining = Joining(console, self.card, self)
        self.column.addWidget(self._header())
        self.column.addWidget(self.note)
        self.column.addWidget(self._split(), 1)
        self._connect()
        self.remember_columns(self.table)
        self.following.follow(console.ice.state, self.ice.show_state)
        self.following.follow(console.ice.state, self.joining.show_ice)
        self.following.follow(console.channels.state, self._show)

    def _header(self) -> SectionHeader:
        self.filter = SearchField("Filter channels", self)
        self.filter.setObjectName("channels.filter")
        self.filter.setFixedWidth(_SEARCH_WIDTH)
        reload = IconButton("refresh", "Refresh", "F5")
        reload.setObjectName("channels.refresh")
        reload.clicked.connect(self.refresh)
        header = SectionHeader("Channels", self.filter, reload, font="heading")
        self.count = header.remark
        self.count.setObjectName("channels.count")
        return header

    def _split(self) -> QSplitter:
        detail = QWidget()
        column = QVBoxLayout(detail)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_M)
        column.addWidget(self.ice, 1)
        nothing = Message()
        nothing.tell(
            "channels",
            "No channel is chosen.",
            "Choose one in the list to see its ICE servers and to join it.",
        )
        self.side = QStackedWidget()
        self.side.addWidget(nothing)
        self.area = scrolled(detail)
        self.beneath = QStackedWidget()
        self.beneath.addWidget(self.area)
        self.beneath.addWidget(self.joining.panel)
        chosen = QWidget()
        beside = QVBoxLayout(chosen)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(GAP_M)
        beside.addWidget(self.card)
        beside.addWidget(self.joining.confirm)
        beside.addWidget(self.beneath, 1)
        self.side.addWidget(chosen)
        self.side.addWidget(panel(Skeleton(words=True)))
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(GAP_M)
        split.addWidget(self.pane)
        split.addWidget(self.side)
        split.setSizes([420, 500])
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        return split

    def _connect(self) -> None:
        self.table.selected.connect(self._choose)
        self.table.opened.connect(self.joining.join)
        self.table.add_action(
            "Join as viewer", lambda: self.joining.join(self.table.selected_id), "play"
        )
        self.table.add_copy_action("ARN", lambda channel: channel.arn, "Ctrl+C")
        self.table.add_copy_action("name", lambda channel: channel.name)
        self.filter.textChanged.connect(self._filter)
        self.filter.left_downwards.connect(self._to_table)
        self.pane.chosen.connect(self._act)
        self.joining.joined.connect(self._joined)
        self.joining.refused.connect(self._refused)
        self.joining.options_wanted.connect(self._show_options)
        self.ice.fetch_requested.connect(self._fetch)
        self.ice.attention.connect(self.area.ensureWidgetVisible)
        self.ice.test_requested.connect(lambda: self.tasks.run("test", self.console.ice.test()))

    # --- what the user asks ----------------------------------------------------------------

    def refresh(self) -> None:
        self.tasks.run("refresh", self.console.channels.refresh())

    def back(self) -> bool:
        if self.beneath.currentIndex():
            self.joining.put_away()
            return True
        return super().back() or self._to_table()

    def open_item(self, argument: str) -> None:
        """Shows the channel with this ARN."""
        self.filter.clear()
        self.table.select_id(argument)

    def _act(self, key: str) -> None:
        if key == "demo":
            self.tasks.run("demo", self.console.account.use_demo())
        elif key == "region":
            self.navigate.emit("region", "")
        elif key == "clear":
            self.filter.clear()
        else:
            self.refresh()

    def _choose(self, arn: str) -> None:
        channel = self.console.channels.state.value.by_arn(arn)
        if channel is None:
            self.side.setCurrentIndex(0)
            return
        self.console.ice.select(arn)
        if channel.status == "ACTIVE":
            self.console.sessions.prepare(arn)
        self.card.show_channel(channel, time.time())
        self.ice.show_channel(arn)
        self.joining.show_channel(arn)
        self._show_options(False)
        self.side.setCurrentIndex(1)

    def _fetch(self, request: IceRequest) -> None:
        self.tasks.run("fetch", self.console.ice.fetch(request))

    def _joined(self, session: str) -> None:
        self._show_options(False)
        self.navigate.emit("sessions", session)

    def _refused(self, why: str) -> None:
        self.note.say("bad", why)

    def _show_options(self, wanted: bool) -> None:
        self.beneath.setCurrentIndex(int(wanted))
        self.card.offer(not wanted)

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._show_rows(self.console.channels.state.value)

    def _to_table(self) -> bool:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self.table.select_first()
        return True

    # --- what is ---------------------------------------------------------------------------

    def _show(self, state: "ChannelsState") -> None:
        self.model.set_rows(state.channels)
        chosen = self.table.selected_id
        if chosen and state.by_arn(chosen) is None and state.status.value == "ready":
            self.table.forget_selection()
            self._choose_first()
        elif not chosen:
            self._choose_first()
        else:
            self._refresh_card(state.by_arn(chosen))
        self._show_rows(state)

    def _choose_first(self) -> None:
        """A list that has just come shows its first channel rather than nothing."""
        if not self.table.selected_id:
            self.table.select_first()

    def _refresh_card(self, channel: Channel | None) -> None:
        if channel is not None and channel != self.card.channel:
            self.card.show_channel(channel, time.time())

    def _show_rows(self, state: "ChannelsState") -> None:
        shown, total = self.model.rowCount(), self.model.total
        self.count.setText(_count_text(shown, total) if total else "")
        waiting = not total and state.problem is None and state.status.value != "ready"
        self.side.setVisible(total > 0 or waiting)
        if waiting:
            self.side.setCurrentIndex(2)
        elif self.side.currentIndex() == 2:
            self.side.setCurrentIndex(0)
        if total and not shown:
            self.pane.show_empty(
                "search",
                f"No channel matches “{self.filter.text().strip()}”.",
                f"{total:,} channels are here; the filter looks at name, status and type.",
                (("clear", "Clear the filter"),),
            )
        elif total and state.problem is not None:
            age = age_text(time.time() - state.loaded_at)
            self.pane.show_stale(f"As of {age}. {state.problem.title}")
        elif total:
            self.pane.show_ready()
        elif state.problem is not None:
            self.pane.show_problem(state.problem, self._ways_out())
        elif state.status.value == "ready":
            self.pane.show_empty(
                "channels",
                f"No signaling channels in {self._region()}.",
                "A channel is where a camera and its viewers meet. Devices or your own code "
                "create them; they may also live in another region.",
                (("region", "Choose another region"), ("retry", "Refresh")),
            )
        else:
            self.pane.show_loading()

    def _ways_out(self) -> tuple[tuple[str, str], ...]:
        account = self.console.account.state.value
        if account.problem is not None and not account.demo:
            return (("demo", "Open the demo"), ("retry", "Retry"))
        return (("retry", "Retry"),)

    def _region(self) -> str:
        region = self.console.account.state.value.region
        return region.name if region else "this region"


def _count_text(shown: int, total: int) -> str:
    return f"{shown:,} of {total:,}" if shown != total else f"{total:,}"
