"""One tunnel: its services here, its throughput, what it is, its tokens, its end."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from peerdeck.core.quantities import age_text
from peerdeck.core.tunnel import LinkState, Mode, TokenState, Tunnel, TunnelLink
from peerdeck.gui.models.tunnels import TUNNEL_SOON_S, thing_text
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button, CopyButton, button_row
from peerdeck.gui.widgets.cards import Card, KeyValueGrid, scrolled
from peerdeck.gui.widgets.connections import ConnectionsCard, LinkHistory
from peerdeck.gui.widgets.countdown import CountdownLabel
from peerdeck.gui.widgets.device_note import DeviceNote
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel, hairline
from peerdeck.gui.widgets.notes import ConfirmStrip, InlineNote
from peerdeck.gui.widgets.service_card import ServiceCard
from peerdeck.gui.widgets.throughput import Throughput
from peerdeck.gui.widgets.token_panel import TokenPanel
from peerdeck.services.device_hints import advice

if TYPE_CHECKING:
    from peerdeck.services.links import Link

_STATES: Final = {
    LinkState.IDLE: ("Not connected here", "muted"),
    LinkState.CONNECTING: ("Connecting…", "info"),
    LinkState.READY: ("Connected", "ok"),
    LinkState.RECONNECTING: ("Reconnecting…", "warn"),
    LinkState.FAILED: ("Lost", "bad"),
    LinkState.CLOSED: ("Not connected here", "muted"),
}
_MOST_DRAFTS: Final = 200
_LIVE: Final = {LinkState.CONNECTING, LinkState.READY, LinkState.RECONNECTING}


def set_tab_order(widgets: Sequence[QWidget]) -> None:
    """Tab goes through `widgets` in this order."""
    for before, after in pairwise(widgets):
        QWidget.setTabOrder(before, after)


class TunnelDetail(QFrame):
    """Everything about the chosen tunnel.

    connect_requested(dict): local port by service. disconnect_requested().
    asked(str, str): "ssh", "open" or "copy", and the service. rotate_requested(modes).
    end_requested(bool): close it (True: and delete it); has been confirmed.
    """

    connect_requested = Signal(object)
    disconnect_requested = Signal()
    asked = Signal(str, str)
    rotate_requested = Signal(object)
    end_requested = Signal(bool)

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.setObjectName("tunnels.detail")
        self.setProperty("role", "panel")
        self._clock = clock
        self._tunnel: Tunnel | None = None
        self._link = TunnelLink()
        self.cards: dict[str, ServiceCard] = {}
        self._drafts: dict[tuple[str, str], tuple[int, str]] = {}
        self._told: object = None
        self._title = ElidedLabel("", "heading")
        self.state = StatusLabel()
        self.left = CountdownLabel("{} left", "time is up", clock, TUNNEL_SOON_S)
        self.note = InlineNote()
        self.note.setObjectName("tunnels.detail.note")
        self.device = DeviceNote()
        self.confirm = ConfirmStrip()
        self.confirm.setObjectName("tunnels.confirm")
        self.confirm.go.setObjectName("tunnels.confirm.go")
        self.confirm.keep.setObjectName("tunnels.confirm.keep")
        self.connect_button = Button("Connect", "primary", "plug")
        self.connect_button.setObjectName("tunnels.connect")
        self.disconnect_button = Button("Disconnect", icon="stop")
        self.disconnect_button.setObjectName("tunnels.disconnect")
        self.close_button = Button("Close tunnel", "destructive", "close")
        self.close_button.setObjectName("tunnels.close")
        self.delete_button = Button("Delete", "destructive", "trash")
        self.delete_button.setObjectName("tunnels.delete")
        self.throughput = Throughput()
        self.connections = ConnectionsCard(clock)
        self.history = LinkHistory()
        self.facts = KeyValueGrid()
        self.tokens = TokenPanel()
        self._reveal = QTimer(self)
        self._reveal.setSingleShot(True)
        self._reveal.setInterval(0)
        self._reveal.timeout.connect(lambda: self._scroll.ensureWidgetVisible(self.confirm))
        self._lay_out()
        self._connect_signals()

    def _lay_out(self) -> None:
        top = QVBoxLayout()
        top.setContentsMargins(GAP_L, GAP_M, GAP_L, GAP_M)
        top.setSpacing(GAP_M)
        head = QHBoxLayout()
        head.setSpacing(GAP_S)
        head.addWidget(self._title, 1)
        head.addWidget(self.left)
        top.addLayout(head)
        main = QHBoxLayout()
        main.setSpacing(GAP_S)
        main.addWidget(self.connect_button)
        main.addWidget(self.disconnect_button)
        main.addWidget(self.state)
        main.addStretch(1)
        top.addLayout(main)
        top.addWidget(self.device)
        top.addWidget(self.note)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(GAP_L, GAP_M, GAP_L, GAP_L)
        column.setSpacing(GAP_M)
        self._services = QVBoxLayout()
        self._services.setSpacing(GAP_S)
        column.addLayout(self._services)
        self._traffic = Card("Throughput")
        self._traffic.add(self.throughput)
        column.addWidget(self.connections)
        column.addWidget(self._traffic)
        column.addWidget(self.history)
        about = Card("About this tunnel")
        about.add(self.facts)
        column.addWidget(about)
        column.addWidget(self.tokens)
        column.addWidget(self.confirm)
        self._ends = button_row(self.close_button, self.delete_button)
        column.addWidget(self._ends)
        column.addStretch(1)
        self._scroll = scrolled(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 1, 1, 1)
        outer.setSpacing(0)
        outer.addLayout(top)
        outer.addWidget(hairline())
        outer.addWidget(self._scroll, 1)

    def _connect_signals(self) -> None:
        self.connect_button.clicked.connect(
            lambda: self.connect_requested.emit(
                {service: card.port.value() for service, card in self.cards.items()}
            )
        )
        self.disconnect_button.clicked.connect(self.disconnect_requested)
        self.tokens.rotate_requested.connect(self.rotate_requested)
        self.close_button.clicked.connect(lambda: self._ask(delete=False))
        self.delete_button.clicked.connect(lambda: self._ask(delete=True))
        self.confirm.confirmed.connect(lambda key: self.end_requested.emit(key == "delete"))

    # --- what it shows ---------------------------------------------------------------------

    def show_tunnel(
        self,
        tunnel: Tunnel,
        link: "Link | None",
        ports: Mapping[str, int],
        *,
        user: str = "",
        hold: bool = True,
    ) -> None:
        """ports: the local port of last time by service. user: suggested name for SSH. hold: what
        new connections do while the link is down."""
        another = self._tunnel is None or self._tunnel.id != tunnel.id
        if another:
            self.note.clear()
            self.confirm.dismiss()
        if another or self._tunnel is None or self._tunnel.services != tunnel.services:
            self._keep_drafts()
            self._make_cards(tunnel, ports, user)
        self._tunnel = tunnel
        self._link = link.link if link else TunnelLink()
        is_open, live = tunnel.status == "OPEN", self._link.state in _LIVE
        self._title.setText(thing_text(tunnel))
        self.left.set_end(tunnel.ends_at if is_open else 0.0)
        self._show_state(is_open=is_open)
        self.device.show_link(tunnel, self._link if live else TunnelLink())
        self.connect_button.setVisible(is_open and not live)
        self.disconnect_button.setVisible(live)
        self.close_button.setVisible(is_open)
        seen = {port.service: port for port in self._link.services} if live else {}
        self.tokens.setVisible(is_open)
        for service, card in self.cards.items():
            card.setVisible(is_open)
            card.show_port(seen.get(service))
            card.set_editable(is_open and not live)
        self._traffic.setVisible(link is not None and (live or bool(link.history)))
        self.connections.setVisible(live)
        self.history.setVisible(link is not None and len(self._link.history) > 2)
        if link is not None:
            self.throughput.show_rates(link.rate_up, link.rate_down, link.history)
            self.connections.show_link(link, hold=hold)
            self.history.show_link(self._link)
        self._show_facts(tunnel)
        if another:
            set_tab_order(self.keyboard_order())
        if link is not None and link.problem is not None and link.problem is not self._told:
            self._told = link.problem
            self.note.say_problem(link.problem)

    def keyboard_order(self) -> list[QWidget]:
        """What can have the focus, in reading order."""
        services = [part for card in self.cards.values() for part in card.keyboard_order()]
        return [
            self.connect_button,
            self.disconnect_button,
            self.device,
            self.note,
            *services,
            self.connections.table,
            self.connections.hold,
            *self.facts.findChildren(CopyButton),
            *self.tokens.buttons.values(),
            self.confirm.keep,
            self.confirm.go,
            self.close_button,
            self.delete_button,
        ]

    def _keep_drafts(self) -> None:
        """Port and user name that were typed for the tunnel before are there when it returns."""
        if self._tunnel is None:
            return
        if len(self._drafts) > _MOST_DRAFTS:
            self._drafts.clear()
        for service, card in self.cards.items():
            self._drafts[self._tunnel.id, service] = (card.port.value(), card.user.text())

    def _show_state(self, *, is_open: bool) -> None:
        if not is_open:
            self.state.show_state("Closed", "muted")
            return
        word, tone = _STATES[self._link.state]
        count = self._link.reconnects
        if self._link.state is LinkState.READY and count:
            word = f"{word}, reconnected {'once' if count == 1 else f'{count} times'}"
        if self._link.state is LinkState.READY and (said := advice(self._link)) is not None:
            word, tone = f"Connected, {said.word}", tone if said.tone == "info" else said.tone
        self.state.show_state(word, tone, self._link.reason)

    def _make_cards(self, tunnel: Tunnel, ports: Mapping[str, int], user: str) -> None:
        for old in self.cards.values():
            self._services.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.cards = {}
        # A tunnel without named services still carries one stream (protocol V1).
        for service in tunnel.services or ("",):
            port, name = self._drafts.get((tunnel.id, service), (ports.get(service, 0), user))
            card = ServiceCard(service, port=port, user=name)
            card.asked.connect(self.asked)
            self.cards[service] = card
            self._services.addWidget(card)

    def _show_facts(self, tunnel: Tunnel) -> None:
        show = self.facts.show_value
        words = {
            True: ("connected", "text"),
            False: ("not connected", "muted"),
            None: ("–", "muted"),
        }
        source, tone = words[self._link.state is LinkState.READY or tunnel.source_connected]
        show("Source", source, tone=tone)
        destination, tone = words[tunnel.destination_connected]
        show("Destination", destination, tone=tone)
        show("Description", tunnel.description or "–")
        tags = ", ".join(f"{key}={value}" for key, value in tunnel.tags.items())
        show("Tags", tags or "–")
        created = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(tunnel.created_at))
        age = age_text(self._clock() - tunnel.created_at) if tunnel.created_at else "–"
        show("Opened", age, tooltip=created)
        show("Tunnel ID", tunnel.id, font="mono", copy=True)
        show("ARN", tunnel.arn, font="mono", copy=True)
        show(
            "Channel ID",
            self._link.channel_id or "–",
            font="mono",
            copy=True,
            tooltip="Of the connection to AWS; their support asks for it",
        )

    # --- ending it -------------------------------------------------------------------------

    def _ask(self, *, delete: bool) -> None:
        if self._tunnel is None:
            return
        name = thing_text(self._tunnel)
        if delete:
            words = "Its connections break, and it leaves the list."
            if self._tunnel.status != "OPEN":
                words = "It leaves the list."
            self.confirm.ask("delete", f"Delete tunnel {name}?", "Delete tunnel", consequence=words)
        else:
            words = "Its connections break, and it cannot be opened again."
            self.confirm.ask("close", f"Close tunnel {name}?", "Close tunnel", consequence=words)
        self._reveal.start()  # once the layout has given it its place

    def back(self) -> bool:
        """Esc; whether there was something to leave."""
        if not self.confirm.isHidden():
            self.confirm.dismiss()
            return True
        for note in (self.note, self.device):
            if not note.isHidden():
                note.clear()
                return True
        return False

    def show_busy(self, words: str) -> None:
        """What is going on ("Connecting…"), or "" again; its buttons wait meanwhile."""
        for button in (
            self.connect_button,
            self.disconnect_button,
            self.close_button,
            self.delete_button,
            self.confirm.go,
        ):
            button.setEnabled(not words)
        if words:
            self.state.show_state(words, "info")

    def show_tokens(
        self, known: Mapping[Mode, TokenState | None], *, where: str, warning: str
    ) -> None:
        usable = self._tunnel is not None and self._tunnel.status == "OPEN"
        self.tokens.show_tokens(known, where=where, warning=warning, usable=usable)
